// AF_XDP on a veth whose other end is the kernel's, in network namespaces of our own.
#include "os/link/xdp.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <thread>

#include <fcntl.h>
#include <poll.h>
#include <sys/wait.h>

#include "link/frames.hh"
#include "support/kernel_side.hh"
#include "support/patience.hh"
#include "support/veth.hh"

namespace tern {
namespace {

using test::FrameSpec;
using test::ip_command;
using test::read_tcp;
using test::tcp_frame;

constexpr u32 k_kernel = 0x0a080001, k_ours = 0x0a080002;
constexpr u8 k_rst = 4, k_ack = 16, k_udp = 17, k_tcp = 6;
constexpr int k_patience_ms = test::k_patience / std::chrono::milliseconds(1);

struct XdpTest : testing::Test {
    MemoryBudget budget{64 << 20};
    PacketPool pool{budget};
    std::unique_ptr<Link> link;

    void SetUp() override { test::enter_namespace_for_xdp(); }

    void open(XdpOptions options = {}) {
        auto opened = open_xdp(options);
        ASSERT_TRUE(opened) << opened.error().message;
        link = std::move(opened->front());
    }
    // The kernel finds us without asking.
    void make_veth(const std::string& more = "") {
        test::make_veth(more);
        u8 mac[6];
        test::give_address("veth1", k_kernel, mac);
        std::memcpy(kernel_mac.bytes.data(), mac, sizeof mac);
        ip_command("neigh add 10.8.0.2 lladdr 02:00:00:00:00:0a dev veth1");
    }
    static int udp_socket() {
        const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const sockaddr_in to = test::endpoint(k_ours, 9);
        EXPECT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
        return fd;
    }
    static void send_datagrams(u32 count, std::size_t bytes = 100) {
        const int fd = udp_socket();
        const std::vector<char> text(bytes, 'x');
        for (u32 i = 0; i < count; ++i) ::send(fd, text.data(), text.size(), 0);
        ::close(fd);
    }
    static bool is_ip(const Packet& p, u8 protocol) {
        return load16(p.data() + 12) == 0x0800 && std::to_integer<u8>(p.data()[23]) == protocol;
    }
    // The kernel also sends chatter of its own.
    static Packet receive_ip(Link& from, PacketPool& pool, u8 protocol) {
        for (int tries = 0; tries < 100; ++tries) {
            pollfd p{from.fd(), POLLIN, 0};
            if (::poll(&p, 1, k_patience_ms) != 1) break;
            PacketBatch batch;
            from.receive(Instant{}, pool, batch);
            for (u32 i = 0; i < batch.size(); ++i) {
                Packet packet = batch.take(i);
                if (is_ip(packet, protocol)) return packet;
            }
        }
        ADD_FAILURE() << "the kernel did not send what was expected";
        return {};
    }
    // Datagrams: the expected ones, however late the kernel is under load, and what comes close
    // behind them.
    u32 receive_all(u32 expected = 0) {
        u32 datagrams = 0;
        const auto comes = [&] {
            pollfd p{link->fd(), POLLIN, 0};
            return ::poll(&p, 1, datagrams < expected ? k_patience_ms : 100) == 1;
        };
        while (comes()) {
            PacketBatch batch;
            link->receive(Instant{}, pool, batch);
            for (u32 i = 0; i < batch.size(); ++i) datagrams += is_ip(batch.take(i), k_udp);
        }
        return datagrams;
    }
    void send(u32 count, const FrameSpec& spec) {
        PacketBatch batch;
        for (u32 i = 0; i < count; ++i) batch.push(tcp_frame(pool, spec));
        link->transmit(Instant{}, std::move(batch));
    }
    FrameSpec to_kernel() const {
        FrameSpec spec;
        spec.to = kernel_mac;
        spec.flags = k_ack;
        return spec;
    }
    static OpenError error_for(const XdpOptions& options) {
        auto opened = open_xdp(options);
        EXPECT_FALSE(opened);
        return opened ? OpenError{} : opened.error();
    }
    static bool has_program(const std::string& interface) {
        return ip_command("-d link show " + interface + " | grep -q prog/xdp", false);
    }
    MacAddress kernel_mac;
};

bool contains(const std::string& text, const char* part) { return text.contains(part); }

// ---- opening ----

TEST_F(XdpTest, FactsAndTheKernelAgree) {
    make_veth("address 02:00:00:00:00:aa mtu 1400");
    open({.memory = 1 << 20});
    const LinkFacts& facts = link->facts();
    EXPECT_EQ(facts.name, "xdp:veth0");
    EXPECT_EQ(facts.details, "queue 0, native XDP, copy mode");
    EXPECT_EQ(facts.mac, (MacAddress{{2, 0, 0, 0, 0, 0xaa}}));
    EXPECT_EQ(facts.mtu, 1400u);
    EXPECT_EQ(facts.medium, Medium::Ethernet);
    EXPECT_FALSE(facts.transmit_checksum || facts.segmentation);
    EXPECT_EQ(facts.memory, u64{1} << 20);
    EXPECT_TRUE(has_program("veth0"));
}

TEST_F(XdpTest, WhatIsAskedForGoesBeforeTheDevices) {
    make_veth("mtu 3000");
    open({.mtu = 1300, .vlan = 7, .mac = {{2, 0, 0, 0, 0, 9}}});
    EXPECT_EQ(link->facts().mtu, 1300u);
    EXPECT_EQ(link->facts().vlan, 7);
    EXPECT_EQ(link->facts().mac, (MacAddress{{2, 0, 0, 0, 0, 9}}));
}

TEST_F(XdpTest, OpenErrorsNameTheRemedy) {
    make_veth();
    open();
    const OpenError busy = error_for({});
    EXPECT_EQ(busy.code, Error::AlreadyExists);
    EXPECT_PRED2(contains, busy.message, "another program has XDP on it");
    link.reset();

    const OpenError nothing = error_for({.name = "no-such"});
    EXPECT_EQ(nothing.code, Error::NoSuchInterface);
    EXPECT_PRED2(contains, nothing.message, "ip link add veth0 type veth");
    EXPECT_EQ(error_for({.name = "a-name-that-is-too-long"}).code, Error::InvalidArgument);
    EXPECT_PRED2(contains, error_for({.name = "lo"}).message, "no Ethernet");
    EXPECT_PRED2(contains, error_for({.queue = 1}).message,
                 "has 1 receive queue, counted from 0: queue 1 is not there");
    EXPECT_PRED2(contains, error_for({.links = 2}).message,
                 "has 1 receive queue, and 2 shards need one each: `ethtool -L veth0 rx 2`");
    EXPECT_PRED2(contains, error_for({.network_namespace = "/run/netns/no-such"}).message,
                 "ip netns add");

    ip_command("link set veth0 mtu 9000");
    EXPECT_PRED2(contains, error_for({}).message, "an MTU of 9000 is too large");
    ip_command("link set veth0 mtu 1500");
    ip_command("link set veth1 mtu 9000");
    EXPECT_PRED2(contains, error_for({}).message, "ip link set mtu 1500");
    ip_command("link set veth1 mtu 1500");
    ip_command("link set veth0 down");
    EXPECT_PRED2(contains, error_for({}).message, "is down: `ip link set veth0 up`");
}

TEST_F(XdpTest, WithoutRightsTheErrorSaysWhichAreMissing) {
    make_veth();
    const pid_t child = ::fork();
    if (child == 0) {
        ::setresuid(65534, 65534, 65534);
        const auto opened = open_xdp({});
        const bool good = !opened && opened.error().code == Error::PermissionDenied &&
                          opened.error().message.contains("AF_XDP needs root");
        std::_Exit(good ? 0 : 1);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
}

TEST_F(XdpTest, ClosingDetachesTheProgram) {
    make_veth();
    open();
    ASSERT_TRUE(has_program("veth0"));
    link.reset();
    EXPECT_FALSE(has_program("veth0"));
    open();
}

TEST_F(XdpTest, TheKernelDetachesWhatAKilledProgramHeld) {
    make_veth();
    int ready[2];
    ASSERT_EQ(::pipe(ready), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        const auto opened = open_xdp({});
        [[maybe_unused]] auto ignored = ::write(ready[1], opened ? "y" : "n", 1);
        ::pause();
    }
    char said = 0;
    ASSERT_EQ(::read(ready[0], &said, 1), 1);
    EXPECT_EQ(said, 'y');
    EXPECT_TRUE(has_program("veth0"));
    ::kill(child, SIGKILL);
    ASSERT_EQ(::waitpid(child, nullptr, 0), child);
    EXPECT_TRUE(
        test::repeat_until([] { return !has_program("veth0"); }, [] { ::poll(nullptr, 0, 10); }));
    open();
}

TEST_F(XdpTest, ADeviceThatKnowsNoXdpWorksInGenericMode) {
    make_veth();
    ip_command("link add bridge0 address 02:00:00:00:00:0a type bridge");
    ip_command("link set veth0 master bridge0");
    ip_command("link set bridge0 up");
    open({.name = "bridge0"});
    EXPECT_EQ(link->facts().details, "queue 0, generic XDP, copy mode");
    send(1, to_kernel());
    const Packet answer = receive_ip(*link, pool, k_tcp);
    ASSERT_TRUE(answer);
    EXPECT_EQ(read_tcp(answer.bytes(), Medium::Ethernet).flags & k_rst, k_rst);
    EXPECT_EQ(answer->checksum, ChecksumState::Unknown) << "it may have crossed a wire";
}

TEST_F(XdpTest, AnotherNamespaceIsVisitedOnly) {
    const int there = ::open("/proc/thread-self/ns/net", O_RDONLY);
    make_veth();
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    open({.network_namespace = "/proc/self/fd/" + std::to_string(there)});
    EXPECT_EQ(::if_nametoindex("veth0"), 0u) << "this thread is there";
    ASSERT_EQ(::setns(there, CLONE_NEWNET), 0);
    EXPECT_TRUE(has_program("veth0"));
    ::close(there);
}

// ---- frames ----

TEST_F(XdpTest, TheKernelAnswersAFrame) {
    make_veth();
    open();
    send(1, to_kernel());
    const Packet answer = receive_ip(*link, pool, k_tcp);
    ASSERT_TRUE(answer);
    EXPECT_EQ(read_tcp(answer.bytes(), Medium::Ethernet).flags & k_rst, k_rst) << "nobody listens";
    EXPECT_EQ(answer->capacity, PacketPool::k_slot_bytes[0]);
    const LinkCounters c = link->counters();
    EXPECT_EQ(c.sent_packets, 1u);
    EXPECT_EQ(c.sent_bytes, 54u);
    EXPECT_GE(c.received_packets, 1u);
    EXPECT_GE(c.received_bytes, u64{answer.size()});
}

TEST_F(XdpTest, SumsThatTheKernelLeftToTheDeviceAreRecognised) {
    make_veth();
    open();
    send_datagrams(1);
    EXPECT_EQ(receive_ip(*link, pool, k_udp)->checksum, ChecksumState::Partial);
    ASSERT_TRUE(test::run_command("ethtool -K veth1 tx off > /dev/null"));
    send_datagrams(1);
    EXPECT_EQ(receive_ip(*link, pool, k_udp)->checksum, ChecksumState::Unknown);
}

TEST_F(XdpTest, AnUnfinishedFrameThatIsSentOnIsFinished) {
    make_veth();
    open();
    FrameSpec spec = to_kernel();
    spec.partial = true;
    spec.payload = 100;
    send(1, spec);
    EXPECT_TRUE(receive_ip(*link, pool, k_tcp)) << "the kernel found its sum good";
}

TEST_F(XdpTest, EveryFrameOfManyBatchesArrivesInOrder) {
    make_veth();
    open({.memory = 1 << 18});
    constexpr u32 k_batches = 400;
    const int fd = ::socket(AF_INET, SOCK_DGRAM, 0);
    const timeval patience{test::k_patience.count(), 0};
    ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    const sockaddr_in here = test::endpoint(0, 5000);
    ASSERT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here), 0);
    for (u32 batch = 0; batch < k_batches; ++batch) {
        PacketBatch frames;
        for (u32 i = 0; i < PacketBatch::k_capacity; ++i) {
            FrameSpec spec = to_kernel();
            spec.payload = 1000;
            Packet p = tcp_frame(pool, spec);
            test::make_datagram(p, batch * PacketBatch::k_capacity + i);
            frames.push(std::move(p));
        }
        link->transmit(Instant{}, std::move(frames));
        for (u32 i = 0; i < PacketBatch::k_capacity; ++i) {
            std::byte data[2000];
            ASSERT_EQ(::recv(fd, data, sizeof data, 0), 1012);
            ASSERT_EQ(load32(data), batch * PacketBatch::k_capacity + i);
        }
    }
    ::close(fd);
    EXPECT_EQ(link->counters().send_refused, 0u);
    EXPECT_LE(link->counters().system_calls, 3 * k_batches) << "the kernel takes 32 in a call";
}

TEST_F(XdpTest, OneCallReadsABatchAndNoMoreThanThereIsRoomFor) {
    make_veth();
    open();
    u32 read = 0;
    // Where the kernel needs longer to hand over as much as a batch holds, it gets longer.
    for (int pause = 50; read < 64 && pause < k_patience_ms; pause *= 2) {
        send_datagrams(100);
        ::poll(nullptr, 0, pause);
        PacketBatch batch;
        link->receive(Instant{}, pool, batch);
        read = batch.size();
        link->receive(Instant{}, pool, batch);
        EXPECT_LE(batch.size(), 64u);
        EXPECT_GE(receive_all(30), 30u);
    }
    EXPECT_EQ(read, 64u);
    EXPECT_EQ(link->counters().system_calls, 0u) << "rings need none";
    EXPECT_EQ(link->counters().device_unread, 0u);
}

// The kernel tells of a frame before it tells that it took the frame's buffer from the ring.
TEST_F(XdpTest, BuffersGoRoundWhileFramesCome) {
    make_veth();
    open({.memory = 1});
    constexpr u32 k_sent = 100'000;
    std::thread kernel{[] { send_datagrams(k_sent); }};
    u64 got = receive_all();
    kernel.join();
    got += receive_all();
    EXPECT_GT(got + link->counters().device_unread, k_sent / 2) << "veth loses some itself";
    send_datagrams(10);
    EXPECT_EQ(receive_all(10), 10u);
}

TEST_F(XdpTest, LargeFramesComeWhole) {
    make_veth("mtu 3000");
    ip_command("link set veth1 mtu 3000");
    open({.mtu = 3000});
    send_datagrams(1, 2900);
    const Packet p = receive_ip(*link, pool, k_udp);
    EXPECT_EQ(p.size(), 14u + 28 + 2900);
}

TEST_F(XdpTest, SuperSegmentsOfTheKernelAreCutBeforeTheyCome) {
    make_veth();
    open();
    ASSERT_TRUE(test::run_command("ethtool -k veth1 | grep -q 'tcp-segmentation-offload: off'"));
}

// ---- what is lost is counted ----

TEST_F(XdpTest, WhatNobodyReadsIsCountedAsUnread) {
    make_veth();
    open({.memory = 1});
    constexpr u32 k_sent = 500;
    send_datagrams(k_sent);
    u32 got = 0;
    const auto all_told = [&] { return link->counters().device_unread + got >= k_sent; };
    EXPECT_TRUE(test::repeat_until(all_told, [&] { got += receive_all(); }));
    EXPECT_LT(got, 100u);
    EXPECT_EQ(link->counters().too_long, 0u);
    send_datagrams(10);
    EXPECT_EQ(receive_all(10), 10u) << "buffers came back";
}

TEST_F(XdpTest, FramesWithoutMemoryForThemAreCountedAsRefused) {
    make_veth();
    open();
    MemoryBudget little{70'000};
    PacketPool none{little};
    std::vector<Packet> held;
    while (Packet p = none.allocate(100)) held.push_back(std::move(p));
    send_datagrams(10);
    PacketBatch batch;
    EXPECT_TRUE(test::repeat_until([&] { return link->counters().receive_refused >= 10; },
                                   [&] { link->receive(Instant{}, none, batch); }));
    EXPECT_TRUE(batch.empty());
    send_datagrams(10);
    EXPECT_EQ(receive_all(10), 10u) << "buffers came back";
}

TEST_F(XdpTest, FramesThatAreTooLongAreCounted) {
    make_veth();
    open();
    FrameSpec spec = to_kernel();
    spec.payload = 1800;
    send(1, spec);
    EXPECT_EQ(link->counters().too_long, 1u);
    EXPECT_EQ(link->counters().sent_packets, 0u);
    for (const char* end : {"veth0", "veth1"}) ip_command(std::string{"link set mtu 3000 "} + end);
    send_datagrams(3, 2500);
    const auto all_told = [&] { return link->counters().too_long >= 4; };
    EXPECT_TRUE(test::repeat_until(all_told, [&] { EXPECT_EQ(receive_all(), 0u); }));
    EXPECT_EQ(link->counters().too_long, 4u);
    EXPECT_EQ(link->counters().device_unread, 0u);
}

TEST_F(XdpTest, ADeviceThatIsDownTakesNothingAndNobodyWaitsForIt) {
    make_veth();
    open({.memory = 1});
    ip_command("link set veth0 down");
    for (int i = 0; i < 3; ++i) send(50, to_kernel());
    EXPECT_GE(link->counters().send_refused, 80u);
    EXPECT_EQ(link->next_deadline(), Instant::max());
    ip_command("link set veth0 up");
    ip_command("neigh replace 10.8.0.2 lladdr 02:00:00:00:00:0a dev veth1");
    send(1, to_kernel());
    EXPECT_TRUE(receive_ip(*link, pool, k_tcp)) << "it is as it was";
}

TEST_F(XdpTest, ADeviceThatIsGoneTakesNothingAndNobodyWaitsForIt) {
    make_veth();
    open({.memory = 1});
    ip_command("link del veth0");
    for (int i = 0; i < 3; ++i) send(50, to_kernel());
    EXPECT_GE(link->counters().send_refused, 80u);
    EXPECT_EQ(link->next_deadline(), Instant::max());
    EXPECT_TRUE(link->gone());
    EXPECT_EQ(receive_all(), 0u);
    pollfd p{link->fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&p, 1, 0), 0) << "who sleeps on it must not spin";
}

// ---- several queues ----

// The kernel chooses a queue by the socket: enough sockets use both.
void send_from_many_sockets(u32 sockets) {
    for (u32 i = 0; i < sockets; ++i) {
        const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const sockaddr_in to = test::endpoint(k_ours, static_cast<u16>(1000 + i));
        ::sendto(fd, "x", 1, 0, reinterpret_cast<const sockaddr*>(&to), sizeof to);
        ::close(fd);
    }
}

// The descriptor wakes whoever waits for it, for other news of devices too, and the link knows.
TEST_F(XdpTest, ADeviceThatIsGoneIsTold) {
    for (const char* queues : {"", "numrxqueues 2 numtxqueues 2"}) {
        make_veth(queues);
        open({.name = "veth0"});
        const auto readable = [&](int ms) {
            pollfd p{.fd = link->fd(), .events = POLLIN, .revents = 0};
            return ::poll(&p, 1, ms) == 1;
        };
        PacketBatch batch;
        link->receive({}, pool, batch);
        EXPECT_FALSE(link->gone());
        ip_command("link add other type veth peer name other2");
        EXPECT_TRUE(readable(k_patience_ms));
        EXPECT_FALSE(link->gone()) << "another device";
        ip_command("link del other");
        EXPECT_FALSE(link->gone());
        ip_command("link del veth0");
        EXPECT_TRUE(readable(k_patience_ms));
        EXPECT_TRUE(link->gone());
        EXPECT_TRUE(link->gone()) << "and it does not come back";
        link.reset();
    }
}

TEST_F(XdpTest, OneLinkReadsAllQueuesOfItsDevice) {
    make_veth("numrxqueues 2 numtxqueues 2");
    open();
    EXPECT_EQ(link->facts().details, "queues 0, 1, native XDP, copy mode");
    send_from_many_sockets(60);
    EXPECT_EQ(receive_all(60), 60u);
    send(1, to_kernel());
    EXPECT_TRUE(receive_ip(*link, pool, k_tcp));
}

TEST_F(XdpTest, EachOfSeveralLinksHasQueuesOfItsOwn) {
    make_veth("numrxqueues 3 numtxqueues 3");
    auto opened = open_xdp({.links = 2});
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ((*opened)[0]->facts().details, "queues 0, 2, native XDP, copy mode");
    EXPECT_EQ((*opened)[1]->facts().details, "queue 1, native XDP, copy mode");
    send_from_many_sockets(90);
    u32 got[2] = {};
    const auto read_both = [&] {
        for (u32 i = 0; i < 2; ++i) {
            std::swap(link, (*opened)[i]);
            got[i] += receive_all();
            std::swap(link, (*opened)[i]);
        }
    };
    EXPECT_TRUE(test::repeat_until([&] { return got[0] + got[1] >= 90; }, read_both));
    for (u32 i = 0; i < 2; ++i) {
        link = std::move((*opened)[i]);
        send(1, to_kernel());
        EXPECT_EQ(link->counters().sent_packets, 1u);
        (*opened)[i] = std::move(link);
    }
    EXPECT_EQ(got[0] + got[1], 90u);
    EXPECT_GT(got[0], got[1]);
    EXPECT_GT(got[1], 10u);
    (*opened)[0].reset();
    EXPECT_TRUE(has_program("veth0")) << "the other one needs it";
    (*opened)[1].reset();
    EXPECT_FALSE(has_program("veth0"));
}

TEST_F(XdpTest, AQueueByItsNumberLeavesTheOthersToTheKernel) {
    make_veth("numrxqueues 2 numtxqueues 2");
    open({.queue = 1});
    EXPECT_EQ(link->facts().details, "queue 1, native XDP, copy mode");
    send_from_many_sockets(60);
    const u32 got = receive_all(11);
    EXPECT_GT(got, 10u);
    EXPECT_LT(got, 50u);
}

}  // namespace
}  // namespace tern

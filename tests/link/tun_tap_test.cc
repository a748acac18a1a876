// Against the kernel, in network namespaces of our own.
#include "os/link/tun_tap.hh"

#include <gtest/gtest.h>

#include <cstdlib>
#include <functional>

#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "core/offload/checksum.hh"
#include "core/offload/cut.hh"
#include "link/frames.hh"
#include "os/link/impair.hh"
#include "os/link/virtio_header.hh"
#include "support/kernel_side.hh"
#include "support/patience.hh"

namespace tern {
namespace {

using test::endpoint;
using test::FrameSpec;
using test::read_tcp;
using test::tcp_frame;
using test::TcpSeen;

constexpr u32 k_kernel = 0x0a080001, k_ours = 0x0a080002;
constexpr u8 k_syn = 2, k_psh = 8, k_ack = 16;
constexpr int k_patience_ms = test::k_patience / std::chrono::milliseconds(1);

struct Socket {
    int fd;
    Socket(int type, u16 port) : fd(::socket(AF_INET, type | SOCK_NONBLOCK, 0)) {
        const sockaddr_in self = endpoint(0, port);
        EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&self), sizeof self), 0);
    }
    ~Socket() { ::close(fd); }
    Socket(const Socket&) = delete;
    Socket& operator=(const Socket&) = delete;
    // Whether it becomes readable while a test has patience.
    bool readable() const {
        pollfd p{fd, POLLIN, 0};
        return ::poll(&p, 1, k_patience_ms) == 1;
    }
    void connect(u32 address, u16 port) const {
        const sockaddr_in peer = endpoint(address, port);
        ::connect(fd, reinterpret_cast<const sockaddr*>(&peer), sizeof peer);
    }
};

u64 bytes_of(const PacketBatch& batch) {
    u64 bytes = 0;
    for (u32 i = 0; i < batch.size(); ++i) bytes += batch.peek(i)->end - batch.peek(i)->begin;
    return bytes;
}

u64 statistic(const std::string& interface, const char* name) {
    // Of this thread's namespace, which /sys would not follow.
    FILE* f = std::fopen("/proc/thread-self/net/dev", "r");
    char line[512];
    unsigned long long bytes = 0, packets = 0;
    while (f != nullptr && std::fgets(line, sizeof line, f) != nullptr) {
        const std::string text = line;
        const auto colon = text.find(interface + ":");
        if (colon == std::string::npos) continue;
        std::sscanf(text.c_str() + colon + interface.size() + 1, "%llu %llu", &bytes, &packets);
    }
    if (f != nullptr) std::fclose(f);
    return std::string_view{name} == "rx_packets" ? packets : bytes;
}

struct TunTapTest : testing::Test {
    MemoryBudget budget{64 << 20};
    PacketPool pool{budget};
    std::unique_ptr<Link> link;

    // A fresh namespace for each test.
    void SetUp() override { test::enter_own_namespace(); }

    void open(const TapOptions& options) {
        auto opened = open_tap(options);
        ASSERT_TRUE(opened) << opened.error().message;
        link = std::move(*opened);
        const std::string name = link->facts().name.substr(4);
        u8 mac[6];
        test::give_address(name, k_kernel, mac);
        ASSERT_TRUE(set_up(name, options.mtu));
        std::memcpy(kernel_mac.bytes.data(), mac, sizeof mac);
    }

    // Reads frames until one fits; the kernel also sends multicast chatter of its own.
    Packet receive_until(const std::function<bool(const Packet&)>& fits) {
        for (int tries = 0; tries < 100; ++tries) {
            pollfd p{link->fd(), POLLIN, 0};
            if (::poll(&p, 1, k_patience_ms) != 1) break;
            PacketBatch batch;
            link->receive(Instant{}, pool, batch);
            for (u32 i = 0; i < batch.size(); ++i) {
                Packet packet = batch.take(i);
                if (fits(packet)) return packet;
            }
        }
        ADD_FAILURE() << "the kernel did not send what was expected";
        return {};
    }
    bool is_ip(const Packet& p, u8 protocol) const {
        if (link->facts().medium == Medium::Ip) return std::to_integer<u8>(p.data()[9]) == protocol;
        return load16(p.data() + 12) == 0x0800 && std::to_integer<u8>(p.data()[23]) == protocol;
    }
    Packet receive_ip(u8 protocol) {
        return receive_until([&](const Packet& p) {
            if (link->facts().medium == Medium::Ethernet && load16(p.data() + 12) == 0x0806)
                answer_arp(p);
            return is_ip(p, protocol);
        });
    }
    void send(Packet p) {
        PacketBatch batch;
        batch.push(std::move(p));
        link->transmit(Instant{}, std::move(batch));
    }
    // "k_ours is at our MAC address", whoever asks.
    void answer_arp(const Packet& request) {
        Packet p = pool.copy_of(request.bytes().first(42));
        std::byte* f = p.data();
        std::memcpy(f, request.data() + 6, 6);
        std::memcpy(f + 6, link->facts().mac.bytes.data(), 6);
        store16(f + 20, u16{2});
        std::memcpy(f + 32, request.data() + 22, 10);
        std::memcpy(f + 22, link->facts().mac.bytes.data(), 6);
        store32(f + 28, k_ours);
        send(std::move(p));
    }
    FrameSpec to_kernel(FrameSpec spec) const {
        spec.medium = link->facts().medium;
        spec.to = kernel_mac;
        return spec;
    }
    MacAddress kernel_mac;
};

// ---- opening ----

TEST_F(TunTapTest, FactsAndTheKernelAgree) {
    open({.name = "t0", .mtu = 9000});
    EXPECT_EQ(link->facts().name, "tap:t0");
    EXPECT_EQ(link->facts().mtu, 9000u);
    EXPECT_TRUE(link->facts().transmit_checksum);
    EXPECT_TRUE(link->facts().segmentation);
    EXPECT_FALSE(link->facts().mac.is_zero());
    EXPECT_FALSE(link->facts().mac.is_group());
    EXPECT_NE(link->facts().mac, kernel_mac);
    EXPECT_GE(link->fd(), 0);
}

TEST_F(TunTapTest, TheKernelChoosesAName) {
    auto first = open_tap({.name = "tap%d"});
    auto second = open_tap({.name = ""});
    ASSERT_TRUE(first && second);
    EXPECT_EQ((*first)->facts().name, "tap:tap0");
    EXPECT_NE((*second)->facts().name, "tap:tap0");
}

TEST_F(TunTapTest, OpenErrorsNameTheRemedy) {
    auto error_for = [](const TapOptions& options) {
        auto opened = open_tap(options);
        EXPECT_FALSE(opened);
        return opened ? OpenError{} : opened.error();
    };
    auto held = open_tap({.name = "held"});
    ASSERT_TRUE(held);
    const OpenError busy = error_for({.name = "held"});
    EXPECT_EQ(busy.code, Error::AlreadyExists);
    EXPECT_NE(busy.message.find("another program holds this interface"), std::string::npos);

    EXPECT_EQ(error_for({.name = "held", .medium = Medium::Ip}).code, Error::InvalidArgument);
    EXPECT_EQ(error_for({.name = "a-name-that-is-too-long"}).code, Error::InvalidArgument);
    EXPECT_EQ(error_for({.name = "held", .multi_queue = true}).code, Error::InvalidArgument);
    EXPECT_EQ(error_for({.vnet_hdr = false}).code, Error::InvalidArgument);
    EXPECT_EQ(error_for({.vnet_hdr_size = 11}).code, Error::InvalidArgument);
    EXPECT_EQ(error_for({.mtu = 67}).code, Error::InvalidArgument);
    EXPECT_EQ(error_for({.medium = Medium::Ip, .vlan = 5}).code, Error::InvalidArgument);
    const OpenError nowhere = error_for({.network_namespace = "/run/netns/no-such-namespace"});
    EXPECT_EQ(nowhere.code, Error::NoSuchInterface);
    EXPECT_NE(nowhere.message.find("ip netns add"), std::string::npos) << nowhere.message;
    EXPECT_EQ(set_up("no-such", 1500).error(), Error::NoSuchInterface);
}

// Every queue takes what it is given, and each frame for us comes out of one of them.
TEST_F(TunTapTest, QueuesOfOneDeviceShareItsTraffic) {
    open({.name = "many", .multi_queue = true});
    auto other = open_tap({.name = "many", .multi_queue = true});
    ASSERT_TRUE(other) << other.error().message;
    EXPECT_EQ((*other)->facts().mac, link->facts().mac);
    const u64 before = statistic("many", "rx_packets");
    for (Link* queue : {link.get(), other->get()}) {
        PacketBatch batch;
        batch.push(tcp_frame(pool, to_kernel({})));
        queue->transmit(Instant{}, std::move(batch));
        EXPECT_EQ(queue->counters().sent_packets, 1u);
    }
    EXPECT_EQ(statistic("many", "rx_packets"), before + 2);
    EXPECT_FALSE(open_tap({.name = "many"})) << "one queue alone is another kind of device";
}

TEST_F(TunTapTest, ClosingRemovesTheInterface) {
    open({.name = "gone"});
    EXPECT_NE(::if_nametoindex("gone"), 0u);
    link.reset();
    EXPECT_EQ(::if_nametoindex("gone"), 0u);
}

TEST_F(TunTapTest, AnInterfaceThatWaitedForItsProgramTransmitsAtOnce) {
    const int maker = ::open("/dev/net/tun", O_RDWR);
    ifreq request{};
    std::strcpy(request.ifr_name, "stays");
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    ASSERT_EQ(::ioctl(maker, TUNSETIFF, &request), 0);
    ASSERT_EQ(::ioctl(maker, TUNSETPERSIST, 1), 0);
    ASSERT_TRUE(set_up("stays", 1500));
    ::close(maker);
    const int control = ::socket(AF_INET, SOCK_DGRAM, 0);
    const auto is_running = [&] {
        EXPECT_EQ(::ioctl(control, SIOCGIFFLAGS, &request), 0);
        return (request.ifr_flags & IFF_RUNNING) != 0;
    };
    for (int turn = 0; turn < 3; ++turn) {
        auto opened = open_tap({.name = "stays"});
        ASSERT_TRUE(opened) << opened.error().message;
        EXPECT_TRUE(is_running()) << "turn " << turn;
        opened->reset();
        const auto stopped = [&] { return !is_running(); };
        ASSERT_TRUE(test::repeat_until(stopped, [] { ::poll(nullptr, 0, 1); }));
    }
    ::close(control);
}

TEST_F(TunTapTest, AnotherNamespaceIsVisitedOnly) {
    const int there = ::open("/proc/thread-self/ns/net", O_RDONLY);
    ASSERT_GE(there, 0);
    ASSERT_EQ(::unshare(CLONE_NEWNET), 0);
    auto opened = open_tap({.name = "far",
                            .network_namespace = "/proc/self/fd/" + std::to_string(there),
                            .bring_up = true});
    ASSERT_TRUE(opened) << opened.error().message;
    EXPECT_EQ(::if_nametoindex("far"), 0u) << "the interface is here, or this thread is there";
    ASSERT_EQ(::setns(there, CLONE_NEWNET), 0);
    EXPECT_NE(::if_nametoindex("far"), 0u);
    ::close(there);
}

// ---- frames ----

struct Mode {
    const char* name;
    TapOptions options;
};

struct TunTapModeTest : TunTapTest, testing::WithParamInterface<Mode> {};

// The kernel sends a datagram: we get its bytes, and know what is to be known of its checksum.
TEST_P(TunTapModeTest, ReadsWhatTheKernelSends) {
    const TapOptions& options = GetParam().options;
    open(options);
    Socket udp{SOCK_DGRAM, 7};
    udp.connect(k_ours, 9);
    ASSERT_EQ(::send(udp.fd, "sterna", 6, 0), 6);
    Packet p = receive_ip(17);
    ASSERT_TRUE(p);
    const u32 ip = options.medium == Medium::Ethernet ? 14 : 0;
    EXPECT_EQ(p.size(), ip + 20 + 8 + 6);
    EXPECT_EQ(std::memcmp(p.data() + ip + 28, "sterna", 6), 0);
    EXPECT_EQ(p->capacity, PacketPool::k_slot_bytes[0]) << "a small frame pins a large slot";
    EXPECT_EQ(p->checksum, options.offloads ? ChecksumState::Partial : ChecksumState::Unknown);
    ASSERT_TRUE(offload::complete_checksum(p, options.medium));
    const std::span<const std::byte> packet = p.bytes().subspan(ip);
    const u64 pseudo = u64{test::slow_sum(packet.subspan(12, 8))} + 17 + 14;
    EXPECT_EQ(test::slow_sum(packet.subspan(20), pseudo), 0xffff);
    EXPECT_GT(link->counters().received_packets, 0u);
    EXPECT_GT(link->counters().system_calls, link->counters().received_packets);
}

// We answer a TCP SYN of the kernel's; the kernel checks our sums and says that it is connected.
TEST_P(TunTapModeTest, WritesWhatTheKernelAccepts) {
    const TapOptions& options = GetParam().options;
    open(options);
    Socket tcp{SOCK_STREAM, 4001};
    tcp.connect(k_ours, 80);
    Packet syn = receive_ip(6);
    ASSERT_TRUE(syn);
    const TcpSeen seen = read_tcp(syn.bytes(), options.medium);
    EXPECT_EQ(seen.flags, k_syn);
    const u64 before = statistic(link->facts().name.substr(4), "rx_packets");
    send(tcp_frame(pool, to_kernel({.source = k_ours,
                                    .destination = k_kernel,
                                    .source_port = 80,
                                    .destination_port = 4001,
                                    .seq = 5000,
                                    .ack = seen.seq + 1,
                                    .flags = k_syn | k_ack,
                                    .partial = options.offloads})));
    Packet ack = receive_ip(6);
    ASSERT_TRUE(ack);
    EXPECT_EQ(read_tcp(ack.bytes(), options.medium).ack, 5001u);
    EXPECT_EQ(statistic(link->facts().name.substr(4), "rx_packets"), before + 1);
    EXPECT_EQ(link->counters().send_refused, 0u);
}

INSTANTIATE_TEST_SUITE_P(
    All, TunTapModeTest,
    testing::Values(
        Mode{"TapOffloads", {.name = "t0"}},
        Mode{"TapOffloadsHeader12", {.name = "t0", .vnet_hdr_size = 12}},
        Mode{"TapHeaderOnly", {.name = "t0", .offloads = false}},
        Mode{"TapPlain", {.name = "t0", .vnet_hdr = false, .offloads = false}},
        Mode{"TapJumbo", {.name = "t0", .vnet_hdr = false, .offloads = false, .mtu = 1700}},
        Mode{"TunOffloads", {.name = "t0", .medium = Medium::Ip}},
        Mode{"TunPlain",
             {.name = "t0", .medium = Medium::Ip, .vnet_hdr = false, .offloads = false}}),
    [](const auto& one) { return one.param.name; });

TEST_F(TunTapTest, ADownInterfaceRefusesFramesAndItIsCounted) {
    auto opened = open_tap({.name = "down"});
    ASSERT_TRUE(opened);
    link = std::move(*opened);
    send(tcp_frame(pool, {}));
    EXPECT_EQ(link->counters().send_refused, 1u);
    EXPECT_EQ(link->counters().sent_packets, 0u);
    EXPECT_EQ(link->counters().sent_bytes, 0u);
}

// Nobody reads: the kernel's queue in front of us fills up and drops, which only it knows of.
TEST_F(TunTapTest, WhatTheDeviceDroppedUnreadIsCounted) {
    open({.name = "t0", .medium = Medium::Ip});
    Socket udp{SOCK_DGRAM, 7};
    udp.connect(k_ours, 9);
    constexpr u64 more_than_a_queue = 3000;
    for (u64 i = 0; i < more_than_a_queue; ++i) ::send(udp.fd, "sterna", 6, 0);
    u64 read = 0;
    for (u64 before = 1; before != read;) {
        before = std::exchange(read, link->counters().received_packets);
        PacketBatch batch;
        link->receive(Instant{}, pool, batch);
        read = link->counters().received_packets;
    }
    EXPECT_GT(link->counters().device_unread, 100u);
    EXPECT_GE(link->counters().device_unread + read, more_than_a_queue);
    EXPECT_EQ(link->counters().device_untaken, 0u);
}

bool is_up(const char* name) {
    const int control = ::socket(AF_INET, SOCK_DGRAM, 0);
    ifreq request{};
    std::strcpy(request.ifr_name, name);
    EXPECT_EQ(::ioctl(control, SIOCGIFFLAGS, &request), 0);
    ::close(control);
    return (request.ifr_flags & IFF_UP) != 0;
}

TEST_F(TunTapTest, OnlyANewInterfaceIsBroughtUp) {
    auto made = open_tap({.name = "new0", .bring_up_new = true});
    ASSERT_TRUE(made) << made.error().message;
    EXPECT_TRUE(is_up("new0"));
    // One that was there, as `ip tuntap add` leaves it: down, without a program.
    const int fd = ::open("/dev/net/tun", O_RDWR);
    ifreq request{};
    std::strcpy(request.ifr_name, "old0");
    request.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR;
    ASSERT_EQ(::ioctl(fd, TUNSETIFF, &request), 0);
    ASSERT_EQ(::ioctl(fd, TUNSETPERSIST, 1), 0);
    ::close(fd);
    auto found = open_tap({.name = "old0", .bring_up_new = true});
    ASSERT_TRUE(found) << found.error().message;
    EXPECT_FALSE(is_up("old0"));
}

TEST_F(TunTapTest, JumboFramesComeWhole) {
    open({.name = "t0", .vnet_hdr = false, .offloads = false, .mtu = 9000});
    Socket udp{SOCK_DGRAM, 7};
    udp.connect(k_ours, 9);
    const std::vector<char> datagram(8900, 'x');
    ASSERT_EQ(::send(udp.fd, datagram.data(), datagram.size(), 0), 8900);
    Packet p = receive_ip(17);
    ASSERT_TRUE(p);
    EXPECT_EQ(p.size(), 14u + 28 + 8900);
    EXPECT_EQ(p->capacity, PacketPool::k_slot_bytes[1]);
}

TEST_F(TunTapTest, OneCallReadsManyFramesButNoMoreThanThereIsRoomFor) {
    open({.name = "t0", .medium = Medium::Ip});
    Socket udp{SOCK_DGRAM, 7};
    udp.connect(k_ours, 9);
    for (int i = 0; i < 100; ++i) ASSERT_EQ(::send(udp.fd, "x", 1, 0), 1);
    PacketBatch batch;
    link->receive(Instant{}, pool, batch);
    EXPECT_EQ(batch.size(), 64u);
    PacketBatch rest;
    for (int i = 0; i < 30; ++i) rest.push(pool.copy_of({}));
    link->receive(Instant{}, pool, rest);
    EXPECT_EQ(rest.size(), 64u);
}

TEST_F(TunTapTest, OneCallStopsAfterManyBytesAndTheNextGoesOn) {
    open({.name = "t0", .medium = Medium::Ip, .mtu = 65535});
    const std::vector<char> large(60000, 'x');
    for (u16 port = 1; port <= 8; ++port) {  // one socket's send buffer holds three of these
        Socket udp{SOCK_DGRAM, port};
        udp.connect(k_ours, 9);
        ASSERT_EQ(::send(udp.fd, large.data(), large.size(), 0), 60000);
    }
    PacketBatch first;
    link->receive(Instant{}, pool, first);
    EXPECT_GE(bytes_of(first), 128u * 1024);
    EXPECT_LE(bytes_of(first), 128u * 1024 + 60028);
    u64 all = bytes_of(first);
    for (int calls = 1; calls < 3; ++calls) {
        PacketBatch next;
        link->receive(Instant{}, pool, next);
        all += bytes_of(next);
    }
    EXPECT_GE(all, 8u * 60028);
}

TEST_F(TunTapTest, WithoutMemoryFramesAreDroppedAndTheDescriptorComesToRest) {
    MemoryBudget none{0};
    PacketPool poor{none};
    open({.name = "t0", .medium = Medium::Ip});
    Socket udp{SOCK_DGRAM, 7};
    udp.connect(k_ours, 9);
    for (int i = 0; i < 10; ++i) ASSERT_EQ(::send(udp.fd, "x", 1, 0), 1);
    PacketBatch batch;
    link->receive(Instant{}, poor, batch);
    EXPECT_TRUE(batch.empty());
    EXPECT_GE(link->counters().receive_refused, 10u);
    pollfd p{link->fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&p, 1, 0), 0);
}

TEST_F(TunTapTest, UnderShortMemorySmallFramesStillComeAndCutOnesAreDropped) {
    // Enough for a slab of small slots and descriptors, not for one of large slots.
    MemoryBudget little{200'000};
    PacketPool poor{little};
    {
        open({.name = "t0", .medium = Medium::Ip, .mtu = 9000});
        Socket udp{SOCK_DGRAM, 7};
        udp.connect(k_ours, 9);
        const std::vector<char> large(5000, 'x');
        ASSERT_EQ(::send(udp.fd, large.data(), large.size(), 0), 5000);
        ASSERT_EQ(::send(udp.fd, "small", 5, 0), 5);
        PacketBatch batch;
        link->receive(Instant{}, poor, batch);
        bool small = false;
        for (u32 i = 0; i < batch.size(); ++i) {
            const Packet p = batch.take(i);
            EXPECT_LT(p.size(), 1000u);
            small = small || p.size() == 33;
        }
        EXPECT_TRUE(small);
        EXPECT_EQ(link->counters().receive_refused, 1u);
    }
    EXPECT_EQ(poor.packets_in_use(), 0u);
}

// ---- super-segments, both ways, over a connection that this test plays by hand ----

struct Conversation {
    u32 ours = 0, kernels = 0;  // next sequence numbers
};

struct TunTapSuperTest : TunTapTest {
    Conversation handshake(const Socket& tcp) {
        tcp.connect(k_ours, 80);
        Packet syn = receive_ip(6);
        if (!syn) return {};
        Conversation c{9001, read_tcp(syn.bytes(), Medium::Ethernet).seq + 1};
        send(tcp_frame(pool, segment(c, {.seq = 9000, .flags = k_syn | k_ack, .partial = true})));
        receive_ip(6);
        return c;
    }
    FrameSpec segment(const Conversation& c, FrameSpec spec) const {
        spec.source = k_ours;
        spec.destination = k_kernel;
        spec.source_port = 80;
        spec.destination_port = 4001;
        spec.ack = c.kernels;
        return to_kernel(spec);
    }
};

TEST_F(TunTapSuperTest, TheKernelHandsOverASuperSegment) {
    open({.name = "t0"});
    Socket tcp{SOCK_STREAM, 4001};
    const Conversation c = handshake(tcp);
    std::vector<char> data(5000);
    for (std::size_t i = 0; i < data.size(); ++i) data[i] = static_cast<char>(i * 7 >> 3);
    ASSERT_EQ(::send(tcp.fd, data.data(), data.size(), 0), 5000);
    Packet p = receive_until([&](const Packet& q) { return is_ip(q, 6) && q.size() > 1514; });
    ASSERT_TRUE(p);
    // Our SYN-ACK had no MSS option, so that the kernel uses 536 (RFC 9293 3.7.1).
    EXPECT_EQ(p->gso_size, 536);
    const TcpSeen whole = read_tcp(p.bytes());
    EXPECT_EQ(p->gso_segments, (whole.payload.size() + 535) / 536);
    EXPECT_EQ(p->checksum, ChecksumState::Partial);
    EXPECT_EQ(whole.seq, c.kernels);
    EXPECT_EQ(std::memcmp(whole.payload.data(), data.data(), whole.payload.size()), 0);

    Chain segments;
    EXPECT_EQ(offload::cut_segments(std::move(p), Medium::Ethernet, segments), 0u);
    std::size_t at = 0;
    while (!segments.empty()) {
        const TcpSeen s = read_tcp(segments.pop_front().bytes());
        EXPECT_TRUE(s.ip_sum_good && s.tcp_sum_good);
        EXPECT_EQ(s.seq, c.kernels + at);
        EXPECT_EQ(std::memcmp(s.payload.data(), data.data() + at, s.payload.size()), 0);
        at += s.payload.size();
    }
    EXPECT_EQ(at, whole.payload.size());
}

TEST_F(TunTapSuperTest, TheKernelTakesASuperSegment) {
    open({.name = "t0"});
    Socket tcp{SOCK_STREAM, 4001};
    Conversation c = handshake(tcp);
    const FrameSpec spec = segment(c, {.seq = c.ours,
                                       .flags = k_ack | k_psh,
                                       .payload = 20000,
                                       .gso_size = 1460,
                                       .partial = true});
    Packet p = tcp_frame(pool, spec, 99);
    Packet kept = p.share();  // the header must not be written into bytes that others view
    const std::vector<std::byte> slot_before(kept->slot + 64, kept->slot + kept->end);
    send(std::move(p));
    EXPECT_TRUE(std::equal(slot_before.begin(), slot_before.end(), kept->slot + 64));
    std::vector<std::byte> got(20000);
    std::size_t n = 0;
    while (n < got.size() && tcp.readable()) {
        const auto more = ::recv(tcp.fd, got.data() + n, got.size() - n, 0);
        if (more <= 0) break;
        n += static_cast<std::size_t>(more);
    }
    ASSERT_EQ(n, got.size());
    EXPECT_EQ(got, read_tcp(kept.bytes()).payload);
}

// A TAP's frames go out on another TAP as they came: the facts survive the way through us.
TEST_F(TunTapSuperTest, FactsSurviveFromOneTapToAnother) {
    open({.name = "t0"});
    Socket tcp{SOCK_STREAM, 4001};
    handshake(tcp);
    const std::vector<char> data(5000, 'x');
    ASSERT_EQ(::send(tcp.fd, data.data(), data.size(), 0), 5000);
    const Packet p = receive_until([&](const Packet& q) { return q->gso_segments > 1; });
    ASSERT_TRUE(p);
    std::byte header[k_virtio_header_max] = {};
    write_virtio_header(header, *p, Medium::Ethernet);
    Packet q = pool.copy_of(p.bytes());
    read_virtio_header(header, q, Medium::Ethernet);
    EXPECT_EQ(q->checksum, p->checksum);
    EXPECT_EQ(q->gso_size, p->gso_size);
    EXPECT_EQ(q->gso_segments, p->gso_segments);
    EXPECT_EQ(q->transport - q->begin, p->transport - p->begin);
}

}  // namespace
}  // namespace tern

// Several stacks that are one host: what goes where, and the whole of it against the kernel.
#include "tern/shards.hh"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>

#include <poll.h>

#include "core/base/endian.hh"
#include "link/frames.hh"
#include "os/runtime/steered_link.hh"
#include "support/kernel_side.hh"
#include "support/patience.hh"
#include "support/veth.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;
using test::FrameSpec;
using test::tcp_frame;

constexpr u32 k_kernel = 0x0a080001, k_ours = 0x0a080002;
constexpr u32 k_shards = 4;

struct SteeringTest : testing::Test {
    MemoryBudget budget{8 << 20};
    PacketPool pool{budget};
    Steering steering{.shard = 0, .shards = k_shards, .key = {1, 2}};

    u32 home(const Packet& p, Medium medium = Medium::Ethernet) const {
        return home_of(steering, p.bytes(), medium);
    }
    static FrameSpec from_port(u16 port) {
        FrameSpec spec;
        spec.source_port = port;
        spec.payload = 10;
        return spec;
    }
    u32 home_of_flow(const FrameSpec& s) const {
        return steering.home_of_tcp({Ipv4Address{s.destination}, s.destination_port},
                                    {Ipv4Address{s.source}, s.source_port});
    }
};

TEST_F(SteeringTest, EveryShardGetsItsShareOfTheFlows) {
    u32 flows[k_shards] = {};
    for (u16 port = 1; port <= 4000; ++port) {
        const FrameSpec spec = from_port(port);
        const u32 to = home(tcp_frame(pool, spec));
        ASSERT_EQ(to, home_of_flow(spec));
        ++flows[to];
    }
    for (const u32 n : flows) {
        EXPECT_GT(n, 850u);
        EXPECT_LT(n, 1150u);
    }
}

TEST_F(SteeringTest, AnotherKeyIsAnotherOrder) {
    Steering other = steering;
    other.key = {3, 4};
    u32 same = 0;
    for (u16 port = 1; port <= 1000; ++port) {
        const Packet p = tcp_frame(pool, from_port(port));
        same += home_of(steering, p.bytes(), Medium::Ethernet) ==
                home_of(other, p.bytes(), Medium::Ethernet);
    }
    EXPECT_GT(same, 150u);
    EXPECT_LT(same, 350u);
}

TEST_F(SteeringTest, HeadersOfEveryLengthLeadToTheSamePlace) {
    FrameSpec spec = from_port(77);
    const u32 expected = home(tcp_frame(pool, spec));
    spec.ip_options = 8;
    EXPECT_EQ(home(tcp_frame(pool, spec)), expected);
    spec.vlan = 5;
    EXPECT_EQ(home(tcp_frame(pool, spec)), expected);
    spec.vlan = 0;
    spec.medium = Medium::Ip;
    EXPECT_EQ(home(tcp_frame(pool, spec), Medium::Ip), expected);
}

TEST_F(SteeringTest, FlowsOfIpv6HaveAHomeToo) {
    const auto address = [](u32 last) {
        IpAddress a = *IpAddress::parse("2001:db8::");
        store32(a.bytes.data() + 12, last);
        return a;
    };
    for (u16 port = 1; port <= 100; ++port) {
        FrameSpec spec = from_port(port);
        spec.v6 = true;
        const Endpoint to{address(spec.destination), spec.destination_port};
        const Endpoint from{address(spec.source), port};
        EXPECT_EQ(home(tcp_frame(pool, spec)), steering.home_of_tcp(to, from));
        EXPECT_EQ(home(test::udp_frame(pool, spec)), steering.home_of_udp(to, from));
        spec.ip_options = 16;
        EXPECT_EQ(home(tcp_frame(pool, spec)), steering.home_of_tcp(to, from));
    }
}

TEST_F(SteeringTest, AnIcmpErrorGoesToWhoSentWhatItQuotes) {
    for (u16 port = 1; port <= 50; ++port) {
        // What we sent: from us to the peer. The answer to it would come from `port`.
        FrameSpec sent = from_port(port);
        std::swap(sent.source, sent.destination);
        std::swap(sent.source_port, sent.destination_port);
        sent.medium = Medium::Ip;
        const Packet quoted = tcp_frame(pool, sent);
        FrameSpec carrier;
        carrier.payload = 28;
        Packet error = tcp_frame(pool, carrier);
        std::byte* ip = error.data() + 14;
        ip[9] = std::byte{1};
        ip[20] = std::byte{3};
        std::memcpy(ip + 28, quoted.data(), 28);
        EXPECT_EQ(home(error), home_of_flow(from_port(port)));
    }
}

TEST_F(SteeringTest, EveryShardHearsItsNeighboursAnswer) {
    Packet arp = tcp_frame(pool, from_port(1));
    store32(arp.data() + 14 + 24, k_ours);
    std::byte* f = arp.data();
    store16(f + 12, u16{0x0806});
    store16(f + 20, u16{2});
    EXPECT_EQ(home(arp), k_everywhere);
    store16(f + 20, u16{1});
    EXPECT_EQ(home(arp), 0u) << "one shard answers a question";
    std::memcpy(f + 14 + 24, f + 14 + 14, 4);
    EXPECT_EQ(home(arp), k_everywhere) << "an announcement is no question";
}

TEST_F(SteeringTest, WhatIsCutShortIsTheFirstShards) {
    const Packet whole = tcp_frame(pool, from_port(77));
    for (u32 n = 0; n < 14 + 20 + 4; ++n)
        EXPECT_EQ(home_of(steering, whole.bytes().first(n), Medium::Ethernet), 0u);
}

TEST_F(SteeringTest, AUdpPortOfOursHasOneHome) {
    const u16 ours = 40'000;
    const Endpoint here{Ipv4Address{k_ours}, ours};
    const u32 expected = steering.home_of_udp(here, {});
    u32 homes_of_server[k_shards] = {};
    for (u16 port = 1; port <= 200; ++port) {
        const Endpoint peer{Ipv4Address{k_kernel}, port};
        EXPECT_EQ(steering.home_of_udp(here, peer), expected);
        ++homes_of_server[steering.home_of_udp({Ipv4Address{k_ours}, 53}, peer)];
    }
    for (const u32 n : homes_of_server) EXPECT_GT(n, 20u);
}

// ---- stacks that know their share ----

struct ShareTest : testing::Test {
    std::unique_ptr<Stack> stack_of(u32 shard) {
        StackConfig c;
        c.seed = 5 + shard;
        c.steering = {.shard = shard, .shards = k_shards, .key = {1, 2}};
        auto stack = std::make_unique<Stack>(c);
        InterfaceConfig link;
        link.medium = Medium::Ip;
        const Interface i = stack->add_interface(link).value();
        EXPECT_TRUE(stack->add_address(i, {Ipv4Address{k_ours}, 24}));
        return stack;
    }
    const Endpoint peer{Ipv4Address{k_kernel}, 80};
};

TEST_F(ShareTest, AConnectionIsMadeWhereItsAnswersArrive) {
    for (u32 shard = 0; shard < k_shards; ++shard) {
        const auto stack = stack_of(shard);
        const Steering s{.shard = shard, .shards = k_shards, .key = {1, 2}};
        for (int i = 0; i < 100; ++i) {
            const auto c = stack->tcp().connect(peer);
            ASSERT_TRUE(c);
            const FlowId flow = stack->tcp().status(*c)->flow;
            ASSERT_EQ(s.home_of_tcp(flow.local, flow.remote), shard);
        }
    }
}

TEST_F(ShareTest, APortThatIsAtHomeElsewhereIsRefused) {
    const auto stack = stack_of(1);
    u32 refused = 0;
    for (u16 port = 2000; port < 2100; ++port) {
        ConnectOptions o;
        o.local_port = port;
        const auto c = stack->tcp().connect(peer, o);
        if (c) continue;
        EXPECT_EQ(c.error(), Error::PortInUse);
        ++refused;
    }
    EXPECT_GT(refused, 50u);
    EXPECT_LT(refused, 95u);
}

TEST_F(ShareTest, UdpPortsAreChosenAndRefusedByTheSameRule) {
    const auto stack = stack_of(2);
    const Steering s{.shard = 2, .shards = k_shards, .key = {1, 2}};
    for (int i = 0; i < 50; ++i) {
        const auto socket = stack->udp().open({});
        ASSERT_TRUE(socket);
        const auto local = stack->udp().local_endpoint(*socket);
        ASSERT_EQ(s.home_of_udp({{}, local->port}, {}), 2u);
    }
    u16 foreign = 50'000;
    while (s.home_of_udp({{}, foreign}, {}) == 2) ++foreign;
    UdpOptions o;
    o.local.port = foreign;
    EXPECT_EQ(stack->udp().open(o).error(), Error::PortInUse);
    o.local.port = 53;
    EXPECT_TRUE(stack->udp().open(o)) << "a server's port is every shard's";
}

// ---- the whole, against the kernel ----

constexpr u16 k_port = 7;

// Accepts and sends back what comes.
class Echo final : public EventSink {
public:
    explicit Echo(Runtime& runtime) : tcp_(runtime.stack().tcp()) {
        ListenOptions o;
        o.local.port = k_port;
        EXPECT_TRUE(tcp_.listen(o));
    }
    u32 accepted() const { return accepted_; }

    void on_event(const Event& e) override {
        if (e.kind == Event::Kind::Listener) {
            while (tcp_.accept(e.listener())) ++accepted_;
            return;
        }
        const TcpConnection c = e.connection();
        while (auto slice = tcp_.receive(c)) EXPECT_TRUE(tcp_.send(c, *slice));
        if ((e.bits & PeerClosed) == 0) return;
        EXPECT_TRUE(tcp_.close(c));
        tcp_.release(c);
    }

private:
    Tcp& tcp_;
    u32 accepted_ = 0;
};

// What brings the queues, and how the kernel chooses among them.
enum class Device : u8 {
    Tap,            // by what it has learnt from our frames
    Xdp,            // by a hash of its own
    XdpByProcessor  // by where its end runs, which is where the shard does
};

std::string name_of(Device d) {
    return d == Device::Tap ? "Tap" : d == Device::Xdp ? "Xdp" : "XdpByProcessor";
}

struct ShardsTest : testing::TestWithParam<Device> {
    void SetUp() override {
        if (GetParam() == Device::Tap) return test::enter_own_namespace();
        test::enter_namespace_for_xdp();
        if (IsSkipped() || HasFatalFailure()) return;
        test::make_veth("numrxqueues 2 numtxqueues 2");
        if (GetParam() == Device::XdpByProcessor && std::thread::hardware_concurrency() < 2)
            GTEST_SKIP() << "two processors are needed";
        if (GetParam() == Device::XdpByProcessor) test::queue_for_each_processor("veth1", 2);
    }

    static RuntimeConfig config(u32) {
        RuntimeConfig c;
        c.link = GetParam() == Device::Tap ? "tap:shards0" : "xdp:veth0";
        c.addresses = {"10.8.0.2/24"};
        return c;
    }
    void give_address() {
        u8 mac[6];
        test::give_address(GetParam() == Device::Tap ? "shards0" : "veth1", k_kernel, mac);
    }
    // This thread works for that shard from now on.
    static void go_to(u32 shard) {
        if (GetParam() != Device::XdpByProcessor) return;
        cpu_set_t one;
        CPU_ZERO(&one);
        CPU_SET(shard, &one);
        EXPECT_EQ(::sched_setaffinity(0, sizeof one, &one), 0) << "needs two processors";
    }
    // To a port of the kernel's whose flow is at home there.
    static void bind_at_home(int fd, const Steering& steering, u32 shard) {
        if (GetParam() != Device::XdpByProcessor) return;
        static u16 port = 10'000;
        const Endpoint server{Ipv4Address{k_ours}, k_port};
        do ++port;
        while (steering.home_of_tcp(server, {Ipv4Address{k_kernel}, port}) != shard);
        const sockaddr_in here = test::endpoint(k_kernel, port);
        EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here), 0);
    }
    static int tcp_socket() {
        const int fd = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const timeval patience{test::k_patience.count(), 0};
        ::setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
        return fd;
    }
    // Sends `message` and reads it back; false: it is not what was sent.
    static bool exchange(int fd, const std::string& message) {
        if (::send(fd, message.data(), message.size(), MSG_NOSIGNAL) !=
            static_cast<ssize_t>(message.size()))
            return false;
        std::string back(message.size(), ' ');
        std::size_t got = 0;
        while (got < back.size()) {
            const ssize_t n = ::recv(fd, back.data() + got, back.size() - got, 0);
            if (n <= 0) return false;
            got += static_cast<std::size_t>(n);
        }
        return back == message;
    }
};

TEST_P(ShardsTest, ManyKernelConnectionsAreServedByAll) {
    constexpr u32 clients = 60, rounds = 5;
    Shards shards{2, config};
    give_address();
    std::atomic<bool> over = false;
    u32 accepted[2] = {};
    u32 good = 0;
    std::thread kernel{[&] {
        std::vector<int> fds;
        const sockaddr_in to = test::endpoint(k_ours, k_port);
        for (u32 i = 0; i < clients; ++i) {
            fds.push_back(tcp_socket());
            go_to(i % 2);
            bind_at_home(fds.back(), shards.steering(), i % 2);
            if (::connect(fds.back(), reinterpret_cast<const sockaddr*>(&to), sizeof to) != 0)
                break;
        }
        for (u32 round = 0; round < rounds; ++round)
            for (u32 i = 0; i < fds.size(); ++i) {
                go_to(i % 2);
                good += exchange(fds[i], std::string(1 + 97 * i, static_cast<char>('a' + round)));
            }
        for (const int fd : fds) ::close(fd);
        over = true;
        shards.wake();
    }};
    shards.run([&](u32 i, Runtime& runtime) {
        go_to(i);
        Echo echo(runtime);
        while (!over) runtime.run_once(1s, static_cast<EventSink&>(echo));
        accepted[i] = echo.accepted();
    });
    kernel.join();
    EXPECT_EQ(good, clients * rounds);
    EXPECT_EQ(accepted[0] + accepted[1], clients);
    EXPECT_GT(accepted[0], 10u);
    EXPECT_GT(accepted[1], 10u);
    const LinkCounters a = shards[0].link_counters(), b = shards[1].link_counters();
    EXPECT_EQ(a.handover_lost + b.handover_lost, 0u);
    const u64 all = a.received_packets + b.received_packets;
    const u64 wrong = a.handed_over + b.handed_over;
    switch (GetParam()) {
        case Device::Tap: EXPECT_LT(wrong, all / 3) << "it learns from the first answer"; break;
        case Device::Xdp: EXPECT_GT(wrong, all / 4) << "chance gives one in two"; break;
        case Device::XdpByProcessor: EXPECT_LT(wrong, all / 10); break;
    }
    RecordProperty("frames", std::to_string(all));
    RecordProperty("handed_over", std::to_string(wrong));
}

TEST_P(ShardsTest, EveryShardConnectsToTheKernel) {
    constexpr u32 each = 20;
    Shards shards{2, config};
    give_address();
    const int listener = tcp_socket();
    const sockaddr_in here = test::endpoint(0, k_port);
    ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&here), sizeof here), 0);
    ASSERT_EQ(::listen(listener, 2 * each), 0);
    std::thread kernel{[&] {
        for (u32 i = 0; i < 2 * each; ++i) {
            const int fd = ::accept(listener, nullptr, nullptr);
            if (fd < 0) return;
            EXPECT_EQ(::send(fd, "!", 1, MSG_NOSIGNAL), 1);
            ::close(fd);
        }
    }};
    u32 answered[2] = {};
    std::atomic<u32> busy = 2;  // who is done goes on handing over what the other waits for
    shards.run([&](u32 shard, Runtime& runtime) {
        Tcp& tcp = runtime.stack().tcp();
        for (u32 i = 0; i < each; ++i) EXPECT_TRUE(tcp.connect({Ipv4Address{k_kernel}, k_port}));
        const Instant patience = monotonic_now() + test::k_patience;
        while (busy != 0 && monotonic_now() < patience) {
            runtime.run_once(1s, [&](const Event& e) {
                std::byte one;
                if ((e.bits & Readable) == 0 || !tcp.receive(e.connection(), {&one, 1})) return;
                if (++answered[shard] < each) return;
                --busy;
                shards.wake();
            });
        }
    });
    EXPECT_EQ(answered[0], each);
    EXPECT_EQ(answered[1], each);
    ::shutdown(listener, SHUT_RDWR);
    kernel.join();
    ::close(listener);
}

TEST_P(ShardsTest, TheRingsCountAsMemoryOfTheirReaders) {
    Shards shards{2, config};
    for (u32 i = 0; i < 2; ++i)
        EXPECT_GE(shards[i].stack().memory_used(),
                  MailRing::k_bytes + shards[i].link_facts().memory);
}

TEST_P(ShardsTest, TooLittleMemoryIsAnError) {
    EXPECT_THROW(Shards(2,
                        [](u32 i) {
                            RuntimeConfig c = config(i);
                            c.memory_limit = 100'000;
                            return c;
                        }),
                 RuntimeError);
}

TEST_P(ShardsTest, WhatAShardThrowsEndsThem) {
    Shards shards{2, config};
    std::atomic<bool> over = false;
    EXPECT_THROW(shards.run([&](u32 i, Runtime& runtime) {
        if (i == 1) {
            over = true;
            throw std::runtime_error("enough");
        }
        while (!over) runtime.run_once(10s, [](const Event&) {});
    }),
                 std::runtime_error);
}

INSTANTIATE_TEST_SUITE_P(Devices, ShardsTest,
                         testing::Values(Device::Tap, Device::Xdp, Device::XdpByProcessor),
                         [](const auto& one) { return name_of(one.param); });

}  // namespace
}  // namespace tern

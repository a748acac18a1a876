// Routers: ways, TTL, errors, queues.
#include <gtest/gtest.h>

#include "tern/sim_flow.hh"

namespace tern::sim {
namespace {

using namespace std::chrono_literals;

// a - r1 - r2 - b
struct Chain3 {
    World world;
    Host& a = world.host("a", "10.0.1.1/24");
    Router& r1 = world.router("r1");
    Router& r2 = world.router("r2");
    Host& b = world.host("b", "10.0.2.1/24");
    Wire& first = world.wire(a, r1, {.delay = 1ms});
    Wire& middle;
    Wire& last = world.wire(r2, b, {.delay = 1ms});

    explicit Chain3(u32 mtu = 1500) : middle(world.wire(r1, r2, {.delay = 3ms}, mtu)) {}
};

TEST(Router, finds_the_way_over_two_hops_and_back) {
    Chain3 net;
    Requests requests(net.world, net.a, net.b, {.count = 5});
    net.world.run_for(1s);
    ASSERT_TRUE(requests.done());
    for (const Duration d : requests.latencies()) EXPECT_EQ(d, 10ms);
    EXPECT_GT(net.r1.counters().forwarded, 10u);
    EXPECT_EQ(net.r1.counters().forwarded, net.r2.counters().forwarded);
}

TEST(Router, counts_ttl_down_and_tells_the_sender_when_it_ends) {
    Chain3 net;
    u8 seen_ttl = 0;
    net.b.on_datagram(9, [&](Datagram d) { seen_ttl = d.ttl; });
    Error told = Error::None;
    net.a.on_event([&](const Event& e) {
        if (e.kind == Event::Kind::Udp && (e.bits & UdpError)) told = e.error;
    });
    const auto send = [&](u8 ttl) {
        UdpOptions options;
        options.remote = Endpoint{net.b.address(), 9};
        options.ttl = ttl;
        const auto socket = net.a.stack().udp().open(options);
        ASSERT_TRUE(socket.has_value());
        ASSERT_TRUE(net.a.stack().udp().send(*socket, {}).has_value());
        net.world.run_for(100ms);
    };
    send(3);
    EXPECT_EQ(seen_ttl, 1);
    seen_ttl = 0;
    send(2);
    EXPECT_EQ(seen_ttl, 0);
    EXPECT_EQ(net.r2.counters().ttl_exceeded, 1u);
    EXPECT_EQ(net.r2.counters().icmp_sent, 1u);
    EXPECT_EQ(net.a.counters().icmp_in, 1u);
    EXPECT_NE(told, Error::None);
}

TEST(Router, tells_that_there_is_no_way) {
    Chain3 net;
    Error soft = Error::None;
    StreamPtr s = net.a.connect({*IpAddress::parse("10.9.9.9"), 80});
    net.world.run_for(500ms);
    soft = s->status().soft_error;
    EXPECT_EQ(net.r1.counters().no_route, 1u);
    EXPECT_EQ(soft, Error::NetworkUnreachable);
}

TEST(Router, a_packet_above_the_mtu_is_refused_with_the_size_that_fits) {
    Chain3 net(1000);
    Bulk bulk(net.world, net.a, net.b, {.bytes = 20'000});
    net.world.run_for(2s);
    EXPECT_GT(net.r1.counters().too_big, 0u);
    EXPECT_EQ(net.r1.counters().icmp_sent, net.r1.counters().too_big);
    EXPECT_GT(net.a.counters().icmp_in, 0u);
}

TEST(Router, a_given_route_goes_before_the_shortest_way) {
    World world;
    Host& a = world.host("a", "10.0.1.1/24");
    Host& b = world.host("b", "10.0.2.1/24");
    Router& r1 = world.router("r1");
    Router& r2 = world.router("r2");
    Router& detour = world.router("detour");
    world.wire(a, r1, {.delay = 1ms});
    world.wire(r1, r2, {.delay = 1ms});
    Wire& around = world.wire(r1, detour, {.delay = 10ms});
    world.wire(detour, r2, {.delay = 10ms});
    world.wire(r2, b, {.delay = 1ms});
    r1.route("10.0.2.0/24", around);
    Requests requests(world, a, b, {.count = 1});
    world.run_for(1s);
    ASSERT_EQ(requests.completed(), 1u);
    EXPECT_EQ(requests.latencies()[0], 22ms + 3ms);
    EXPECT_THROW(r2.route("10.0.0.0/8", around), std::invalid_argument);
    EXPECT_THROW(r1.route("ten", around), std::invalid_argument);
}

TEST(Router, each_outgoing_wire_has_its_queue) {
    World world;
    Router& r = world.router("r");
    Host& a = world.host("a", "10.0.1.1/24");
    Host& slow = world.host("slow", "10.0.2.1/24");
    Host& fast = world.host("fast", "10.0.3.1/24");
    world.wire(a, r, {.delay = 1ms, .rate = 1'000'000'000});
    Wire& narrow = world.wire(r, slow, {.delay = 1ms, .rate = 1'000'000, .queue_packets = 20});
    Wire& wide = world.wire(r, fast, {.delay = 1ms, .rate = 1'000'000'000});
    Bulk to_slow(world, a, slow, {.bytes = 500'000});
    Bulk to_fast(world, a, fast, {.bytes = 5'000'000});
    world.run_for(20s);
    EXPECT_TRUE(to_slow.done());
    EXPECT_TRUE(to_fast.done());
    EXPECT_GT(narrow.counters(Way::There).queue_dropped, 0u);
    EXPECT_EQ(wide.counters(Way::There).queue_dropped, 0u);
    EXPECT_LT(*to_fast.finished(), Instant{} + 500ms);
}

}  // namespace
}  // namespace tern::sim

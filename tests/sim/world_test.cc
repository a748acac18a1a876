// Worlds of two hosts and of thousands: what arrives, when, and that it repeats.
#include <gtest/gtest.h>

#include <chrono>

#include "tern/sim_flow.hh"

namespace tern::sim {
namespace {

using namespace std::chrono_literals;

// Two hosts on a bad wire, streams both ways; the digest of it all.
u64 digest_of(u64 seed) {
    World world{{.seed = seed}};
    Host& a = world.host("a", "10.0.0.1/24");
    Host& b = world.host("b", "10.0.0.2/24");
    world.wire(a, b,
               {.loss = 0.02,
                .duplicate = 0.01,
                .corrupt = 0.005,
                .reorder = 0.02,
                .delay = 10ms,
                .jitter = 2ms,
                .rate = 20'000'000,
                .queue_packets = 50});
    Bulk there(world, a, b, {.bytes = 2'000'000});
    Bulk back(world, b, a, {.bytes = 1'000'000, .port = 81, .start = 100ms});
    world.run_for(60s);
    world.finish();
    EXPECT_TRUE(there.done());
    EXPECT_TRUE(back.done());
    return world.digest();
}

TEST(World, one_seed_one_digest) {
    EXPECT_EQ(digest_of(7), digest_of(7));
    EXPECT_NE(digest_of(7), digest_of(8));
}

// Whoever changes what the stack sends changes this number, and puts the new one here; whoever
// does not, and sees it change, has made a run depend on the machine or on the build.
TEST(World, the_digest_is_the_same_on_every_machine_and_build) {
    EXPECT_EQ(digest_of(42), 9'263'521'616'888'459'987u);
}

TEST(World, a_transfer_takes_the_time_that_rate_and_delay_say) {
    World world;
    Host& a = world.host("a", "10.0.0.1/24");
    Host& b = world.host("b", "10.0.0.2/24");
    // No window stops slow start before the queue does.
    world.wire(a, b, {.delay = 5ms, .rate = 100'000'000, .queue_packets = 10'000});
    Bulk bulk(world, a, b, {.bytes = 10'000'000});
    ASSERT_TRUE(world.run_until([&] { return bulk.done(); }, 10s));
    // 10 MB in segments of 1448 bytes are 6907 packets of 1500: 829 ms, and a slow start before.
    EXPECT_GT(*bulk.finished(), Instant{} + 829ms);
    EXPECT_LT(*bulk.finished(), Instant{} + 950ms);
    EXPECT_EQ(a.counters().tcp_retransmissions, 0u);
    EXPECT_EQ(bulk.received(), 10'000'000u);
}

TEST(World, streams_carry_text_and_close_in_order) {
    World world;
    Host& a = world.host("a", "10.0.0.1/24");
    Host& b = world.host("b", "10.0.0.2/24");
    world.wire(a, b, {.delay = 1ms});
    std::string heard, log;
    b.listen(7, [&](const StreamPtr& s) {
        s->on_data = [&, p = s.get()](std::span<const std::byte> bytes) {
            heard.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
            p->send("you said: " + heard);
        };
        s->on_end = [&, p = s.get()] {
            log += "end ";
            p->close();
        };
        s->on_closed = [&](Error e) { log += "closed:" + std::string{message_of(e)} + " "; };
    });
    std::string answer;
    Error why = Error::SystemError;
    StreamPtr s = a.connect(b, 7);
    s->on_connected = [&, p = s.get()] { p->send("hello"); };
    s->on_data = [&, p = s.get()](std::span<const std::byte> bytes) {
        answer.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        p->close();
    };
    s->on_closed = [&](Error e) { why = e; };
    world.run_for(120s);
    EXPECT_EQ(answer, "you said: hello");
    EXPECT_EQ(why, Error::None);
    EXPECT_EQ(log, "end closed:" + std::string{message_of(Error::None)} + " ");
    EXPECT_FALSE(s->alive());
}

TEST(World, what_the_send_queue_does_not_take_waits) {
    World world;
    Host& a = world.host("a", "10.0.0.1/24");
    Host& b = world.host("b", "10.0.0.2/24");
    world.wire(a, b, {.delay = 1ms, .rate = 100'000'000});
    u64 got = 0;
    b.listen(7, [&](const StreamPtr& s) {
        s->on_data = [&](std::span<const std::byte> bytes) { got += bytes.size(); };
    });
    StreamPtr s = a.connect(b, 7);
    s->send(std::string(5'000'000, 'x'));
    s->close();
    world.run_for(5s);
    EXPECT_EQ(got, 5'000'000u);
}

TEST(World, a_connection_to_nobody_is_refused) {
    World world;
    Host& a = world.host("a", "10.0.0.1/24");
    Host& b = world.host("b", "10.0.0.2/24");
    world.wire(a, b, {.delay = 1ms});
    Error why = Error::None;
    StreamPtr s = a.connect(b, 9);
    s->on_closed = [&](Error e) { why = e; };
    world.run_for(1s);
    EXPECT_EQ(why, Error::Refused);
}

TEST(World, datagrams_go_and_come) {
    World world;
    Host& a = world.host("a", "10.0.0.1/24");
    Host& b = world.host("b", "10.0.0.2/24");
    world.wire(a, b, {.delay = 3ms});
    Instant heard{};
    a.on_datagram(1000, [&](Datagram d) {
        EXPECT_EQ(d.data.size(), 4u);
        heard = world.now();
    });
    b.on_datagram(2000, [&](Datagram d) {
        EXPECT_TRUE(b.send_datagram(2000, d.from, d.data.bytes()).has_value());
    });
    const std::byte ping[4]{};
    EXPECT_TRUE(a.send_datagram(1000, {b.address(), 2000}, ping).has_value());
    EXPECT_EQ(a.send_datagram(1, {b.address(), 2000}, ping).error(), Error::NotConnected);
    world.run_for(1s);
    EXPECT_EQ(heard, Instant{} + 6ms);
}

TEST(World, requests_measure_the_round_trip) {
    World world;
    Host& a = world.host("a", "10.0.0.1/24");
    Host& b = world.host("b", "10.0.0.2/24");
    world.wire(a, b, {.delay = 10ms});
    Requests requests(world, a, b, {.count = 50, .response = 3000, .interval = 1ms});
    world.run_for(5s);
    EXPECT_TRUE(requests.done());
    ASSERT_EQ(requests.completed(), 50u);
    for (const Duration d : requests.latencies()) EXPECT_EQ(d, 20ms);
}

TEST(World, a_stream_may_outlive_its_world) {
    StreamPtr s;
    {
        World world;
        Host& a = world.host("a", "10.0.0.1/24");
        Host& b = world.host("b", "10.0.0.2/24");
        world.wire(a, b, {.delay = 1ms});
        b.listen(7, [](const StreamPtr&) {});
        s = a.connect(b, 7);
        s->send("hello");
        world.run_for(1s);
        EXPECT_EQ(s->status().state, State::Established);
    }
    EXPECT_FALSE(s->alive());
    s->send("anybody?");
    s->close();
    EXPECT_EQ(s->write({}), 0u);
}

TEST(World, run_until_tells_when_it_was_in_vain) {
    World world;
    u32 asked = 0;
    EXPECT_FALSE(world.run_until([&] { return ++asked == 0; }, 3s));
    EXPECT_EQ(world.now(), Instant{} + 3s);
    EXPECT_TRUE(world.run_until([] { return true; }, 3s));
    EXPECT_EQ(world.now(), Instant{} + 3s);
}

TEST(World, actions_run_at_their_time_and_equal_times_in_order) {
    World world;
    std::string log;
    world.at(Instant{} + 2s, [&] { log += "c"; });
    world.at(Instant{} + 1s, [&] {
        log += "a";
        world.after({}, [&] { log += "b"; });
    });
    world.at(Instant{} + 2s, [&] { log += "d"; });
    world.run_for(1500ms);
    EXPECT_EQ(log, "ab");
    EXPECT_EQ(world.now(), Instant{} + 1500ms);
    world.run_for(1s);
    EXPECT_EQ(log, "abcd");
}

TEST(World, a_wire_without_delay_does_not_stop_time_nor_nest_turns) {
    World world;
    Host& a = world.host("a", "10.0.0.1/24");
    Host& b = world.host("b", "10.0.0.2/24");
    world.wire(a, b);
    Bulk bulk(world, a, b, {.bytes = 50'000'000});
    world.run_for(1s);
    EXPECT_TRUE(bulk.done());
}

TEST(World, packets_are_conserved) {
    World world;
    Host& a = world.host("a", "10.0.0.1/24");
    Host& b = world.host("b", "10.0.0.2/24");
    Wire& w = world.wire(
        a, b,
        {.loss = 0.05, .duplicate = 0.05, .delay = 5ms, .rate = 5'000'000, .queue_packets = 9});
    Bulk bulk(world, a, b, {.bytes = 3'000'000});
    world.run_for(100s);
    EXPECT_TRUE(bulk.done());
    for (const Way way : {Way::There, Way::Back}) {
        const LaneCounters c = w.counters(way);
        EXPECT_EQ(c.under_way(), 0u);
        EXPECT_GT(c.lost, 0u);
    }
    EXPECT_GT(w.counters(Way::There).queue_dropped, 0u);
    // The queue of nine packets of 1500 bytes takes 21.6 ms, and the wire 5.
    EXPECT_GT(w.worst_delay(Way::There), 20ms);
    EXPECT_LE(w.worst_delay(Way::There), 27ms);
}

TEST(World, thousands_of_hosts_in_bounded_time) {
    const auto begin = std::chrono::steady_clock::now();
    World world;
    Router& hub = world.router("hub");
    Host& server = world.host("server", "10.255.0.1/8");
    world.wire(hub, server, {.delay = 1ms, .rate = 10'000'000'000});
    for (u32 i = 0; i < 5000; ++i) {
        const Ipv4Address address{u32{10} << 24 | (i + 1)};
        Host& host = world.host("h" + std::to_string(i), address.to_string() + "/8");
        world.wire(hub, host, {.delay = 2ms, .rate = 100'000'000});
    }
    ListenOptions roomy;
    roomy.backlog = roomy.syn_backlog = 10'000;
    const auto echo = [](const StreamPtr& s) {
        s->on_data = [p = s.get()](std::span<const std::byte> bytes) { p->send(bytes); };
        s->on_end = [p = s.get()] { p->close(); };
    };
    server.listen(7, echo, roomy);
    u64 answered = 0;
    for (u32 i = 0; i < 5000; ++i) {
        // Everybody at its own microsecond.
        world.at(Instant{} + i * 1us, [&world, &server, &answered, i] {
            StreamPtr s = world.find_host("h" + std::to_string(i))->connect(server, 7);
            s->on_connected = [p = s.get()] { p->send("hello"); };
            s->on_data = [&answered, p = s.get()](std::span<const std::byte>) {
                ++answered;
                p->close();
            };
        });
    }
    world.run_for(10s);
    EXPECT_EQ(answered, 5000u);
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    EXPECT_LT(took.count(), 60) << "under sanitizers; a release build needs about a second";
}

TEST(World, what_cannot_be_says_what_to_do) {
    World world;
    Host& a = world.host("a", "10.0.0.1/24");
    EXPECT_THROW(world.host("a", "10.0.0.2/24"), std::invalid_argument);
    EXPECT_THROW(world.host("b", "10.0.0.1/24"), std::invalid_argument);
    EXPECT_THROW(world.host("b", "10.0.0.255/24"), std::invalid_argument);
    EXPECT_THROW(world.host("b", "ten"), std::invalid_argument);
    EXPECT_THROW(world.wire(a, a), std::invalid_argument);
    EXPECT_THROW(a.stack(), std::logic_error);
    Host& b = world.host("b", "10.0.0.2/24");
    Host& c = world.host("c", "10.0.0.3/24");
    world.wire(a, b);
    EXPECT_THROW(world.wire(a, c), std::invalid_argument);
    EXPECT_THROW(world.jump_clock(a, Instant{}, -1s), std::invalid_argument);
}

}  // namespace
}  // namespace tern::sim

// Faults by time: that they strike, that the world goes on, and that one that did not is told.
#include <gtest/gtest.h>

#include "support/covers.hh"
#include "tern/sim_flow.hh"

namespace tern::sim {
namespace {

using namespace std::chrono_literals;

Instant at(Duration d) { return Instant{} + d; }

struct Two {
    World world;
    Host& a = world.host("a", "10.0.0.1/24");
    Host& b = world.host("b", "10.0.0.2/24");
    Wire& wire;

    explicit Two(const Impairment& impairment = {.delay = 5ms, .rate = 10'000'000})
        : wire(world.wire(a, b, impairment)) {}
};

TEST(Fault, a_partition_stops_everything_and_heals) {
    Two net;
    Bulk bulk(net.world, net.a, net.b, {.bytes = 3'000'000});
    net.world.partition(net.wire, at(1s), at(2s));
    net.world.run_until(at(1s + 100ms));
    const u64 before = bulk.received();
    net.world.run_until(at(2s));
    EXPECT_EQ(bulk.received(), before);
    net.world.run_until(at(10s));
    EXPECT_TRUE(bulk.done());
    EXPECT_GT(net.wire.counters(Way::There).cut, 0u);
    EXPECT_EQ(net.wire.counters(Way::There).under_way(), 0u);
    net.world.finish();
}

TEST(Fault, one_way_alone_can_be_cut) {
    Two net;
    Bulk bulk(net.world, net.a, net.b, {.bytes = 3'000'000});
    net.world.partition(net.wire, Way::Back, at(1s), at(1500ms));
    net.world.run_until(at(10s));
    EXPECT_TRUE(bulk.done());
    EXPECT_EQ(net.wire.counters(Way::There).cut, 0u);
    EXPECT_GT(net.wire.counters(Way::Back).cut, 0u);
    net.world.finish();
}

TEST(Fault, partitions_that_overlap_end_with_the_last) {
    Two net;
    Bulk bulk(net.world, net.a, net.b, {.bytes = 3'000'000});
    net.world.partition(net.wire, at(1s), at(2s));
    net.world.partition(net.wire, at(1500ms), at(3s));
    net.world.run_until(at(1600ms));
    const u64 before = bulk.received();
    net.world.run_until(at(3s));
    EXPECT_EQ(bulk.received(), before);
}

TEST(Fault, one_that_never_struck_fails_the_run) {
    Two net;
    Bulk bulk(net.world, net.a, net.b, {.bytes = 10'000});
    net.world.partition(net.wire, Way::There, at(5s), at(6s));  // all is over by then
    net.world.change(net.wire, Way::There, at(7s), {.loss = 0.5});
    net.world.jump_clock(net.a, at(100s), 1s);  // after the end
    net.world.run_until(at(10s));
    const auto missed = net.world.never_struck();
    ASSERT_EQ(missed.size(), 3u);
    EXPECT_EQ(missed[0], "the partition of a-b (one way) from 5 s to 6 s");
    EXPECT_EQ(missed[1], "the clock jump of a at 100 s");
    EXPECT_EQ(missed[2], "loss of 50 % on a-b (0 packets entered while it was on)");
    EXPECT_THROW(net.world.finish(), FaultNeverStruck);
}

TEST(Fault, a_loss_that_hit_nothing_before_it_was_changed_is_not_forgotten) {
    Two net({.loss = 1e-9, .delay = 5ms});
    Bulk bulk(net.world, net.a, net.b, {.bytes = 10'000});
    net.world.run_until(at(1s));
    net.wire.change(Way::There, {.delay = 5ms});
    net.world.run_until(at(2s));
    EXPECT_EQ(net.world.never_struck().size(), 2u);  // there, and back
}

TEST(Fault, exact_losses_count_packets) {
    Two net({.delay = 5ms, .drop_nth = {1, 3}});
    Requests requests(net.world, net.a, net.b, {.count = 3});
    net.world.run_until(at(20s));
    EXPECT_TRUE(requests.done());
    EXPECT_EQ(net.wire.counters(Way::There).lost, 2u);
    net.world.finish();
    Two quiet({.delay = 5ms, .drop_nth = {1000}});
    EXPECT_THROW(quiet.world.finish(), FaultNeverStruck);
}

TEST(Fault, impairments_change_by_time) {
    Two net({.delay = 5ms});
    Requests requests(net.world, net.a, net.b, {.count = 2, .interval = 1s});
    net.world.change(net.wire, Way::Back, at(500ms), {.delay = 50ms});
    net.world.run_until(at(5s));
    ASSERT_EQ(requests.completed(), 2u);
    EXPECT_EQ(requests.latencies()[0], 10ms);
    EXPECT_EQ(requests.latencies()[1], 55ms);
    net.world.finish();
}

TEST(Fault, a_restart_breaks_connections_and_programs_begin_anew) {
    Two net;
    Bulk once(net.world, net.a, net.b, {.bytes = 2'000'000});
    Bulk again(net.world, net.a, net.b, {.bytes = 2'000'000, .port = 81, .retry = true});
    u32 starts = 0;
    net.b.on_start([&] { ++starts; });
    net.world.restart(net.b, at(500ms), 200ms);
    net.world.run_until(at(60s));
    EXPECT_EQ(starts, 2u);
    EXPECT_FALSE(once.done());
    EXPECT_EQ(once.error(), Error::Reset);  // the new stack knows nothing of it
    EXPECT_TRUE(again.done());
    EXPECT_EQ(again.attempts(), 2u);
    net.world.finish();
}

TEST(Fault, a_host_may_stop_itself_in_a_callback) {
    Two net;
    net.b.listen(7, [&](const StreamPtr&) { net.b.stop(); });
    StreamPtr s = net.a.connect(net.b, 7);
    net.world.run_until(at(1s));
    EXPECT_FALSE(net.b.is_up());
    EXPECT_TRUE(s->alive());
    net.b.start();
    s->send("anybody?");
    Error why = Error::None;
    s->on_closed = [&](Error e) { why = e; };
    net.world.run_until(at(2s));
    EXPECT_EQ(why, Error::Reset);
}

TEST(Fault, observers_and_counters_go_on_after_a_restart) {
    struct Sent final : Observer {
        void on_segment_sent(const SegmentSentEvent&) override { ++count; }
        u64 count = 0;
    } sent;
    Two net;
    net.b.observe(&sent);
    Bulk bulk(net.world, net.a, net.b, {.bytes = 2'000'000, .retry = true});
    net.world.restart(net.b, at(500ms), 200ms);
    net.world.run_until(at(1s));
    const u64 before = sent.count;
    net.world.run_until(at(20s));
    EXPECT_TRUE(bulk.done());
    EXPECT_GT(sent.count, before + 100);
    EXPECT_EQ(sent.count, net.b.counters().tcp_segments_out);
}

TEST(Fault, a_clock_jump_moves_one_host_alone) {
    Two net({.delay = 5ms});
    Requests requests(net.world, net.a, net.b, {.count = 3, .interval = 1s});
    net.world.jump_clock(net.a, at(1s), 1h);
    net.world.run_until(at(5s));
    EXPECT_TRUE(requests.done());
    EXPECT_EQ(net.a.clock(), at(1h + 5s));
    EXPECT_EQ(net.b.clock(), at(5s));
    net.world.finish();
}

TEST(Fault, a_clock_jump_fires_the_timers_that_became_due) {
    test::covers({"VULN:clock-jump"});
    Two net({.delay = 5ms});
    Error why = Error::None;
    net.world.partition(net.wire, at(0s), at(100s));
    StreamPtr s;
    net.world.at(at(1ms), [&] {
        s = net.a.connect(net.b, 80);
        s->on_closed = [&](Error e) { why = e; };
    });
    net.world.jump_clock(net.a, at(2s), 10min);
    net.world.run_until(at(3s));
    EXPECT_EQ(why, Error::TimedOut);
}

}  // namespace
}  // namespace tern::sim

// BBR version 3 on a simulated bottleneck, its model open to view.
#include <gtest/gtest.h>

#include <set>

#include "congestion/path.hh"
#include "core/tcp/congestion/algorithms.hh"
#include "core/tcp/congestion/bbr.hh"
#include "support/covers.hh"

namespace tern::tcp {
namespace {

using bbr_draft::Model;
using State = bbr_draft::State;

const Model& model(const Path& path) { return path.c.state<Model>(); }

constexpr PathOptions k_path{.rate = 1'250'000, .rtt_us = 40'000, .queue = 200'000};

}  // namespace

TEST(Bbr, goes_from_Startup_over_Drain_to_probing) {
    test::covers({"BBR:2"});
    Path path(bbr(), k_path);
    std::vector<State> states{State::Startup};
    path.run_for(4'000'000, [&](const Path& p) {
        if (model(p).state != states.back()) states.push_back(model(p).state);
    });
    ASSERT_GE(states.size(), 6u);
    // Out of Drain there is nothing to bring down: it cruises at once.
    const std::vector<State> expected{State::Startup, State::Drain, State::Cruise,
                                      State::Refill,  State::Up,    State::Down};
    EXPECT_TRUE(std::equal(expected.begin(), expected.end(), states.begin()));
}

TEST(Bbr, estimates_rate_and_round_trip_and_keeps_the_queue_short) {
    test::covers({"BBR:1", "BBR:2"});
    Path path(bbr(), k_path);
    path.run_for(3'000'000);
    double queue = 0;
    u64 count = 0;
    const u64 before = path.c.delivered;
    path.run_for(10'000'000, [&](const Path& p) {
        queue += static_cast<double>(p.queued());
        ++count;
        // Never more than the bottleneck gives, but for the rounding of an interval.
        EXPECT_LE(model(p).max_bw.most(), k_path.rate * 102 / 100);
    });
    EXPECT_GT(path.c.delivered - before, 10 * k_path.rate * 93 / 100);
    EXPECT_NEAR(static_cast<double>(model(path).min_rtt_us), 40'800, 1'000);
    EXPECT_LT(queue / static_cast<double>(count), 25'000);  // half of rate x round trip
    EXPECT_EQ(path.losses(), 0u);
}

// 5.5.5: what an application that had nothing more to send has reached is no bound of the path, but
// more than the path was known to bear counts.
TEST(Bbr, an_application_that_sends_little_says_nothing_of_the_path) {
    test::covers({"BBR:2"});
    Path path(bbr(), k_path);
    path.run_for(2'000'000);
    Model m = model(path);
    CongestionAck ack;
    const u64 known = m.max_bw.most();
    m.max_bw.turn();
    ack.rate.rate = known / 2;
    ack.rate.app_limited = true;
    update_signals(m, path.c, ack);
    EXPECT_EQ(m.max_bw.now, 0u);
    ack.rate.rate = known * 2;
    update_signals(m, path.c, ack);
    EXPECT_EQ(m.max_bw.now, known * 2);
    ack.rate.rate = 0;  // no sample
    ack.rate.app_limited = false;
    update_signals(m, path.c, ack);
    EXPECT_EQ(m.max_bw.now, known * 2);
}

// [BBR:2]: every five seconds, for 200 ms at least, half of the path's product in flight.
TEST(Bbr, looks_for_the_least_round_trip_every_five_seconds) {
    test::covers({"BBR:2"});
    Path path(bbr(), k_path);
    std::vector<u64> begins;
    u64 spent = 0, last = 0;
    u32 least = ~0u;
    bool inside = false;
    path.run_for(21'000'000, [&](const Path& p) {
        const bool now = model(p).state == State::ProbeRtt;
        if (now && !inside) begins.push_back(p.c.now_us), least = ~0u;
        if (now && inside) spent += p.c.now_us - last;
        if (now) least = std::min(least, p.c.in_flight);
        inside = now;
        last = p.c.now_us;
    });
    ASSERT_GE(begins.size(), 3u);
    for (std::size_t i = 1; i < begins.size(); ++i) {
        EXPECT_GE(begins[i] - begins[i - 1], 5'000'000u);
        EXPECT_LE(begins[i] - begins[i - 1], 6'000'000u);
    }
    EXPECT_GE(spent / begins.size(), 190'000u);
    EXPECT_LE(least, 27'000u);  // 0.5 x 50 kB, and what an ACK still lets out
}

TEST(Bbr, paces_a_hundredth_below_its_estimate) {
    test::covers({"BBR:4"});
    Path path(bbr(), k_path);
    path.run_for(5'000'000, [&](const Path& p) {
        const Model& m = model(p);
        if (m.state != State::Cruise) return;
        EXPECT_EQ(p.c.pacing_rate, m.bw * 99 / 100);
    });
    EXPECT_TRUE(model(path).full_bw_reached);
}

// [BBR:3]: below 2 % of loss it goes on as if nothing were; above, the bounds come down.
TEST(Bbr, bears_a_percent_of_loss) {
    test::covers({"BBR:3"});
    PathOptions o = k_path;
    o.rate = 12'500'000;  // 500 packets in flight, so that one loss is not already 2 %
    o.queue = 1'000'000;
    o.lose_every = 100;
    Path path(bbr(), o), other(cubic(), o);
    path.run_for(20'000'000);
    other.run_for(20'000'000);
    EXPECT_GT(path.c.delivered, 20 * o.rate * 55 / 100);
    EXPECT_GT(path.c.delivered, 10 * other.c.delivered);
}

TEST(Bbr, takes_many_losses_for_a_bound) {
    test::covers({"BBR:3"});
    PathOptions o = k_path;
    o.queue = 8'000;  // a shallow buffer
    Path path(bbr(), o);
    u64 bound = bbr_draft::k_none;
    path.run_for(10'000'000, [&](const Path& p) { bound = std::min(bound, model(p).inflight_hi); });
    EXPECT_LT(bound, 80'000u);
    EXPECT_LT(static_cast<double>(path.losses() * Path::k_mss),
              0.05 * static_cast<double>(path.c.delivered));
    EXPECT_GT(path.c.delivered, 10 * o.rate * 80 / 100);
}

// The path becomes slower, then faster: two cycles forget the old rate, probing finds the new.
TEST(Bbr, follows_a_path_that_changes) {
    test::covers({"BBR:2"});
    Path path(bbr(), k_path);
    path.run_for(5'000'000);
    path.options.rate = 625'000;
    path.run_for(12'000'000);
    EXPECT_LT(model(path).max_bw.most(), 700'000u);
    path.options.rate = 2'500'000;
    path.run_for(20'000'000);
    EXPECT_GT(model(path).max_bw.most(), 2'200'000u);
}

}  // namespace tern::tcp

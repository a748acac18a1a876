// CUBIC against the formulas of RFC 9438.
#include <gtest/gtest.h>

#include <cmath>

#include "congestion/path.hh"
#include "core/tcp/congestion/algorithms.hh"
#include "support/covers.hh"

namespace tern::tcp {
namespace {

constexpr double k_beta = 0.7;

// In congestion avoidance with `segments`, right behind a loss.
void lose_at(Path& path, u32 segments) {
    path.c.cwnd = segments * Path::k_mss;
    path.c.cwnd_limited = true;
    path.c.ssthresh = cubic().reduced(path.c, CongestionSignal::Loss);
    path.c.cwnd = path.c.ssthresh;
}

double segments(const Path& path) { return static_cast<double>(path.c.cwnd) / Path::k_mss; }

// A path that never fills, so that time alone decides.
PathOptions endless(u64 rtt_us) {
    return {.rate = 1'000'000'000, .rtt_us = rtt_us, .queue = 1 << 30};
}

}  // namespace

// After a pause of more than RTO it begins again from the initial window, and its curve from there.
TEST(Cubic, does_not_jump_after_a_long_pause) {
    test::covers({"RFC9438:5"});
    Path path(cubic(), endless(100'000));
    lose_at(path, 100);
    path.run_for(3'000'000);
    path.application_sends = false;
    path.run_for(20'000'000);
    path.application_sends = true;
    path.run_for(50'000);
    EXPECT_EQ(path.c.cwnd, path.c.initial_window);
    path.run_for(2'000'000);
    EXPECT_LT(segments(path), 100);
}

TEST(Cubic, follows_its_curve_from_a_loss_to_twice_the_way) {
    test::covers({"RFC9438:1"});
    for (const u32 w_max : {100u, 500u, 2000u}) {
        Path path(cubic(), endless(100'000));
        lose_at(path, w_max);
        const double k = std::cbrt(w_max * (1 - k_beta) / 0.4);
        const u64 begin = path.c.now_us;
        u64 epoch = 0;
        double worst = 0;
        path.run_for(static_cast<u64>(2 * k * 1e6), [&](const Path& p) {
            if (epoch == 0) epoch = p.c.now_us;
            const double t = static_cast<double>(p.c.now_us - epoch) / 1e6;
            // What cwnd shall be one round trip from now.
            const double oracle = 0.4 * std::pow(t + 0.1 - k, 3) + w_max;
            const double then = 0.4 * std::pow(t - 0.1 - k, 3) + w_max;
            if (t < 0.2) return;
            worst = std::max(worst, std::max(segments(p) - oracle, then - segments(p)));
        });
        EXPECT_LT(worst, 3 + 0.01 * w_max) << "W_max " << w_max;
        EXPECT_GT(path.c.now_us, begin);
        EXPECT_GT(segments(path), w_max);  // beyond the old maximum by now
    }
}

TEST(Cubic, never_asks_for_more_than_half_again_in_a_round_trip) {
    test::covers({"RFC9438:1"});
    Path path(cubic(), endless(2'000'000));  // so long that the cube jumps
    lose_at(path, 100);
    u32 before = path.c.cwnd;
    u64 round = path.c.now_us;
    path.run_for(40'000'000, [&](const Path& p) {
        if (p.c.now_us - round < 2'000'000) return;
        EXPECT_LE(p.c.cwnd, before + before / 2 + 2 * Path::k_mss);
        EXPECT_GE(p.c.cwnd, before);
        before = p.c.cwnd;
        round = p.c.now_us;
    });
    EXPECT_GT(path.c.cwnd, 150 * Path::k_mss);
}

// On a short round trip Reno would be faster: alpha = 0.53 a round trip until the old window,
// then 1.
TEST(Cubic, is_never_slower_than_Reno) {
    test::covers({"RFC9438:2"});
    Path path(cubic(), endless(10'000));
    lose_at(path, 20);
    const double alpha = 3 * (1 - k_beta) / (1 + k_beta);
    path.run_for(10'000);
    const double start = segments(path);
    path.run_for(100'000);
    EXPECT_NEAR(segments(path) - start, 10 * alpha, 1.6);
    for (int round = 0; round < 30 && segments(path) < 21; ++round) path.run_for(10'000);
    const double at = segments(path);
    path.run_for(100'000);
    EXPECT_NEAR(segments(path) - at, 10, 1.6);
}

TEST(Cubic, leaves_seven_tenths_and_makes_room_when_it_has_not_come_back) {
    test::covers({"RFC9438:3"});
    Path path(cubic(), endless(400'000));  // so long that Reno is slower
    lose_at(path, 100);
    EXPECT_EQ(path.c.cwnd, 70u * Path::k_mss);
    // Lost again at 70: W_max is not 70 but 59.5, so the plateau comes earlier.
    lose_at(path, 70);
    EXPECT_EQ(path.c.cwnd, 49u * Path::k_mss);
    const double k = std::cbrt((70 * (1 + k_beta) / 2 - 49) / 0.4);
    path.run_for(static_cast<u64>(k * 1e6) + 400'000);
    EXPECT_NEAR(segments(path), 59.5, 1.5);
}

TEST(Cubic, begins_flat_behind_a_timeout) {
    test::covers({"RFC9438:4"});
    Path path(cubic(), endless(100'000));
    path.c.cwnd = 100 * Path::k_mss;
    path.c.cwnd_limited = true;
    path.c.ssthresh = cubic().reduced(path.c, CongestionSignal::Timeout);
    EXPECT_EQ(path.c.ssthresh, 70u * Path::k_mss);
    path.c.cwnd = Path::k_mss;
    path.run_for(1'000'000);  // slow start up to ssthresh, in seven round trips
    EXPECT_NEAR(segments(path), 70, 2);
    // K = 0, W_max = 70: a second later the cube has 0.4 segments, Reno 1 each 2 round trips.
    path.run_for(1'000'000);
    EXPECT_LT(segments(path), 78);
    EXPECT_GT(segments(path), 72);
}

TEST(Cubic, does_not_count_the_time_in_which_the_application_was_silent) {
    test::covers({"RFC9438:5", "RFC7661:1"});
    Path busy(cubic(), endless(100'000)), paused(cubic(), endless(100'000));
    for (Path* path : {&busy, &paused}) {
        lose_at(*path, 100);
        path->run_for(3'000'000);
    }
    for (int pause = 0; pause < 20; ++pause) {
        paused.application_sends = false;
        paused.run_for(300'000);  // the first 100 ms of which bring ACKs
        paused.application_sends = true;
        paused.run_for(300'000);
    }
    busy.run_for(20 * 400'000);
    EXPECT_NEAR(segments(paused), segments(busy), segments(busy) / 10);
}

TEST(Cubic, goes_back_to_its_curve_when_the_loss_was_none) {
    test::covers({"RFC9438:6"});
    Path path(cubic(), endless(100'000)), twin(cubic(), endless(100'000));
    for (Path* p : {&path, &twin}) {
        lose_at(*p, 100);
        p->run_for(2'000'000);
    }
    const u32 cwnd = path.c.cwnd, ssthresh = path.c.ssthresh;
    path.c.ssthresh = cubic().reduced(path.c, CongestionSignal::Loss);
    path.c.cwnd = cwnd;  // as the stack gives it back
    path.c.ssthresh = ssthresh;
    cubic().undone(path.c);
    path.run_for(3'000'000);
    twin.run_for(3'000'000);
    EXPECT_NEAR(segments(path), segments(twin), 1);
}

// RFC 9406 4.3: only a loss ends the first slow start for good.
TEST(Cubic, still_ends_slow_start_by_delay_when_its_first_loss_was_none) {
    test::covers({"RFC9438:6", "RFC9406:2"});
    Path path(cubic(), {.rate = 12'500'000, .rtt_us = 40'000, .queue = 4'000'000});
    path.run_for(100'000);
    (void)cubic().reduced(path.c, CongestionSignal::Loss);
    cubic().undone(path.c);
    path.run_for(2'000'000);
    EXPECT_FALSE(path.c.in_slow_start());
    EXPECT_EQ(path.losses(), 0u);
}

TEST(Cubic, fills_a_bottleneck_and_shares_its_losses) {
    Path path(cubic(), {.rate = 1'250'000, .rtt_us = 50'000, .queue = 60'000});
    path.run_for(10'000'000);
    const u64 before = path.c.delivered;
    path.run_for(20'000'000);
    EXPECT_GT(path.c.delivered - before, 20u * 1'250'000 * 97 / 100);
    EXPECT_GT(path.losses(), 0u);
}

}  // namespace tern::tcp

#include <gtest/gtest.h>

#include "congestion/path.hh"
#include "core/tcp/congestion/algorithms.hh"
#include "support/covers.hh"

namespace tern::tcp {

TEST(Reno, doubles_then_adds_a_segment_for_each_round_trip) {
    Path path(reno(), {.rate = 1'000'000'000, .rtt_us = 100'000, .queue = 1 << 30});
    path.c.ssthresh = 80 * Path::k_mss;
    path.run_for(450'000);
    const u32 begin = path.c.cwnd / Path::k_mss;
    EXPECT_NEAR(begin, 80, 2);
    path.run_for(1'000'000);
    EXPECT_NEAR(path.c.cwnd / Path::k_mss - begin, 10, 1);
}

TEST(Reno, halves_what_is_in_flight) {
    Path path(reno(), {.rate = 1'250'000, .rtt_us = 50'000, .queue = 60'000});
    path.run_for(30'000'000);
    EXPECT_GT(path.losses(), 0u);
    const u32 flight = path.c.flight_size;
    EXPECT_EQ(reno().reduced(path.c, CongestionSignal::Loss), std::min(flight, path.c.cwnd) / 2);
}

// RFC 7661 4.4.1: what was not used says nothing about the network.
TEST(Reno, does_not_grow_a_window_that_nobody_fills) {
    test::covers({"RFC7661:1"});
    Path path(reno(), {.rate = 1'000'000'000, .rtt_us = 100'000, .queue = 1 << 30});
    path.c.ssthresh = 20 * Path::k_mss;
    path.run_for(1'000'000);
    const u32 before = path.c.cwnd;
    for (int burst = 0; burst < 20; ++burst) {
        path.application_sends = true;
        path.run_for(1'000);  // a part of the window, spread by pacing
        path.application_sends = false;
        path.run_for(200'000);
    }
    EXPECT_LE(path.c.cwnd, before + Path::k_mss);
}

}  // namespace tern::tcp

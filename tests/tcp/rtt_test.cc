#include "core/tcp/recovery/rtt.hh"

#include <gtest/gtest.h>

#include "support/covers.hh"

namespace tern::tcp {
namespace {

constexpr Rtt::Bounds k_bounds{.lowest = 10, .highest = 600'000, .tick_us = 100};

TEST(Rtt, TheFirstSampleIsTheEstimate) {
    Rtt rtt;
    rtt.begin(10'000);
    EXPECT_EQ(rtt.rto(), 10'000u);
    EXPECT_EQ(rtt.srtt_us(), 0u);
    rtt.sample(80'000, k_bounds);
    EXPECT_EQ(rtt.srtt_us(), 80'000u);
    EXPECT_EQ(rtt.rttvar_us(), 40'000u);
    EXPECT_EQ(rtt.rto(), (80'000u + 4 * 40'000u) / 100);
}

// RFC 6298 2.3: "the following MUST be done in this order: RTTVAR, then SRTT".
TEST(Rtt, TheDeviationIsTakenFromTheOldEstimate) {
    test::covers({"RFC6298:1"});
    Rtt rtt;
    rtt.sample(100'000, k_bounds);
    rtt.sample(180'000, k_bounds);
    EXPECT_EQ(rtt.rttvar_us(), 50'000u - 12'500u + 80'000u / 4);
    EXPECT_EQ(rtt.srtt_us(), 100'000u - 12'500u + 22'500u);
    rtt.sample(30'000, k_bounds);  // below the estimate: the deviation is a distance
    EXPECT_EQ(rtt.rttvar_us(), 57'500u - 57'500u / 4 + 80'000u / 4);
}

TEST(Rtt, StaysInItsBounds) {
    Rtt rtt;
    rtt.sample(1, k_bounds);
    EXPECT_EQ(rtt.rto(), k_bounds.lowest);
    rtt.sample(4'000'000'000u, k_bounds);
    EXPECT_EQ(rtt.rto(), k_bounds.highest);
    // RFC 6298 2.3: the clock's granularity is the least margin.
    Rtt steady;
    for (int n = 0; n < 200; ++n) steady.sample(50'050, k_bounds);
    EXPECT_EQ(steady.rto(), 502u) << "50.05 ms and a tick, rounded up";
}

// RFC 6298 5.5 and the end of section 5: doubled, and kept until a round trip was measured.
TEST(Rtt, BacksOffUntilASample) {
    test::covers({"RFC6298:4"});
    Rtt rtt;
    rtt.begin(10'000);
    rtt.back_off(600'000);
    rtt.back_off(600'000);
    EXPECT_EQ(rtt.rto(), 40'000u);
    for (int n = 0; n < 40; ++n) rtt.back_off(600'000);
    EXPECT_EQ(rtt.rto(), 600'000u);
    rtt.sample(20'000, k_bounds);
    EXPECT_EQ(rtt.rto(), 600u);
}

// RFC 6298 5.7: three seconds behind a SYN that was lost.
TEST(Rtt, RestartsBehindALostSyn) {
    test::covers({"RFC6298:5"});
    Rtt unmeasured;
    unmeasured.begin(10'000);
    for (int n = 0; n < 5; ++n) unmeasured.back_off(600'000);
    unmeasured.restart_at_least(10'000, 30'000);
    EXPECT_EQ(unmeasured.rto(), 30'000u);
    Rtt slow;
    slow.sample(4'000'000, k_bounds);
    slow.restart_at_least(10'000, 30'000);
    EXPECT_EQ(slow.rto(), 120'000u);
}

}  // namespace
}  // namespace tern::tcp

#include "core/tcp/congestion/window.hh"

#include <gtest/gtest.h>

#include "support/covers.hh"

namespace tern::tcp {
namespace {

constexpr u32 k_mss = 1000;

CongestionWindow window(u32 cwnd, u32 ssthresh) {
    CongestionWindow w;
    w.decide(cwnd, ssthresh, k_mss);
    return w;
}

// RFC 6928 2.
TEST(CongestionWindow, TheInitialWindow) {
    EXPECT_EQ(initial_window(1460, 10), 14'600u);
    EXPECT_EQ(initial_window(9000, 10), 18'000u);
    EXPECT_EQ(initial_window(500, 10), 5'000u);
    EXPECT_EQ(initial_window(1460, 1), 1'460u);
}

TEST(CongestionWindow, BeginsInSlowStart) {
    CongestionWindow w;
    w.begin(10 * k_mss);
    EXPECT_EQ(w.cwnd(), 10'000u);
    EXPECT_TRUE(w.in_slow_start());
}

TEST(CongestionWindow, TheAlgorithmsAnswerIsBounded) {
    EXPECT_EQ(window(1, 1).cwnd(), k_mss);
    EXPECT_EQ(window(1, 1).ssthresh(), 2 * k_mss);
    EXPECT_EQ(window(0xffffffff, 1).cwnd(), CongestionWindow::k_widest);
}

TEST(CongestionWindow, IsReducedToWholeSegments) {
    CongestionWindow w = window(10'000, 20'000);
    w.reduce(7'999, k_mss);
    EXPECT_EQ(w.ssthresh(), 7'000u);
    EXPECT_EQ(w.cwnd(), 10'000u);
    w.limit_to_ssthresh();
    EXPECT_EQ(w.cwnd(), 7'000u);
    w.reduce(1'500, k_mss);
    EXPECT_EQ(w.ssthresh(), 2'000u);
}

// RFC 3465 2.2: by bytes, at most two segments an ACK; one behind a timeout.
TEST(CongestionWindow, SlowStartCountsBytes) {
    test::covers({"RFC5681:3"});
    CongestionWindow w = window(10'000, 100'000);
    EXPECT_TRUE(w.grow(500, 10'000, k_mss, false));
    EXPECT_EQ(w.cwnd(), 10'500u);
    EXPECT_TRUE(w.grow(5'000, 10'500, k_mss, false));
    EXPECT_EQ(w.cwnd(), 12'500u);
    EXPECT_TRUE(w.grow(5'000, 12'500, k_mss, true));
    EXPECT_EQ(w.cwnd(), 13'500u);
}

TEST(CongestionWindow, AvoidanceAddsASegmentForEachWindow) {
    CongestionWindow w = window(10'000, 5'000);
    for (int n = 0; n < 9; ++n) EXPECT_FALSE(w.grow(k_mss, 10'000, k_mss, false));
    EXPECT_TRUE(w.grow(k_mss, 10'000, k_mss, false));
    EXPECT_EQ(w.cwnd(), 11'000u);
}

// RFC 7661: a window that the application did not fill says nothing about the network.
TEST(CongestionWindow, DoesNotGrowUnused) {
    CongestionWindow slow = window(10'000, 100'000);
    EXPECT_FALSE(slow.grow(1'000, 4'999, k_mss, false));
    EXPECT_TRUE(slow.grow(1'000, 5'000, k_mss, false));
    CongestionWindow steady = window(10'000, 5'000);
    EXPECT_FALSE(steady.grow(10'000, 8'999, k_mss, false));
    EXPECT_TRUE(steady.grow(10'000, 9'000, k_mss, false));
}

// RFC 5681 3.2 and RFC 6582 3.2.
TEST(CongestionWindow, FastRecovery) {
    test::covers({"RFC5681:6"});
    CongestionWindow w = window(10'000, 100'000);
    w.halve(9'000, k_mss);
    w.begin_fast_recovery(k_mss);
    EXPECT_EQ(w.ssthresh(), 4'500u);
    EXPECT_EQ(w.cwnd(), 7'500u);
    w.inflate(k_mss);
    EXPECT_EQ(w.cwnd(), 8'500u);
    w.deflate(3'000, k_mss);  // a partial ACK
    EXPECT_EQ(w.cwnd(), 6'500u);
    w.deflate(999, k_mss);  // of less than a segment: nothing is given back
    EXPECT_EQ(w.cwnd(), 5'501u);
    w.deflate(50'000, k_mss);
    EXPECT_EQ(w.cwnd(), k_mss);
    w.end_fast_recovery(2'000, k_mss);
    EXPECT_EQ(w.cwnd(), 3'000u);
    w.end_fast_recovery(0, k_mss);
    EXPECT_EQ(w.cwnd(), 2'000u) << "at least a segment may follow the one that is left";
    w.end_fast_recovery(50'000, k_mss);
    EXPECT_EQ(w.cwnd(), 4'500u);
}

TEST(CongestionWindow, HalvesToTwoSegmentsAtLeast) {
    CongestionWindow w = window(3'000, 100'000);
    w.halve_for_mark(k_mss);
    EXPECT_EQ(w.ssthresh(), 2'000u);
}

TEST(CongestionWindow, UndoNeverTakesAway) {
    CongestionWindow w = window(10'000, 5'000);
    w.undo(8'000, 20'000);
    EXPECT_EQ(w.cwnd(), 10'000u);
    EXPECT_EQ(w.ssthresh(), 20'000u);
    w.undo(12'000, 1'000);
    EXPECT_EQ(w.cwnd(), 12'000u);
    EXPECT_EQ(w.ssthresh(), 20'000u);
}

TEST(CongestionWindow, TheLossWindowIsASegmentAndItsCreditIsGone) {
    CongestionWindow w = window(10'000, 5'000);
    (void)w.grow(9'000, 10'000, k_mss, false);
    w.collapse(k_mss);
    EXPECT_EQ(w.cwnd(), k_mss);
    w.decide(10'000, 5'000, k_mss);
    EXPECT_FALSE(w.grow(1'000, 10'000, k_mss, false)) << "the 9,000 bytes of before do not count";
}

TEST(CongestionWindow, RestartsWithNoMoreThanItHad) {
    CongestionWindow w = window(30'000, 50'000);
    w.restart(10'000);
    EXPECT_EQ(w.cwnd(), 10'000u);
    w.recover(4'000);
    w.restart(10'000);
    EXPECT_EQ(w.cwnd(), 4'000u);
    w.hold_a_segment(5'000);
    EXPECT_EQ(w.cwnd(), 5'000u);
    w.end_recovery(k_mss);
    EXPECT_EQ(w.cwnd(), 50'000u);
}

}  // namespace
}  // namespace tern::tcp

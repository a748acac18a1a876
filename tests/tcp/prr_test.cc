#include "core/tcp/recovery/prr.hh"

#include <gtest/gtest.h>

#include "support/covers.hh"

namespace tern::tcp {
namespace {

constexpr u32 k_mss = 1000;

Prr::Ack ack(u32 delivered, u32 pipe, u32 ssthresh, bool safe = false) {
    return {.delivered = delivered, .pipe = pipe, .ssthresh = ssthresh, .mss = k_mss, .safe = safe};
}

// RFC 9937 6.2: above ssthresh a share of what is delivered leaves: ssthresh / RecoverFS.
TEST(Prr, SendsAShareOfWhatIsDelivered) {
    test::covers({"RFC9937:1"});
    Prr prr;
    prr.begin(20'000);
    // The retransmission that recovery begins with waits for nothing.
    EXPECT_EQ(prr.acknowledged(ack(1'000, 18'000, 10'000)), 19'000u);
    prr.sent(1'000);
    // Two segments delivered: one may have left, and it has.
    EXPECT_EQ(prr.acknowledged(ack(1'000, 17'000, 10'000)), 17'000u);
    EXPECT_EQ(prr.acknowledged(ack(2'000, 15'000, 10'000)), 16'000u);
    prr.sent(1'000);
    EXPECT_EQ(prr.acknowledged(ack(1'000, 14'000, 10'000)), 14'500u);
}

// RFC 9937 6.2: the share is rounded up.
TEST(Prr, RoundsTheShareUp) {
    Prr prr;
    prr.begin(30'001);
    prr.sent(1);
    EXPECT_EQ(prr.acknowledged(ack(1'000, 29'000, 10'000)), 29'000u + 334u - 1u);
}

// RFC 9937 6.2: below ssthresh what is delivered comes back, and a segment more if the ACK is safe,
// but never above ssthresh.
TEST(Prr, RebuildsTheFlightBelowSsthresh) {
    test::covers({"RFC9937:2"});
    Prr prr;
    prr.begin(20'000);
    prr.sent(5'000);
    EXPECT_EQ(prr.acknowledged(ack(1'000, 4'000, 10'000)), 5'000u);
    EXPECT_EQ(prr.acknowledged(ack(1'000, 4'000, 10'000, true)), 6'000u);
    EXPECT_EQ(prr.acknowledged(ack(3'000, 9'500, 10'000, true)), 10'000u);
}

// RFC 9937 6.2: "pipe > ssthresh" asks for the share; at ssthresh nothing is missing.
TEST(Prr, AtSsthreshNothingMoreLeaves) {
    Prr prr;
    prr.begin(20'000);
    prr.sent(1'000);
    EXPECT_EQ(prr.acknowledged(ack(9'000, 10'000, 10'000, true)), 10'000u);
}

// RFC 9937 6.2: what was delivered and not yet spent is not lost.
TEST(Prr, PaysOutWhatWasSaved) {
    test::covers({"RFC9937:3"});
    Prr prr;
    prr.begin(20'000);
    prr.sent(1'000);
    EXPECT_EQ(prr.acknowledged(ack(6'000, 12'000, 10'000)), 14'000u);  // nothing leaves
    EXPECT_EQ(prr.acknowledged(ack(1'000, 3'000, 10'000)), 9'000u);    // 7,000 less 1,000
}

TEST(Prr, AnAckThatDeliversNothingChangesNothing) {
    Prr prr;
    prr.begin(10'000);
    EXPECT_EQ(prr.acknowledged(ack(0, 9'000, 5'000)), 10'000u);  // recovery begins with something
    prr.sent(1'000);
    EXPECT_TRUE(prr.any_sent());
    EXPECT_EQ(prr.acknowledged(ack(0, 9'000, 5'000)), std::nullopt);
}

TEST(Prr, IsNeverBelowASegment) {
    Prr prr;
    prr.begin(2'000);
    prr.sent(1'000);
    EXPECT_EQ(prr.acknowledged(ack(100, 0, 0)), k_mss);
}

TEST(Prr, ANewRecoveryForgetsTheLast) {
    Prr prr;
    prr.begin(10'000);
    prr.sent(9'000);
    prr.begin(10'000);
    EXPECT_FALSE(prr.any_sent());
    prr.sent(1'000);
    EXPECT_EQ(prr.acknowledged(ack(4'000, 6'000, 5'000)), 7'000u);
}

}  // namespace
}  // namespace tern::tcp

#include "core/tcp/recovery/tail_probe.hh"

#include <gtest/gtest.h>

#include "support/covers.hh"

namespace tern::tcp {
namespace {

constexpr Rtt::Bounds k_bounds{.lowest = 1, .highest = 600'000, .tick_us = 100};

Rtt steady(u32 rtt_us) {
    Rtt rtt;
    for (int n = 0; n < 100; ++n) rtt.sample(rtt_us, k_bounds);
    return rtt;
}

AckInHand upto(u32 una) { return {.una = Seq{una}, .max = Seq{9'000}, .recover = {}}; }
AckSample sample(u32 delivered, bool advanced) {
    AckSample a;
    a.delivered = delivered;
    a.advanced = advanced;
    return a;
}

// RFC 8985 7.2: PTO is 2 * SRTT, and longer by the peer's delayed ACK for a lone segment.
TEST(TailProbe, WaitsTwoRoundTrips) {
    test::covers({"RFC8985:3"});
    EXPECT_EQ(TailProbe::wait_us(steady(50'000), false), 100'000u);
    EXPECT_EQ(TailProbe::wait_us(steady(50'000), true), 300'000u);
    EXPECT_EQ(TailProbe::wait_us(steady(100), false), 10'000u);
}

TEST(TailProbe, WaitsAsLongAsRtoWhileTheRoundTripIsUncertain) {
    Rtt first;
    first.sample(50'000, k_bounds);
    EXPECT_EQ(TailProbe::wait_us(first, false), 100'000u);  // as the first sample puts it
    first.sample(200'000, k_bounds);                        // the path has become longer
    EXPECT_EQ(TailProbe::wait_us(first, false), first.srtt_us() + 4 * first.rttvar_us());
    EXPECT_GT(TailProbe::wait_us(first, false), 2 * first.srtt_us());
}

TEST(TailProbe, IsDueUntilItHasLeft) {
    TailProbe p;
    EXPECT_TRUE(p.none_under_way());
    p.fire();
    EXPECT_TRUE(p.due());
    EXPECT_FALSE(p.none_under_way());
    p.left(Seq{9'000}, true);
    EXPECT_FALSE(p.due());
    EXPECT_FALSE(p.none_under_way());
    p.forget();
    EXPECT_TRUE(p.none_under_way());
}

TEST(TailProbe, AnAnswerThatComesFirstMakesItNeedless) {
    TailProbe p;
    p.fire();
    EXPECT_FALSE(p.repaired_loss(upto(5'000), sample(0, false)));
    EXPECT_TRUE(p.due()) << "an ACK that delivers nothing is no answer";
    EXPECT_FALSE(p.repaired_loss(upto(6'000), sample(1'000, true)));
    EXPECT_FALSE(p.due());
}

// RFC 8985 7.4.2: the retransmission is acknowledged, and nothing says that the original was there
// too: the probe has repaired a loss.
TEST(TailProbe, ARetransmissionThatIsAcknowledgedAloneHasRepairedALoss) {
    test::covers({"RFC8985:4"});
    TailProbe p;
    p.fire();
    p.left(Seq{9'000}, true);
    EXPECT_FALSE(p.repaired_loss(upto(8'000), sample(1'000, true))) << "not acknowledged yet";
    EXPECT_FALSE(p.none_under_way());
    EXPECT_FALSE(p.repaired_loss(upto(9'000), sample(1'000, true))) << "which one was it?";
    EXPECT_TRUE(p.repaired_loss(upto(9'001), sample(1, true)));
    EXPECT_TRUE(p.none_under_way());
}

TEST(TailProbe, TwoAnswersMeanThatBothHaveArrived) {
    TailProbe duplicate;
    duplicate.left(Seq{9'000}, true);
    EXPECT_FALSE(duplicate.repaired_loss(upto(9'000), sample(0, false)));
    EXPECT_TRUE(duplicate.none_under_way());

    TailProbe dsack;
    dsack.left(Seq{9'000}, true);
    AckSample a = sample(1'000, true);
    a.dsack_pieces = 1;
    a.dsack_end = Seq{9'000};
    EXPECT_FALSE(dsack.repaired_loss(upto(9'500), a));
    EXPECT_TRUE(dsack.none_under_way());

    TailProbe other;  // a D-SACK of something else says nothing of the probe
    other.left(Seq{9'000}, true);
    a.dsack_end = Seq{8'000};
    EXPECT_TRUE(other.repaired_loss(upto(9'500), a));
}

TEST(TailProbe, NewDataRepairsNothing) {
    TailProbe p;
    p.left(Seq{9'000}, false);
    EXPECT_FALSE(p.repaired_loss(upto(9'500), sample(1'500, true)));
    EXPECT_TRUE(p.none_under_way());
}

TEST(TailProbe, OnceAnInstantIsEnoughUnlessItWasAlone) {
    TailProbe p;
    p.arm(5'000, false);
    EXPECT_TRUE(p.is_settled(5'000));
    EXPECT_FALSE(p.is_settled(5'001));
    p.arm(6'000, true);
    EXPECT_FALSE(p.is_settled(6'000)) << "the second segment does not wait for a delayed ACK";
}

}  // namespace
}  // namespace tern::tcp

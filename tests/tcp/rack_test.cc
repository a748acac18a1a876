#include "core/tcp/recovery/rack.hh"

#include <gtest/gtest.h>

#include "support/covers.hh"

namespace tern::tcp {
namespace {

constexpr u32 k_rtt = 100'000;

struct RackTest : testing::Test {
    Rack rack;
    AckSample a;
    Sent record;

    RackTest() { rack.begin(Seq{0}); }
    // The piece that ends there left at `at_us` and is acknowledged at `now_us`.
    void arrives(u32 end, u32 at_us, u32 now_us, bool again = false) {
        record.at_us = at_us;
        rack.delivered({&record, Seq{end}, at_us, again}, ack(now_us), a);
    }
    static AckInHand ack(u32 now_us) {
        return {.una = Seq{0}, .max = Seq{100'000}, .recover = Seq{0}, .now_us = now_us};
    }
    static Rack::Query query(u32 now_us) {
        return {.now_us = now_us, .srtt_us = k_rtt, .sacked_pieces = 0, .recovering = false};
    }
};

// RFC 8985 6.2 step 5: lost is what was sent before what has arrived, RTT and the reordering window
// ago; that window is a quarter of the least round trip.
TEST_F(RackTest, WhatWasSentBeforeIsLostAfterAQuarterOfARoundTrip) {
    test::covers({"RFC8985:1"});
    arrives(2'000, 1'000, 1'000 + k_rtt);
    const u32 due = 500 + k_rtt + k_rtt / 4;
    EXPECT_EQ(rack.patience(500, Seq{1'000}, query(due - 1)), 1u);
    EXPECT_EQ(rack.patience(500, Seq{1'000}, query(due)), 0u);
    EXPECT_EQ(rack.patience(1'000, Seq{3'000}, query(due)), std::nullopt) << "it was sent later";
    EXPECT_EQ(rack.patience(1'001, Seq{1'000}, query(due)), std::nullopt);
}

// RFC 8985 5.1: of two that left in one instant the one with the higher end is later.
TEST_F(RackTest, InOneInstantTheEndDecides) {
    arrives(2'000, 1'000, 1'000 + k_rtt);
    EXPECT_TRUE(rack.patience(1'000, Seq{1'000}, query(1'000 + k_rtt)));
    EXPECT_FALSE(rack.patience(1'000, Seq{2'000}, query(1'000 + k_rtt)));
}

// RFC 8985 6.2 step 4: without reordering three SACKed pieces, or recovery, make it impatient.
TEST_F(RackTest, IsImpatientWhereNothingWasEverReordered) {
    test::covers({"RFC8985:2"});
    arrives(2'000, 1'000, 1'000 + k_rtt);
    Rack::Query q = query(500 + k_rtt);
    EXPECT_NE(rack.patience(500, Seq{1'000}, q), 0u);
    q.sacked_pieces = 3;
    EXPECT_EQ(rack.patience(500, Seq{1'000}, q), 0u);
    q.sacked_pieces = 2;
    q.recovering = true;
    EXPECT_EQ(rack.patience(500, Seq{1'000}, q), 0u);
    rack.saw_reordering();
    EXPECT_EQ(rack.patience(500, Seq{1'000}, q), k_rtt / 4);
}

// RFC 8985 6.2 step 3.
TEST_F(RackTest, AnOriginalBehindALaterOneIsReordering) {
    arrives(3'000, 1'000, 1'000 + k_rtt);
    EXPECT_FALSE(rack.reordering_seen());
    arrives(2'000, 900, 1'100 + k_rtt, true);
    EXPECT_FALSE(rack.reordering_seen()) << "it was sent again";
    arrives(1'000, 800, 1'100 + k_rtt);
    EXPECT_TRUE(rack.reordering_seen());
}

// RFC 8985 6.2 step 2: an acknowledgement that is too early for the retransmission is the
// original's.
TEST_F(RackTest, ARetransmissionThatIsAnsweredTooEarlyTellsNothing) {
    arrives(1'000, 1'000, 1'000 + k_rtt);
    arrives(5'000, 200'000, 200'000 + k_rtt / 2, true);
    EXPECT_EQ(rack.patience(150'000, Seq{4'000}, query(10'000'000)), std::nullopt);
    arrives(5'000, 200'000, 200'000 + k_rtt, true);
    EXPECT_EQ(rack.patience(150'000, Seq{4'000}, query(10'000'000)), 0u);
    EXPECT_TRUE(a.resent);
}

TEST_F(RackTest, AnEchoFromBeforeTheRetransmissionIsTheOriginals) {
    record.at_us = 200'000;
    AckInHand late = ack(200'000 + 2 * k_rtt);
    late.una = Seq{5'000};
    late.has_echo = true;
    late.ts_now = 1'000;
    late.ts_ecr = 1'000 - 2 * k_rtt / 1000 - 1;
    rack.delivered({&record, Seq{5'000}, 200'000, true}, late, a);
    EXPECT_FALSE(rack.any());
    ++late.ts_ecr;
    rack.delivered({&record, Seq{5'000}, 200'000, true}, late, a);
    EXPECT_TRUE(rack.any());
}

TEST_F(RackTest, TheLeastRoundTripIsOfOriginals) {
    arrives(1'000, 1'000, 1'000 + k_rtt);
    arrives(2'000, 200'000, 200'000 + k_rtt - 10);
    EXPECT_EQ(rack.min_rtt_us(), k_rtt - 10);
    EXPECT_EQ(a.rtt_us, k_rtt - 10);
    arrives(3'000, 400'000, 400'000 + 2 * k_rtt);
    EXPECT_EQ(rack.min_rtt_us(), k_rtt - 10);
    arrives(4'000, 700'000, 700'000 + k_rtt - 20, true);
    EXPECT_EQ(rack.min_rtt_us(), k_rtt - 10);
}

TEST_F(RackTest, AnOriginalFromBeforeTheTimeoutIsNoted) {
    record.at_us = 1'000;
    AckInHand now = ack(1'000 + k_rtt);
    now.recover = Seq{2'000};
    rack.delivered({&record, Seq{2'001}, 1'000, false}, now, a);
    EXPECT_FALSE(a.original);
    rack.delivered({&record, Seq{2'000}, 1'000, true}, now, a);
    EXPECT_FALSE(a.original);
    rack.delivered({&record, Seq{2'000}, 1'000, false}, now, a);
    EXPECT_TRUE(a.original);
}

// RFC 8985 6.2 step 4: each round with a D-SACK makes it a quarter of the least round trip more
// patient, for sixteen recoveries.
TEST_F(RackTest, DsackMakesItPatientForSixteenRecoveries) {
    rack.saw_reordering();
    arrives(2'000, 1'000, 1'000 + k_rtt);
    const auto window = [&](u32 srtt_us) {
        Rack::Query q = query(500 + k_rtt);
        q.srtt_us = srtt_us;
        return *rack.patience(500, Seq{1'000}, q);
    };
    AckSample dsack;
    dsack.dsack_pieces = 1;
    EXPECT_EQ(window(10 * k_rtt), k_rtt / 4);
    rack.learn_dsack(dsack, Seq{1'000}, Seq{9'000});
    EXPECT_EQ(window(10 * k_rtt), k_rtt / 2);
    rack.learn_dsack(dsack, Seq{8'999}, Seq{9'500});
    EXPECT_EQ(window(10 * k_rtt), k_rtt / 2) << "once in a round";
    rack.learn_dsack(dsack, Seq{9'000}, Seq{20'000});
    EXPECT_EQ(window(10 * k_rtt), k_rtt / 4 * 3);
    EXPECT_EQ(window(k_rtt / 2), k_rtt / 2) << "SRTT bounds it";
    for (int n = 0; n < 15; ++n) rack.recovery_ended();
    EXPECT_EQ(window(10 * k_rtt), k_rtt / 4 * 3);
    rack.recovery_ended();
    EXPECT_EQ(window(10 * k_rtt), k_rtt / 4);
}

TEST_F(RackTest, TheNewestOriginalGivesTheRateSample) {
    record.delivered = 7;
    arrives(1'000, 5'000, 5'000 + k_rtt);
    record.delivered = 6;
    arrives(900, 4'000, 5'000 + k_rtt);
    EXPECT_EQ(a.newest.delivered, 7u);
    record.delivered = 8;
    arrives(2'000, 5'000, 5'000 + k_rtt);
    EXPECT_EQ(a.newest.delivered, 8u);
}

}  // namespace
}  // namespace tern::tcp

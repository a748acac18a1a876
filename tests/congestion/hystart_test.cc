// HyStart++ against RFC 9406 4.
#include "core/tcp/congestion/hystart.hh"

#include <gtest/gtest.h>

#include "support/covers.hh"

namespace tern::tcp {
namespace {

constexpr u32 k_mss = 1000;

// Slow start by rounds: each acknowledges what was outstanding, piece by piece, with one delay.
struct Rounds {
    Congestion c{};
    HyStart hystart;
    bool ended = false;

    explicit Rounds(bool paced = true) {
        c.cwnd = 10 * k_mss;
        c.ssthresh = ~0u;
        c.mss = k_mss;
        c.paced = paced;
        c.snd_nxt = c.cwnd;
    }
    // cwnd after the round by cwnd before it; less than 8 samples see nothing [N_RTT_SAMPLE].
    double round(u32 rtt_us, u32 samples = 8, u32 at_once = k_mss) {
        const u32 before = c.cwnd;
        const u32 end = c.snd_nxt;
        for (u32 n = 0; c.snd_una != end; ++n) {
            CongestionAck ack;
            ack.acked = ack.delivered = std::min(at_once, end - c.snd_una);
            ack.rtt_us = n < samples ? rtt_us : 0;
            c.snd_una += ack.acked;
            if (!ended) c.cwnd += hystart.growth(c, ack, ended);
            c.snd_nxt = c.snd_una + c.cwnd;
        }
        return static_cast<double>(c.cwnd) / before;
    }
};

}  // namespace

TEST(HyStart, doubles_while_the_round_trip_stays) {
    test::covers({"RFC9406:1"});
    Rounds r;
    for (int n = 0; n < 6; ++n) EXPECT_DOUBLE_EQ(r.round(40'000), 2);
    EXPECT_FALSE(r.ended);
}

TEST(HyStart, grows_by_a_quarter_once_the_delay_has_risen_and_ends_after_five_rounds) {
    test::covers({"RFC9406:1", "RFC9406:2"});
    Rounds r;
    r.round(40'000);
    r.round(40'000);
    const double turning = r.round(45'000);  // an eighth more: from the eighth sample on
    EXPECT_LT(turning, 2);
    for (int n = 0; n < 3; ++n) EXPECT_NEAR(r.round(45'000), 1.25, 0.01);
    EXPECT_FALSE(r.ended);
    r.round(45'000);
    EXPECT_TRUE(r.ended);
}

TEST(HyStart, resumes_when_it_was_jitter) {
    test::covers({"RFC9406:2"});
    Rounds r;
    r.round(40'000);
    r.round(40'000);
    r.round(46'000);
    EXPECT_NEAR(r.round(46'000), 1.25, 0.01);
    EXPECT_GT(r.round(41'000), 1.8);  // below the baseline: not congestion
    EXPECT_DOUBLE_EQ(r.round(41'000), 2);
    EXPECT_FALSE(r.ended);
}

// The threshold is an eighth of the round trip, at least 4 ms and at most 16 ms.
TEST(HyStart, has_a_threshold_between_4_and_16_ms) {
    test::covers({"RFC9406:1"});
    struct Case {
        u32 rtt, below, above;
    };
    for (const Case& k :
         {Case{8'000, 3'900, 4'000}, Case{80'000, 9'900, 10'000}, Case{400'000, 15'900, 16'000}}) {
        Rounds quiet, loud;
        for (Rounds* r : {&quiet, &loud}) {
            r->round(k.rtt);
            r->round(k.rtt);
        }
        EXPECT_DOUBLE_EQ(quiet.round(k.rtt + k.below), 2) << k.rtt;
        EXPECT_LT(loud.round(k.rtt + k.above), 2) << k.rtt;
    }
}

// 4.3: "An implementation SHOULD use HyStart++ only for the initial slow start".
TEST(HyStart, looks_at_the_first_slow_start_alone) {
    test::covers({"RFC9406:1"});
    Rounds r;
    r.round(50'000);
    r.hystart.finish();
    for (const u32 rtt : {50'000u, 70'000u, 100'000u, 150'000u, 200'000u, 300'000u})
        EXPECT_NEAR(r.round(rtt), 2.0, 0.01) << rtt;
    EXPECT_FALSE(r.ended);
    r.hystart.undo();  // what ended it was no loss: it looks again
    r.round(100'000);
    r.round(200'000);
    EXPECT_LT(r.round(200'000), 1.5);
}

TEST(HyStart, wants_eight_samples_of_a_round) {
    test::covers({"RFC9406:1"});
    Rounds seven, eight;
    for (Rounds* r : {&seven, &eight}) {
        r->round(40'000);
        r->round(40'000);
    }
    EXPECT_DOUBLE_EQ(seven.round(60'000, 7), 2);
    EXPECT_LT(eight.round(60'000, 8), 2);
}

TEST(HyStart, takes_at_most_eight_segments_a_step_where_nothing_paces) {
    test::covers({"RFC9406:1"});
    Rounds paced(true), burst(false);
    paced.c.cwnd = paced.c.snd_nxt = burst.c.cwnd = burst.c.snd_nxt = 20 * k_mss;
    paced.round(40'000, 1, 20 * k_mss);
    burst.round(40'000, 1, 20 * k_mss);
    EXPECT_EQ(paced.c.cwnd, 40 * k_mss);
    EXPECT_EQ(burst.c.cwnd, 28 * k_mss);
}

}  // namespace tern::tcp

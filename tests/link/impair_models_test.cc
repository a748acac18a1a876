// Loss in bursts, the token bucket, marking thresholds: what comes out, beside the models'
// formulas.
#include "os/link/impair_models.hh"

#include <gtest/gtest.h>

#include <algorithm>

#include "link/impaired_line.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;
using test::at;
using test::expect_share;
using test::iota;
using test::Line;
using test::seq_of;
using test::tcp_frame;

struct Runs {
    u64 lost = 0, bursts = 0;
};

Runs runs_of(const GilbertElliott& model, u64 count) {
    BurstLoss chain{11, 12};
    Runs runs;
    bool before = false;
    for (u64 i = 0; i < count; ++i) {
        const bool lost = chain.strikes(model);
        runs.lost += lost;
        runs.bursts += lost && !before;
        before = lost;
    }
    return runs;
}

// Four standard deviations of a share that a chain of two states with this memory makes.
double tolerance(const GilbertElliott& m, double share, u64 count) {
    const double memory = 1 - m.p - m.r;
    const double spread = share * (1 - share) * (1 + memory) / (1 - memory);
    return 4 * std::sqrt(spread / static_cast<double>(count));
}

TEST(BurstLoss, TheLossIsThatOfTheStationaryChain) {
    constexpr u64 count = 1'000'000;
    for (const GilbertElliott m :
         {GilbertElliott{.p = 0.01, .r = 0.3}, GilbertElliott{.p = 0.001, .r = 0.05},
          GilbertElliott{.p = 0.5, .r = 0.5}, GilbertElliott{.p = 0.02, .r = 0.2, .loss_bad = 0.6},
          GilbertElliott{.p = 0.02, .r = 0.2, .loss_bad = 0.8, .loss_good = 0.01}}) {
        const double bad = m.p / (m.p + m.r);
        const double expected = bad * m.loss_bad + (1 - bad) * m.loss_good;
        const double got = static_cast<double>(runs_of(m, count).lost) / count;
        EXPECT_NEAR(got, expected, tolerance(m, expected, count)) << "p " << m.p << " r " << m.r;
    }
}

TEST(BurstLoss, ABurstIsAsLongAsTheBadStateLasts) {
    for (const double r : {0.05, 0.25, 1.0}) {
        const Runs runs = runs_of({.p = 0.01, .r = r}, 1'000'000);
        const double count = static_cast<double>(runs.bursts);
        const double mean = static_cast<double>(runs.lost) / count;
        // The length is geometric: mean 1 / r, deviation sqrt(1 - r) / r.
        EXPECT_NEAR(mean, 1 / r, 4 * std::sqrt(1 - r) / r / std::sqrt(count) + 1e-9) << r;
    }
}

TEST(BurstLoss, AnImpairmentCountsItAndLeavesOtherDiceAlone) {
    const GilbertElliott model{.p = 0.02, .r = 0.2, .loss_bad = 0.5};
    Line plain{{.outbound = {.loss = 0.05}, .seed = 9}};
    Line both{{.outbound = {.loss = 0.05, .bursts = model}, .seed = 9}};
    const auto without = plain.outcome(20000), with = both.outcome(20000);
    EXPECT_TRUE(std::includes(without.begin(), without.end(), with.begin(), with.end()));
    const ImpairCounters& c = both.bad.outbound();
    EXPECT_EQ(c.seen, 20000u);
    EXPECT_EQ(c.lost, 20000u - with.size());
    EXPECT_NEAR(static_cast<double>(c.in_bursts) / 20000, 0.02 / 0.22,
                tolerance(model, 0.02 / 0.22, 20000));
    EXPECT_EQ(plain.bad.outbound().in_bursts, 0u);
}

// The chain takes a step for each packet on the wire, also for those in a super-segment.
TEST(BurstLoss, SuperSegmentsLoseTheSameSegments) {
    const ImpairDirection bad{.loss = 0.002, .bursts = {.p = 0.01, .r = 0.4}};
    Line joined{{.outbound = bad, .seed = 4}}, apart{{.outbound = bad, .seed = 4}};
    constexpr u32 mss = 500, in_one = 8, count = 2000;
    for (u32 i = 0; i < count; i += in_one) {
        joined.send(
            at(1us * i),
            tcp_frame(joined.pool,
                      {.seq = i * mss, .payload = in_one * mss, .gso_size = mss, .partial = true}));
    }
    for (u32 i = 0; i < count; ++i) apart.send(at(1us * i), i * mss, mss);
    std::vector<u32> got;
    u32 whole = 0;
    for (const Packet& p : joined.arrived()) {
        const u32 segments = std::max<u32>(p->gso_segments, 1);
        whole += segments > 1;
        for (u32 k = 0; k < segments; ++k) got.push_back(seq_of(*p) + k * mss);
    }
    EXPECT_EQ(got, apart.numbers());
    EXPECT_LT(got.size(), count);
    EXPECT_GT(whole, 100u) << "what no fault strikes need not be cut";
    EXPECT_EQ(joined.bad.outbound().seen, count);
    EXPECT_EQ(joined.bad.outbound().lost, apart.bad.outbound().lost);
}

// Frames of 54 + 946 = 1000 bytes: a millisecond each at 8 Mbit/s.
constexpr u32 k_payload = 946;

std::vector<Instant> departures(Line& line) {
    std::vector<Instant> all;
    while (line.bad.next_deadline() != Instant::max()) {
        const Instant now = line.bad.next_deadline();
        line.tick(now);
        for (std::size_t i = line.numbers().size(); i > 0; --i) all.push_back(now);
    }
    return all;
}

TEST(TokenBucket, ABurstPassesAndThenTheRate) {
    Line line{{.outbound = {.bucket = {.rate = 8'000'000, .burst = 10'000}}}};
    for (u32 i = 0; i < 30; ++i) line.send(at(1s), i, k_payload);
    EXPECT_EQ(line.numbers(), iota(10)) << "as many as the bucket holds, at once";
    const auto rest = departures(line);
    ASSERT_EQ(rest.size(), 20u);
    for (u32 i = 0; i < 20; ++i) EXPECT_EQ(rest[i], at(1s + 1ms * (i + 1)));
    EXPECT_EQ(line.bad.outbound().waited, 20u);
    EXPECT_EQ(line.bad.outbound().longest_wait, 20ms);

    // It was emptied at 1.020 s. A pause of 4.5 ms brings tokens for four packets and a half.
    for (u32 i = 0; i < 6; ++i) line.send(at(1024500us), i, k_payload);
    EXPECT_EQ(line.numbers().size(), 4u);
    EXPECT_EQ(departures(line), (std::vector<Instant>{at(1025ms), at(1026ms)}));

    // However long the pause, the bucket holds no more than it holds.
    for (u32 i = 0; i < 12; ++i) line.send(at(100s), i, k_payload);
    EXPECT_EQ(line.numbers().size(), 10u);
}

TEST(TokenBucket, ThePeakRateSpacesTheBurst) {
    Line line{{.outbound = {.rate = 80'000'000, .bucket = {.rate = 8'000'000, .burst = 3'000}}}};
    for (u32 i = 0; i < 5; ++i) line.send(at(0s), i, k_payload);
    // 100 us each while there are tokens; the fourth waits for its own.
    EXPECT_EQ(departures(line),
              (std::vector<Instant>{at(100us), at(200us), at(300us), at(1100us), at(2100us)}));
}

TEST(TokenBucket, NoTokenIsLostToRounding) {
    Line line{{.outbound = {.queue_packets = 5000, .bucket = {.rate = 7'000'003, .burst = 1000}}}};
    for (u32 i = 0; i < 3000; ++i) line.send(at(0s), i, k_payload);
    const auto all = departures(line);
    const u64 bits = 2999 * 1000 * 8;  // all but the first, which the full bucket let pass
    const u64 expected = bits * 1'000'000'000 / 7'000'003;
    EXPECT_NEAR(static_cast<double>(all.back().time_since_epoch().count()),
                static_cast<double>(expected), 2);
}

TEST(TokenBucket, APacketLargerThanTheBucketLeavesAFullOne) {
    Line line{{.outbound = {.bucket = {.rate = 8'000'000, .burst = 500}}}};
    for (u32 i = 0; i < 3; ++i) line.send(at(0s), i, k_payload);
    EXPECT_EQ(line.numbers().size(), 1u);
    EXPECT_EQ(departures(line), (std::vector<Instant>{at(1ms), at(2ms)}));
}

// What the queue does depends on the times of packets alone, not on how often it is asked.
TEST(Impair, AskingMoreOftenChangesNothing) {
    const ImpairDirection bad{.loss = 0.01,
                              .reorder = 0.05,
                              .reorder_by = 700us,
                              .delay = 3ms,
                              .jitter = 900us,
                              .rate = 6'000'000,
                              .queue_packets = 40,
                              .bucket = {.rate = 5'000'000, .burst = 9000},
                              .codel = CodelOptions{.target = 2ms, .interval = 20ms},
                              .mark = {.delay = 10ms}};
    const auto run = [&](Duration step) {
        Line line{{.outbound = bad, .seed = 21}};
        Random random{5};
        Instant now{};
        for (u32 i = 0; i < 3000; ++i) {
            const Instant next = now + 1us * random.below(2800);
            for (; step > Duration{} && now < next; now += step) line.tick(now);
            now = next;
            line.send(now, i, k_payload);
        }
        line.tick(at(100s));
        EXPECT_GT(line.bad.outbound().codel_dropped, 10u);
        EXPECT_GT(line.bad.outbound().lost, 10u);
        return line.numbers();
    };
    const auto once = run({});
    EXPECT_GT(once.size(), 1000u);
    EXPECT_EQ(once, run(37us));
}

// Who waits for next_deadline() and asks then misses no instant at which a packet leaves.
TEST(Impair, NextDeadlineIsNeverTooLate) {
    for (const bool codel : {false, true}) {
        ImpairDirection bad{.reorder = 0.1,
                            .reorder_by = 5ms,
                            .delay = 2ms,
                            .jitter = 900us,
                            .rate = 8'000'000,
                            .queue_packets = 40,
                            .bucket = {.rate = 7'000'000, .burst = 9000}};
        if (codel) bad.codel = CodelOptions{.target = 2ms, .interval = 20ms};
        Line line{{.outbound = bad, .seed = 8}};
        Random random{6};
        u64 departures = 0;
        Instant now{};
        for (u32 i = 0; i < 2000; ++i) {
            const Instant next = now + 1us * random.below(2200);
            for (Instant due; (due = line.bad.next_deadline()) <= next; ++departures) {
                line.tick(due - 1ns);
                ASSERT_EQ(line.numbers().size(), 0u) << "a packet was due before the deadline";
                line.tick(due);
                line.numbers();
            }
            line.send(now = next, i, k_payload);
            line.numbers();
        }
        EXPECT_GT(departures, 1000u);
        EXPECT_GT(line.bad.outbound().reordered, 100u);
    }
}

TEST(Impair, ANewRateHoldsForWhatWaits) {
    Line line{{.outbound = {.rate = 8'000'000}}};
    for (u32 i = 0; i < 4; ++i) line.send(at(0s), i, k_payload);
    line.tick(at(1500us));
    EXPECT_EQ(line.numbers(), iota(1)) << "the second one is on its way out";
    line.bad.change({.rate = 80'000'000}, {});
    EXPECT_EQ(departures(line), (std::vector<Instant>{at(2ms), at(2100us), at(2200us)}));
}

u32 ecn_of(const Packet& p) {
    return std::to_integer<u32>(p.data()[test::layout_of(p.bytes(), Medium::Ethernet).ip + 1]) & 3;
}

// Of ten at once, which come marked?
std::vector<u32> marked_of_ten(const ImpairDirection& options, u8 ecn) {
    Line line{{.outbound = options}};
    for (u32 i = 0; i < 10; ++i) {
        line.send(at(0s),
                  tcp_frame(line.pool, {.seq = i, .traffic_class = ecn, .payload = k_payload}));
    }
    line.tick(at(1s));
    std::vector<u32> marked;
    const auto all = line.arrived();
    EXPECT_EQ(all.size(), 10u);
    for (const Packet& p : all) {
        if (ecn_of(p) == 3) marked.push_back(seq_of(*p));
    }
    EXPECT_EQ(line.bad.outbound().threshold_marked, marked.size());
    return marked;
}

TEST(MarkThreshold, AQueueAboveItMarksWhoSpeaksEcn) {
    constexpr u64 rate = 8'000'000;  // a packet a millisecond
    using List = std::vector<u32>;
    EXPECT_EQ(marked_of_ten({.rate = rate, .mark = {.packets = 6}}, 2), (List{7, 8, 9}));
    EXPECT_EQ(marked_of_ten({.rate = rate, .mark = {.packets = 6}}, 0), List{});
    EXPECT_EQ(marked_of_ten({.rate = rate, .mark = {.bytes = 7000}}, 1), (List{8, 9}));
    EXPECT_EQ(marked_of_ten({.rate = rate, .mark = {.delay = 7500us}}, 2), (List{8, 9}));
    EXPECT_EQ(marked_of_ten({.rate = rate}, 2), List{});
}

}  // namespace
}  // namespace tern

// CoDel beside the pseudo-code of RFC 8289 5, its control law, and the queue that it is for.
#include <gtest/gtest.h>

#include <algorithm>
#include <deque>
#include <map>

#include "link/impaired_line.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;
using test::at;
using test::Line;
using test::seq_of;
using test::tcp_frame;

constexpr u32 k_payload = 946;     // frames of 1000 bytes
constexpr u64 k_rate = 8'000'000;  // one of them a millisecond

// The RFC's dequeue(), word by word, on a queue and a line of its own.
struct Pseudocode {
    struct Packet {
        u32 seq;
        Instant tstamp;
    };
    struct Result {
        bool any;
        Packet p;
        bool ok_to_drop;
    };
    const Duration target, interval;
    std::deque<Packet> queue{};
    std::vector<u32> delivered{};
    std::vector<Instant> drops{};
    Instant line_free{};
    // The RFC's variables.
    Instant first_above_time{}, drop_next{};
    u32 count = 0, lastcount = 0;
    bool dropping = false;

    Result dodequeue(Instant now) {
        Result r{false, {}, false};
        if (queue.empty()) {
            first_above_time = {};
            return r;
        }
        r.any = true;
        r.p = queue.front();
        queue.pop_front();
        const Duration sojourn_time = now - r.p.tstamp;
        if (sojourn_time < target || queue.size() * 1000 <= 1000) {
            first_above_time = {};
        } else if (first_above_time == Instant{}) {
            first_above_time = now + interval;
        } else if (now >= first_above_time) {
            r.ok_to_drop = true;
        }
        return r;
    }
    Instant control_law(Instant t) const {
        const double wait = static_cast<double>(interval.count()) / std::sqrt(count);
        return t + Duration{static_cast<i64>(wait)};
    }
    Result dequeue(Instant now) {
        Result r = dodequeue(now);
        if (dropping) {
            if (!r.ok_to_drop) dropping = false;
            while (now >= drop_next && dropping) {
                drops.push_back(now);
                ++count;
                r = dodequeue(now);
                if (!r.ok_to_drop) {
                    dropping = false;
                } else {
                    drop_next = control_law(drop_next);
                }
            }
        } else if (r.ok_to_drop) {
            drops.push_back(now);
            r = dodequeue(now);
            dropping = true;
            const u32 delta = count - lastcount;
            count = 1;
            if (delta > 1 && now - drop_next < 16 * interval) count = delta;
            drop_next = control_law(now);
            lastcount = count;
        }
        return r;
    }
    void advance(Instant now) {
        while (!queue.empty() && std::max(line_free, queue.front().tstamp) <= now) {
            const Instant start = std::max(line_free, queue.front().tstamp);
            const Result r = dequeue(start);
            if (!r.any) return;
            delivered.push_back(r.p.seq);
            line_free = start + 1ms;
        }
    }
};

TEST(Codel, ItDropsWhatThePseudocodeDrops) {
    for (u64 seed = 0; seed < 10; ++seed) {
        const Duration target = 3ms + 1ms * (seed % 4), interval = 30ms + 10ms * (seed % 5);
        Line line{{.outbound = {.rate = k_rate,
                                .queue_packets = 5000,
                                .codel = CodelOptions{.target = target, .interval = interval}}}};
        Pseudocode model{.target = target, .interval = interval};
        Random random{seed};
        Instant now = at(1s);
        u32 pace_us = 1000;
        for (u32 seq = 0; seq < 6000; ++seq) {
            // Bouts of more and of less than the line takes, of a tenth of a second or so.
            if (seq % 100 == 0) pace_us = 600 + random.below(1000);
            now += 1us * (random.below(pace_us) + pace_us / 2);
            model.advance(now);
            model.queue.push_back({seq, now});
            model.advance(now);
            line.send(now, seq, k_payload);
        }
        model.advance(now + 100s);
        line.tick(now + 100s);
        EXPECT_EQ(line.numbers(), model.delivered) << "seed " << seed;
        EXPECT_EQ(line.bad.outbound().codel_dropped, model.drops.size());
        EXPECT_GT(model.drops.size(), 20u) << "seed " << seed;
    }
}

// Twice of what the line takes, from someone who does not listen: the drops come at intervals
// that shrink with the square root of their number, until the load is gone.
TEST(Codel, DropsFollowTheControlLaw) {
    const CodelOptions options{.target = 5ms, .interval = 100ms};
    Line line{{.outbound = {.rate = k_rate, .queue_packets = 60000, .codel = options}}};
    std::vector<Instant> drops;
    for (u32 i = 0; i < 20000; ++i) {
        const u64 before = line.bad.outbound().codel_dropped;
        line.send(at(500us * i), i, k_payload);
        for (u64 k = line.bad.outbound().codel_dropped; k > before; --k) {
            drops.push_back(at(500us * i));
        }
    }
    ASSERT_GT(drops.size(), 300u);
    // 5 ms of queue after 10 ms, and the first drop when it was that long for 100 ms.
    EXPECT_NEAR(std::chrono::duration<double>(drops[0].time_since_epoch()).count(), 0.110, 0.002);
    double expected = std::chrono::duration<double>(drops[0].time_since_epoch()).count();
    for (u32 n = 1; n < 300; ++n) {
        expected += 0.1 / std::sqrt(n);
        const double got = std::chrono::duration<double>(drops[n].time_since_epoch()).count();
        EXPECT_NEAR(got, expected, 0.002) << "drop " << n;  // a packet of the line, and one arrival
    }
}

// A sender that halves its window after a loss or a mark and grows by one packet a round trip.
struct Sender {
    Line& line;
    Duration base;
    bool ecn = false;
    double window = 10;
    bool slow_start = true;
    u32 next = 0, expected = 0, recover = 0, in_flight = 0;
    std::multimap<Instant, u32> acks{};  // when they come back
    std::map<u32, Instant> sent_at{};
    std::vector<double> waits_ms{};
    u64 marks = 0;

    void back_off(u32 seq) {
        if (seq < recover) return;
        window = std::max(2.0, window / 2);
        slow_start = false;
        recover = next;
    }
    void send(Instant now) {
        while (in_flight < static_cast<u32>(window)) {
            Packet p = tcp_frame(line.pool, {.seq = next, .payload = k_payload});
            if (ecn) {
                std::byte* ip = p.data() + 14;
                ip[1] = std::byte{2};
                store16(ip + 10, u16{0});
                store16(ip + 10, static_cast<u16>(~test::slow_sum({ip, 20})));
            }
            sent_at[next++] = now;
            ++in_flight;
            line.send(now, std::move(p));
        }
    }
    void deliver(Instant now) {
        line.tick(now);
        for (const Packet& p : line.arrived()) {
            const u32 seq = seq_of(*p);
            waits_ms.push_back(
                std::chrono::duration<double, std::milli>(now - sent_at[seq]).count());
            if ((std::to_integer<u32>(p.data()[15]) & 3) == 3) {
                ++marks;
                EXPECT_TRUE(test::read_tcp(p.bytes()).ip_sum_good);
                back_off(seq);
            }
            acks.emplace(now + base, seq);
        }
    }
    void acknowledge(u32 seq) {
        if (seq > expected) {  // what was left out is lost
            in_flight -= seq - expected;
            back_off(seq);
        }
        expected = seq + 1;
        --in_flight;
        window += slow_start ? 1 : 1 / window;
    }
    // Round and round until `end`; the waits of the second half.
    void run(Instant end) {
        Instant now{};
        for (; now < end;) {
            send(now);
            const Instant ack = acks.empty() ? Instant::max() : acks.begin()->first;
            now = std::min(ack, line.bad.next_deadline());
            if (now == Instant::max()) {  // all of a window is lost
                expected = next;
                in_flight = 0;
                now = at(0s) + (end - Instant{}) / 2;
                continue;
            }
            deliver(now);
            while (!acks.empty() && acks.begin()->first <= now) {
                acknowledge(acks.begin()->second);
                acks.erase(acks.begin());
            }
        }
        waits_ms.erase(waits_ms.begin(), waits_ms.begin() + static_cast<i64>(waits_ms.size() / 2));
        std::sort(waits_ms.begin(), waits_ms.end());
    }
    double share(double q) const {
        return waits_ms[static_cast<std::size_t>(q * static_cast<double>(waits_ms.size() - 1))];
    }
};

TEST(Codel, TheStandingQueueIsNearTheTarget) {
    // Two packets a millisecond, and 20 ms of propagation on the way back.
    const ImpairDirection tail{.rate = 2 * k_rate, .queue_packets = 200};
    ImpairDirection managed = tail;
    managed.codel = CodelOptions{};
    Line deep{{.outbound = tail}}, shallow{{.outbound = managed}};
    Sender unmanaged{.line = deep, .base = 20ms}, with{.line = shallow, .base = 20ms};
    unmanaged.run(at(20s));
    with.run(at(20s));
    EXPECT_GT(unmanaged.share(0.5), 60) << "tail drop keeps a deep queue full";
    EXPECT_LT(with.share(0.5), 5);
    EXPECT_LT(with.share(0.9), 10) << "twice the target";
    EXPECT_GT(with.waits_ms.size(), 0.85 * 10 * 2000) << "and the line is busy all the same";
    EXPECT_GT(shallow.bad.outbound().codel_dropped, 10u);
}

TEST(Codel, WithEcnItMarksInsteadOfDropping) {
    Line line{{.outbound = {.rate = 2 * k_rate, .codel = CodelOptions{}, .ecn = true}}};
    Sender sender{.line = line, .base = 20ms, .ecn = true};
    sender.run(at(20s));
    const ImpairCounters& c = line.bad.outbound();
    EXPECT_GT(c.codel_marked, 10u);
    EXPECT_EQ(c.codel_marked, sender.marks);
    EXPECT_EQ(c.codel_dropped, 0u);
    EXPECT_LT(sender.share(0.5), 10);
}

TEST(Codel, WithEcnItDropsWhoDoesNotSpeakIt) {
    Line line{{.outbound = {.rate = 2 * k_rate, .codel = CodelOptions{}, .ecn = true}}};
    Sender sender{.line = line, .base = 20ms};
    sender.run(at(20s));
    EXPECT_GT(line.bad.outbound().codel_dropped, 10u);
    EXPECT_EQ(line.bad.outbound().codel_marked, 0u);
}

TEST(Codel, AQueueOfOnePacketIsNeverShortened) {
    // Each waits for 100 ms: far above the target, but there is never one behind it.
    Line line{{.outbound = {.rate = k_rate / 100, .codel = CodelOptions{}}}};
    line.send(at(0s), 0, k_payload);
    for (u32 i = 0; i < 200; ++i) line.send(at(100ms * i), 1 + i, k_payload);
    EXPECT_EQ(line.bad.outbound().longest_wait, 100ms);
    EXPECT_EQ(line.bad.outbound().codel_dropped, 0u);
}

}  // namespace
}  // namespace tern

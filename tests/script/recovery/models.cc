// The real thing beside plain twins on random streams: a receiver that keeps a list of blocks, a
// sender that keeps a list of segments, each as its RFC says it.
#include <algorithm>
#include <string>
#include <vector>

#include "base/property.hh"
#include "support/places.hh"

namespace tern {
namespace {

using namespace script;

struct Range {
    u32 from, to;
    friend bool operator==(const Range&, const Range&) = default;
};

std::string text_of(const std::vector<Range>& ranges) {
    std::string text;
    for (const Range& r : ranges) text += " " + std::to_string(r.from) + ":" + std::to_string(r.to);
    return text;
}

// Joins what touches.
void add(std::vector<Range>& ranges, Range r) {
    if (!ranges.empty() && ranges.back().to == r.from)
        ranges.back().to = r.to;
    else
        ranges.push_back(r);
}

// RFC 2018 4 and RFC 2883 4, with one block a run, the latest first.
struct PlainReceiver {
    u32 nxt = 1;
    std::vector<Range> runs;

    bool holds(u32 s) const {
        return s < nxt ||
               std::ranges::any_of(runs, [&](const Range& r) { return r.from <= s && s < r.to; });
    }

    // The blocks of the answer.
    std::vector<Range> arrives(u32 from, u32 to, std::size_t most) {
        std::vector<Range> twice;
        for (u32 s = from; s < to; ++s) {
            if (holds(s)) add(twice, {s, s + 1});
        }
        if (to > nxt) take({std::max(from, nxt), to});
        std::vector<Range> told;
        if (!twice.empty()) {
            // 4.2: of several pieces the first one.
            const Range first = twice.front();
            told.push_back(first);
            for (const Range& r : runs)
                if (r.from <= first.from && first.to <= r.to) told.push_back(r);
        }
        for (const Range& r : runs)
            if (told.size() < 2 || r != told[1]) told.push_back(r);
        if (told.size() > most) told.resize(most);
        return told;
    }

    void take(Range all) {
        std::erase_if(runs, [&](const Range& r) {
            if (r.to < all.from || all.to < r.from) return false;
            all = {std::min(all.from, r.from), std::max(all.to, r.to)};
            return true;
        });
        if (all.from <= nxt)
            nxt = all.to;
        else
            runs.insert(runs.begin(), all);
        // What grew may touch what was looked at before.
        for (const Range& r : runs)
            if (r != all && all.from > nxt && r.from <= all.to && all.from <= r.to)
                return void(take(all));
    }
};

}  // namespace

SCRIPT("the blocks of every acknowledgement are those of a plain list",
       covers("RFC2018:2", "RFC2883:1")) {
    test::for_each_seed(150, [](Random& random) {
        one_case("receiver", [&](Script& c) {
            c.passive_open({.mss = 1000, .sack = true, .timestamps = false});
            PlainReceiver plain;
            for (u32 step = 0; step < 120; ++step) {
                const u32 back = static_cast<u32>(random.below(60));
                const u32 from =
                    std::max<u32>(plain.nxt + static_cast<u32>(random.below(300)), back + 1) - back;
                const u32 to = from + 1 + static_cast<u32>(random.below(70));
                const auto told = plain.arrives(from, to, 4);
                c.inject(line_of({.seq = from, .len = to - from, .ack = 1}));
                c.advance(std::chrono::milliseconds(50));
                const auto answer = c.next();
                c.check(answer && c.waiting() == 0, "one answer");
                if (!answer) return;
                std::vector<Range> blocks;
                for (u32 i = 0; i < answer->sack_count; ++i)
                    blocks.push_back({answer->sack[i][0], answer->sack[i][1]});
                EXPECT_EQ(answer->ack, plain.nxt);
                EXPECT_EQ(text_of(blocks), text_of(told));
                if (random.below(3) == 0) c.app.read_all();
                c.ignore_output();
                if (::testing::Test::HasFailure()) return;
            }
            c.app.read_all();
            c.ignore_output();
            c.app.abort();
            c.ignore_output();
        });
    });
}

namespace {

constexpr u32 k_mss = 1000;

// RFC 2018 5, RFC 8985 6 and RFC 9937 over a list of segments, each looked at every time. Times are
// microseconds, sequence numbers count from the SYN.
struct PlainSender {
    struct Segment {
        u32 seq, end;
        u64 at;
        bool sacked = false, lost = false, resent = false;
    };
    std::vector<Segment> list;
    u32 una = 1, max = 1, recover = 1, fack = 1, walked = 1;
    u64 now = 0;
    bool any = false, reordering = false, recovery = false;
    u64 rack_at = 0, rack_rtt = 0, min_rtt = 0;
    u32 rack_end = 0;
    std::optional<u64> wait_until{};
    u32 ssthresh = 0, recover_fs = 0, prr_delivered = 0, prr_out = 0, cwnd = 0;
    bool entered = false;  // by what was done last: then ssthresh is to be learnt

    u32 above(const Segment& s) const { return s.end - std::max(s.seq, una); }
    u32 sum(bool Segment::*flag) const {
        u32 bytes = 0;
        for (const Segment& s : list)
            if (s.*flag) bytes += above(s);
        return bytes;
    }
    u32 pipe() const { return max - una - sum(&Segment::sacked) - sum(&Segment::lost); }

    void send(u32 bytes) {
        for (u32 end = max + bytes; max < end; max += k_mss)
            list.push_back({.seq = max, .end = std::min(max + k_mss, end), .at = now});
    }

    // RFC 8985 6.2 steps 1 to 3.
    void delivered(const Segment& s) {
        const u64 rtt = std::max<u64>(now - s.at, 1);
        if (!s.resent) {
            min_rtt = min_rtt == 0 ? rtt : std::min(min_rtt, rtt);
            if (s.end < fack) reordering = true;
        }
        fack = std::max(fack, s.end);
        if (s.resent && now - s.at < min_rtt - min_rtt / 8) return;
        if (any && std::pair(s.at, s.end) <= std::pair(rack_at, rack_end)) return;
        any = true;
        rack_at = s.at, rack_end = s.end, rack_rtt = now - s.at;
    }

    // Step 5: bytes that are lost by now.
    u32 detect() {
        u32 bytes = 0;
        wait_until.reset();
        const auto sacked = std::ranges::count_if(list, &Segment::sacked);
        const bool at_once = !reordering && (recovery || sacked >= 3);
        for (Segment& s : list) {
            if (s.sacked || s.lost) continue;
            if (!any || std::pair(rack_at, rack_end) <= std::pair(s.at, s.end)) continue;
            const u64 due = s.at + rack_rtt + (at_once ? 0 : min_rtt / 4);
            if (due <= now) {
                s.lost = true;
                bytes += above(s);
            } else {
                wait_until = wait_until ? std::min(*wait_until, due) : due;
            }
        }
        // Timers run in steps of 100 us, and are never early.
        if (wait_until) wait_until = (*wait_until + 99) / 100 * 100;
        return bytes;
    }

    // RFC 2018 8: all of it, once in a window.
    u32 reneged() {
        if (list.empty() || !list.front().sacked) return 0;
        if (una < walked) {
            list.front().sacked = false;
            list.front().lost = true;
            return above(list.front());
        }
        for (Segment& s : list) s.sacked = false, s.lost = true;
        walked = max;
        return max - una;
    }

    void enter(u32 flight, u32 sacked) {
        recovery = entered = true;
        recover = max;
        recover_fs = flight - sacked;
        prr_delivered = prr_out = 0;
    }

    // RFC 9937 6.2.
    void reduce(u32 delivered_now, bool safe) {
        if (delivered_now == 0 && prr_out != 0) return;
        prr_delivered += delivered_now;
        const i64 in_flight = pipe(), goal = ssthresh, out = prr_out, sum = prr_delivered;
        i64 count;
        if (in_flight > goal) {
            count = (sum * goal + recover_fs - 1) / std::max<i64>(recover_fs, 1) - out;
        } else {
            count = std::max<i64>(sum - out, delivered_now);
            if (safe) count += k_mss;
            count = std::min(goal - in_flight, count);
        }
        if (out == 0) count = std::max<i64>(count, k_mss);
        cwnd = static_cast<u32>(std::max<i64>(in_flight + std::max<i64>(count, 0), k_mss));
    }

    // ssthresh belongs to congestion control: what the stack made it when recovery began.
    template <class Learn>
    void acknowledged(u32 ack, std::vector<Range> blocks, Learn learn) {
        const u32 flight_before = max - una, sacked_before = sum(&Segment::sacked);
        const bool advanced = ack > una;
        u32 news = 0, lost = 0;
        while (!list.empty() && list.front().end <= ack) {
            if (!list.front().sacked) {
                news += above(list.front());
                delivered(list.front());
            }
            una = list.front().end;
            list.erase(list.begin());
        }
        if (!list.empty() && ack > una && !list.front().sacked)
            news += ack - std::max(una, list.front().seq);
        una = std::max(una, ack);
        walked = std::max(walked, una);
        std::ranges::sort(blocks, {}, &Range::from);
        for (const Range& b : blocks) {
            if (b.from <= una || b.to > max) continue;
            for (Segment& s : list) {
                if (s.sacked || s.seq < b.from || s.end > b.to) continue;
                delivered(s);
                news += above(s);
                s.sacked = true, s.lost = false;
            }
        }
        lost = reneged();
        lost += detect();
        entered = false;
        if (recovery && una >= recover) recovery = false;
        if (!recovery && sum(&Segment::lost) > 0) {
            enter(flight_before, sacked_before);
            learn();
        }
        if (recovery) reduce(news, advanced && lost == 0);
    }

    template <class Learn>
    void timer(Learn learn) {
        now = *wait_until;
        detect();
        if (sum(&Segment::lost) == 0) return;
        if (!recovery) {
            enter(max - una, sum(&Segment::sacked));
            learn();
        }
        reduce(0, false);
    }

    // RFC 8985 9.3: the lowest first, as far as cwnd allows.
    std::vector<Range> sends() {
        std::vector<Range> out;
        for (Segment& s : list) {
            if (!s.lost) continue;
            const u32 on_the_way = pipe();
            if (on_the_way > 0 && on_the_way + above(s) > cwnd) break;
            s.lost = false, s.resent = true, s.at = now;
            prr_out += above(s);
            add(out, {std::max(s.seq, una), s.end});
        }
        return out;
    }
};

// What the stack has sent, ranges joined.
std::vector<Range> sent_by(Script& c) {
    std::vector<Range> out;
    while (const auto l = c.next()) add(out, {l->seq, l->seq_end});
    return out;
}

// Up to three blocks above `una`, apart from each other; their edges may cut segments.
std::vector<Range> some_blocks(Random& random, u32 una, u32 max) {
    std::vector<u32> edges;
    for (u32 n = 2 * static_cast<u32>(1 + random.below(3)); n > 0; --n) {
        const u32 at = una + 1 + static_cast<u32>(random.below(max - una));
        const u32 even = (at - 1) / k_mss * k_mss + 1;
        edges.push_back(random.below(5) == 0 || even <= una ? at : even);
    }
    std::ranges::sort(edges);
    std::vector<Range> blocks;
    for (std::size_t i = 0; i + 1 < edges.size(); i += 2)
        if (edges[i] < edges[i + 1] && (blocks.empty() || blocks.back().to < edges[i]))
            blocks.push_back({edges[i], edges[i + 1]});
    // The latest first, as far as a receiver goes.
    if (blocks.size() > 1 && random.below(2) == 0) std::swap(blocks.front(), blocks.back());
    return blocks;
}

void compare_senders(Random& random, Script& c) {
    const u32 segments = 20 + static_cast<u32>(random.below(150));
    c.setup.segmentation = random.below(2) == 0;
    c.setup.limits.tcp_rto_min = std::chrono::seconds(50);  // no RTO gets in between
    c.passive_open({.mss = k_mss,
                    .sack = true,
                    .window = 4'000'000,
                    .initial_cwnd_segments = static_cast<u16>(segments)});
    PlainSender plain;
    const auto learn = [&] { plain.ssthresh = c.status().ssthresh; };
    c.app.write(k_mss);
    plain.send(k_mss);
    c.ignore_output();
    c.inject("+100ms < . 1:1(0) ack 1001");
    plain.now = 100'000;
    plain.acknowledged(1001, {}, learn);
    c.app.write(segments * k_mss);
    plain.send(segments * k_mss);
    c.ignore_output();
    c.advance(std::chrono::milliseconds(80));
    plain.now += 80'000;
    for (u32 step = 0; step < 400 && plain.una < plain.max; ++step) {
        const u32 ms = static_cast<u32>(random.below(40));
        const u64 then = plain.now + ms * 1000;
        c.advance(std::chrono::milliseconds(ms));
        std::vector<Range> wanted;
        while (plain.wait_until && *plain.wait_until <= then) {
            plain.timer(learn);
            for (const Range& r : plain.sends()) add(wanted, r);
        }
        plain.now = then;
        ASSERT_EQ(text_of(sent_by(c)), text_of(wanted)) << "step " << step << ", by the timer";
        u32 ack = plain.una;
        if (random.below(3) == 0) ack += static_cast<u32>(random.below(3 * k_mss));
        if (random.below(2) == 0) ack = std::max(plain.una, (ack - 1) / k_mss * k_mss + 1);
        ack = std::min(ack, plain.max);
        const auto blocks =
            ack == plain.max ? std::vector<Range>{} : some_blocks(random, ack, plain.max);
        if (blocks.empty() && ack == plain.una) continue;
        const std::string sack = blocks.empty() ? "" : " <sack" + text_of(blocks) + ">";
        c.inject(line("< . 1:1(0) ack " + std::to_string(ack) + sack));
        plain.acknowledged(ack, blocks, learn);
        ASSERT_EQ(c.status().in_recovery, plain.recovery) << "step " << step;
        if (plain.recovery) {
            ASSERT_EQ(c.status().cwnd, plain.cwnd) << "step " << step;
        }
        ASSERT_EQ(text_of(sent_by(c)), text_of(plain.sends())) << "step " << step << sack;
    }
}

}  // namespace

SCRIPT("a sender does what one with a plain list of segments does, ACK by ACK",
       covers("RFC6675:1", "RFC8985:1", "RFC8985:2", "RFC8985:5", "RFC9937:1", "RFC9937:2",
              "RFC9937:3", "RFC2018:3", "RFC2018:4")) {
    test::for_each_seed(300, [](Random& random) {
        one_case("sender", [&](Script& c) {
            compare_senders(random, c);
            c.ignore_output();
            c.app.abort();
            c.ignore_output();
        });
    });
}

}  // namespace tern

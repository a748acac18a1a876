// What a peer could do with its acknowledgements to get more than its share, or to make each of
// them expensive: spec/vulnerabilities.tsv, each test named after the attack.
#include <string>
#include <vector>

#include "support/places.hh"
#include "support/work.hh"

namespace tern {
namespace {

using namespace script;
using namespace std::chrono_literals;

constexpr u32 k_mss = 1000;

// `segments` are on their way from 1001 on for nearly a round trip, which is known: 100 ms.
struct Journey {
    bool sack = true;
    Duration gap{};   // between the segments; otherwise they are one burst
    bool far = true;  // false: the peer answers at once, and no reordering window is to speak of
};
void fly(Script& t, u32 segments, const Journey& j = {}) {
    t.setup.limits.tcp_send_buffer = 64u << 20;
    t.setup.segmentation = true;
    t.passive_open({.mss = k_mss,
                    .sack = j.sack,
                    .wscale = 14,
                    .window = 512u << 20,
                    .initial_cwnd_segments = static_cast<u16>(segments)});
    t.app.write(k_mss);
    t.ignore_output();
    t.advance(j.far ? 100ms : 0ms);
    t.inject("< . 1:1(0) ack 1001");
    for (u32 n = 0; j.gap.count() != 0 && n < segments; ++n) {
        t.app.write(k_mss);
        t.advance(j.gap);
    }
    if (j.gap.count() == 0) t.app.write(segments * k_mss);
    t.ignore_output();
    t.check(t.status().flight == segments * k_mss, "all is on its way");
    t.advance(j.far ? 99ms : 5ms);
}

std::string block(u32 from, u32 to) { return std::to_string(from) + ":" + std::to_string(to); }
u32 start_of(u32 segment) { return 1001 + segment * k_mss; }

// Where the n-th of a stream of acknowledgements points.
u32 scattered(u32 n, u32 below) { return n * 2'654'435'761u % below; }

// Blocks of work for one acknowledgement in the middle of many, with so much in flight. `next(n)`
// is the n-th: what stands behind "< . 1:1(0) ".
template <class Next>
u64 work_per_ack(u32 segments, Next next, bool far) {
    u64 work = 0;
    constexpr u32 first = 20, acks = 500;
    one_case(std::to_string(segments) + " segments", [&](Script& t) {
        fly(t, segments, {.far = far});
        for (u32 n = 0; n < first + acks; ++n) {
            const Line ack = line("< . 1:1(0) " + next(n, segments));
            const u64 cost = work_of([&] { t.inject(ack); });
            if (n >= first) work += cost;
            t.ignore_output();
        }
        t.inject(line("< . 1:1(0) ack " + std::to_string(t.status().snd_nxt - t.iss())));
        t.check(t.status().flight == 0, "and still it ends well");
        t.ignore_output();
        t.app.abort();
        t.ignore_output();
    });
    return work / acks;
}

// Sixteen times the flight must not make an acknowledgement dearer than binary searches do.
template <class Next>
void costs_the_same(Next next, bool far = true) {
    const u64 little = work_per_ack(1'000, next, far), much = work_per_ack(16'000, next, far);
    ::testing::Test::RecordProperty("blocks_per_ack_1000", static_cast<int>(little));
    ::testing::Test::RecordProperty("blocks_per_ack_16000", static_cast<int>(much));
    EXPECT_GT(little, 5u) << "nothing was counted";
    EXPECT_LT(much, 2 * little + 100);
}

}  // namespace

SCRIPT("SACK Slowness (CVE-2019-11478): four new tiny blocks with each ACK",
       covers("RFC2018:4", "VULN:sack-slowness")) {
    costs_the_same([](u32 n, u32 segments) {
        std::string blocks;
        for (u32 k = 0; k < 4; ++k) {
            const u32 at = start_of(1 + scattered(4 * n + k, segments - 2));
            blocks += " " + block(at, at + k_mss);
        }
        return "ack 1001 <sack" + blocks + ">";
    });
}

SCRIPT("SACK Slowness: all and nearly nothing in turn", covers("RFC2018:4", "VULN:sack-slowness")) {
    costs_the_same([](u32 n, u32 segments) {
        const u32 from = n % 2 == 0 ? 1 : segments - 1;
        return "ack 1001 <sack " + block(start_of(from), start_of(segments)) + ">";
    });
}

SCRIPT("SACK Slowness: each block begins elsewhere", covers("RFC2018:4", "VULN:sack-slowness")) {
    costs_the_same([](u32 n, u32 segments) {
        const u32 from = 1 + scattered(n, segments / 2);
        return "ack 1001 <sack " + block(start_of(from), start_of(segments - 1)) + ">";
    });
}

SCRIPT("SACK Slowness: blocks that cut every piece in two",
       covers("RFC2018:4", "VULN:sack-slowness")) {
    costs_the_same([](u32 n, u32 segments) {
        const u32 at = start_of(1 + scattered(n, segments - 2)) + 500;
        return "ack 1001 <sack " + block(at, at + k_mss) + ">";
    });
}

SCRIPT("Reneging with each ACK: what was SACKed is asked for again, and SACKed again",
       covers("RFC2018:3", "VULN:reneging")) {
    costs_the_same([](u32 n, u32 segments) {
        return "ack " + std::to_string(start_of(n)) + " <sack " +
               block(start_of(n + 1), start_of(segments)) + ">";
    });
}

SCRIPT("Undo with each ACK: a loss, and then D-SACK for its repair", covers("RFC2883:1")) {
    costs_the_same(
        [](u32 n, u32 segments) {
            const std::string all = block(start_of(segments - 5), start_of(segments));
            const std::string twice = block(start_of(segments - 5), start_of(segments - 1));
            return "ack 1001 <sack " + (n % 2 == 0 ? all : twice + " " + all) + ">";
        },
        false);
}

SCRIPT("SACK Slowness: the 500th hole is found as fast as the first",
       covers("RFC8985:5", "VULN:sack-slowness")) {
    fly(t, 1500, {.gap = 20us});
    t.inject(line("< . 1:1(0) ack 1001 <sack " + block(start_of(1497), start_of(1500)) + ">"));
    t.ignore_output();
    std::vector<u64> costs;
    // Each ACK lets one repair out.
    for (u32 n = 1496; n > 440; --n) {
        const Line ack = line("< . 1:1(0) ack 1001 <sack " + block(start_of(n), start_of(n + 1)) +
                              " " + block(start_of(n + 1), start_of(1500)) + ">");
        costs.push_back(work_of([&] { t.inject(ack); }));
        t.ignore_output();
    }
    // All within the time in which each ACK lets one out.
    u64 early = 0, late = 0;
    for (u32 n = 0; n < 50; ++n) early += costs[20 + n], late += costs[500 + n];
    ::testing::Test::RecordProperty("blocks_early", static_cast<int>(early));
    ::testing::Test::RecordProperty("blocks_late", static_cast<int>(late));
    CHECK(early > 1000 && late < early + early / 4);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("ACK division is dear for the peer alone", covers("RFC5681:3", "VULN:ack-division")) {
    costs_the_same([](u32 n, u32) { return "ack " + std::to_string(1002 + n); });
}

SCRIPT("Reneging peer: nothing is freed before it is acknowledged",
       covers("RFC2018:3", "VULN:reneging")) {
    fly(t, 100);
    t.inject(line("< . 1:1(0) ack 1001 <sack " + block(start_of(1), start_of(100)) + ">"));
    t.ignore_output();
    // Each ACK takes everything back.
    for (u32 n = 1; n <= 100; ++n) {
        t.inject(line("+100ms < . 1:1(0) ack " + std::to_string(start_of(n))));
        t.ignore_output();  // checks each byte that is sent again
    }
    CHECK(t.status().flight == 0);
    t.quiet(5s);
}

SCRIPT("Reneging for profit: what is SACKed twice does not count twice",
       covers("RFC9937:3", "VULN:reneging")) {
    fly(t, 100);
    const u32 before = t.status().retransmissions;
    // The block begins where the acknowledgement ends: reneged as soon as it is SACKed.
    for (u32 n = 0; n < 50; ++n) {
        t.inject(line("< . 1:1(0) ack 1001 <sack " + block(1001, start_of(99)) + ">"));
        t.ignore_output();
    }
    CHECK(t.status().retransmissions == before);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("SACK Panic (CVE-2019-11477): the least MSS, every second segment SACKed, then joined",
       covers("VULN:sack-panic")) {
    t.setup.limits.tcp_min_mss = 48;
    t.setup.segmentation = true;
    t.setup.limits.tcp_send_buffer = 8u << 20;
    t.passive_open({.mss = 48,
                    .sack = true,
                    .wscale = 14,
                    .window = 64u << 20,
                    .initial_cwnd_segments = 60'000});
    const u32 mss = t.status().send_mss, total = 20'000 * mss;
    t.app.write(total);
    const auto at = [&](u32 segment) { return 1 + segment * mss; };
    // No packet has more pieces than a record can tell apart.
    while (const auto sent = t.next()) CHECK(sent->length <= 64 * mss);
    for (u32 n = 1; n < 2000; n += 2) {
        t.inject(line("< . 1:1(0) ack 1 <sack " + block(at(n), at(n + 1)) + ">"));
        t.ignore_output();
    }
    t.inject(line("< . 1:1(0) ack 1 <sack " + block(at(1), at(20'000)) + ">"));
    while (const auto sent = t.next()) CHECK(sent->length <= 64 * mss);
    t.inject(line("< . 1:1(0) ack " + std::to_string(at(20'000))));
    CHECK(t.status().flight == 0 && t.status().state == State::Established);
    t.ignore_output();
}

SCRIPT("SACK flood: the same blocks a thousand times let nothing out", covers("RFC9937:3")) {
    fly(t, 100);
    t.app.write(100 * k_mss);
    const std::string ack = "< . 1:1(0) ack 1001 <sack " + block(start_of(5), start_of(6)) + " " +
                            block(start_of(9), start_of(10)) + " " +
                            block(start_of(20), start_of(21)) + ">";
    t.inject(line(ack));
    const u32 cwnd = t.status().cwnd;
    u32 sent = 0;
    const auto count = [&] {
        while (const auto l = t.next()) sent += l->length;
    };
    count();
    const u32 at_first = sent;
    for (u32 n = 0; n < 1000; ++n) {
        t.inject(line(ack));
        count();
    }
    CHECK(sent == at_first);
    CHECK(t.status().cwnd <= cwnd);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("SACK of unsent data: no window, no retransmission, no cost", covers("RFC2018:4")) {
    fly(t, 100);
    const u32 cwnd = t.status().cwnd;
    for (u32 n = 0; n < 200; ++n) {
        const u32 beyond = start_of(100) + scattered(n, 1u << 20);
        t.inject(line("< . 1:1(0) ack 1001 <sack " + block(beyond, beyond + 5000) + " " +
                      block(start_of(50), beyond + 1) + ">"));
    }
    CHECK(t.status().cwnd == cwnd && t.status().retransmissions == 0 && t.waiting() == 0);
    t.inject(line("< . 1:1(0) ack " + std::to_string(start_of(100))));
    t.ignore_output();
}

SCRIPT("Optimistic ACK of what was not sent: it is dropped, and the window stays as it is",
       covers("RFC9293:U-9", "VULN:optimistic-ack")) {
    fly(t, 10);
    const u32 cwnd = t.status().cwnd;
    for (u32 n = 1; n <= 100; ++n) {
        t.inject(line("< . 1:1(0) ack " + std::to_string(start_of(10 + n))));
        t.ignore_output();  // "what I expect": no text
    }
    CHECK(t.status().cwnd == cwnd && t.status().flight == 10 * k_mss);
    CHECK(t.drops(DropReason::TcpAckUnsent) == 100);
    t.inject(line("< . 1:1(0) ack " + std::to_string(start_of(10))));
    t.ignore_output();
}

SCRIPT("Optimistic ACK of what is on its way: at most as much more as it acknowledges",
       covers("RFC5681:3", "VULN:optimistic-ack")) {
    fly(t, 10);
    t.app.write(1000 * k_mss);
    const u32 cwnd = t.status().cwnd;
    u32 acked = 0;
    for (u32 n = 0; n < 5; ++n) {
        const u32 flight = t.status().flight;
        t.inject(line("< . 1:1(0) ack " + std::to_string(t.status().snd_nxt - t.iss())));
        acked += flight;
        t.ignore_output();
        CHECK(t.status().cwnd <= cwnd + acked);
        // One ACK is worth two segments, however far it reaches (RFC 3465).
        CHECK(t.status().cwnd <= cwnd + 2 * k_mss * (n + 1));
    }
    t.app.abort();
    t.ignore_output();
}

SCRIPT("ACK division: a thousand ACKs of a byte are worth a thousand bytes",
       covers("RFC5681:3", "VULN:ack-division")) {
    for (const bool sack : {true, false})
        one_case(sack ? "with SACK" : "without", [&](Script& c) {
            fly(c, 10, {.sack = sack});
            const u32 cwnd = c.status().cwnd;
            for (u32 n = 1; n <= 1000; ++n)
                c.inject(line("< . 1:1(0) ack " + std::to_string(1001 + n)));
            c.check(c.status().cwnd <= cwnd + 1000, "bytes are counted, not ACKs");
            c.app.abort();
            c.ignore_output();
        });
}

SCRIPT("DupACK spoofing: a thousand let out no more than was in flight",
       covers("RFC9937:3", "RFC5681:6", "VULN:dup-ack-spoofing")) {
    for (const bool sack : {true, false})
        one_case(sack ? "with SACK" : "without", [&](Script& c) {
            fly(c, 10, {.sack = sack});
            c.app.write(5000 * k_mss);
            u32 sent = 0;
            for (u32 n = 0; n < 1000; ++n) {
                c.inject("< . 1:1(0) ack 1001");
                while (const auto l = c.next()) sent += l->length;
            }
            // Ten segments were in flight: so many can have arrived, and no more.
            c.check(sent <= 11 * k_mss, "bytes out, bytes delivered");
            c.app.abort();
            c.ignore_output();
        });
}

SCRIPT("Low MSS amplification (CVE-2019-11479): a tiny MSS is not obeyed",
       covers("RFC9293:MUST-16", "VULN:low-mss", "VULN:smoltcp-tcp")) {
    for (const u16 mss : {0, 1, 8, 48})
        one_case("MSS " + std::to_string(mss), [&](Script& c) {
            c.setup.tcp.no_delay = true;
            c.listen();
            const std::string option = " <mss " + std::to_string(mss) + ">";
            c.inject(line("< S 0:0(0) win 65535" + option));
            c.ignore_output();
            c.inject("< . 1:1(0) ack 1 win 65535");
            c.accept();
            c.app.write(1000);
            u32 packets = 0;
            for (u32 rounds = 0; rounds < 20; ++rounds) {
                u32 end = 0;
                while (const auto l = c.next()) {
                    ++packets;
                    end = l->seq_end;
                }
                if (end == 0) break;
                c.inject(line("+10ms < . 1:1(0) ack " + std::to_string(end)));
            }
            c.check(c.status().flight == 0 && c.status().unsent == 0, "all was sent");
            c.check(packets <= (1000 + 63) / 64, "in segments of 64 bytes at least");
        });
}

SCRIPT("Window shrink: whatever the peer says of its window, nothing leaves beyond it",
       covers("RFC9293:MUST-34", "RFC9293:SHLD-15", "VULN:window-shrink", "VULN:smoltcp-tcp")) {
    u32 random = 7;
    const auto below = [&](u32 n) {
        random = random * 1'664'525 + 1'013'904'223;
        return (random >> 8) % n;
    };
    for (u32 round = 0; round < 20; ++round)
        one_case("round " + std::to_string(round), [&](Script& c) {
            c.passive_open({.mss = k_mss, .sack = round % 2 == 0, .wscale = {}, .window = 20'000});
            c.app.write(60'000);
            u32 sent = 1, acked = 1, widest = 20'001, edge = 20'001;
            for (u32 step = 0; step < 200; ++step) {
                c.advance(std::chrono::milliseconds(below(50)));
                while (const auto l = c.next()) {
                    // One octet may probe a closed window [MUST-36].
                    const bool probe = l->length == 1 && l->seq == acked;
                    c.check(l->seq_end <= std::max(edge, sent) || probe, "beyond the window");
                    c.check(l->seq_end <= widest + 1, "beyond what was ever offered");
                    sent = std::max(sent, l->seq_end);
                }
                acked += below(sent - acked + 1);
                const u32 window = below(3) == 0 ? below(500) : below(30'000);
                edge = acked + window;
                widest = std::max(widest, edge);
                c.inject(line("< . 1:1(0) ack " + std::to_string(acked) + " win " +
                              std::to_string(window)));
            }
            c.ignore_output();
            for (u32 step = 0; step < 200 && acked < 60'001; ++step) {
                c.inject(line("+300ms < . 1:1(0) ack " + std::to_string(acked) + " win 20000"));
                while (const auto l = c.next()) sent = std::max(sent, l->seq_end);
                acked = sent;
            }
            c.check(acked == 60'001, "and in the end all of it arrives");
            c.inject(line("< . 1:1(0) ack " + std::to_string(acked) + " win 20000"));
            c.ignore_output();
        });
}

}  // namespace tern

// What a peer could do with its segments: spec/vulnerabilities.tsv, each test named after the
// attack.
#include <string>

#include "support/places.hh"
#include "support/work.hh"

namespace tern {
namespace {

using namespace script;

// Blocks of work for one segment of one byte in the middle of many; `next(n)` is where it lies.
template <class Next>
u64 work_per_segment(u32 runs, Next next) {
    u64 work = 0;
    one_case(std::to_string(runs) + " runs", [&](Script& t) {
        t.setup.limits.tcp_out_of_order_runs = runs;
        t.passive_open({.mss = 1000, .sack = true});
        for (u32 n = 0; n < 2 * runs; ++n) {
            const u32 at = 3 + 2 * next(n, runs);
            const Line segment = line_of({.seq = at, .len = 1, .ack = 1});
            const u64 cost = work_of([&] { t.inject(segment); });
            if (n >= runs / 2) work += cost;
            t.ignore_output();
        }
        t.check(t.status().out_of_order == runs, "a run for each");
        t.app.abort();
        t.ignore_output();
    });
    return work / (2 * runs - runs / 2);
}

template <class Next>
void costs_the_same(Next next) {
    const u64 few = work_per_segment(64, next), many = work_per_segment(4096, next);
    ::testing::Test::RecordProperty("blocks_per_segment_64", static_cast<int>(few));
    ::testing::Test::RecordProperty("blocks_per_segment_4096", static_cast<int>(many));
    EXPECT_GT(few, 5u) << "nothing was counted";
    EXPECT_LT(many, 3 * few);
}

}  // namespace

SCRIPT("SegmentSmack (CVE-2018-5390): tiny segments behind holes, in order",
       covers("RFC9293:SHLD-31", "VULN:segment-smack")) {
    costs_the_same([](u32 n, u32 runs) { return n % runs; });
}

SCRIPT("SegmentSmack: in the order in which a list is walked furthest",
       covers("RFC9293:SHLD-31", "VULN:segment-smack")) {
    costs_the_same([](u32 n, u32 runs) { return runs - 1 - n % runs; });
}

SCRIPT("SegmentSmack: from both ends in turn", covers("RFC9293:SHLD-31", "VULN:segment-smack")) {
    costs_the_same([](u32 n, u32 runs) {
        const u32 k = n % runs;
        return k % 2 == 0 ? k / 2 : runs - 1 - k / 2;
    });
}

SCRIPT("SegmentSmack: scattered", covers("RFC9293:SHLD-31", "VULN:segment-smack")) {
    costs_the_same([](u32 n, u32 runs) { return n * 2'654'435'761u % runs; });
}

SCRIPT("SegmentSmack: above the limit nothing is kept, and what is in order always is",
       covers("RFC9293:SHLD-31", "VULN:segment-smack")) {
    t.setup.limits.tcp_out_of_order_runs = 64;
    t.passive_open({.mss = 1000, .sack = true});
    for (u32 n = 0; n < 1000; ++n) t.inject(line_of({.seq = 3 + 2 * n, .len = 1, .ack = 1}));
    CHECK(t.status().out_of_order == 64);
    CHECK(t.drops(DropReason::TcpReassemblyFull) == 936);
    t.ignore_output();
    t.inject(line_of({.seq = 1, .len = 128, .ack = 1}));
    CHECK(t.status().readable == 129 && t.status().out_of_order == 0);
    t.app.read_all();
    t.ignore_output();
    t.advance(std::chrono::seconds(1));
    t.ignore_output();
}

}  // namespace tern

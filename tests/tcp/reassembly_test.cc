#include "core/tcp/receiver/reassembly.hh"

#include <map>
#include <set>

#include "base/property.hh"
#include "support/covers.hh"
#include "tcp/texts.hh"

namespace tern::tcp {

namespace {

using test::bytes_of;
using test::covers;
using Blocks = std::vector<std::pair<u32, u32>>;  // offsets from RCV.NXT as it was at first

struct Receiver : test::Memory {
    Pool<Run> runs{budget};
    Reassembly holes;
    Seq base{0xfffffff0};  // the numbers wrap
    Seq nxt = base;
    Chain in_order;
    u32 most = 256;

    ~Receiver() { holes.clear(runs); }
    Reassembly::Held hold(u32 at, u32 n, u8 filling = 1) {
        return holes.hold(runs, most, base + at, text(n, filling));
    }
    Reassembly::Repeated fill(u32 n, u8 filling = 1) {
        const auto filled = holes.fill(runs, nxt, text(n, filling), in_order);
        nxt = filled.nxt;
        return filled.repeated;
    }
    Reassembly::Repeated piece(u32 left, u32 right) const { return {base + left, base + right}; }
    std::pair<u32, u32> offsets(wire::SackBlock b) const {
        return {static_cast<u32>(b.left - base), static_cast<u32>(b.right - base)};
    }
    Blocks blocks(u32 n = 4) {
        std::array<wire::SackBlock, 300> out;
        Blocks all;
        for (const auto& b : std::span(out).first(holes.blocks(runs, nxt, std::span(out).first(n))))
            all.push_back(offsets(b));
        return all;
    }
    std::string_view broken() const { return holes.broken(runs, nxt, base + (u32{1} << 30)); }
};

TEST(Reassembly, TellsTheRunsThatChangedLastFirst) {
    covers({"RFC2018:2"});
    Receiver r;
    r.hold(10, 5);
    r.hold(30, 5);
    r.hold(50, 5);
    EXPECT_EQ(r.blocks(), (Blocks{{50, 55}, {30, 35}, {10, 15}}));
    r.hold(15, 2);
    EXPECT_EQ(r.blocks(), (Blocks{{10, 17}, {50, 55}, {30, 35}}));
    r.hold(31, 2);  // nothing new, but it is the run that the latest segment belongs to
    EXPECT_EQ(r.blocks(), (Blocks{{30, 35}, {10, 17}, {50, 55}}));
    EXPECT_EQ(r.blocks(2), (Blocks{{30, 35}, {10, 17}}));
    EXPECT_EQ(r.broken(), "");
}

TEST(Reassembly, JoinsRunsWhenTheHoleBetweenThemIsFilled) {
    Receiver r;
    r.hold(10, 5, 1);
    r.hold(20, 5, 2);
    EXPECT_EQ(r.holes.runs(), 2u);
    r.hold(15, 5, 3);
    EXPECT_EQ(r.holes.runs(), 1u);
    EXPECT_EQ(r.holes.bytes(), 15u);
    EXPECT_EQ(r.blocks(), (Blocks{{10, 25}}));
    EXPECT_EQ(r.runs.in_use(), 1u);
    EXPECT_EQ(r.broken(), "");
}

TEST(Reassembly, FillingAHoleBringsWhatWaitedBehindIt) {
    Receiver r;
    r.hold(2, 2, 2);
    r.hold(6, 2, 3);
    r.fill(2, 1);
    EXPECT_EQ(r.nxt, r.base + 4);
    EXPECT_EQ(bytes_of(r.in_order), (std::vector<u8>{1, 1, 2, 2}));
    EXPECT_EQ(r.holes.bytes(), 2u);
    r.fill(1, 4);
    EXPECT_EQ(r.nxt, r.base + 5);
    EXPECT_EQ(r.holes.runs(), 1u);
    r.fill(1, 5);
    EXPECT_EQ(r.nxt, r.base + 8);
    EXPECT_TRUE(r.holes.empty());
    EXPECT_EQ(bytes_of(r.in_order), (std::vector<u8>{1, 1, 2, 2, 4, 5, 3, 3}));
    EXPECT_EQ(r.runs.in_use(), 0u);
}

TEST(Reassembly, WhatCameFirstStays) {
    Receiver r;
    r.hold(2, 2, 2);
    EXPECT_EQ(r.hold(1, 4, 9).repeated, r.piece(2, 4));
    EXPECT_EQ(r.fill(6, 7), r.piece(1, 5));
    EXPECT_EQ(bytes_of(r.in_order), (std::vector<u8>{7, 9, 2, 2, 9, 7}));
}

TEST(Reassembly, KeepsNoMoreRunsThanItMay) {
    Receiver r;
    r.most = 2;
    EXPECT_EQ(r.hold(10, 5).reason, DropReason::None);
    EXPECT_EQ(r.hold(30, 5).reason, DropReason::None);
    EXPECT_EQ(r.hold(50, 5).reason, DropReason::TcpReassemblyFull);
    EXPECT_EQ(r.hold(15, 5).reason, DropReason::None);  // a run that grows is no new one
    // What lies in front of the refused part is taken all the same.
    const auto held = r.hold(32, 5);
    EXPECT_EQ(held.reason, DropReason::None);
    EXPECT_EQ(held.repeated, r.piece(32, 35));
    EXPECT_EQ(r.blocks(), (Blocks{{30, 37}, {10, 20}}));
    EXPECT_EQ(r.broken(), "");
}

TEST(Reassembly, RefusesARunThatThereIsNoMemoryFor) {
    test::Memory memory;
    MemoryBudget nothing{0};
    Pool<tcp::Run> runs{nothing};
    Reassembly holes;
    EXPECT_EQ(holes.hold(runs, 256, Seq{10}, memory.text(5, 1)).reason, DropReason::MemoryCeiling);
    EXPECT_TRUE(holes.empty());
    EXPECT_EQ(holes.bytes(), 0u);
}

TEST(Reassembly, TellsADuplicateOnceAndInFront) {
    covers({"RFC2883:1"});
    Receiver r;
    r.hold(10, 10);
    r.hold(30, 10);
    r.holes.remember(r.piece(12, 15), true);
    EXPECT_TRUE(r.holes.repeats());
    EXPECT_EQ(r.blocks(), (Blocks{{12, 15}, {10, 20}, {30, 40}}));
    EXPECT_EQ(r.blocks(), (Blocks{{30, 40}, {10, 20}}));
    EXPECT_FALSE(r.holes.repeats());
}

TEST(Reassembly, ADuplicateThatIsAcknowledgedHasNoRunAroundIt) {
    covers({"RFC2883:1"});
    Receiver r;
    r.fill(10);
    r.hold(20, 10);
    r.holes.remember(r.piece(0, 10), true);
    EXPECT_EQ(r.blocks(), (Blocks{{0, 10}, {20, 30}}));
}

TEST(Reassembly, OfASegmentTheFirstDuplicatePieceIsRemembered) {
    covers({"RFC2883:1"});
    Receiver r;
    r.hold(10, 5);
    r.hold(20, 5);
    const auto held = r.hold(5, 25);
    EXPECT_EQ(held.repeated, r.piece(10, 15));
    r.holes.remember(held.repeated, true);
    r.holes.remember(r.piece(20, 25), false);
    EXPECT_EQ(r.blocks(), (Blocks{{10, 15}, {5, 30}}));
}

TEST(Reassembly, DuplicatesThatTouchMakeOneBlock) {
    covers({"RFC2883:1"});
    Receiver r;
    r.holes.remember(r.piece(10, 15), true);
    r.holes.remember(r.piece(15, 20), true);
    r.holes.remember(r.piece(5, 10), true);
    EXPECT_EQ(r.blocks(2), (Blocks{{5, 20}}));
    r.holes.remember(r.piece(10, 15), true);
    r.holes.remember(r.piece(16, 20), true);  // the latest segment counts
    EXPECT_EQ(r.blocks(2), (Blocks{{16, 20}}));
}

// Byte by byte, and slowly.
struct Model {
    struct Byte {
        u8 value;
        u64 touched;
    };
    std::map<u32, Byte> held;  // by offset, at or behind `nxt`
    std::vector<u8> in_order;
    u32 nxt = 0;
    u64 touches = 0;

    struct Range {
        u32 left, right;
        u64 touched;
    };
    std::vector<Range> runs() const {
        std::vector<Range> all;
        for (const auto& [at, byte] : held) {
            if (all.empty() || all.back().right != at) all.push_back({at, at, 0});
            all.back().right = at + 1;
            all.back().touched = std::max(all.back().touched, byte.touched);
        }
        return all;
    }
    Blocks newest_first() const {
        std::map<u64, Range, std::greater<>> by_age;
        for (const Range& r : runs()) by_age[r.touched] = r;
        Blocks all;
        for (const auto& [age, r] : by_age) all.push_back({r.left, r.right});
        return all;
    }

    // The first bytes that had come before: from the first one to the next that had not.
    std::pair<u32, u32> repeated(u32 at, u32 end) const {
        while (at < end && !held.contains(at)) ++at;
        u32 right = at;
        while (right < end && held.contains(right)) ++right;
        return {at, right};
    }
    // Where it stopped.
    u32 hold(u32 at, u32 n, u8 filling, u32 most) {
        for (u32 i = at; i < at + n; ++i) {
            const bool fresh = !held.contains(i);
            const bool new_run = fresh && (i == 0 || !held.contains(i - 1));
            if (new_run && runs().size() >= most) return i;
            if (fresh) held[i] = {filling, 0};
            held[i].touched = ++touches;
        }
        return at + n;
    }
    void fill(u32 n, u8 filling) {
        for (u32 i = nxt, end = nxt + n; i < end; ++i)
            if (!held.contains(i)) held[i] = {filling, 0};
        while (held.contains(nxt)) {
            in_order.push_back(held[nxt].value);
            held.erase(nxt++);
        }
    }
};

void expect_repeated(const Receiver& r, Reassembly::Repeated seen, std::pair<u32, u32> expected) {
    if (expected.first == expected.second)
        EXPECT_EQ(seen.left, seen.right);
    else
        EXPECT_EQ(r.offsets(seen), expected);
}

void arrives(Receiver& r, Model& model, Random& random) {
    const u32 at = model.nxt + random.below(300), n = 1 + random.below(40);
    const u8 filling = static_cast<u8>(random.below(256));
    if (random.below(4) == 0) {
        const auto expected = model.repeated(model.nxt, model.nxt + n);
        model.fill(n, filling);
        expect_repeated(r, r.fill(n, filling), expected);
    } else if (at > model.nxt) {
        const Model before = model;
        const u32 stopped = model.hold(at, n, filling, r.most);
        const auto held = r.hold(at, n, filling);
        EXPECT_EQ(held.reason,
                  stopped == at + n ? DropReason::None : DropReason::TcpReassemblyFull);
        expect_repeated(r, held.repeated, before.repeated(at, stopped));
    }
}

TEST(Reassembly, AgreesWithAMapOfBytes) {
    test::for_each_seed(30, [](Random& random) {
        Receiver r;
        r.most = random.below(2) == 0 ? 256 : 1 + random.below(6);
        Model model;
        for (u32 step = 0; step < 200; ++step) {
            arrives(r, model, random);
            ASSERT_EQ(r.broken(), "") << "step " << step;
            ASSERT_EQ(r.nxt, r.base + model.nxt);
            ASSERT_EQ(r.holes.runs(), model.runs().size());
            ASSERT_EQ(r.holes.bytes(), model.held.size());
            ASSERT_EQ(r.blocks(300), model.newest_first());
            ASSERT_EQ(bytes_of(r.in_order), model.in_order);
            if (testing::Test::HasFailure()) FAIL() << "step " << step;
        }
    });
}

}  // namespace
}  // namespace tern::tcp

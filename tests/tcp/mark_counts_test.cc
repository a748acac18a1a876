#include "core/tcp/ecn/mark_counts.hh"

#include <gtest/gtest.h>

#include "support/covers.hh"

namespace tern::tcp {
namespace {

using test::covers;

// The counters that an option tells, in their order; the order itself in front.
std::vector<u32> told(const MarkCounts& c) {
    wire::TcpOptionsToSend o;
    c.put(o);
    std::vector<u32> all{o.acc_ecn_order};
    all.insert(all.end(), o.acc_ecn.begin(), o.acc_ecn.begin() + o.acc_ecn_count);
    return all;
}

TEST(MarkCounts, BeginWhereAZeroedFieldDoesNot) {
    covers({"RFC9768:3"});
    const MarkCounts c;
    EXPECT_EQ(c.cep(), 5u);
    EXPECT_EQ(c.marked(), 0u);
    EXPECT_EQ(told(c), (std::vector<u32>{0, 1}));
}

TEST(MarkCounts, CountPacketsOfCeAndBytesOfEveryMark) {
    MarkCounts c;
    c.arrived(k_ect_0, 2, 2000);
    c.arrived(k_ce, 3, 300);
    c.arrived(k_ect_1, 1, 50);
    c.arrived(k_not_ect, 9, 9000);
    EXPECT_EQ(c.cep(), 8u);
    EXPECT_EQ(c.marked(), 3u);
    EXPECT_EQ(told(c), (std::vector<u32>{0, 2001, 300, 51}));
}

TEST(MarkCounts, WhatHasNeverMovedIsLeftOffTheEnd) {
    MarkCounts c;
    c.arrived(k_ect_0, 1, 100);
    EXPECT_EQ(told(c), (std::vector<u32>{0, 101}));
    c.arrived(k_ce, 1, 10);
    EXPECT_EQ(told(c), (std::vector<u32>{0, 101, 10}));
}

TEST(MarkCounts, TheFirstCounterIsOfTheKindThatComes) {
    MarkCounts c;
    c.arrived(k_ect_1, 1, 100);
    EXPECT_EQ(told(c), (std::vector<u32>{1, 101}));
    c.arrived(k_ect_0, 1, 10);  // both kinds: the order of RFC 9768's table, all three
    EXPECT_EQ(told(c), (std::vector<u32>{0, 11, 0, 101}));
}

TEST(MarkCounts, TheSumMovesWithEveryCounterOfBytes) {
    MarkCounts c;
    for (const u8 field : {k_ect_0, k_ect_1, k_ce}) {
        const u32 before = c.bytes();
        c.arrived(field, 1, 7);
        EXPECT_EQ(c.bytes(), before + 7);
    }
    const u32 before = c.bytes();
    c.arrived(k_ce, 1, 0);  // a marked ACK has no bytes
    EXPECT_EQ(c.bytes(), before);
}

}  // namespace
}  // namespace tern::tcp

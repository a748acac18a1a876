#include "core/base/seq.hh"

#include <gtest/gtest.h>

#include <type_traits>

#include "support/covers.hh"

namespace tern {
namespace {

static_assert(!std::is_invocable_v<std::less<Seq>, Seq, Seq>, "a Seq is no key of an ordered set");
static_assert(sizeof(Seq) == 4);

// RFC 9293 3.4: comparisons modulo 2^32.
struct Row {
    u32 a, b;
    bool less;
    i32 difference;
};
constexpr Row k_rows[] = {
    {0, 0, false, 0},
    {0, 1, true, -1},
    {1, 0, false, 1},
    {0xffffffff, 0, true, -1},
    {0, 0xffffffff, false, 1},
    {0xfffffff0, 0x10, true, -0x20},
    {0x10, 0xfffffff0, false, 0x20},
    {0, 0x7fffffff, true, -0x7fffffff},
    {0x7fffffff, 0, false, 0x7fffffff},
    {0x80000001, 0, true, -0x7fffffff},
    {0, 0x80000001, false, 0x7fffffff},
    {0x7fffffff, 0x80000000, true, -1},
    {0x80000000, 0x7fffffff, false, 1},
    {0xc0000000, 0x3fffffff, true, -0x7fffffff},
};

TEST(Seq, ComparisonTable) {
    test::covers({"VULN:sequence-wrap"});
    for (const Row& row : k_rows) {
        const Seq a{row.a}, b{row.b};
        SCOPED_TRACE(testing::Message() << std::hex << row.a << " and " << row.b);
        EXPECT_EQ(a < b, row.less);
        EXPECT_EQ(b > a, row.less);
        EXPECT_EQ(a >= b, !row.less);
        EXPECT_EQ(b <= a, !row.less);
        EXPECT_EQ(a <= b, row.less || row.a == row.b);
        EXPECT_EQ(a - b, row.difference);
        EXPECT_EQ(max(a, b), row.less ? b : a);
        EXPECT_EQ(min(a, b), row.less ? a : b);
    }
}

TEST(Seq, ArithmeticWraps) {
    test::covers({"VULN:sequence-wrap"});
    EXPECT_EQ(Seq{0xffffffff} + 1, Seq{0});
    EXPECT_EQ(Seq{0} - 1u, Seq{0xffffffff});
    EXPECT_EQ(Seq{0xfffffff0} + 0x20, Seq{0x10});
    Seq s{0xfffffffe};
    s += 5;
    EXPECT_EQ(s, Seq{3});
}

// RFC 9293 3.4, the acceptable acknowledgement: SND.UNA < SEG.ACK =< SND.NXT.
TEST(Seq, AcceptableAcknowledgementAtEveryPlaceAroundTheWrap) {
    for (u32 base = 0xffffff00; base != 0x100; ++base) {
        const Seq una{base}, nxt = una + 100;
        EXPECT_FALSE(una < una && una <= nxt);
        EXPECT_TRUE(una < una + 1 && una + 1 <= nxt);
        EXPECT_TRUE(una < nxt && nxt <= nxt);
        EXPECT_FALSE(una < nxt + 1 && nxt + 1 <= nxt);
        EXPECT_FALSE(una < una - 1u);
    }
}

// Half of the circle apart, each is before the other: why windows stay below 2^30 (RFC 7323 2.3).
TEST(Seq, OppositeNumbersHaveNoOrder) {
    EXPECT_TRUE(Seq{0} < Seq{0x80000000});
    EXPECT_TRUE(Seq{0x80000000} < Seq{0});
}

}  // namespace
}  // namespace tern

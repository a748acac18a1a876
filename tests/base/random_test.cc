#include "core/base/random.hh"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <set>
#include <vector>

#include "property.hh"
#include "support/covers.hh"

namespace tern {
namespace {

TEST(Random, ChaChaBlockOfRfc8439Section232) {
    test::covers({"VULN:prng-recovery"});
    const ChachaBlock in{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574, 0x03020100, 0x07060504,
                         0x0b0a0908, 0x0f0e0d0c, 0x13121110, 0x17161514, 0x1b1a1918, 0x1f1e1d1c,
                         0x00000001, 0x09000000, 0x4a000000, 0x00000000};
    const ChachaBlock out{0xe4e7f110, 0x15593bd1, 0x1fdd0f50, 0xc47120a3, 0xc7f4d1c7, 0x0368c033,
                          0x9aaa2204, 0x4e6cd4c3, 0x466482d2, 0x09aa9f07, 0x05d7c214, 0xa2028bd9,
                          0xd19c12b5, 0xb94e16de, 0xe883d0cb, 0x4e3c50a2};
    EXPECT_EQ(chacha20_block(in), out);
}

TEST(Random, ZeroSeedIsTheKeyStreamOfRfc8439AppendixA1) {
    const std::array<std::byte, 32> zero{};
    Random random{std::span{zero}};
    EXPECT_EQ(random.next32(), 0xade0b876u);  // vector 1, counter 0
    EXPECT_EQ(random.next32(), 0x903df1a0u);
    for (int i = 2; i < 16; ++i) random.next32();
    EXPECT_EQ(random.next32(), 0xbee7079fu);  // vector 2, counter 1
}

TEST(Random, SameSeedSameStreamAndOtherSeedOtherStream) {
    Random a{7}, b{7}, c{8};
    std::set<u64> seen;
    for (int i = 0; i < 1000; ++i) {
        const u64 x = a.next64();
        EXPECT_EQ(x, b.next64());
        EXPECT_TRUE(seen.insert(x).second);
        EXPECT_TRUE(seen.insert(c.next64()).second);
    }
}

TEST(Random, BelowStaysBelowAndIsEven) {
    test::for_each_seed(5, [](Random& random) {
        for (const u32 n : {1u, 2u, 3u, 7u, 10u, 64u, 100u}) {
            std::vector<int> count(n);
            const int rounds = 20'000;
            for (int i = 0; i < rounds; ++i) {
                const u32 x = random.below(n);
                ASSERT_LT(x, n);
                ++count[x];
            }
            const double expected = double(rounds) / n;
            double chi_square = 0;
            for (const int c : count) chi_square += (c - expected) * (c - expected) / expected;
            EXPECT_LT(chi_square, n + 6 * std::sqrt(2.0 * n)) << "n = " << n;
        }
    });
}

TEST(Random, BelowOfHugeRangesRejects) {
    // Just above 2^31 nearly half of all draws are surplus; without rejection the low half of the
    // range would come up twice as often as the high half.
    Random random{3};
    const u32 n = 0x80000001;
    int low = 0;
    for (int i = 0; i < 40'000; ++i) low += random.below(n) < n / 2;
    EXPECT_NEAR(low, 20'000, 700);
}

TEST(Random, UnitIsInRangeWithTheRightMean) {
    test::for_each_seed(5, [](Random& random) {
        double sum = 0;
        for (int i = 0; i < 20'000; ++i) {
            const double x = random.unit();
            ASSERT_GE(x, 0.0);
            ASSERT_LT(x, 1.0);
            sum += x;
        }
        EXPECT_NEAR(sum / 20'000, 0.5, 0.015);
    });
}

TEST(Random, EveryBitIsSetHalfOfTheTime) {
    test::covers({"VULN:prng-recovery"});
    Random random{11};
    std::array<int, 64> ones{};
    for (int i = 0; i < 20'000; ++i)
        for (u64 x = random.next64(); x != 0; x &= x - 1)
            ++ones[static_cast<std::size_t>(std::countr_zero(x))];
    for (const int n : ones) EXPECT_NEAR(n, 10'000, 500);
}

TEST(Random, KeysDiffer) {
    Random random{1};
    const SipKey a = random.key(), b = random.key();
    EXPECT_NE(a.k0, a.k1);
    EXPECT_NE(a.k0, b.k0);
}

}  // namespace
}  // namespace tern

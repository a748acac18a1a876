#include "core/base/siphash.hh"

#include <gtest/gtest.h>

#include <array>
#include <bit>

#include "property.hh"
#include "support/covers.hh"

namespace tern {
namespace {

constexpr SipKey k_key{0x0706050403020100, 0x0f0e0d0c0b0a0908};  // bytes 00 .. 0f

constexpr std::array<std::byte, 64> counting_bytes() {
    std::array<std::byte, 64> bytes{};
    for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
    return bytes;
}
constexpr auto k_input = counting_bytes();

struct Vector {
    std::size_t length;
    u64 sip24;
    u64 sip13;
};
// From the reference implementation, with input bytes 00, 01, 02 and so on.
constexpr Vector k_vectors[] = {
    {0, 0x726fdb47dd0e0e31, 0xabac0158050fc4dc},  {8, 0x93f5f5799a932462, 0x369095118d299a8e},
    {15, 0xa129ca6149be45e5, 0xd320d86d2a519956}, {16, 0x3f2acc7f57c29bdb, 0xcc4fdd1a7d908b66},
    {24, 0xb8ad50c6f649af94, 0xf464aeb267349c8c}, {63, 0x958a324ceb064572, 0x9d199062b7bbb3a8},
};

TEST(SipHash, ReferenceVectors) {
    test::covers({"VULN:gvisor-weak-hash"});
    for (const Vector& v : k_vectors) {
        const auto bytes = std::span{k_input}.first(v.length);
        EXPECT_EQ(siphash24(k_key, bytes), v.sip24) << v.length << " bytes";
        EXPECT_EQ((siphash_bytes<1, 3>(k_key, bytes)), v.sip13) << v.length << " bytes";
    }
}

TEST(SipHash, WordFormsMatchTheVectors) {
    constexpr u64 a = 0x0706050403020100, b = 0x0f0e0d0c0b0a0908, c = 0x1716151413121110;
    static_assert(siphash24_words(k_key) == 0x726fdb47dd0e0e31);
    static_assert(siphash24_words(k_key, a) == 0x93f5f5799a932462);
    static_assert(siphash24_words(k_key, a, b) == 0x3f2acc7f57c29bdb);
    static_assert(siphash24_words(k_key, a, b, c) == 0xb8ad50c6f649af94);
    static_assert(siphash13(k_key) == 0xabac0158050fc4dc);
    static_assert(siphash13(k_key, a) == 0x369095118d299a8e);
    static_assert(siphash13(k_key, a, b) == 0xcc4fdd1a7d908b66);
    static_assert(siphash13(k_key, a, b, c) == 0xf464aeb267349c8c);
}

TEST(SipHash, WordAndByteFormsAgree) {
    test::for_each_seed(200, [](Random& random) {
        const SipKey key = random.key();
        std::array<u64, 5> w;
        std::array<std::byte, 40> bytes;
        for (std::size_t i = 0; i < w.size(); ++i) {
            w[i] = random.next64();
            for (std::size_t b = 0; b < 8; ++b)
                bytes[8 * i + b] = static_cast<std::byte>(w[i] >> (8 * b));
        }
        EXPECT_EQ(siphash24_words(key, w[0], w[1], w[2], w[3], w[4]), siphash24(key, bytes));
        EXPECT_EQ(siphash13(key, w[0], w[1], w[2], w[3], w[4]), (siphash_bytes<1, 3>(key, bytes)));
    });
}

TEST(SipHash, EveryInputBitFlipsAboutHalfOfTheOutput) {
    test::for_each_seed(20, [](Random& random) {
        const SipKey key = random.key();
        const u64 a = random.next64(), b = random.next64();
        const u64 before = siphash13(key, a, b);
        int flipped = 0;
        for (int bit = 0; bit < 64; ++bit) {
            flipped += std::popcount(before ^ siphash13(key, a ^ u64{1} << bit, b));
            flipped += std::popcount(before ^ siphash13(key, a, b ^ u64{1} << bit));
        }
        EXPECT_NEAR(flipped / 128.0, 32.0, 2.5);  // 7 standard deviations
    });
}

}  // namespace
}  // namespace tern

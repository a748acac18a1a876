// The digest tells apart what differs in any way, and does not depend on how memory lies.
#include "lab/sim/digest.hh"

#include <gtest/gtest.h>

#include <set>
#include <vector>

namespace tern::sim {
namespace {

u64 digest_of(std::span<const std::byte> bytes) {
    Digest d;
    d.add(bytes);
    return d.value();
}

TEST(Digest, every_byte_counts_and_so_does_the_length) {
    std::set<u64> seen;
    std::vector<std::byte> bytes(200);
    seen.insert(digest_of(bytes));
    for (std::size_t i = 0; i < bytes.size(); ++i)
        for (int bit = 0; bit < 8; ++bit) {
            bytes[i] ^= static_cast<std::byte>(1 << bit);
            seen.insert(digest_of(bytes));
            bytes[i] = {};
        }
    for (std::size_t n = 0; n < 200; ++n) seen.insert(digest_of(std::span{bytes}.first(n)));
    EXPECT_EQ(seen.size(), 1u + 200 * 8 + 200);
}

TEST(Digest, the_order_of_words_and_stripes_counts) {
    std::vector<std::byte> bytes(128);
    bytes[0] = std::byte{1};
    std::set<u64> seen;
    for (std::size_t i = 0; i + 8 < bytes.size(); i += 8) {
        seen.insert(digest_of(bytes));
        std::swap(bytes[i], bytes[i + 8]);
    }
    EXPECT_EQ(seen.size(), 15u);
    Digest ab, ba;
    ab.add(1), ab.add(2);
    ba.add(2), ba.add(1);
    EXPECT_NE(ab.value(), ba.value());
}

TEST(Digest, is_the_same_at_any_alignment_and_on_any_machine) {
    std::vector<std::byte> memory(300);
    std::set<u64> seen;
    for (std::size_t shift = 0; shift < 9; ++shift) {
        for (std::size_t i = 0; i < 150; ++i) memory[shift + i] = static_cast<std::byte>(i * 7);
        seen.insert(digest_of(std::span{memory}.subspan(shift, 150)));
    }
    EXPECT_EQ(seen, std::set<u64>{1'132'500'920'758'663'644u});
}

}  // namespace
}  // namespace tern::sim

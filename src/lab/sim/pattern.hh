// The bytes that loads send: a pattern of a prime length, so that a lost, doubled or shifted range
// is noticed.
#pragma once

#include <algorithm>
#include <array>
#include <cstring>
#include <span>

#include "tern/int.hh"

namespace tern::sim {

inline constexpr std::size_t k_pattern_period = 16'381;
inline constexpr std::size_t k_pattern_chunk = 65'536;

namespace pattern_detail {
struct Table {
    std::array<std::byte, k_pattern_period + k_pattern_chunk> bytes{};
    Table() {
        u32 x = 1;
        for (std::size_t i = 0; i < bytes.size(); ++i) {
            x = i % k_pattern_period == 0 ? 1 : x * 1'664'525U + 1'013'904'223U;
            bytes[i] = static_cast<std::byte>(x >> 24);
        }
    }
};
}  // namespace pattern_detail

// Up to k_pattern_chunk bytes of the stream from `position` on.
inline std::span<const std::byte> pattern_at(u64 position, u64 most) {
    static const pattern_detail::Table table;
    return {table.bytes.data() + position % k_pattern_period,
            static_cast<std::size_t>(std::min<u64>(most, k_pattern_chunk))};
}

inline bool is_pattern(u64 position, std::span<const std::byte> bytes) {
    while (!bytes.empty()) {
        const auto right = pattern_at(position, bytes.size());
        if (std::memcmp(right.data(), bytes.data(), right.size()) != 0) return false;
        bytes = bytes.subspan(right.size());
        position += right.size();
    }
    return true;
}

}  // namespace tern::sim

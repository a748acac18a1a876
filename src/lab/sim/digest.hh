// A running hash over a whole run: not secret, but the same on every machine and build.
#pragma once

#include <array>
#include <bit>
#include <cstring>
#include <span>
#include <string_view>

#include "core/base/endian.hh"
#include "tern/int.hh"

namespace tern::sim {

class Digest {
public:
    void add(u64 word) { state_ = mixed(state_ ^ word); }
    void add(std::span<const std::byte> bytes);
    void add(std::string_view text) { add(std::as_bytes(std::span{text})); }
    u64 value() const { return state_; }

private:
    static constexpr u64 k_odd = 0x9e3779b97f4a7c15, k_other_odd = 0xd6e8feb86659fd93;

    static u64 mixed(u64 x) {
        x *= k_odd;
        return x ^ x >> 32;
    }
    static u64 word_at(const std::byte* p) {
        u64 word;
        std::memcpy(&word, p, sizeof word);
        return std::endian::native == std::endian::little ? word : byte_swapped(word);
    }

    u64 state_ = k_odd;
};

// Eight chains, so that no multiplication waits for the one before it. Each step can be undone, so
// packets that differ in one word alone cannot have the same digest.
inline void Digest::add(std::span<const std::byte> bytes) {
    std::array<u64, 8> chains{};
    for (u64 i = 0; i < chains.size(); ++i) chains[i] = state_ + i * k_other_odd;
    const auto add_stripe = [&](const std::byte* p) {
        for (std::size_t i = 0; i < chains.size(); ++i)
            chains[i] = mixed(chains[i] ^ word_at(p + 8 * i));
    };
    const std::byte* p = bytes.data();
    std::size_t left = bytes.size();
    for (; left >= 64; left -= 64, p += 64) add_stripe(p);
    if (left > 0) {
        std::array<std::byte, 64> tail{};
        std::memcpy(tail.data(), p, left);
        add_stripe(tail.data());
    }
    for (const u64 chain : chains) add(chain);
    add(u64{bytes.size()});
}

}  // namespace tern::sim

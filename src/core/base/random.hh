// The only source of chance in the stack: ChaCha20 (RFC 8439 2.3) in counter mode over a seed. The
// same seed gives the same stream, so a simulation repeats; a secret 32-byte seed gives numbers
// that a peer cannot predict (keys of RFC 6528, ports of RFC 6056).
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <span>

#include "core/base/assert.hh"
#include "core/base/siphash.hh"
#include "tern/int.hh"

namespace tern {

using ChachaBlock = std::array<u32, 16>;

constexpr void chacha_quarter_round(u32& a, u32& b, u32& c, u32& d) {
    a += b, d = std::rotl(d ^ a, 16);
    c += d, b = std::rotl(b ^ c, 12);
    a += b, d = std::rotl(d ^ a, 8);
    c += d, b = std::rotl(b ^ c, 7);
}

// RFC 8439 2.3.1: constants, key, counter and nonce in; 64 bytes of key stream out.
constexpr ChachaBlock chacha20_block(const ChachaBlock& in) {
    ChachaBlock x = in;
    for (int i = 0; i < 10; ++i) {
        chacha_quarter_round(x[0], x[4], x[8], x[12]);
        chacha_quarter_round(x[1], x[5], x[9], x[13]);
        chacha_quarter_round(x[2], x[6], x[10], x[14]);
        chacha_quarter_round(x[3], x[7], x[11], x[15]);
        chacha_quarter_round(x[0], x[5], x[10], x[15]);
        chacha_quarter_round(x[1], x[6], x[11], x[12]);
        chacha_quarter_round(x[2], x[7], x[8], x[13]);
        chacha_quarter_round(x[3], x[4], x[9], x[14]);
    }
    for (std::size_t i = 0; i < x.size(); ++i) x[i] += in[i];
    return x;
}

class Random {
public:
    // For simulations and tests; only as unpredictable as `seed` is.
    explicit constexpr Random(u64 seed) {
        input_[4] = static_cast<u32>(seed);
        input_[5] = static_cast<u32>(seed >> 32);
    }
    // For stacks that face a network: 32 bytes of the operating system's entropy.
    explicit constexpr Random(std::span<const std::byte, 32> seed) {
        for (std::size_t i = 0; i < seed.size(); ++i)
            input_[4 + i / 4] |= std::to_integer<u32>(seed[i]) << (i % 4 * 8);
    }

    constexpr u32 next32() {
        if (used_ == output_.size()) refill();
        return output_[used_++];
    }
    constexpr u64 next64() {
        const u64 low = next32();
        return u64{next32()} << 32 | low;
    }
    // Each of 0 .. n-1 with the same chance; n > 0. (Lemire, 2019: the rejected products are those
    // that would make some results one more likely than others.)
    constexpr u32 below(u32 n) {
        debug_check(n > 0);
        u64 product = u64{next32()} * n;
        if (static_cast<u32>(product) < n) {
            const u32 surplus = -n % n;
            while (static_cast<u32>(product) < surplus) product = u64{next32()} * n;
        }
        return static_cast<u32>(product >> 32);
    }
    // In [0, 1), in steps of 2^-53.
    constexpr double unit() { return static_cast<double>(next64() >> 11) * 0x1p-53; }
    constexpr SipKey key() {
        const u64 k0 = next64();
        return {k0, next64()};
    }

private:
    constexpr void refill() {
        output_ = chacha20_block(input_);
        if (++input_[12] == 0) ++input_[13];
        used_ = 0;
    }

    // "expand 32-byte k", the key, a 64-bit block counter and a zero nonce.
    ChachaBlock input_{0x61707865, 0x3320646e, 0x79622d32, 0x6b206574};
    ChachaBlock output_{};
    u32 used_ = 16;
};

}  // namespace tern

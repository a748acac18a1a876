// SipHash (Aumasson and Bernstein, 2012): a keyed hash that a peer who chooses the input, but does
// not know the key, can neither predict nor collide. It makes initial sequence numbers (RFC 6528)
// and SYN cookies, and places flows in the table. The word forms hash 8 * n bytes, each word in
// little-endian order, and give the same value as the byte form.
#pragma once

#include <bit>
#include <cstddef>
#include <span>

#include "tern/int.hh"

namespace tern {

struct SipKey {
    u64 k0 = 0;
    u64 k1 = 0;
};

// The running state; CRounds per word of input, DRounds at the end.
template <int CRounds, int DRounds>
class SipState {
public:
    constexpr explicit SipState(const SipKey& key)
        : v0_(key.k0 ^ 0x736f6d6570736575), v1_(key.k1 ^ 0x646f72616e646f6d),
          v2_(key.k0 ^ 0x6c7967656e657261), v3_(key.k1 ^ 0x7465646279746573) {}

    constexpr void add(u64 word) {
        v3_ ^= word;
        for (int i = 0; i < CRounds; ++i) round();
        v0_ ^= word;
    }
    // `last` holds the bytes after the last full word and, in its top byte, the length modulo 256.
    constexpr u64 finish(u64 last) {
        add(last);
        v2_ ^= 0xff;
        for (int i = 0; i < DRounds; ++i) round();
        return v0_ ^ v1_ ^ v2_ ^ v3_;
    }

private:
    [[gnu::always_inline]] constexpr void round() {
        v0_ += v1_;
        v2_ += v3_;
        v1_ = std::rotl(v1_, 13) ^ v0_;
        v3_ = std::rotl(v3_, 16) ^ v2_;
        v0_ = std::rotl(v0_, 32);
        v2_ += v1_;
        v0_ += v3_;
        v1_ = std::rotl(v1_, 17) ^ v2_;
        v3_ = std::rotl(v3_, 21) ^ v0_;
        v2_ = std::rotl(v2_, 32);
    }

    u64 v0_, v1_, v2_, v3_;
};

template <int CRounds, int DRounds>
constexpr u64 siphash_bytes(const SipKey& key, std::span<const std::byte> bytes) {
    SipState<CRounds, DRounds> state{key};
    const u64 length = bytes.size();
    u64 word = 0;
    for (u64 i = 0; i < length; ++i) {
        word |= std::to_integer<u64>(bytes[i]) << (i % 8 * 8);
        if (i % 8 == 7) {
            state.add(word);
            word = 0;
        }
    }
    return state.finish(length << 56 | word);
}

template <int CRounds, int DRounds, class... W>
constexpr u64 siphash_words(const SipKey& key, W... words) {
    SipState<CRounds, DRounds> state{key};
    (state.add(static_cast<u64>(words)), ...);
    return state.finish(u64{8 * sizeof...(W)} << 56);
}

// For secrets that peers get to see a part of: sequence numbers, cookies.
constexpr u64 siphash24(const SipKey& key, std::span<const std::byte> bytes) {
    return siphash_bytes<2, 4>(key, bytes);
}
template <class... W>
constexpr u64 siphash24_words(const SipKey& key, W... words) {
    return siphash_words<2, 4>(key, words...);
}

// For tables, where the value itself is never shown: fewer rounds, as in Linux and Rust.
template <class... W>
constexpr u64 siphash13(const SipKey& key, W... words) {
    return siphash_words<1, 3>(key, words...);
}

}  // namespace tern

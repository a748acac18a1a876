// RFC 1071, 32 bytes at a time; the twin of the loops in checksum.cc.
//
// Carries are never looked at. Each 64-bit lane is added twice: whole (modulo 2^64) into `all`,
// and its upper half into `high`. The sum of the lower halves is then all - (high << 32), exactly,
// because it stays far below 2^64. That is three instructions for 32 bytes.
#include "core/base/checksum.hh"

#if defined(__x86_64__)

#include <immintrin.h>

#define TERN_AVX2 __attribute__((target("avx2"), always_inline)) inline

namespace tern {

namespace {

struct Lanes {
    __m256i all;
    __m256i high;
};

TERN_AVX2 __m256i load(const std::byte* from) {
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(from));
}

TERN_AVX2 void store(std::byte* to, __m256i v) {
    _mm256_storeu_si256(reinterpret_cast<__m256i*>(to), v);
}

TERN_AVX2 void add(Lanes& lanes, __m256i v) {
    lanes.all = _mm256_add_epi64(lanes.all, v);
    lanes.high = _mm256_add_epi64(lanes.high, _mm256_srli_epi64(v, 32));
}

// The four 64-bit lanes of both sums, as one number below 2^64.
TERN_AVX2 u64 total(const Lanes& lanes) {
    const __m256i low = _mm256_sub_epi64(lanes.all, _mm256_slli_epi64(lanes.high, 32));
    const __m256i sum = _mm256_add_epi64(low, lanes.high);
    const __m128i half =
        _mm_add_epi64(_mm256_castsi256_si128(sum), _mm256_extracti128_si256(sum, 1));
    return static_cast<u64>(_mm_cvtsi128_si64(half)) + static_cast<u64>(_mm_extract_epi64(half, 1));
}

// Keeps the last n of 32 bytes, 0 <= n <= 32.
TERN_AVX2 __m256i mask_of_last(std::size_t n) {
    alignas(32) static constexpr i8 window[64] = {
        0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  0,
        0,  0,  0,  0,  0,  0,  0,  0,  0,  0,  -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1,
        -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1, -1};
    return _mm256_loadu_si256(reinterpret_cast<const __m256i*>(window + n));
}

// At least 32 bytes. The rest behind the last whole step is read with a window that reaches back
// over bytes already summed and masks them; its start has even distance, so words stay words.
template <bool Copy>
TERN_AVX2 u32 sum_of(u32 start, std::byte* to, const std::byte* p, std::size_t n) {
    Lanes a{_mm256_setzero_si256(), _mm256_setzero_si256()};
    Lanes b = a;
    std::size_t at = 0;
    for (; n - at >= 128; at += 128) {
        const __m256i v0 = load(p + at), v1 = load(p + at + 32);
        const __m256i v2 = load(p + at + 64), v3 = load(p + at + 96);
        if constexpr (Copy) {
            store(to + at, v0);
            store(to + at + 32, v1);
            store(to + at + 64, v2);
            store(to + at + 96, v3);
        }
        add(a, v0);
        add(b, v1);
        add(a, v2);
        add(b, v3);
    }
    for (; n - at >= 32; at += 32) {
        const __m256i v = load(p + at);
        if constexpr (Copy) store(to + at, v);
        add(a, v);
    }
    const std::size_t even_end = n & ~std::size_t{1};
    const __m256i rest = load(p + even_end - 32);
    if constexpr (Copy) store(to + even_end - 32, rest);
    add(b, _mm256_and_si256(rest, mask_of_last(even_end - at)));
    u64 sum = start;
    if (n & 1) {  // x86 is little-endian: the padded byte is the lower one
        if constexpr (Copy) to[n - 1] = p[n - 1];
        sum += static_cast<u64>(p[n - 1]);
    }
    a.all = _mm256_add_epi64(a.all, b.all);
    a.high = _mm256_add_epi64(a.high, b.high);
    return checksum_detail::fold_64(sum + total(a));
}

}  // namespace

__attribute__((target("avx2"))) u32 checksum_add_avx2(u32 sum, std::span<const std::byte> bytes) {
    if (bytes.size() < 32) return checksum_add_plain(sum, bytes);
    return sum_of<false>(sum, nullptr, bytes.data(), bytes.size());
}

__attribute__((target("avx2"))) u32 checksum_copy_avx2(std::byte* to,
                                                       std::span<const std::byte> from) {
    if (from.size() < 32) return checksum_copy_plain(to, from);
    return sum_of<true>(0, to, from.data(), from.size());
}

}  // namespace tern

#else

namespace tern {

u32 checksum_add_avx2(u32 sum, std::span<const std::byte> bytes) {
    return checksum_add_plain(sum, bytes);
}
u32 checksum_copy_avx2(std::byte* to, std::span<const std::byte> from) {
    return checksum_copy_plain(to, from);
}

}  // namespace tern

#endif

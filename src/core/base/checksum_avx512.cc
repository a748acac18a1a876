// RFC 1071, 64 bytes at a time: as checksum_avx2.cc, and what is left at the end is loaded and
// stored under a mask. Needs AVX-512 F and BW.
#include "core/base/checksum.hh"

#if defined(__x86_64__)

#include <immintrin.h>

#define TERN_AVX512 __attribute__((target("avx512f,avx512bw"), always_inline)) inline

namespace tern {

namespace {

// The sum of the lower halves is all - (high << 32); see checksum_avx2.cc.
struct Lanes {
    __m512i all;
    __m512i high;
};

// With a mask of all lanes: GCC 12 takes the forms without for a use of what is not initialized.
constexpr __mmask8 k_every = 0xff;

TERN_AVX512 void add(Lanes& lanes, __m512i v) {
    lanes.all = _mm512_add_epi64(lanes.all, v);
    lanes.high = _mm512_add_epi64(lanes.high, _mm512_maskz_srli_epi64(k_every, v, 32));
}

TERN_AVX512 u64 total(const Lanes& lanes) {
    const __m512i low =
        _mm512_sub_epi64(lanes.all, _mm512_maskz_slli_epi64(k_every, lanes.high, 32));
    alignas(64) u64 sums[8];
    _mm512_store_si512(sums, _mm512_add_epi64(low, lanes.high));
    u64 sum = 0;
    for (const u64 each : sums) sum += each;
    return sum;
}

template <bool Copy>
TERN_AVX512 u32 sum_of(u32 start, std::byte* to, const std::byte* p, std::size_t n) {
    Lanes a{_mm512_setzero_si512(), _mm512_setzero_si512()};
    Lanes b = a;
    std::size_t at = 0;
    for (; n - at >= 128; at += 128) {
        const __m512i v0 = _mm512_loadu_si512(p + at), v1 = _mm512_loadu_si512(p + at + 64);
        if constexpr (Copy) {
            _mm512_storeu_si512(to + at, v0);
            _mm512_storeu_si512(to + at + 64, v1);
        }
        add(a, v0);
        add(b, v1);
    }
    for (; at < n; at += 64) {
        const std::size_t left = n - at;
        const __mmask64 mask = left >= 64 ? ~u64{0} : (u64{1} << left) - 1;
        const __m512i v = _mm512_maskz_loadu_epi8(mask, p + at);
        if constexpr (Copy) _mm512_mask_storeu_epi8(to + at, mask, v);
        add(a, v);
    }
    a.all = _mm512_add_epi64(a.all, b.all);
    a.high = _mm512_add_epi64(a.high, b.high);
    return checksum_detail::fold_64(checksum_detail::add_with_carry(start, total(a)));
}

}  // namespace

__attribute__((target("avx512f,avx512bw"))) u32 checksum_add_avx512(
    u32 sum, std::span<const std::byte> bytes) {
    return sum_of<false>(sum, nullptr, bytes.data(), bytes.size());
}

__attribute__((target("avx512f,avx512bw"))) u32 checksum_copy_avx512(
    std::byte* to, std::span<const std::byte> from) {
    return sum_of<true>(0, to, from.data(), from.size());
}

}  // namespace tern

#else

namespace tern {

u32 checksum_add_avx512(u32 sum, std::span<const std::byte> bytes) {
    return checksum_add_plain(sum, bytes);
}
u32 checksum_copy_avx512(std::byte* to, std::span<const std::byte> from) {
    return checksum_copy_plain(to, from);
}

}  // namespace tern

#endif

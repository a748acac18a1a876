// RFC 1071, plain, and the choice between the twins.
#include "core/base/checksum.hh"

namespace tern {

namespace {

ChecksumTwin best() {
#if defined(__x86_64__)
    __builtin_cpu_init();
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw"))
        return ChecksumTwin::Avx512;
    if (__builtin_cpu_supports("avx2")) return ChecksumTwin::Avx2;
#endif
    return ChecksumTwin::Plain;
}

// Zero until its initializer has run, so whoever sums before that takes the plain twin.
const ChecksumTwin k_best = best();

}  // namespace

bool checksum_has(ChecksumTwin twin) { return twin <= k_best; }

u32 checksum_add_plain(u32 start, std::span<const std::byte> bytes) {
    const std::byte* p = bytes.data();
    std::size_t n = bytes.size();
    using checksum_detail::load_native;
    // Two words a step on two chains, because each chain waits for its own carry.
    u64 even = start;
    u64 odd = 0;
    for (; n >= 16; n -= 16, p += 16) {
        even = checksum_detail::add_with_carry(even, load_native<u64>(p));
        odd = checksum_detail::add_with_carry(odd, load_native<u64>(p + 8));
    }
    if (n >= 8) {
        odd = checksum_detail::add_with_carry(odd, load_native<u64>(p));
        n -= 8;
        p += 8;
    }
    const u64 tail = checksum_detail::sum_of_tail(p, n);
    return checksum_detail::fold_64(
        checksum_detail::add_with_carry(checksum_detail::add_with_carry(even, odd), tail));
}

u32 checksum_copy_plain(std::byte* to, std::span<const std::byte> from) {
    const std::byte* p = from.data();
    std::size_t n = from.size();
    u64 sum = 0;
    for (; n >= 8; n -= 8, p += 8, to += 8) {
        const u64 word = checksum_detail::load_native<u64>(p);
        std::memcpy(to, &word, sizeof word);
        sum = checksum_detail::add_with_carry(sum, word);
    }
    for (std::size_t i = 0; i < n; ++i) to[i] = p[i];
    return checksum_detail::fold_64(
        checksum_detail::add_with_carry(sum, checksum_detail::sum_of_tail(p, n)));
}

u32 checksum_detail::add_long(u32 sum, std::span<const std::byte> bytes) {
    switch (k_best) {
        case ChecksumTwin::Avx512: return checksum_add_avx512(sum, bytes);
        case ChecksumTwin::Avx2: return checksum_add_avx2(sum, bytes);
        case ChecksumTwin::Plain: break;
    }
    return checksum_add_plain(sum, bytes);
}

u32 checksum_copy(std::byte* to, std::span<const std::byte> from) {
    switch (k_best) {
        case ChecksumTwin::Avx512: return checksum_copy_avx512(to, from);
        case ChecksumTwin::Avx2: return checksum_copy_avx2(to, from);
        case ChecksumTwin::Plain: break;
    }
    return checksum_copy_plain(to, from);
}

}  // namespace tern

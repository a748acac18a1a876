// RFC 1071. Sums are kept as a 32-bit partial result in native byte order, so that they add up
// across parts; a part of odd length may only be the last one.
//
// The value of a sum is unique: 0 when every byte was 0, otherwise 1..0xffff. So the twins (plain,
// AVX2, AVX-512) return equal numbers, not only equal checksums.
#pragma once

#include <bit>
#include <cstring>
#include <span>

#include "tern/address.hh"

namespace tern {

inline u32 checksum_fold(u32 sum) {
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}
// The value for a checksum field, ready to be stored with memcpy (native order).
inline u16 checksum_finish(u32 sum) { return static_cast<u16>(~checksum_fold(sum)); }

namespace checksum_detail {

// Spans up to this many bytes (every header) are summed where they are met, without a call.
inline constexpr std::size_t k_inline_limit = 64;

inline u64 add_with_carry(u64 a, u64 b) {
    const u64 sum = a + b;
    return sum + (sum < a);
}

template <class T>
T load_native(const std::byte* from) {
    T word;
    std::memcpy(&word, from, sizeof word);
    return word;
}

inline u32 fold_64(u64 sum) {
    sum = (sum & 0xffffffff) + (sum >> 32);
    sum = (sum & 0xffffffff) + (sum >> 32);
    return checksum_fold(static_cast<u32>(sum));
}

// The last 0..7 bytes, as one number that cannot overflow 34 bits.
inline u64 sum_of_tail(const std::byte* p, std::size_t n) {
    u64 sum = 0;
    if (n & 4) {
        sum += load_native<u32>(p);
        p += 4;
    }
    if (n & 2) {
        sum += load_native<u16>(p);
        p += 2;
    }
    if (n & 1) {  // RFC 1071 1: an odd last byte is padded with zero on its right
        const u64 last = static_cast<u64>(*p);
        sum += std::endian::native == std::endian::little ? last : last << 8;
    }
    return sum;
}

inline u64 add_short(u64 sum, const std::byte* p, std::size_t n) {
    for (; n >= 8; n -= 8, p += 8) sum = add_with_carry(sum, load_native<u64>(p));
    return n == 0 ? sum : add_with_carry(sum, sum_of_tail(p, n));
}

u32 add_long(u32 sum, std::span<const std::byte> bytes);

}  // namespace checksum_detail

// The 16-bit one's complement sum folded into 32 bits (upper half zero), native byte order.
inline u32 checksum_add(u32 sum, std::span<const std::byte> bytes) {
    if (bytes.size() <= checksum_detail::k_inline_limit)
        return checksum_detail::fold_64(
            checksum_detail::add_short(sum, bytes.data(), bytes.size()));
    return checksum_detail::add_long(sum, bytes);
}
// Sums of 64 bits, with the carry brought round, are folded once, at the end of a chain.
inline u64 checksum_add_wide(u64 sum, std::span<const std::byte> bytes) {
    if (bytes.size() <= checksum_detail::k_inline_limit)
        return checksum_detail::add_short(sum, bytes.data(), bytes.size());
    return checksum_detail::add_with_carry(sum, checksum_detail::add_long(0, bytes));
}
inline u16 checksum_finish_wide(u64 sum) {
    return static_cast<u16>(~checksum_detail::fold_64(sum));
}
// Copies and sums in one pass; `to` and `from` do not overlap.
u32 checksum_copy(std::byte* to, std::span<const std::byte> from);

// Plain twins, for tests and machines without the fast ones.
u32 checksum_add_plain(u32 sum, std::span<const std::byte> bytes);
u32 checksum_copy_plain(std::byte* to, std::span<const std::byte> from);

// Fast twins; call them only where the processor has what they need (never off x86-64).
enum class ChecksumTwin : u8 { Plain, Avx2, Avx512 };
bool checksum_has(ChecksumTwin twin);
u32 checksum_add_avx512(u32 sum, std::span<const std::byte> bytes);
u32 checksum_copy_avx512(std::byte* to, std::span<const std::byte> from);
u32 checksum_add_avx2(u32 sum, std::span<const std::byte> bytes);
u32 checksum_copy_avx2(std::byte* to, std::span<const std::byte> from);

// Sum of the pseudo-header of TCP and UDP over IPv4 (RFC 9293 3.1) or IPv6 (RFC 8200 8.1).
// One formula serves both: the ffff in front of a mapped IPv4 address is the zero of one's
// complement arithmetic, and a length that fits 16 bits adds the same in either form.
inline u64 checksum_pseudo_wide(const IpAddress& source, const IpAddress& destination, u8 protocol,
                                u32 length) {
    using checksum_detail::add_with_carry;
    u64 words = u64{length} + protocol;  // as if read in network order
    if constexpr (std::endian::native == std::endian::little) words = __builtin_bswap64(words);
    u64 sum = add_with_carry(source.high(), source.low());
    sum = add_with_carry(sum, destination.high());
    sum = add_with_carry(sum, destination.low());
    return add_with_carry(sum, words);
}
inline u32 checksum_pseudo(const IpAddress& source, const IpAddress& destination, u8 protocol,
                           u32 length) {
    return checksum_detail::fold_64(checksum_pseudo_wide(source, destination, protocol, length));
}

}  // namespace tern

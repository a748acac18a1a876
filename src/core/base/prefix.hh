// What addresses have in common at their beginning, for either family. IPv4 addresses begin with
// the same 96 bits (tern/address.hh), so lengths count from 0 to 128, and those of IPv4 from 96.
#pragma once

#include "core/base/endian.hh"
#include "tern/address.hh"

namespace tern {

// An address as two numbers, so that order, masks and ranges are plain arithmetic.
struct AddressNumber {
    u64 high = 0, low = 0;

    AddressNumber() = default;
    AddressNumber(u64 h, u64 l) : high(h), low(l) {}
    AddressNumber(const IpAddress& a)  // implicit: the same thing, in host order
        : high(from_network(a.high())), low(from_network(a.low())) {}
    friend auto operator<=>(const AddressNumber&, const AddressNumber&) = default;

private:
    static u64 from_network(u64 word) {
        return std::endian::native == std::endian::little ? byte_swapped(word) : word;
    }
};

// 0..128: how many bits are the same before the first one that is not.
inline u32 common_bits(const AddressNumber& a, const AddressNumber& b) {
    if (a.high != b.high) return static_cast<u32>(std::countl_zero(a.high ^ b.high));
    return 64 + static_cast<u32>(std::countl_zero(a.low ^ b.low));
}

// The addresses of one family that begin with the same bits.
struct Prefix {
    AddressNumber first;  // the lowest one: zeros follow
    u8 bits = 0;
    bool v4 = false;

    Prefix() = default;
    // `length` counts as people count it: 0..32 for IPv4, 0..128 for IPv6. Bits of `address` behind
    // it are dropped.
    Prefix(const IpAddress& address, u8 length)
        : bits(static_cast<u8>(length + (address.is_v4() ? 96 : 0))), v4(address.is_v4()) {
        const AddressNumber a = address;
        first = {a.high & high_mask(), a.low & low_mask()};
    }

    AddressNumber last() const { return {first.high | ~high_mask(), first.low | ~low_mask()}; }
    bool contains(const IpAddress& address) const {
        const AddressNumber a = address;
        return address.is_v4() == v4 && (a.high & high_mask()) == first.high &&
               (a.low & low_mask()) == first.low;
    }
    bool overlaps(const Prefix& other) const {
        return v4 == other.v4 && first <= other.last() && other.first <= last();
    }
    friend bool operator==(const Prefix&, const Prefix&) = default;

private:
    static u64 ones(u32 n) { return n == 0 ? 0 : ~u64{0} << (64 - n); }
    u64 high_mask() const { return ones(bits < 64 ? bits : 64); }
    u64 low_mask() const { return ones(bits < 64 ? 0 : bits - 64u); }
};

// RFC 1122 3.2.1.3, RFC 4291 2.5: one host, that may be the source of what is on a link.
inline bool is_host(const IpAddress& a) {
    if (a.is_v4()) return a.v4().is_valid_source();
    const AddressNumber number = a;
    return a.bytes[0] != 0xff && (number.high != 0 || number.low > 1);
}
inline bool is_link_local(const IpAddress& a) {
    return a.is_v4() ? a.v4().is_link_local() : a.bytes[0] == 0xfe && (a.bytes[1] & 0xc0) == 0x80;
}

// Whether the length fits the family of the address.
inline bool is_valid(const Cidr& c) { return c.prefix_length <= (c.address.is_v4() ? 32 : 128); }
inline Prefix prefix_of(const Cidr& c) { return {c.address, c.prefix_length}; }

}  // namespace tern

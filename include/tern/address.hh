// Addresses and their text forms. Every address of the stack is 16 bytes; IPv4 is held as
// ::ffff:a.b.c.d (RFC 4291 2.5.5.2), so keys and records hold either family.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>

#include "tern/export.hh"
#include "tern/int.hh"

namespace tern TERN_API {

// A hardware address of six bytes, in the order in which they are sent (IEEE 802).
struct MacAddress {
    std::array<u8, 6> bytes{};

    static constexpr MacAddress broadcast() {
        return {{0xff, 0xff, 0xff, 0xff, 0xff, 0xff}};
    }                                                               // every station
    static std::optional<MacAddress> parse(std::string_view text);  // "02:00:00:00:00:01"
    constexpr bool is_broadcast() const { return *this == broadcast(); }
    constexpr bool is_group() const { return (bytes[0] & 1) != 0; }  // multicast or broadcast
    constexpr bool is_zero() const { return *this == MacAddress{}; }
    std::string to_string() const;
    friend constexpr auto operator<=>(const MacAddress&, const MacAddress&) = default;
};

// In host order, so that masks and ranges are plain arithmetic.
struct Ipv4Address {
    u32 value = 0;

    constexpr Ipv4Address() = default;
    // 0x0a000001 is 10.0.0.1.
    constexpr explicit Ipv4Address(u32 host_order) : value(host_order) {}
    // In the order in which they are written.
    constexpr Ipv4Address(u8 a, u8 b, u8 c, u8 d)
        : value(u32{a} << 24 | u32{b} << 16 | u32{c} << 8 | d) {}
    // Four decimal numbers from 0 to 255 between dots; nothing for any other text.
    static std::optional<Ipv4Address> parse(std::string_view text);

    static constexpr Ipv4Address unspecified() { return Ipv4Address{}; }  // 0.0.0.0
    // 255.255.255.255.
    static constexpr Ipv4Address broadcast() { return Ipv4Address{0xffffffffu}; }
    constexpr bool is_unspecified() const { return value == 0; }
    constexpr bool is_loopback() const { return value >> 24 == 127; }
    constexpr bool is_multicast() const { return value >> 28 == 0xe; }
    constexpr bool is_broadcast() const { return value == 0xffffffffu; }
    constexpr bool is_link_local() const { return value >> 16 == 0xa9fe; }
    // RFC 1122 3.2.1.3: 0/8, 127/8, multicast, class E and broadcast are no source on a wire.
    constexpr bool is_valid_source() const {
        return value >> 24 != 0 && value >> 24 != 127 && value >> 28 < 0xe;
    }
    std::string to_string() const;
    friend constexpr auto operator<=>(const Ipv4Address&, const Ipv4Address&) = default;
};

// An address of either family.
struct IpAddress {
    alignas(8) std::array<u8, 16> bytes{};

    constexpr IpAddress() = default;
    constexpr IpAddress(Ipv4Address v4) {  // implicit: an IPv4 address is an IP address
        if constexpr (std::endian::native == std::endian::little) {  // two stores, not six
            bytes = std::bit_cast<std::array<u8, 16>>(
                std::array<u64, 2>{0, u64{__builtin_bswap32(v4.value)} << 32 | 0xffff0000});
        } else {
            bytes[10] = bytes[11] = 0xff;
            bytes[12] = static_cast<u8>(v4.value >> 24);
            bytes[13] = static_cast<u8>(v4.value >> 16);
            bytes[14] = static_cast<u8>(v4.value >> 8);
            bytes[15] = static_cast<u8>(v4.value);
        }
    }
    static std::optional<IpAddress> parse(std::string_view text);  // IPv4 dotted or IPv6 (RFC 4291)

    constexpr bool is_v4() const {
        const auto words = std::bit_cast<std::array<u32, 4>>(bytes);
        return (words[0] | words[1]) == 0 &&
               words[2] == std::bit_cast<u32>(std::array<u8, 4>{0, 0, 0xff, 0xff});
    }
    // The last four bytes, which are an IPv4 address only if is_v4().
    constexpr Ipv4Address v4() const { return {bytes[12], bytes[13], bytes[14], bytes[15]}; }
    // Neither a v4 nor a v6 host: 0.0.0.0 and ::. It stands for "not known" or "not chosen"; every
    // address is another thing, a LocalAddress.
    constexpr bool is_unspecified() const {
        return is_v4() ? v4().is_unspecified() : bytes == std::array<u8, 16>{};
    }
    u64 high() const { return load(0); }  // native-endian words, for hashing and comparing only
    u64 low() const { return load(8); }   // the same for the second half
    std::string to_string() const;
    friend bool operator==(const IpAddress& a, const IpAddress& b) {
        return a.high() == b.high() && a.low() == b.low();
    }
    friend auto operator<=>(const IpAddress& a, const IpAddress& b) { return a.bytes <=> b.bytes; }

private:
    u64 load(std::size_t at) const {
        u64 word;
        std::memcpy(&word, bytes.data() + at, 8);
        return word;
    }
};

// An address and a port of one host. Port 0: not chosen yet.
struct Endpoint {
    IpAddress address{Ipv4Address::unspecified()};
    u16 port = 0;

    static std::optional<Endpoint> parse(std::string_view text);  // "10.0.0.1:80", "[fe80::1]:80"
    std::string to_string() const;
    friend bool operator==(const Endpoint&, const Endpoint&) = default;
};

// Which family of addresses.
enum class Families : u8 { Ipv4 = 1, Ipv6 = 2, Both = 3 };

// Never Both.
constexpr Families family_of(const IpAddress& a) {
    return a.is_v4() ? Families::Ipv4 : Families::Ipv6;
}

// Where a listener or a socket is to be reached: at one address of ours, or at every one of a
// family, or of both. "Every address" is a value of its own and no IP address: a 0.0.0.0 that comes
// from somewhere is refused as an address that is not ours, instead of opening everything.
class LocalAddress {
public:
    constexpr LocalAddress() = default;  // every address of both families
    // Every address of a family. Implicit, as the next two: each of them is a place to be reached.
    constexpr LocalAddress(Families every) : every_(static_cast<u8>(every)) {}
    constexpr LocalAddress(const IpAddress& one) : one_(one), every_(0) {}     // that one alone
    constexpr LocalAddress(Ipv4Address one) : LocalAddress(IpAddress{one}) {}  // likewise

    constexpr bool is_every() const { return every_ != 0; }
    // Of what it covers; of one address, its own.
    constexpr Families families() const {
        return is_every() ? static_cast<Families>(every_) : family_of(one_);
    }
    // Null when is_every(). Points into this object.
    constexpr const IpAddress* one() const { return is_every() ? nullptr : &one_; }
    // Whether what is sent to `a`, an address of ours, comes here.
    bool covers(const IpAddress& a) const { return is_every() ? has(family_of(a)) : one_ == a; }
    // Whether there can be an address that both cover.
    bool overlaps(const LocalAddress& other) const {
        if (!is_every()) return other.covers(one_);
        if (!other.is_every()) return covers(other.one_);
        return (every_ & other.every_) != 0;
    }
    // Of two that cover an address the more specific one gets what is sent to it: one address, then
    // every one of a family, then of both.
    constexpr u32 specificity() const {
        if (!is_every()) return 2;
        return families() == Families::Both ? 0 : 1;
    }
    // As one address, where only such a one can be said (FlowId): 0.0.0.0 or :: for every one.
    constexpr IpAddress or_unspecified() const {
        if (!is_every()) return one_;
        return families() == Families::Ipv6 ? IpAddress{} : IpAddress{Ipv4Address::unspecified()};
    }
    std::string to_string() const;  // "10.0.0.1", "0.0.0.0", "::"; of both families "*"
    friend bool operator==(const LocalAddress&, const LocalAddress&) = default;

private:
    constexpr bool has(Families f) const { return (every_ & static_cast<u8>(f)) != 0; }

    IpAddress one_;
    u8 every_ = static_cast<u8>(Families::Both);  // 0: one_
};

// A local address and a port. Port 0: choose one.
struct LocalEndpoint {
    LocalAddress address{};
    u16 port = 0;

    std::string to_string() const;  // "10.0.0.1:80", "[::]:80", "*:80"
    friend bool operator==(const LocalEndpoint&, const LocalEndpoint&) = default;
};

// An address with the length of its network prefix; for IPv4 the length counts from 0 to 32.
struct Cidr {
    IpAddress address;
    u8 prefix_length = 0;

    static std::optional<Cidr> parse(std::string_view text);  // "10.0.0.2/24"; no "/": a host
    // False for an address of the other family.
    bool contains(IpAddress other) const;
    // IPv4 only: ones for the bits of the prefix.
    Ipv4Address v4_mask() const;
    // IPv4 only: the directed broadcast address of the subnet (RFC 919).
    Ipv4Address v4_broadcast() const { return Ipv4Address{address.v4().value | ~v4_mask().value}; }
    std::string to_string() const;
    friend bool operator==(const Cidr&, const Cidr&) = default;
};

}  // namespace tern

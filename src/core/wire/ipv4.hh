// RFC 791 header and options.
#pragma once

#include <expected>
#include <span>

#include "core/base/endian.hh"
#include "tern/address.hh"
#include "tern/drop_reason.hh"

namespace tern::wire {

inline constexpr u32 k_ipv4_header = 20;

enum class IpProtocol : u8 { Icmp = 1, Tcp = 6, Udp = 17 };

struct Ipv4Header {
    u8 header_length = k_ipv4_header;  // bytes, 20..60
    u8 tos = 0;                        // DSCP << 2 | ECN
    u16 total_length = 0;
    u16 id = 0;
    bool dont_fragment = false;
    bool more_fragments = false;
    u16 fragment_offset = 0;  // in bytes
    u8 ttl = 64;
    u8 protocol = 0;
    Ipv4Address source;
    Ipv4Address destination;
    bool has_source_route = false;  // LSRR or SSRR seen among the options

    bool is_fragment() const { return more_fragments || fragment_offset != 0; }
};

inline u8 ipv4_header_length(const std::byte* header) {
    return static_cast<u8>((static_cast<u8>(header[0]) & 15) * 4);
}
inline u16 ipv4_total_length(const std::byte* header) { return load16(header + 2); }

namespace ipv4_detail {

// All but the lengths and has_source_route. Into its place, because parse_ipv4() reads every packet
// that arrives.
inline void read_fields(const std::byte* p, Ipv4Header& header) {
    constexpr u16 dont_fragment = 0x4000, more_fragments = 0x2000, offset_mask = 0x1fff;
    const u16 fragment = load16(p + 6);
    header.tos = static_cast<u8>(p[1]);
    header.id = load16(p + 4);
    header.dont_fragment = (fragment & dont_fragment) != 0;
    header.more_fragments = (fragment & more_fragments) != 0;
    header.fragment_offset = static_cast<u16>((fragment & offset_mask) * 8);
    header.ttl = static_cast<u8>(p[8]);
    header.protocol = static_cast<u8>(p[9]);
    header.source = Ipv4Address{load32(p + 12)};
    header.destination = Ipv4Address{load32(p + 16)};
}

}  // namespace ipv4_detail

// The fields of 20 bytes as they stand there, all but has_source_route; nothing is checked.
inline Ipv4Header read_ipv4_fields(const std::byte* p) {
    Ipv4Header header;
    header.header_length = ipv4_header_length(p);
    header.total_length = ipv4_total_length(p);
    ipv4_detail::read_fields(p, header);
    return header;
}

// Whether the options of a header, which stand behind its first 20 bytes, hold LSRR or SSRR.
bool options_hold_source_route(std::span<const std::byte> options);

// Checks version, lengths and checksum; walks the options with tolerance: an illegal option
// length ends the walk (RFC 1122 3.2.1.8). Ipv4TooShort, Ipv4BadVersion, Ipv4BadHeaderLength,
// Ipv4BadTotalLength, Ipv4BadChecksum.
std::expected<Ipv4Header, DropReason> parse_ipv4(std::span<const std::byte> packet);
// Of two headers of 20 bytes, `b` with a valid checksum: is `a` valid and the same but for the ID?
bool same_ipv4(const std::byte* a, const std::byte* b);
// Writes 20 bytes with their checksum; header_length and options of `header` are ignored.
void emit_ipv4(const Ipv4Header& header, std::byte* to);

}  // namespace tern::wire

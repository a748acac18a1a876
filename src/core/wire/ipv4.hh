// RFC 791 header and options.
#pragma once

#include <expected>
#include <span>

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

// Checks version, lengths and checksum; walks the options with tolerance: an illegal option
// length ends the walk (RFC 1122 3.2.1.8). Ipv4TooShort, Ipv4BadVersion, Ipv4BadHeaderLength,
// Ipv4BadTotalLength, Ipv4BadChecksum.
std::expected<Ipv4Header, DropReason> parse_ipv4(std::span<const std::byte> packet);
// Of two headers of 20 bytes, `b` with a valid checksum: is `a` valid and the same but for the ID?
bool same_ipv4(const std::byte* a, const std::byte* b);
// Writes 20 bytes with their checksum; header_length and options of `header` are ignored.
void emit_ipv4(const Ipv4Header& header, std::byte* to);

}  // namespace tern::wire

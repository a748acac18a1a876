// RFC 768.
#pragma once

#include <expected>
#include <span>

#include "tern/drop_reason.hh"
#include "tern/int.hh"

namespace tern::wire {

inline constexpr u32 k_udp_header = 8;
// Where fields lie that are changed in place.
inline constexpr u32 k_udp_length_at = 4, k_udp_checksum_at = 6;

struct UdpHeader {
    u16 source_port = 0;
    u16 destination_port = 0;
    u16 length = 0;    // header and data; what lies behind it in the IP payload is ignored
    u16 checksum = 0;  // 0: the sender computed none
};

// UdpTooShort, UdpBadLength. The checksum is verified by the caller, who has the pseudo-header.
std::expected<UdpHeader, DropReason> parse_udp(std::span<const std::byte> bytes);
void emit_udp(const UdpHeader& header, std::byte* to);
// Another length, and a sum that its link completes: that of the pseudo-header alone.
void set_udp_length(std::byte* header, u32 length, u32 pseudo_sum);

}  // namespace tern::wire

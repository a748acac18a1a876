// RFC 768.
#pragma once

#include <expected>
#include <span>

#include "tern/drop_reason.hh"
#include "tern/int.hh"

namespace tern::wire {

inline constexpr u32 k_udp_header = 8;

struct UdpHeader {
    u16 source_port = 0;
    u16 destination_port = 0;
    u16 length = 0;    // header and data; what lies behind it in the IP payload is ignored
    u16 checksum = 0;  // 0: the sender computed none
};

// UdpTooShort, UdpBadLength. The checksum is verified by the caller, who has the pseudo-header.
std::expected<UdpHeader, DropReason> parse_udp(std::span<const std::byte> bytes);
void emit_udp(const UdpHeader& header, std::byte* to);

}  // namespace tern::wire

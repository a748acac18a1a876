// RFC 9293 3.1: the fixed header, and the options in one pass (tcp_options.hh).
#pragma once

#include <expected>
#include <span>
#include <string>

#include "core/base/seq.hh"
#include "tern/drop_reason.hh"

namespace tern::wire {

inline constexpr u32 k_tcp_header = 20;
inline constexpr u32 k_tcp_header_max = 60;
// Where fields lie that are changed in place.
inline constexpr u32 k_tcp_seq_at = 4, k_tcp_ack_at = 8, k_tcp_flags_at = 13, k_tcp_window_at = 14,
                     k_tcp_checksum_at = 16, k_tcp_urgent_at = 18;

// Control bits, as they lie in bytes 12 and 13 of the header.
enum TcpFlag : u16 {
    Fin = 1,
    Syn = 2,
    Rst = 4,
    Psh = 8,
    Ack = 16,
    Urg = 32,
    Ece = 64,
    Cwr = 128,
    Ae = 256,
};

// RFC 9768 3.2.2: AE, CWR and ECE as one number, the ACE field.
inline constexpr u16 k_ecn_flags = Ae | Cwr | Ece;
constexpr u8 ace_of(u16 flags) { return static_cast<u8>(flags >> 6 & 7); }
constexpr u16 ace_flags(u32 ace) { return static_cast<u16>((ace & 7) << 6); }

struct TcpHeader {
    u16 source_port = 0;
    u16 destination_port = 0;
    Seq seq;
    Seq ack;
    u8 header_length = k_tcp_header;  // bytes, 20..60
    u16 flags = 0;
    u16 window = 0;  // as on the wire, unscaled
    u16 checksum = 0;
    u16 urgent = 0;

    bool has(u16 flag) const { return (flags & flag) != 0; }
};

// TcpTooShort, TcpBadOffset. Checksum and options are the caller's next steps.
std::expected<TcpHeader, DropReason> parse_tcp(std::span<const std::byte> segment);
// Writes 20 bytes; header_length goes into Data Offset, checksum as given.
void emit_tcp(const TcpHeader& header, std::byte* to);

}  // namespace tern::wire

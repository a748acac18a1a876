// RFC 792: echo and errors.
#pragma once

#include <expected>
#include <span>

#include "tern/drop_reason.hh"

namespace tern::wire {

inline constexpr u32 k_icmp_header = 8;

enum class IcmpType : u8 {
    EchoReply = 0,
    DestinationUnreachable = 3,
    SourceQuench = 4,
    Redirect = 5,
    EchoRequest = 8,
    TimeExceeded = 11,
    ParameterProblem = 12,
};

struct IcmpMessage {
    u8 type = 0;
    u8 code = 0;
    // Second word: identifier << 16 | sequence for echo, next-hop MTU in its low half.
    u32 rest = 0;
    std::span<const std::byte> body;  // echo data, or the quoted packet

    u16 identifier() const { return static_cast<u16>(rest >> 16); }
    u16 sequence() const { return static_cast<u16>(rest); }
};

// IcmpTooShort, IcmpBadChecksum (the whole message is summed).
std::expected<IcmpMessage, DropReason> parse_icmp(std::span<const std::byte> bytes);
// Writes 8 bytes in front of a body that already lies at to + 8, and sums it all.
void emit_icmp(u8 type, u8 code, u32 rest, std::span<std::byte> message);

}  // namespace tern::wire

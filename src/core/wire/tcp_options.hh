// TCP options: one pass, bounded by the header, no allocation. RFC 9293 3.1 and 3.2, RFC 7323,
// RFC 2018, RFC 5482, RFC 7413, RFC 9768, RFC 6994.
#pragma once

#include <array>
#include <span>

#include "core/base/seq.hh"
#include "tern/drop_reason.hh"

namespace tern::wire {

enum class TcpOptionKind : u8 {
    End = 0,
    Nop = 1,
    Mss = 2,
    WindowScale = 3,
    SackPermitted = 4,
    Sack = 5,
    Timestamps = 8,
    UserTimeout = 28,
    FastOpen = 34,
    AccEcn0 = 172,
    AccEcn1 = 174,
    Experimental1 = 253,
    Experimental2 = 254,
};

struct SackBlock {
    Seq left;
    Seq right;
    friend bool operator==(const SackBlock&, const SackBlock&) = default;
};

struct TcpOptions {
    bool has_mss = false;
    bool has_window_scale = false;
    bool sack_permitted = false;
    bool has_timestamps = false;
    bool has_user_timeout = false;
    bool has_fast_open = false;
    bool has_experimental = false;
    u8 acc_ecn_order = 0xff;  // 0 or 1 when AccECN was present
    u8 window_scale = 0;      // as on the wire; RFC 7323 2.3 clamps above 14
    u8 sack_count = 0;
    u8 fast_open_length = 0;  // cookie bytes, 0: a request
    u8 acc_ecn_count = 0;     // how many of the three 24-bit counters were there
    u16 mss = 0;
    u16 user_timeout = 0;  // granularity bit and 15-bit value
    u16 experiment = 0;    // ExID
    u32 ts_val = 0;
    u32 ts_ecr = 0;
    std::array<SackBlock, 4> sack{};
    std::array<u32, 3> acc_ecn{};
    std::array<u8, 16> fast_open{};
};

// `bytes` are the option bytes: header_length - 20 of them. Unknown kinds are skipped by their
// length. A kind above 1 whose length byte is missing, below 2 or past the end is TcpBadOption
// and ends the pass (what came before it stays in `out`). A known kind with a wrong length (MSS
// not 4, ...) is skipped as if unknown. Returns None or TcpBadOption.
DropReason parse_tcp_options(std::span<const std::byte> bytes, TcpOptions& out);

// The common case: exactly NOP NOP TS, 12 bytes. Returns false when it is anything else.
bool parse_timestamps_only(std::span<const std::byte> bytes, u32& ts_val, u32& ts_ecr);

// What to write; emit pads with NOP to a multiple of 4 and never writes more than 40 bytes
// (SACK blocks that do not fit are left out). Returns the length.
struct TcpOptionsToSend {
    u16 mss = 0;             // 0: none
    u8 window_scale = 0xff;  // 0xff: none
    bool sack_permitted = false;
    bool timestamps = false;
    u32 ts_val = 0;
    u32 ts_ecr = 0;
    u8 acc_ecn_order = 0xff;  // 0xff: none
    u8 acc_ecn_count = 0;     // counters, 0..3
    std::array<u32, 3> acc_ecn{};
    std::span<const SackBlock> sack;
    u16 user_timeout = 0;  // 0: none, and never on the wire (RFC 5482 3.4)
    bool fast_open = false;
    std::span<const u8> cookie{};  // with fast_open; empty: asks for one
};
u32 emit_tcp_options(const TcpOptionsToSend& options, std::byte* to);
u32 emit_timestamps_only(u32 ts_val, u32 ts_ecr, std::byte* to);  // its fast twin, 12 bytes

}  // namespace tern::wire

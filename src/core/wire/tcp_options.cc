// RFC 9293 3.1 and 3.2: kind, length, data; any order, any alignment.
#include "core/wire/tcp_options.hh"

#include <algorithm>

#include "core/base/endian.hh"

namespace tern::wire {

namespace {

using Data = std::span<const std::byte>;  // an option without its kind and length

void read_sack(Data data, TcpOptions& out) {
    if (data.empty() || data.size() % 8 != 0 || data.size() / 8 > out.sack.size()) return;
    out.sack_count = static_cast<u8>(data.size() / 8);
    for (std::size_t i = 0; i < out.sack_count; ++i)
        out.sack[i] = {Seq{load32(&data[8 * i])}, Seq{load32(&data[8 * i + 4])}};
}

// RFC 7413 4.1.1 [RFC7413:2]: empty asks for a cookie; a cookie has 4 to 16 bytes, an even number.
void read_fast_open(Data data, TcpOptions& out) {
    const bool cookie = data.size() >= 4 && data.size() <= 16 && data.size() % 2 == 0;
    if (!data.empty() && !cookie) return;
    out.has_fast_open = true;
    out.fast_open_length = static_cast<u8>(data.size());
    if (cookie) std::memcpy(out.fast_open.data(), data.data(), data.size());
}

// RFC 9768 3.2.3: up to three 24-bit counters; fields that changed least are left off the end.
void read_acc_ecn(Data data, u8 order, TcpOptions& out) {
    if (data.size() % 3 != 0 || data.size() > 9) return;
    out.acc_ecn = {};  // the last one counts, if there are two
    out.acc_ecn_order = order;
    out.acc_ecn_count = static_cast<u8>(data.size() / 3);
    for (std::size_t i = 0; i < out.acc_ecn_count; ++i)
        out.acc_ecn[i] = static_cast<u32>(data[3 * i]) << 16 |
                         static_cast<u32>(data[3 * i + 1]) << 8 | static_cast<u32>(data[3 * i + 2]);
}

// A known kind with a wrong length is skipped as if unknown.
void read_option(TcpOptionKind kind, Data data, TcpOptions& out) {
    const std::byte* p = data.data();
    switch (kind) {
        case TcpOptionKind::Mss:
            if (data.size() != 2) return;
            out.has_mss = true;
            out.mss = load16(p);
            return;
        case TcpOptionKind::WindowScale:
            if (data.size() != 1) return;
            out.has_window_scale = true;
            out.window_scale = static_cast<u8>(p[0]);
            return;
        case TcpOptionKind::SackPermitted:
            if (data.empty()) out.sack_permitted = true;
            return;
        case TcpOptionKind::Sack: return read_sack(data, out);
        case TcpOptionKind::Timestamps:
            if (data.size() != 8) return;
            out.has_timestamps = true;
            out.ts_val = load32(p);
            out.ts_ecr = load32(p + 4);
            return;
        case TcpOptionKind::UserTimeout:
            if (data.size() != 2) return;
            out.has_user_timeout = true;
            out.user_timeout = load16(p);
            return;
        case TcpOptionKind::FastOpen: return read_fast_open(data, out);
        case TcpOptionKind::AccEcn0: return read_acc_ecn(data, 0, out);
        case TcpOptionKind::AccEcn1: return read_acc_ecn(data, 1, out);
        case TcpOptionKind::Experimental1:
        case TcpOptionKind::Experimental2:
            if (data.size() < 2) return;
            out.has_experimental = true;
            out.experiment = load16(p);
            return;
        case TcpOptionKind::End:
        case TcpOptionKind::Nop: return;  // have no length; the loop has dealt with them
    }
}

constexpr u32 one_option(TcpOptionKind kind, u32 length) {
    return static_cast<u32>(kind) << 8 | length;
}
constexpr u32 k_nop = static_cast<u32>(TcpOptionKind::Nop);
constexpr u32 k_two_nops = k_nop << 24 | k_nop << 16;
constexpr u32 k_nop_nop_timestamps = k_two_nops | one_option(TcpOptionKind::Timestamps, 10);

// RFC 9768 3.2.3: the low 24 bits of each counter; NOPs make it whole words. Left out where it does
// not fit.
std::byte* emit_acc_ecn(const TcpOptionsToSend& options, std::byte* at, const std::byte* begin) {
    const u32 length = 2 + 3u * options.acc_ecn_count;
    const u32 padding = (4 - length % 4) % 4;
    if (at - begin + length + padding > 40) return at;
    at = std::fill_n(at, padding, std::byte{k_nop});
    const auto kind = options.acc_ecn_order == 0 ? TcpOptionKind::AccEcn0 : TcpOptionKind::AccEcn1;
    *at++ = static_cast<std::byte>(kind);
    *at++ = static_cast<std::byte>(length);
    for (u32 i = 0; i < options.acc_ecn_count; ++i)
        for (const u32 shift : {16u, 8u, 0u})
            *at++ = static_cast<std::byte>(options.acc_ecn[i] >> shift);
    return at;
}

}  // namespace

// RFC 9293 3.1 [MUST-4] [MUST-6] [MUST-7], 3.2 [MUST-64].
DropReason parse_tcp_options(std::span<const std::byte> bytes, TcpOptions& out) {
    while (!bytes.empty()) {
        const auto kind = static_cast<TcpOptionKind>(bytes[0]);
        if (kind == TcpOptionKind::End) return DropReason::None;
        if (kind == TcpOptionKind::Nop) {
            bytes = bytes.subspan(1);
            continue;
        }
        if (bytes.size() < 2) return DropReason::TcpBadOption;
        const std::size_t length = static_cast<std::size_t>(bytes[1]);
        if (length < 2 || length > bytes.size()) return DropReason::TcpBadOption;
        read_option(kind, bytes.subspan(2, length - 2), out);
        bytes = bytes.subspan(length);
    }
    return DropReason::None;
}

// RFC 7323 appendix A.
bool parse_timestamps_only(std::span<const std::byte> bytes, u32& ts_val, u32& ts_ecr) {
    if (bytes.size() != 12 || load32(bytes.data()) != k_nop_nop_timestamps) return false;
    ts_val = load32(bytes.data() + 4);
    ts_ecr = load32(bytes.data() + 8);
    return true;
}

namespace {

// RFC 7413 4.1.1: behind what pads it to whole words; left out where it does not fit.
std::byte* emit_fast_open(const TcpOptionsToSend& options, std::byte* at, const std::byte* begin) {
    const std::size_t length = 2 + options.cookie.size();
    const std::size_t padding = (4 - length % 4) % 4;
    if (static_cast<std::size_t>(at - begin) + length + padding > 40) return at;
    at = std::fill_n(at, padding, std::byte{k_nop});
    *at++ = static_cast<std::byte>(TcpOptionKind::FastOpen);
    *at++ = static_cast<std::byte>(length);
    if (!options.cookie.empty()) std::memcpy(at, options.cookie.data(), options.cookie.size());
    return at + options.cookie.size();
}

}  // namespace

// RFC 9293 3.1 [MUST-68] [MUST-69]: every option in whole words, so that no End is needed. The
// order is the one most stacks send: mss, sackOK, TS, wscale, AccECN, SACK blocks.
u32 emit_timestamps_only(u32 ts_val, u32 ts_ecr, std::byte* to) {
    store32(to, k_nop_nop_timestamps);
    store32(to + 4, ts_val);
    store32(to + 8, ts_ecr);
    return 12;
}

u32 emit_tcp_options(const TcpOptionsToSend& options, std::byte* to) {
    std::byte* at = to;
    const auto word = [&at](u32 value) {
        store32(at, value);
        at += 4;
    };
    const u32 sack_permitted = one_option(TcpOptionKind::SackPermitted, 2);
    if (options.mss != 0) word(one_option(TcpOptionKind::Mss, 4) << 16 | options.mss);
    if (options.timestamps) {
        word(options.sack_permitted
                 ? sack_permitted << 16 | one_option(TcpOptionKind::Timestamps, 10)
                 : k_nop_nop_timestamps);
        word(options.ts_val);
        word(options.ts_ecr);
    } else if (options.sack_permitted) {
        word(k_two_nops | sack_permitted);
    }
    if (options.window_scale != 0xff)
        word(k_nop << 24 | one_option(TcpOptionKind::WindowScale, 3) << 8 | options.window_scale);

    // RFC 5482 3.4 [RFC5482:2]: 0 is no value.
    if (options.user_timeout != 0)
        word(one_option(TcpOptionKind::UserTimeout, 4) << 16 | options.user_timeout);
    if (options.fast_open) at = emit_fast_open(options, at, to);
    if (options.acc_ecn_order != 0xff) at = emit_acc_ecn(options, at, to);

    const std::size_t room = 40 - static_cast<std::size_t>(at - to);
    const std::size_t blocks = room < 4 ? 0 : std::min(options.sack.size(), (room - 4) / 8);
    if (blocks > 0) {
        word(k_two_nops | one_option(TcpOptionKind::Sack, static_cast<u32>(2 + 8 * blocks)));
        for (const SackBlock& block : options.sack.first(blocks)) {
            word(block.left.value);
            word(block.right.value);
        }
    }
    return static_cast<u32>(at - to);
}

}  // namespace tern::wire

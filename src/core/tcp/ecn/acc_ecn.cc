#include "core/tcp/ecn/acc_ecn.hh"

#include <algorithm>
#include <utility>

#include "core/tcp/ecn/negotiation.hh"
#include "core/wire/tcp.hh"

namespace tern::tcp {

namespace {

constexpr u32 k_option_space = 40;

// Two SACK blocks come first: what is lost matters more [RFC9768:5].
bool has_room(const wire::TcpOptionsToSend& o, u32 counters) {
    const auto words = [](std::size_t bytes) { return (bytes + 3) / 4; };
    const std::size_t blocks = std::min<std::size_t>(o.sack.size(), 2);
    const std::size_t others = (o.mss != 0) + (o.timestamps ? 3 : o.sack_permitted) +
                               (o.window_scale != 0xff) + (o.user_timeout != 0) +
                               (o.fast_open ? words(2 + o.cookie.size()) : 0) +
                               (blocks > 0 ? 1 + 2 * blocks : 0);
    return others + words(2 + 3 * counters) <= k_option_space / 4;
}

// The difference of 24-bit counters; 0 for an option that was overtaken.
u32 moved(u32 now, u32 before) {
    const u32 by = (now - before) & 0xffffff;
    return by < 0x800000 ? by : 0;
}

// 3.2.2.5.2 [RFC9768:4]: three bits may have wrapped if the ACK is for that many. Without options
// the safest case: as often as what it acknowledges allows.
u32 safest(u32 least, u32 acked) { return acked > least ? acked - ((acked - least) & 7) : least; }

}  // namespace

void AccEcn::syn_arrived(u8 field) { handshake_ace_ = told_back(field); }

// 3.2.2.1, 3.1.5: of the latest SYN-ACK.
void AccEcn::syn_ack_arrived(u8 field, bool again) {
    if (!again) last_ = field;
    handshake_ace_ = told_back(field);
    if (field == k_ce && !std::exchange(syn_ack_marked_, true)) in_.arrived(k_ce, 1, 0);
}

u16 AccEcn::handshake_flags() const { return wire::ace_flags(handshake_ace_); }

bool AccEcn::learn_last_ack(u8 ace) {
    const u8 field = field_told_back(ace);
    if (field == k_ce) ++told_packets_;
    heard_ = true;
    return field == 0xff || field == k_not_ect;
}

void AccEcn::learn_option_test(const wire::TcpOptions& o) {
    if (o.acc_ecn_order == 0xff) return;
    option_seen_ = true;
    option_bad_ =
        (o.acc_ecn_count >= 1 && o.acc_ecn[0] == 0) || (o.acc_ecn_count == 3 && o.acc_ecn[2] == 0);
}

bool AccEcn::arrived(u8 field, u32 packets, u32 bytes) {
    const u8 before = std::exchange(last_, field);
    in_.arrived(field, packets, bytes);
    if (field != k_ce) return false;
    unacked_marks_ = static_cast<u8>(std::min<u32>(unacked_marks_ + packets, 0xff));
    // 3.2.2.5.1 [RFC9768:4]: at the first mark, and at every second one; marked ACKs, if there are
    // any, must not be answered one by one.
    const bool change = before != k_ce && bytes > 0;
    return change || unacked_marks_ >= (bytes > 0 ? 2 : 3);
}

u16 AccEcn::count_flags() const { return wire::ace_flags(in_.cep()); }

// 3.2.2.1: the handshake's encoding is for the first ACK of a SYN-ACK, if that is bare.
u16 AccEcn::flags_to_send(bool opening, bool pure) {
    unacked_marks_ = 0;
    const u8 handshake = opening ? u8{0} : std::exchange(handshake_ace_, u8{0});
    return wire::ace_flags(handshake != 0 && pure ? handshake : in_.cep());
}

// 3.2.3.3: when a counter has moved, beside data only where the segment is not full. What is sent
// again goes without: it may be the option that was not let through (3.2.3.2.2).
bool AccEcn::option_due(const Leaving& s) const {
    if (path_.blocked()) return false;
    if (path_.is_test(s)) return true;
    if (s.syn || bytes_sent_ == in_.bytes()) return false;
    return s.len == 0 || (!s.again && s.roomy);
}

bool AccEcn::put_option(const Leaving& s, wire::TcpOptionsToSend& o) {
    bool carried = false;
    if (option_due(s)) {
        wire::TcpOptionsToSend with = o;
        in_.put(with);
        carried = has_room(o, with.acc_ecn_count);
        if (carried) {
            o = with;
            bytes_sent_ = in_.bytes();
        }
    }
    return path_.left(s, carried);
}

AccEcn::Option AccEcn::read_option(const wire::TcpOptions& o) {
    if (o.acc_ecn_order == 0xff) return {};
    if (!option_seen_) learn_option_test(o);
    if (option_bad_ || o.acc_ecn_count == 0) return {};
    Option option{true, 0};
    if (o.acc_ecn_count >= 2) option.bytes = moved(o.acc_ecn[1], told_bytes_);
    told_bytes_ += option.bytes;
    return option;
}

AccEcn::Told AccEcn::told(const Telling& t) {
    path_.acknowledged(t.ack);
    Told told;
    // 3.2.2.4 [RFC9768:3]: the counter began at 5.
    if (!std::exchange(heard_, true) && t.ace == 0) deaf_ = told.mangled = true;
    if (deaf_) return told;
    const u32 acked = (t.acked + t.mss - 1) / t.mss;
    u32 packets = (t.ace - told_packets_) & 7;
    const Option option = read_option(t.options);
    if (!option.known) {
        if (!option_seen_ || option_bad_) packets = safest(packets, acked);
        told_packets_ += packets;
        told.bytes = packets * t.mss;
        ahead_ += told.bytes;
        return told;
    }
    // 3.2.3.2.5: bytes were marked and no packet was.
    told.mangled = option.bytes > 0 && packets == 0 && acked < 8;
    const u32 at_least = option.bytes / t.mss;
    if (at_least > packets) packets += (at_least - packets) & ~7u;
    told_packets_ += packets;
    told.bytes = option.bytes - std::min(std::exchange(ahead_, 0), option.bytes);
    return told;
}

}  // namespace tern::tcp

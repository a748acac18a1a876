// The receiver: what has arrived with a mark, and how the peer is told. RFC 3168 6.1.3: ECE until
// CWR. RFC 8257 3.2: ECE as the last packet was. RFC 9768 3.2: counters.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

constexpr u32 k_option_space = 40;

u32 packets_of(const Segment& seg) { return std::max<u32>(seg.packet->gso_segments, 1); }

u32 bytes_told(const MarkCounts& c) { return c.e0b + c.ceb + c.e1b; }

// [RFC3168:3]: until the peer says that it has reduced its window.
void latch(Room& room, Tcb& tcb, const Segment& seg, bool marked) {
    if (seg.has(wire::Cwr)) {
        tcb.ece_due = false;
        // Its window may be a single segment now, which must not wait for a second one.
        if (seg.len > 0) acknowledge(room, tcb, SendReason::AckMarks);
    }
    if (marked) tcb.ece_due = true;
}

// RFC 8257 3.2: what came before the change is acknowledged as it came.
void mirror(Room& room, Tcb& tcb, bool marked) {
    if (tcb.ece_due == marked) return;
    if (tcb.unacked() > 0)
        build_segment(
            room, tcb,
            {.send = true, .seq = tcb.snd.max, .flags = wire::Ack, .reason = SendReason::AckMarks});
    tcb.ece_due = marked;
    acknowledge(room, tcb, SendReason::AckMarks);
}

void count(Room& room, Tcb& tcb, const Segment& seg, u8 field) {
    AccEcn& a = room.colds[tcb.cold].acc_ecn;
    option_echoed(a.path, seg);
    const u8 before = std::exchange(a.last, field);
    if (field == k_ect_0) a.in.e0b += seg.len;
    if (field == k_ect_1) a.in.e1b += seg.len;
    if (field != k_ce) return;
    const u32 packets = packets_of(seg);
    a.in.ceb += seg.len;
    a.in.cep += packets;
    a.unacked_marks = static_cast<u8>(std::min<u32>(a.unacked_marks + packets, 0xff));
    // 3.2.2.5.1 [RFC9768:4]: at the first mark, and at every second one; marked ACKs, if there are
    // any, must not be answered one by one.
    const bool change = before != k_ce && seg.len > 0;
    if (change || a.unacked_marks >= (seg.len > 0 ? 2 : 3))
        acknowledge(room, tcb, SendReason::AckMarks);
}

// Classic: a segment that may leave ECN-capable.
bool is_new_data(const Tcb& tcb, const Plan& plan) {
    return plan.len > 0 && plan.seq >= tcb.snd.max && plan.reason != SendReason::ProbeWindow;
}

bool has_sack_blocks(const Room& room, const Tcb& tcb) {
    return tcb.has(k_sack) && tcb.receive_queue != 0 &&
           room.receive_queues[tcb.receive_queue].holes().has_blocks();
}

// 3.2.2.1: the handshake's encoding is for the first ACK of a SYN-ACK, if that is bare.
u16 ace_for(const Room& room, const Tcb& tcb, AccEcn& a, const Plan& plan) {
    a.unacked_marks = 0;
    const bool opening = tcb.state == State::SynReceived;
    const u8 handshake = opening ? u8{0} : std::exchange(a.handshake_ace, u8{0});
    const bool pure = plan.len == 0 && (plan.flags & wire::Fin) == 0 && !has_sack_blocks(room, tcb);
    return wire::ace_flags(handshake != 0 && pure ? handshake : a.in.cep);
}

u16 classic_flags(Tcb& tcb, bool new_data) {
    u16 flags = tcb.ece_due ? wire::Ece : 0;
    if (tcb.cwr_due && new_data) {
        flags |= wire::Cwr;
        tcb.cwr_due = false;
    }
    return flags;
}

}  // namespace

void note_marks(Room& room, Tcb& tcb, const Segment& seg) {
    if (tcb.ecn == Ecn::Off) return;
    const u8 field = seg.arrival->tos & 3;
    if (field == k_ce) room.cx.counters.tcp_marks_in += packets_of(seg);
    if (tcb.ecn == Ecn::Accurate) return count(room, tcb, seg, field);
    if (!algorithm_of(room, tcb).wants_marks())
        latch(room, tcb, seg, field == k_ce);
    else if (seg.len > 0)
        mirror(room, tcb, field == k_ce);
}

u8 put_ecn(Room& room, Tcb& tcb, const Plan& plan, wire::TcpHeader& header) {
    if (plan.flags & wire::Syn) {
        const bool answer = (plan.flags & wire::Ack) != 0;
        header.flags |= answer ? ecn_of_syn_ack(room, tcb) : ecn_of_syn(tcb);
        return k_not_ect;
    }
    const bool new_data = is_new_data(tcb, plan);
    if (tcb.ecn == Ecn::Accurate)
        header.flags |= ace_for(room, tcb, room.colds[tcb.cold].acc_ecn, plan);
    else if (tcb.ecn == Ecn::Classic)
        header.flags |= classic_flags(tcb, new_data);
    // RFC 3168 6.1.4 to 6.1.6 [RFC3168:2]: nothing else may be marked.
    return tcb.ect && new_data ? k_ect_0 : k_not_ect;
}

u16 ace_of_count(const Room& room, const Tcb& tcb) {
    return tcb.ecn == Ecn::Accurate ? wire::ace_flags(room.colds[tcb.cold].acc_ecn.in.cep) : u16{0};
}

bool next_has_cwr(const Room& room, const Tcb& tcb) {
    if (tcb.ecn == Ecn::Accurate) return (ace_of_count(room, tcb) & wire::Cwr) != 0;
    return tcb.cwr_due;
}

void put_mark_counts(const MarkCounts& c, wire::TcpOptionsToSend& o) {
    // 3.2.3: the first field is of the kind that comes; what never moved is left off the end.
    const bool l4s = c.e1b != 1 && c.e0b == 1;
    o.acc_ecn_order = l4s ? 1 : 0;
    o.acc_ecn = {l4s ? c.e1b : c.e0b, c.ceb, l4s ? c.e0b : c.e1b};
    o.acc_ecn_count = (l4s ? c.e0b : c.e1b) != 1 ? 3 : c.ceb != 0 ? 2 : 1;
}

namespace {

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

// 3.2.3.3: when a counter has moved, beside data only where the segment is not full. What is sent
// again goes without: it may be the option that was not let through (3.2.3.2.2).
bool option_due(const Room& room, const Tcb& tcb, const Plan& plan) {
    const AccEcn& a = room.colds[tcb.cold].acc_ecn;
    if (a.path.blocked) return false;
    if (is_option_test(tcb, a.path, plan)) return true;
    if ((plan.flags & wire::Syn) != 0 || a.bytes_told == bytes_told(a.in)) return false;
    const bool again = plan.len > 0 && plan.seq < tcb.snd.max;
    return !again && (plan.len == 0 || plan.len + 12 <= tcb.send_mss);
}

}  // namespace

void put_acc_ecn_option(Room& room, Tcb& tcb, const Plan& plan, wire::TcpOptionsToSend& o) {
    if (tcb.state == State::SynSent) return;
    AccEcn& a = room.colds[tcb.cold].acc_ecn;
    bool carried = false;
    if (option_due(room, tcb, plan)) {
        wire::TcpOptionsToSend with = o;
        put_mark_counts(a.in, with);
        carried = has_room(o, with.acc_ecn_count);
        if (carried) {
            o = with;
            a.bytes_told = bytes_told(a.in);
        }
    }
    note_option(room, tcb, plan, carried);
}

}  // namespace tern::tcp

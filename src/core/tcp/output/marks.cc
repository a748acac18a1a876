// What a segment that leaves says of marks: ECE until CWR (RFC 3168 6.1.3), ECE as the last packet
// was (RFC 8257 3.2), or counters (RFC 9768 3.2); and whether it may be marked itself.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// Classic: a segment that may leave ECN-capable.
bool is_new_data(const Tcb& tcb, const Plan& plan) {
    return plan.len > 0 && plan.seq >= tcb.snd.max && plan.reason != SendReason::ProbeWindow;
}

bool has_sack_blocks(const Room& room, const Tcb& tcb) {
    return tcb.has(k_sack) && tcb.receive_queue != 0 &&
           room.receive_queues[tcb.receive_queue].holes().has_blocks();
}

u16 accurate_flags(Room& room, const Tcb& tcb, const Plan& plan) {
    const bool opening = tcb.state == State::SynReceived;
    const bool pure = plan.len == 0 && (plan.flags & wire::Fin) == 0 && !has_sack_blocks(room, tcb);
    return room.colds[tcb.cold].acc_ecn.flags_to_send(opening, pure);
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

u8 put_ecn(Room& room, Tcb& tcb, const Plan& plan, wire::TcpHeader& header) {
    if (plan.flags & wire::Syn) {
        const bool answer = (plan.flags & wire::Ack) != 0;
        header.flags |= answer ? ecn_of_syn_ack(room, tcb) : ecn_of_syn(tcb);
        return k_not_ect;
    }
    const bool new_data = is_new_data(tcb, plan);
    if (tcb.ecn == Ecn::Accurate)
        header.flags |= accurate_flags(room, tcb, plan);
    else if (tcb.ecn == Ecn::Classic)
        header.flags |= classic_flags(tcb, new_data);
    // RFC 3168 6.1.4 to 6.1.6 [RFC3168:2]: nothing else may be marked.
    return tcb.ect && new_data ? k_ect_0 : k_not_ect;
}

u16 ace_of_count(const Room& room, const Tcb& tcb) {
    return tcb.ecn == Ecn::Accurate ? room.colds[tcb.cold].acc_ecn.count_flags() : u16{0};
}

bool next_has_cwr(const Room& room, const Tcb& tcb) {
    if (tcb.ecn == Ecn::Accurate) return (ace_of_count(room, tcb) & wire::Cwr) != 0;
    return tcb.cwr_due;
}

void put_acc_ecn_option(Room& room, Tcb& tcb, const Plan& plan, wire::TcpOptionsToSend& o) {
    if (tcb.state == State::SynSent) return;
    const Leaving leaving{.seq = plan.seq,
                          .ack = tcb.rcv.nxt(),
                          .len = plan.len,
                          .syn = (plan.flags & wire::Syn) != 0,
                          .again = plan.len > 0 && plan.seq < tcb.snd.max,
                          .roomy = plan.len + 12 <= tcb.send_mss,
                          .passive = tcb.has(k_passive),
                          .timestamps = tcb.has(k_timestamps),
                          .ts_val = room.ts_clock(tcb.ts_offset)};
    if (room.colds[tcb.cold].acc_ecn.put_option(leaving, o)) remember_option_lost(room, tcb);
}

}  // namespace tern::tcp

// RFC 9293 3.10.7.4 "Other States": the eight checks, in the RFC's order.
#include "core/tcp/ecn/negotiation.hh"
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// A peer that has filled our window numbers its bare acknowledgements at the right edge, and table
// 6 excludes them. They are dropped as it says; but what they acknowledge counts, as it does while
// the window is closed [MUST-66]. Otherwise one hole in the window would stop our own direction
// until the peer's timer has filled it.
bool acknowledges_from_edge(const Tcb& tcb, const Segment& seg) {
    constexpr u16 control = wire::Syn | wire::Fin | wire::Rst;
    return is_synchronized(tcb.state) && seg.len == 0 && (seg.flags & control) == 0 &&
           seg.seq == tcb.rcv.edge();
}

bool repeats_syn(const Tcb& tcb, const Segment& seg) {
    return tcb.state == State::SynReceived && seg.syn() && !seg.has(wire::Ack) && !seg.rst() &&
           seg.seq == tcb.rcv.irs();
}

Verdict syn_again(Room& room, Handle<Tcb> i, const Segment& seg) {
    Tcb& tcb = room.tcbs[i];
    // RFC 9768 3.1.5 [RFC9768:6].
    if (mixes_ecn(ecn_wanted(room, options_of(room, tcb)), tcb.ecn, seg.flags)) {
        send_reset(room, tcb, SendReason::ResetMixedEcn);
        finish(room, i, Cause::Abort, Error::Aborted);
        return Verdict::drop(DropReason::TcpMixedEcn);
    }
    ecn_of_syn_again(room, tcb, seg);
    if (!opens_fast(room, tcb)) return Verdict::next();
    // It brought data: our SYN-ACK was lost.
    const u16 flags = wire::Syn | wire::Ack;
    if (!build_segment(room, tcb,
                       {.send = true,
                        .seq = tcb.snd.iss,
                        .flags = flags,
                        .reason = SendReason::OpenAnswerAgain})) {
        tcb.set(k_syn_due);  // no memory: it has its turn with the others
        want_output(room, tcb);
    }
    return Verdict::done();
}

void outside_window(Room& room, Handle<Tcb> i, Segment& seg) {
    Tcb& tcb = room.tcbs[i];
    if (check_ack(tcb, seg)) return;
    option_unheard(room, tcb, seg);
    if (acknowledges_from_edge(tcb, seg)) step5_ack(room, i, seg);
}

}  // namespace

Verdict other_states(Room& room, Handle<Tcb> i, Segment& seg) {
    Tcb& tcb = room.tcbs[i];
    if (repeats_syn(tcb, seg))
        if (auto v = syn_again(room, i, seg)) return v;
    if (auto v = step1_sequence(room, tcb, seg)) {
        if (v.reason == DropReason::TcpOutOfWindow) outside_window(room, i, seg);
        return v;
    }
    if (auto v = step2_reset(room, i, seg)) return v;
    // Step 3, security and compartment: README.md says why it is absent.
    if (auto v = step4_syn(room, tcb, seg)) return v;
    if (auto v = check_ack(tcb, seg)) return v;
    // Up to here the segment was judged and nothing has changed (RFC 5961 5.2): who sends blindly
    // would have to guess SEG.SEQ and SEG.ACK.
    admit(room, tcb, seg);
    if (auto v = step5_ack(room, i, seg)) return v;
    if (seg.others != nullptr) learn_user_timeout(room, tcb, seg.options());
    if (auto v = step6_urgent(room, tcb, seg)) return v;
    if (auto v = step7_text(room, i, seg)) return v;
    return step8_fin(room, i, seg);
}

}  // namespace tern::tcp

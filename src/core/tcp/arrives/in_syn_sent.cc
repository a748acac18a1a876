// RFC 9293 3.10.7.3: we have sent SYN.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// What the peer's SYN negotiated.
void learn_syn(Room& room, Tcb& tcb, const Segment& seg) {
    const wire::TcpOptions& o = seg.options();
    const TcpOptions& wanted = options_of(room, tcb);
    tcb.rcv.begin(seg.seq);
    tcb.last_ack_sent = tcb.rcv.nxt();
    tcb.peer_mss = o.has_mss ? o.mss : 536;
    // RFC 7323 2.2: both sides must have sent the option.
    if (o.has_window_scale && wanted.window_scale) {
        tcb.snd_wind_shift = std::min<u8>(o.window_scale, 14) & 0xf;
        tcb.rcv_wind_shift = wind_shift_for(receive_buffer_max(room, tcb)) & 0xf;
    } else {
        tcb.snd_wind_shift = tcb.rcv_wind_shift = 0;
    }
    if (o.sack_permitted && wanted.sack) tcb.set(k_sack);
    if (o.has_timestamps && wanted.timestamps) {
        tcb.set(k_timestamps);
        tcb.ts_recent = o.ts_val;
        tcb.ts_recent_second = room.now_second();
    }
    tcb.send_mss = segment_size(room, tcb);
    if (seg.others != nullptr) learn_user_timeout(room, tcb, seg.options());
    if (seg.has(wire::Ack))
        learn_ecn_of_syn_ack(room, tcb, seg);
    else
        learn_ecn_of_syn(room, tcb, seg);
}

// Another SYN, before its time.
void ask_anew(Room& room, Tcb& tcb, SendReason why) {
    tcb.snd.nxt = tcb.snd.iss;
    if (build_segment(room, tcb,
                      {.send = true, .seq = tcb.snd.iss, .flags = wire::Syn, .reason = why}))
        return;
    tcb.set(k_syn_due);  // no memory: it has its turn with the others
    want_output(room, tcb);
}

// RFC 3168 6.1.1.1 [RFC3168:5]: it may be the flags that were refused.
void ask_without_ecn(Room& room, Tcb& tcb) {
    tcb.ecn = Ecn::Off;
    ask_anew(room, tcb, SendReason::OpenWithoutEcn);
}

// RFC 9293 3.5.1, figure 9: the peer is in the middle of an old connection, which this RST is about
// to end. The SYN that it has ignored need not wait for RTO.
Verdict end_old_connection(Room& room, Tcb& tcb, const Segment& seg) {
    Standing syn_sent;
    syn_sent.state = State::SynSent;
    syn_sent.iss = tcb.snd.iss;
    send_reset_for(room, seg, SendReason::ResetBadAck, syn_sent);
    if (may_challenge(room, tcb)) ask_anew(room, tcb, SendReason::OpenAfterReset);
    return Verdict::drop(DropReason::TcpSynSentBadAck);
}

}  // namespace

Verdict in_syn_sent(Room& room, Handle<Tcb> i, Segment& seg) {
    Tcb& tcb = room.tcbs[i];
    // First: the ACK bit.
    const bool ack = seg.has(wire::Ack);
    const bool ack_acceptable = ack && tcb.snd.una < seg.ack && seg.ack <= tcb.snd.max;
    // RFC 9293 3.10.7.3 [U-4]: an ACK of what we never sent belongs to another connection.
    if (ack && !ack_acceptable) {
        if (seg.rst()) return Verdict::drop(DropReason::TcpSynSentBadAck);
        return end_old_connection(room, tcb, seg);
    }
    // Second: the RST bit. RFC 5961 asks for the exact acknowledgement, which we had.
    if (seg.rst()) {
        if (!ack) return Verdict::drop(DropReason::TcpSynSentReset);
        if (ecn_of_syn(tcb) != 0) {
            ask_without_ecn(room, tcb);
            return Verdict::done();
        }
        finish(room, i, Cause::Refused, Error::Refused);
        return Verdict::done();
    }
    // Fourth: the SYN bit.
    if (!seg.syn()) return Verdict::drop(DropReason::TcpSynSentNoSyn);
    if (seg.fin()) return Verdict::drop(DropReason::TcpSynFin);
    learn_syn(room, tcb, seg);
    if (ack) {
        become(room, tcb, Cause::SynAckArrived);
        tcb.window.forget_ssthresh();
        measure_rtt(room, tcb, seg);
        fast_open_answered(room, tcb, seg.options());
        syn_acknowledged(room, tcb, seg.ack);
        learn_window(room, tcb, seg, false);
        enter_established(room, i);
        acknowledge(room, tcb, SendReason::OpenConfirm);
    } else {
        // RFC 9293 3.5 [MUST-10]: both sides opened at once.
        become(room, tcb, Cause::SynArrived);
        // The SYN-ACK goes without the data of a SYN that had some; the peer may have taken that
        // all the same, and acknowledge it.
        tcb.snd.nxt = tcb.snd.iss;
        learn_window(room, tcb, seg, false);
        stop_rtt_timing(tcb);
        tcb.set(k_syn_due);
        want_output(room, tcb);
    }
    // Data or more control in the SYN: queue it behind the handshake, as the RFC says.
    seg.seq += 1;
    seg.flags &= static_cast<u16>(~wire::Syn);
    if (seg.len == 0 || tcb.state != State::Established) return Verdict::done();
    trim_to_window(room, tcb, seg);
    return step7_text(room, i, seg);
}

}  // namespace tern::tcp

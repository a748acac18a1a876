// Steps 1 to 5 of RFC 9293 3.10.7.4 on an embryo: SYN-RECEIVED that came from a listener. The
// third step of the handshake makes it a Tcb.
#include "core/tcp/ecn/negotiation.hh"
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// The listener may have been closed and opened anew since: then the embryo is an orphan.
Handle<Listener> listener_of(Room& room, const Embryo& e) {
    return find_listener(room, e.key.local_address(), e.key.local_port);
}

void bare_ack(Room& room, const Listener& l, const Embryo& e, u64 hash, SendReason why) {
    if (!may_answer(room, hash)) return;
    Bare bare;
    bare.seq = e.iss + 1;
    bare.ack = e.irs + 1;
    bare.flags = wire::Ack;
    if (e.ecn == Ecn::Accurate) bare.flags |= wire::ace_flags(MarkCounts{}.cep());
    // RFC 7323 2.3 [RFC7323:1]: without SYN the field is scaled; it must not offer more than
    // before.
    const u8 shift = e.peer_wind_shift != k_no_scaling ? wind_shift_of(room, l) : u8{0};
    bare.window = static_cast<u16>(first_window(room, l) >> shift);
    bare.ttl = l.options.ttl;
    bare.tos = static_cast<u8>(l.options.dscp << 2);
    if (e.timestamps) {
        bare.options.timestamps = true;
        bare.options.ts_val = room.ts_clock(initial_sequence(room, e.key).ts_offset);
        bare.options.ts_ecr = e.ts_recent;
    }
    bare.iss = e.iss;
    bare.irs = e.irs;
    bare.state = State::SynReceived;
    send_bare(room, e.key, bare, why);
}

}  // namespace

Verdict in_syn_received(Room& room, Handle<Embryo> embryo, Segment& seg) {
    Embryo& e = room.embryos[embryo];
    const Handle<Listener> listener = listener_of(room, e);
    if (listener == 0) {
        free_embryo(room, embryo);
        return in_closed(room, seg);
    }
    Listener& l = room.listeners[listener];
    const Seq rcv_nxt = e.irs + 1;
    // The same SYN again: our SYN-ACK was lost.
    if (seg.syn() && !seg.has(wire::Ack) && !seg.rst() && seg.seq == e.irs) {
        if (mixes_ecn(l.options.ecn, e.ecn, seg.flags)) {
            reset_embryo(room, l, embryo, SendReason::ResetMixedEcn);
            return Verdict::drop(DropReason::TcpMixedEcn);
        }
        ecn_of_syn_again(e, seg);
        forget_answer_time(e);
        send_syn_ack(room, l, e, initial_sequence(room, e.key).ts_offset,
                     SendReason::OpenAnswerAgain);
        return Verdict::done();
    }
    // First: the sequence number. PAWS comes before it (RFC 7323 5.3).
    if (e.timestamps && seg.has_timestamps && !seg.rst() &&
        static_cast<i32>(seg.ts_val - e.ts_recent) < 0) {
        bare_ack(room, l, e, seg.hash, SendReason::AckUnacceptable);
        return Verdict::drop(DropReason::TcpPaws);
    }
    const u32 window = first_window(room, l);
    const u32 len = seg.rst() ? 0 : seg.seg_len();
    const auto inside = [&](Seq s) { return rcv_nxt <= s && s < rcv_nxt + window; };
    const bool in_window = inside(seg.seq) || (len > 0 && inside(seg.seq + (len - 1)));
    if (!in_window && !(len == 0 && seg.seq == rcv_nxt)) {
        if (seg.rst()) return Verdict::drop(DropReason::TcpResetOutOfWindow);
        bare_ack(room, l, e, seg.hash, SendReason::AckUnacceptable);
        return Verdict::drop(DropReason::TcpOutOfWindow);
    }
    // Second: RST. RFC 9293 3.5 [MUST-11]: back to LISTEN, the application hears nothing.
    if (seg.rst()) {
        if (seg.seq != rcv_nxt) {
            bare_ack(room, l, e, seg.hash, SendReason::ChallengeAck);
            return Verdict::drop(DropReason::TcpResetChallenged);
        }
        tell_transition(room, e.key.id(), State::SynReceived, Cause::ResetArrived);
        free_embryo(room, embryo);
        return Verdict::done();
    }
    // Fourth: SYN. RFC 9293 lets SYN-RECEIVED from a passive OPEN go back to LISTEN; we challenge
    // instead, or anybody could end a handshake in progress (RFC 5961 4).
    if (seg.syn()) {
        bare_ack(room, l, e, seg.hash, SendReason::ChallengeAck);
        return Verdict::drop(DropReason::TcpSynChallenged);
    }
    // Fifth: ACK.
    if (!seg.has(wire::Ack)) return Verdict::drop(DropReason::TcpNoAck);
    if (seg.ack != e.iss + 1) return Verdict::reset(DropReason::TcpEmbryoBadAck);  // [U-11]
    // The peer will send again, or we will: there may be room then.
    const bool room_left = l.accept_count < l.backlog;
    const Handle<Tcb> i = room_left ? promote(room, listener, e, seg, embryo) : 0;
    if (i == 0) {
        forget_answer_time(e);  // what comes later does not tell when the SYN-ACK arrived
        return Verdict::drop(room_left ? DropReason::MemoryCeiling
                                       : DropReason::TcpAcceptQueueFull);
    }
    forget_embryo(room, embryo, listener);
    return other_states(room, i, seg);
}

}  // namespace tern::tcp

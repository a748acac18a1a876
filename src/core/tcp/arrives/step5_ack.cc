// Fifth check of RFC 9293 3.10.7.4: the ACK field. SND.UNA, the window, then recovery and
// congestion control; what an acknowledged FIN does to the state.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// RFC 5681 2 [RFC5681:10]: outstanding data, no text, no FIN, the same acknowledgement, the same
// window. The answers to probes of a closed window look the same, but the byte was refused, not
// lost.
bool is_duplicate_ack(const Tcb& tcb, const Segment& seg, u32 window_before) {
    return tcb.snd.una < tcb.snd.max && seg.len == 0 && !seg.fin() && seg.ack == tcb.snd.una &&
           tcb.snd.wnd == window_before && !tcb.has(k_persist);
}

// Room in the send queue again: the application learns it once it is worth a call.
void tell_writable(Room& room, Tcb& tcb) {
    if (!tcb.has(k_write_blocked)) return;
    const u32 limit = send_limit(room, tcb);
    const u32 worth = std::min(limit, room.cx.limits.tcp_send_buffer) / 4;
    if (queue_bytes(room, tcb) + worth > limit) return;
    tcb.clear(k_write_blocked);
    tell(room, tcb, Writable);
}

Verdict fin_acknowledged(Room& room, Handle<Tcb> i) {
    Tcb& tcb = room.tcbs[i];
    switch (tcb.state) {
        case State::FinWait1:
            if (tcb.has(k_released)) end_orphan(room, tcb);
            become(room, tcb, Cause::AckOfFin);
            if (tcb.has(k_released)) orphan_delivered(room, tcb);
            return Verdict::next();
        case State::Closing:
            become(room, tcb, Cause::AckOfFin);
            enter_time_wait(room, i);
            return Verdict::done();
        case State::LastAck: finish(room, i, Cause::AckOfFin, Error::None); return Verdict::done();
        default: return Verdict::next();
    }
}

}  // namespace

void drop_acknowledged(Room& room, Tcb& tcb, Seq ack) {
    if (tcb.send_queue == 0) return;
    SendQueue& q = room.send_queues[tcb.send_queue];
    const i32 passed = ack - q.base;
    if (passed <= 0) return;
    const u64 bytes = std::min<u64>(static_cast<u32>(passed), q.chain.bytes());
    q.chain.trim_front(bytes);
    q.base += static_cast<u32>(bytes);
    if (q.cursor != nullptr && q.cursor_seq < q.base) q.cursor = nullptr;
    if (q.chain.empty()) {
        q.chain.clear();
        room.send_queues.free(std::exchange(tcb.send_queue, {}));
    }
}

Seq data_end(const Room& room, const Tcb& tcb) {
    if (tcb.send_queue != 0) {
        const SendQueue& q = room.send_queues[tcb.send_queue];
        return q.base + static_cast<u32>(q.chain.bytes());
    }
    const bool syn_open = tcb.state == State::SynSent || tcb.state == State::SynReceived;
    return syn_open ? tcb.snd.iss + 1 : tcb.snd.una;
}

namespace {

// Segments that were cut for a narrow window need it no more, or less.
void note_widest_window(const Room& room, Tcb& tcb) {
    const u32 before = std::exchange(tcb.snd.max_wnd, tcb.snd.wnd);
    if (before > 2u * tcb.send_mss + 1) return;
    tcb.send_mss = segment_size(room, tcb);
    tcb.window.hold_a_segment(tcb.send_mss);
}

}  // namespace

void learn_window(Room& room, Tcb& tcb, const Segment& seg, bool scaled) {
    const u32 before = tcb.snd.wnd;
    tcb.snd.wnd = scaled ? seg.wnd << tcb.snd_wind_shift : seg.wnd;
    tcb.snd.wl1 = seg.seq;
    tcb.snd.wl2 = seg.ack;
    if (tcb.snd.wnd > tcb.snd.max_wnd) note_widest_window(room, tcb);
    if (tcb.snd.wnd == before) return;
    if (tcb.snd.wnd > 0 && tcb.has(k_persist)) {
        cancel_deadline(room, tcb, Deadline::Retransmission);
        tcb.clear(k_persist);
        tcb.backoff = 0;
        // A byte that probed the closed window is outstanding like any other.
        if (tcb.snd.una < tcb.snd.max) {
            send_again(room, tcb);
            arm_retransmission(room, tcb);
        }
        arm_user_timeout(room, tcb, true);
    }
    tell_window(room, tcb, "peer's window");
    want_output(room, tcb);
}

namespace {

void timeout_repaired(Room& room, Tcb& tcb) {
    tcb.clear(k_after_timeout);
    if (Flight* f = flight_of(room, tcb)) congestion_recovered(room, tcb, *f);
}

// What an acknowledgement means to few connections.
void rarely_acknowledged(Room& room, Tcb& tcb) {
    if (tcb.has(k_after_timeout) && tcb.snd.una >= tcb.recover) timeout_repaired(room, tcb);
    if (tcb.has(k_urgent_out) && tcb.snd.una >= room.colds[tcb.cold].snd_up)
        tcb.clear(k_urgent_out);
    if (tcb.has(k_released)) orphan_acknowledged(room, tcb);
}

}  // namespace

void acknowledged(Room& room, Handle<Tcb> i, Segment& seg) {
    Tcb& tcb = room.tcbs[i];
    const u32 acked = static_cast<u32>(seg.ack - tcb.snd.una);
    const u32 flight_before = tcb.flight_size();
    const Seq before = tcb.snd.una;
    Flight* const flight = flight_of(room, tcb);
    if (flight == nullptr) measure_rtt(room, tcb, seg);
    drop_acknowledged(room, tcb, seg.ack);
    const bool handled = flight != nullptr || recovery_acknowledged(room, tcb, seg.ack, acked);
    tcb.snd.una = seg.ack;
    if (tcb.snd.nxt < tcb.snd.una) tcb.snd.nxt = tcb.snd.una;
    // It says something about what is outstanding only; left behind by 2^31 bytes it would lie.
    if (tcb.recover < tcb.snd.una - 1) tcb.recover = tcb.snd.una - 1;
    tcb.dup_acks = 0;
    tcb.backoff = 0;
    tcb.clear(k_r1_told);
    if (flight != nullptr) sack_acknowledged(room, tcb, *flight, seg, before);
    if (!handled && !tcb.marked) grow_cwnd(room, tcb, acked, flight_before);
    if (tcb.has(k_after_timeout | k_urgent_out | k_released)) [[unlikely]]
        rarely_acknowledged(room, tcb);
    // RFC 6298 5.2, 5.3: nothing outstanding, no timer; otherwise it starts anew.
    if (tcb.snd.una == tcb.snd.max) {
        cancel_deadline(room, tcb, Deadline::Retransmission);
        tcb.clear(k_persist);
        arm_user_timeout(room, tcb, true);
        if (flight != nullptr) rest_flight(room, tcb, *flight);
        rest_timers(room, tcb);
    } else if (flight != nullptr) {
        arm_retransmission(room, tcb, flight);
        arm_user_timeout(room, tcb, true);
    } else if (!tcb.has(k_recovery) || !tcb.has(k_partial_seen)) {
        // RFC 6582 3.2 (5) [RFC6582:1], "Impatient": only the first partial ACK restarts it.
        if (tcb.has(k_recovery)) tcb.set(k_partial_seen);
        arm_retransmission(room, tcb);
        arm_user_timeout(room, tcb, true);
    } else {
        arm_user_timeout(room, tcb, true);
    }
    room.inet.confirm(tcb.way);
    tell_writable(room, tcb);
    want_output(room, tcb);
}

void enter_established(Room& room, Handle<Tcb> i) {
    Tcb& tcb = room.tcbs[i];
    tcb.window.begin(tcb.has(k_syn_retried) ? tcb.send_mss
                                            : initial_window(room, eff_snd_mss(room, tcb)));
    // RFC 6298 5.7: three seconds, if the SYN was lost.
    if (tcb.has(k_syn_retried)) tcb.rtt.restart_at_least(initial_rto(room), 30'000);
    tcb.backoff = 0;
    tcb.clear(k_syn_retried);
    tcb.set(k_read_armed);
    cancel_deadline(room, tcb, Deadline::Retransmission);
    cancel_deadline(room, tcb, Deadline::User);
    // What was sent before the handshake ended (RFC 7413 4.2).
    if (tcb.snd.una != tcb.snd.max) {
        arm_retransmission(room, tcb);
        arm_user_timeout(room, tcb, true);
    }
    if (options_of(room, tcb).user_timeout_option) room.colds[tcb.cold].user_timeout_due = true;
    note_activity(room, tcb);
    room.inet.confirm(tcb.way);
    tell(room, tcb, Connected | Writable);
    tell_window(room, tcb, "established");
    want_output(room, tcb);
}

void syn_acknowledged(Room& room, Tcb& tcb, Seq ack) {
    if (tcb.snd.iss + 1 < ack) {
        room.colds[tcb.cold].fast_open_taken = true;
        ++room.cx.counters.tcp_fast_opens;
    }
    drop_acknowledged(room, tcb, ack);
    tcb.snd.una = tcb.snd.nxt = tcb.snd.max = ack;
}

namespace {

// SYN-RECEIVED with a Tcb: a simultaneous open, or a promoted embryo.
void ack_of_syn(Room& room, Handle<Tcb> i, Segment& seg) {
    Tcb& tcb = room.tcbs[i];
    become(room, tcb, Cause::AckOfSyn);
    measure_rtt(room, tcb, seg);
    if (tcb.has(k_passive)) {
        tcb.snd.una = tcb.snd.iss + 1;
        tcb.snd.nxt = max(tcb.snd.nxt, tcb.snd.una);
    } else {
        syn_acknowledged(room, tcb, seg.ack);
    }
    learn_window(room, tcb, seg, true);
    enter_established(room, i);
    // The data of a SYN had filled the buffer, and was read before the handshake ended.
    if (tcb.rcv_wnd() == 0) window_opened(room, tcb);
    learn_ecn_of_last_ack(room, tcb, seg);
    // CLOSE was called before the handshake ended.
    if (tcb.has(k_fin_queued)) become(room, tcb, Cause::Close);
}

}  // namespace

Verdict check_ack(const Tcb& tcb, const Segment& seg) {
    if (!seg.has(wire::Ack)) return Verdict::drop(DropReason::TcpNoAck);  // [U-8]
    if (tcb.state == State::SynReceived) {
        const bool acceptable = tcb.snd.una < seg.ack && seg.ack <= tcb.snd.max;
        return acceptable ? Verdict::next() : Verdict::reset(DropReason::TcpEmbryoBadAck);
    }
    // RFC 5961 5.2 [RFC5961:3] [MAY-12].
    if (seg.ack < tcb.snd.una - std::max<u32>(tcb.snd.max_wnd, 1))
        return Verdict::challenge(DropReason::TcpAckTooOld);
    if (seg.ack > tcb.snd.max) return Verdict::ack(DropReason::TcpAckUnsent);  // [U-9]
    return Verdict::next();
}

Verdict step5_ack(Room& room, Handle<Tcb> i, Segment& seg) {
    Tcb& tcb = room.tcbs[i];
    const bool opens = tcb.state == State::SynReceived;
    if (opens) ack_of_syn(room, i, seg);
    const u32 window_before = tcb.snd.wnd;
    // What the FIN's sequence number would be, before the queue shrinks.
    const Seq fin = data_end(room, tcb);
    const bool advances = tcb.snd.una < seg.ack;
    if (!opens) take_marks(room, tcb, seg);
    if (advances) acknowledged(room, i, seg);
    // RFC 9293 3.10.7.4 [U-10]: an older segment does not move the window. One that acknowledges
    // more than any before is not older, though it may carry old bytes again; without its window
    // the edge would move to the right with SND.UNA, beyond what the peer has offered.
    if (advances || (seg.ack >= tcb.snd.una &&
                     (tcb.snd.wl1 < seg.seq || (tcb.snd.wl1 == seg.seq && tcb.snd.wl2 <= seg.ack))))
        learn_window(room, tcb, seg, true);
    Flight* const flight = flight_of(room, tcb);
    if (!advances && tcb.snd.una < tcb.snd.max && flight != nullptr) {
        const bool sack = seg.has_sack();
        if (sack && seg.ack == tcb.snd.una) {
            sack_acknowledged(room, tcb, *flight, seg, tcb.snd.una);
            if (!tcb.has(k_persist)) choose_loss_timer(room, tcb, *flight);
            want_output(room, tcb);
        }
    } else if (!advances && is_duplicate_ack(tcb, seg, window_before)) {
        duplicate_ack(room, tcb);
    }
    if (tcb.has(k_persist) || tcb.snd.una + tcb.snd.wnd < tcb.snd.max)
        window_still_closed(room, tcb);
    if (advances && tcb.has(k_fin_queued) && seg.ack == fin + 1 && tcb.snd.max == fin + 1)
        return fin_acknowledged(room, i);
    return Verdict::next();
}

}  // namespace tern::tcp

// How much may leave, now, and why: windows, Nagle, silly-window avoidance (RFC 9293 3.8.6.2.1),
// retransmission, probes, and acknowledgements when nothing else carries them.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

bool fin_allowed(const Tcb& tcb) {
    return tcb.has(k_fin_queued) && (tcb.state == State::FinWait1 || tcb.state == State::Closing ||
                                     tcb.state == State::LastAck);
}

Plan plan_syn(const Room& room, const Tcb& tcb) {
    const bool answer = tcb.state == State::SynReceived;
    const bool again = tcb.snd.max != tcb.snd.iss;
    Plan plan{.send = true,
              .seq = tcb.snd.iss,
              .flags = wire::Syn,
              .reason = SendReason::OpenActive,
              .asked_by = k_syn_due};
    if (answer) {
        plan.flags |= wire::Ack;
        const bool fast = opens_fast(room, tcb);
        plan.reason = again && tcb.backoff > 0 ? SendReason::OpenAnswerRetry
                      : again && fast          ? SendReason::OpenAnswerAgain
                      : fast                   ? SendReason::OpenAnswerData
                                               : SendReason::OpenSimultaneous;
    } else if (again) {
        plan.reason = tcb.backoff > 0 ? SendReason::OpenRetry : SendReason::OpenWithoutEcn;
    } else if (fast_open_cookie_for(room, tcb) != nullptr) {
        plan.len = fast_open_text(room, tcb);
        if (plan.len > 0) plan.reason = SendReason::OpenWithData;
    }
    return plan;
}

// One byte at SND.UNA, in or beyond the closed window [MUST-35] [MUST-36].
Plan plan_probe(const Room& room, const Tcb& tcb) {
    const Seq end = data_end(room, tcb);
    Plan plan{.send = true,
              .seq = tcb.snd.una,
              .flags = wire::Ack,
              .reason = SendReason::ProbeWindow,
              .asked_by = k_probe_due};
    if (tcb.snd.una < end)
        plan.len = 1;
    else if (fin_allowed(tcb))
        plan.flags |= wire::Fin;
    else
        plan.seq = tcb.snd.una - 1;  // nothing to probe with: any answer will do
    return plan;
}

Plan plan_head(const Room& room, const Tcb& tcb) {
    const Seq end = data_end(room, tcb);
    Plan plan{.seq = tcb.snd.una,
              .flags = wire::Ack,
              .reason = tcb.has(k_partial_seen) ? SendReason::RetransmitPartial
                                                : SendReason::RetransmitFast,
              .head_only = true,
              .asked_by = k_retransmit_head};
    const u32 outstanding = static_cast<u32>(min(end, tcb.snd.max) - tcb.snd.una);
    plan.len = std::min<u32>(outstanding, tcb.send_mss);
    if (fin_allowed(tcb) && plan.seq + plan.len == end && end < tcb.snd.max)
        plan.flags |= wire::Fin;
    if (plan.seq + plan.len == end) plan.flags |= wire::Psh;
    plan.send = plan.len > 0 || (plan.flags & wire::Fin);
    return plan;
}

// A FIN that lies behind the text of the range leaves with it.
void split_fin(const Room& room, const Tcb& tcb, Plan& plan) {
    const Seq end = data_end(room, tcb);
    if (plan.seq + plan.len == end) plan.flags |= wire::Psh;
    if (plan.seq + plan.len <= end) return;
    --plan.len;
    plan.flags |= plan.len > 0 ? wire::Fin | wire::Psh : wire::Fin;
}

// RFC 5681 3.1: the one segment that the loss window lets out when RTO has fired. An ACK that
// advances opens cwnd.
bool is_first_after_timeout(const Tcb& tcb, Seq seq, u32 on_the_way) {
    return seq == tcb.snd.una && tcb.backoff > 0 && on_the_way == 0 &&
           tcb.window.cwnd() <= tcb.send_mss;
}

// Why a range that is known to be lost leaves again.
SendReason reason_for_lost(const Tcb& tcb, const Flight& f, Seq seq, u32 on_the_way) {
    if (!tcb.has(k_after_timeout)) {
        if (!tcb.has(k_recovery)) return SendReason::RetransmitProbed;
        return f.board.reneged(seq) ? SendReason::RetransmitReneged : SendReason::RetransmitLost;
    }
    return is_first_after_timeout(tcb, seq, on_the_way) ? SendReason::RetransmitTimeout
                                                        : SendReason::RetransmitAfterTimeout;
}

// What is lost, from the lowest on, as far as cwnd allows (RFC 8985 9.3 [RFC8985:5]). RFC 6675 4
// [RFC6675:3]: nothing that is not known to be lost goes "to the rescue", once or ever; the answer
// to the last repair tells RACK of a lost tail (docs/decisions/0006-flight-records.md).
Plan plan_lost(const Room& room, const Tcb& tcb, const Flight* f, Waits& waits) {
    if (f == nullptr || f->board.lost() == 0 || tcb.has(k_persist)) return {};
    const Scoreboard::LostRange lost = f->board.next_lost(tcb.snd.una);
    if (lost.piece == 0) return {};
    const u32 on_the_way = pipe(tcb, f);
    const u32 ahead = static_cast<u32>(lost.seq - tcb.snd.una);
    if (on_the_way > 0 && on_the_way + lost.piece > tcb.window.cwnd())
        return waits.hold(HoldReason::Cwnd, f->board.lost()), Plan{};
    if (ahead > 0 && ahead + lost.piece > tcb.snd.wnd)
        return waits.hold(HoldReason::PeerWindow, f->board.lost()), Plan{};
    // RFC 9937 6: the retransmission that recovery begins with waits for nothing.
    const bool begins = tcb.has(k_recovery) && !f->prr.any_sent();
    if (const i64 early = begins ? 0 : pace_wait_ns(room, f)) {
        waits.pace_ns = early;
        waits.hold(HoldReason::Pace, f->board.lost());
        return {};
    }
    u32 most = tcb.window.cwnd() > on_the_way ? tcb.window.cwnd() - on_the_way : 0;
    most = std::min(
        {most, paced_segment(room, tcb, f), tcb.snd.wnd > ahead ? tcb.snd.wnd - ahead : 0});
    u32 len = lost.piece;
    if (lost.run <= most)
        len = lost.run;
    else if (most > lost.piece)
        len = lost.piece + (most - lost.piece) / tcb.send_mss * tcb.send_mss;
    Plan plan{.send = true,
              .seq = lost.seq,
              .len = len,
              .flags = wire::Ack,
              .reason = reason_for_lost(tcb, *f, lost.seq, on_the_way),
              .head_only = true};
    split_fin(room, tcb, plan);
    if (plan.len == 0 && tcb.has(k_after_timeout)) plan.reason = SendReason::FinRetry;
    return plan;
}

// RFC 8985 7.3: new data if there is any, else the last segment again.
Plan plan_tail_probe(const Room& room, const Tcb& tcb, const Flight* f) {
    if (f == nullptr || !f->probe.due() || f->board.empty()) return {};
    const Seq end = data_end(room, tcb);
    const u32 available = end > tcb.snd.nxt ? static_cast<u32>(end - tcb.snd.nxt) : 0;
    const u32 used = static_cast<u32>(tcb.snd.nxt - tcb.snd.una);
    const u32 window = tcb.snd.wnd > used ? tcb.snd.wnd - used : 0;
    const u32 len = std::min<u32>(available, tcb.send_mss);
    if (len != 0 && len <= window)
        return {.send = true,
                .seq = tcb.snd.nxt,
                .len = len,
                .flags = wire::Ack | wire::Psh,
                .reason = SendReason::ProbeTail};
    const Sent& last = f->board.record(f->board.records() - 1);
    const Seq from = max(last.start_of(last.pieces - 1u), tcb.snd.una);
    Plan plan{.send = true,
              .seq = from,
              .len = static_cast<u32>(last.end() - from),
              .flags = wire::Ack,
              .reason = SendReason::ProbeTail,
              .head_only = true};
    split_fin(room, tcb, plan);
    return plan;
}

// RFC 5682 3.1 [RFC5682:1]: new data first, whose answer tells whether the timeout was needed.
bool tries_new_data(const Tcb& tcb, const Flight* f) {
    return f != nullptr && f->undo.tries_new_data() && tcb.has(k_after_timeout);
}

// Usable window: what the peer and the network (RFC 5681 2 [RFC5681:1]) allow beyond SND.NXT. RFC
// 9293 3.8.6 [MUST-34] [SHLD-15]: after a shrink it is negative, and nothing new leaves.
i64 usable_window(const Tcb& tcb, const Flight* f) {
    if (f != nullptr) {
        const i64 window = i64{tcb.snd.wnd} - (tcb.snd.nxt - tcb.snd.una);
        return std::min(window, i64{tcb.window.cwnd()} - pipe(tcb, f));
    }
    u32 cwnd = tcb.window.cwnd();
    // RFC 3042 2 [RFC3042:1]: the first two duplicate ACKs each let one more segment out. With SACK
    // what they report is off the pipe.
    if (tcb.dup_acks > 0 && tcb.dup_acks < 3) cwnd += u32{tcb.dup_acks} * tcb.send_mss;
    return i64{std::min(tcb.snd.wnd, cwnd)} - (tcb.snd.nxt - tcb.snd.una);
}

// RFC 7661 4.1 [RFC7661:1]: what is in flight now has filled cwnd; or is it the peer's window?
bool fills_cwnd(const Tcb& tcb, const Flight* f, u32 available) {
    if (f == nullptr) return false;
    const i64 window = i64{tcb.snd.wnd} - (tcb.snd.nxt - tcb.snd.una);
    const i64 cwnd = i64{tcb.window.cwnd()} - pipe(tcb, f);
    return cwnd < std::min<i64>(available, window);
}

// The sender's side of silly-window avoidance [MUST-38] [U-15], with Nagle [SHLD-7]; but for the
// override timer.
bool worth_sending(const Tcb& tcb, u32 len, u32 available, bool resend) {
    if (len >= tcb.send_mss || resend) return true;
    const bool all = len == available;
    const u32 syn = tcb.state == State::SynReceived ? 1 : 0;
    const bool idle = tcb.snd.nxt == tcb.snd.una + syn;
    // RFC 9293 3.9.1.2 [MUST-60]: what is there leaves, however little, when nothing is
    // outstanding.
    if (all && (idle || tcb.has(k_no_delay | k_fin_queued))) return true;
    // [U-15]: half of the widest window; with Nagle only when nothing is outstanding.
    return len >= tcb.snd.max_wnd / 2 && (idle || tcb.has(k_no_delay));
}

SendReason reason_for(const Tcb& tcb, const Flight* f, u32 len, bool resend, bool last) {
    if (resend) {
        if (!tcb.has(k_after_timeout)) return SendReason::RetransmitProbed;
        return is_first_after_timeout(tcb, tcb.snd.nxt, 0) ? SendReason::RetransmitTimeout
                                                           : SendReason::RetransmitAfterTimeout;
    }
    if (f == nullptr && tcb.snd.nxt + len > tcb.snd.una + tcb.window.cwnd())
        return SendReason::LimitedTransmit;
    return last ? SendReason::DataLast : SendReason::Data;
}

// Of new data, or a FIN (`available` is 0), the windows let `len` bytes out, which are not worth a
// segment.
HoldReason why_held(const Tcb& tcb, const Flight* f, u32 len, u32 available) {
    if (available > 0 && len == available) return HoldReason::Nagle;
    const i64 unacknowledged = tcb.snd.nxt - tcb.snd.una;
    const i64 window = i64{tcb.snd.wnd} - unacknowledged;
    const i64 cwnd = i64{tcb.window.cwnd()} - (f != nullptr ? i64{pipe(tcb, f)} : unacknowledged);
    if (cwnd < window) return HoldReason::Cwnd;
    if (tcb.snd.wnd == 0) return HoldReason::WindowClosed;
    return window > 0 ? HoldReason::SillyWindow : HoldReason::PeerWindow;
}

// Something waits that may not leave: which timer will look after it?
Waits::Window wait_for_window(const Tcb& tcb, i64 usable, u32 len, u32 available) {
    using enum Waits::Window;
    if (tcb.snd.una != tcb.snd.max) return Open;  // an ACK or RTO will come
    // Data, or a FIN, in front of a closed window.
    if (usable <= 0 && tcb.snd.wnd == 0) return tcb.has(k_persist) ? Open : Persist;
    return len > 0 && len <= available && !is_set(tcb, Deadline::Override) ? Override : Open;
}

// How much of new data leaves as one plan: where the link does not cut, a train of segments that
// would leave one by one in the same turn, and of which the first would change nothing for the
// next.
u32 longest_range(const Room& room, const Tcb& tcb, const Flight* f, u32 len, u32 room_for) {
    if (tcb.has(k_urgent_out)) return tcb.send_mss;
    const bool train = room_for > 1 && len > tcb.send_mss && room.header_prediction &&
                       f != nullptr && tcb.snd.una != tcb.snd.max && tcb.snd.nxt == tcb.snd.max &&
                       tcb.state != State::SynReceived && !tcb.has(k_recovery | k_after_timeout) &&
                       !room.inet.interface(tcb.way.interface).segmentation &&
                       !next_has_cwr(room, tcb);
    if (!train) return paced_segment(room, tcb, f);
    const u32 most = std::min({room_for, len / tcb.send_mss + 1, k_sent_pieces});
    return paced_train(room, tcb, *f, most) * tcb.send_mss;
}

Plan plan_data(const Room& room, const Tcb& tcb, const Flight* f, u32 room_for, Waits& waits) {
    const Seq end = data_end(room, tcb);
    const u32 available = end > tcb.snd.nxt ? static_cast<u32>(end - tcb.snd.nxt) : 0;
    const bool fin_unsent = fin_allowed(tcb) && tcb.snd.nxt <= end;
    if (available == 0 && !fin_unsent) return {};
    const i64 usable = usable_window(tcb, f);
    const bool resend = tcb.snd.nxt < tcb.snd.max;
    u32 len = static_cast<u32>(std::min<i64>(available, std::max<i64>(usable, 0)));
    // Who cuts a super-segment copies its urgent pointer, which would point too far then.
    len = std::min(len, longest_range(room, tcb, f, len, room_for));
    // RFC 9293 3.8.6 [SHLD-16]: what is resent behind an RTO never mixes with what is new. The byte
    // that probed a closed window [MUST-36] is followed by the rest of its segment.
    if (resend && tcb.has(k_after_timeout))
        len = std::min(len, static_cast<u32>(tcb.snd.max - tcb.snd.nxt));
    // The small tail of a super-segment obeys Nagle like a segment of its own.
    const bool tail_waits = len < available || (!resend && !tcb.has(k_no_delay | k_fin_queued));
    if (len > tcb.send_mss && tail_waits) len = len / tcb.send_mss * tcb.send_mss;
    const bool last = len == available;
    // A FIN takes a sequence number but no room in the window to speak of.
    const bool fin = fin_unsent && last && (usable >= len) && (tcb.snd.wnd > 0 || len == 0);
    const bool worth = len > 0 && worth_sending(tcb, len, available, resend);
    const bool send = len > 0 ? worth || tcb.has(k_override_due) : fin;
    if (len < tcb.send_mss && available > len) waits.fills_cwnd = fills_cwnd(tcb, f, available);
    if (const i64 early = send && len > 0 ? pace_wait_ns(room, f) : 0) {
        waits.pace_ns = early;
        waits.hold(HoldReason::Pace, available);
        return {};
    }
    if (!send) {
        waits.hold(why_held(tcb, f, len, available), available);
        waits.window = wait_for_window(tcb, usable, len, available);
        return {};
    }
    Plan plan{
        .send = true,
        .seq = tcb.snd.nxt,
        .len = len,
        .flags = wire::Ack,
        .reason = worth || fin ? reason_for(tcb, f, len, resend, last) : SendReason::DataOverride,
        .asked_by = k_override_due};
    if (last && len > 0) plan.flags |= wire::Psh;  // [MUST-61]
    if (fin) {
        plan.flags |= wire::Fin;
        if (len == 0) plan.reason = resend ? SendReason::FinRetry : SendReason::Fin;
    }
    return plan;
}

}  // namespace

// RFC 9293 3.9.1.2 [SHLD-28]: segments of Eff.snd.MSS whenever that is possible.
u32 longest_segment(const Room& room, const Tcb& tcb) {
    if (!room.inet.interface(tcb.way.interface).segmentation) return tcb.send_mss;
    if (next_has_cwr(room, tcb)) return tcb.send_mss;
    // A super-segment still has to fit the 16-bit length of its IP header, and one flight record.
    return std::clamp((65535u - 120u) / tcb.send_mss, 1u, k_sent_pieces) * tcb.send_mss;
}

bool was_all(const Room& room, const Tcb& tcb, const Plan& plan) {
    constexpr u32 due =
        k_syn_due | k_probe_due | k_keep_probe_due | k_retransmit_head | k_ack_now | k_fin_queued;
    const Flight* const f = flight_of(room, tcb);
    if (plan.reason != SendReason::DataLast || tcb.has(due) || f == nullptr) return false;
    return f->board.lost() == 0 && !f->probe.due();
}

Plan may_send(const Room& room, const Tcb& tcb, u32 room_for, Waits& waits) {
    if (tcb.has(k_syn_due)) return plan_syn(room, tcb);
    if (tcb.state == State::SynSent || tcb.state == State::Closed || tcb.has(k_detached)) return {};
    Plan ack{.send = true, .seq = tcb.snd.max, .flags = wire::Ack, .reason = tcb.ack_reason};
    if (tcb.state != State::SynReceived || opens_fast(room, tcb)) {
        if (tcb.has(k_probe_due)) return plan_probe(room, tcb);
        // Duplicate ACKs first: each tells the peer of one segment that arrived. RFC 2018 4: SACK
        // blocks do not fit beside full text, so none of them rides on data.
        if (tcb.acks_owed > (tcb.has(k_sack) ? 0 : 1)) return ack;
        const Flight* const f = flight_of(room, tcb);
        if (Plan plan = plan_tail_probe(room, tcb, f); plan.send) return plan;
        if (tries_new_data(tcb, f))
            if (Plan plan = plan_data(room, tcb, f, room_for, waits); plan.send) return plan;
        if (Plan plan = plan_lost(room, tcb, f, waits); plan.send) return plan;
        if (tcb.has(k_retransmit_head)) {
            if (Plan plan = plan_head(room, tcb); plan.send) return plan;
            waits.moot = k_retransmit_head;
        }
        if (!tcb.has(k_persist))
            if (Plan plan = plan_data(room, tcb, f, room_for, waits); plan.send) return plan;
        if (tcb.has(k_keep_probe_due))  // [SHLD-12]
            return {.send = true,
                    .seq = tcb.snd.una - 1,
                    .flags = wire::Ack,
                    .reason = SendReason::ProbeKeepAlive,
                    .asked_by = k_keep_probe_due};
    }
    return tcb.has(k_ack_now) ? ack : Plan{};
}

}  // namespace tern::tcp

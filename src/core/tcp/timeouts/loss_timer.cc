// Which of RTO, RACK's reordering timer and the tail loss probe the retransmission deadline is (RFC
// 8985 7.2).
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// [RFC8985:3]: one at a time; and not another before the round trip was measured, because a path
// that has become longer than the probe waits would be probed with every flight, and Karn's rule
// would never let us learn that.
bool may_probe(const Tcb& tcb, const Flight& f) {
    // Into a closed window another kind of probe goes [MUST-35].
    return tcb.has(k_sack) && tcb.rtt.srtt_us() != 0 && tcb.snd.wnd != 0 && !tcb.probed &&
           f.probe.none_under_way() && f.board.sacked() == 0 && f.board.lost() == 0 &&
           !tcb.has(k_recovery | k_after_timeout | k_persist) && is_synchronized(tcb.state);
}

}  // namespace

void choose_loss_timer(Room& room, Tcb& tcb, Flight& f) {
    const auto earlier = [](u32 a, u32 b) { return static_cast<i32>(a - b) < 0; };
    u32 at = f.timeout_at;
    LossTimer next = LossTimer::Timeout;
    if (f.reordering_wait && earlier(f.reordering_at, at)) {
        at = f.reordering_at;
        next = LossTimer::Reordering;
    } else if (may_probe(tcb, f)) {
        const bool alone = tcb.flight_size() <= tcb.send_mss;
        f.probe.arm(room.now_us(), alone);
        const u32 wait = TailProbe::wait_us(tcb.rtt, alone);
        const u32 probe = room.tick_after(std::chrono::microseconds(wait));
        // RFC 8985 7.2: never later than RTO, but the probe goes first even then; with our least
        // RTO that is every steady path of more than 100 ms.
        if (earlier(probe, at)) at = probe;
        next = LossTimer::Probe;
    }
    if (next != f.timer) cancel_deadline(room, tcb, Deadline::Retransmission);
    f.timer = next;
    const u32 ahead = earlier(room.tick_up, at) ? at - room.tick_up : 0;
    set_deadline(room, tcb, Deadline::Retransmission, room.tick_up + ahead,
                 Duration(i64{ahead} * k_tick_ns));
}

void put_off_probe(Room& room, Tcb& tcb, Flight& f) {
    if (f.timer == LossTimer::Reordering || f.probe.is_settled(room.now_us())) return;
    if (!tcb.has(k_persist)) choose_loss_timer(room, tcb, f);
}

void probe_tail(Room& room, Tcb& tcb, Flight& f) {
    f.probe.fire();
    f.timeout_at = room.tick_up + backed_off_rto(room, tcb);
    choose_loss_timer(room, tcb, f);
    want_output(room, tcb);
}

}  // namespace tern::tcp

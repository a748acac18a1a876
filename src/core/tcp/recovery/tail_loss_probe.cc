// RFC 8985 7: a lost tail is found by a probe after two round trips instead of RTO.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

constexpr u32 k_worst_delayed_ack_us = 200'000;
constexpr u32 k_least_us = 10'000;  // on the shortest paths the peer's own delays decide

// [RFC8985:3]: PTO, in microseconds. While the deviation is more than half of SRTT, which is where
// the first sample puts it, the path is becoming longer and SRTT lags behind: two of it may be less
// than a round trip, and then RTO's own margin is the right one
// (docs/decisions/0014-rto-until-measured.md).
u32 probe_after_us(const Tcb& tcb) {
    u32 wait = std::max(2 * tcb.srtt_us, k_least_us);
    if (tcb.rttvar_us > tcb.srtt_us / 2) wait = std::max(wait, tcb.srtt_us + 4 * tcb.rttvar_us);
    return tcb.flight_size() <= tcb.send_mss ? wait + k_worst_delayed_ack_us : wait;
}

// [RFC8985:3]: one at a time; and not another before the round trip was measured, because a path
// that has become longer than the probe waits would be probed with every flight, and Karn's rule
// would never let us learn that.
bool may_probe(const Tcb& tcb, const Flight& f) {
    // Into a closed window another kind of probe goes [MUST-35].
    return tcb.has(k_sack) && tcb.srtt_us != 0 && tcb.snd.wnd != 0 && !tcb.probed && !f.probe.due &&
           !f.probe.out && f.sacked == 0 && f.lost == 0 &&
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
        f.probe_armed_us = room.now_us();
        f.probe_armed_alone = tcb.flight_size() <= tcb.send_mss;
        const u32 probe = room.tick_after(std::chrono::microseconds(probe_after_us(tcb)));
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

// RFC 8985 7.2: counted from the last new data; once an instant is enough.
void put_off_probe(Room& room, Tcb& tcb, Flight& f) {
    // With the second segment the peer's delayed ACK is no matter any more.
    const bool settled = f.probe_armed_us == room.now_us() && !f.probe_armed_alone;
    if (f.timer == LossTimer::Reordering || settled) return;
    if (!tcb.has(k_persist)) choose_loss_timer(room, tcb, f);
}

void probe_tail(Room& room, Tcb& tcb, Flight& f) {
    f.probe = {};
    f.probe.due = true;
    f.timeout_at = room.tick_up + backed_off_rto(room, tcb);
    choose_loss_timer(room, tcb, f);
    want_output(room, tcb);
}

// Not before it has: one that finds no buffer stays due.
void probe_left(Tcb& tcb, Flight& f) {
    f.probe.due = false;
    f.probe.out = true;
    tcb.probed = true;
}

// [RFC8985:4]: was the probe what repaired the loss? Then it was one, and the network must be told.
void take_probe_answer(Room& room, Tcb& tcb, Flight& f, const AckSample& a) {
    if (a.delivered != 0) f.probe.due = false;  // overtaken by an answer: the wait begins anew
    if (!f.probe.out || tcb.snd.una < f.probe.end) return;
    const bool twice = a.dsack_pieces != 0 && a.dsack_end == f.probe.end;
    if (f.probe.is_retransmission && !twice && tcb.snd.una == f.probe.end && !a.advanced) {
        f.probe.out = false;  // original and probe have both arrived
    } else if (!f.probe.is_retransmission || twice) {
        f.probe.out = false;
    } else if (tcb.snd.una > f.probe.end) {
        f.probe.out = false;
        reduce_window(room, tcb, "the probe has repaired a loss");
    }
}

}  // namespace tern::tcp

// RFC 6298 5: the retransmission timer; RFC 9293 3.8.3: R1.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

u32 longest(const Room& room) {
    return static_cast<u32>(room.cx.limits.tcp_rto_max.count() / k_tick_ns);
}

void back_off(const Room& room, Tcb& tcb) { tcb.rtt.back_off(longest(room)); }

}  // namespace

// The probes of a closed window are further and further apart, but that says nothing about the
// path: RTO stays as it is.
u32 backed_off_rto(const Room& room, const Tcb& tcb) {
    const u8 probes = tcb.has(k_persist) ? std::min<u8>(tcb.backoff, 16) : u8{0};
    return static_cast<u32>(std::min<u64>(u64{tcb.rtt.rto()} << probes, longest(room)));
}

void arm_retransmission(Room& room, Tcb& tcb) {
    arm_retransmission(room, tcb, flight_of(room, tcb));
}

void arm_retransmission(Room& room, Tcb& tcb, Flight* f) {
    if (f != nullptr && !tcb.has(k_persist)) {
        f->timeout_at = room.tick_up + backed_off_rto(room, tcb);
        return choose_loss_timer(room, tcb, *f);
    }
    const u32 rto = backed_off_rto(room, tcb);
    set_deadline(room, tcb, Deadline::Retransmission, room.tick_up + rto,
                 Duration(i64{rto} * k_tick_ns));
}

namespace {

void data_timeout(Room& room, Tcb& tcb, Flight* f) {
    back_off(room, tcb);
    if (f != nullptr) loss_timeout(tcb, *f);
    cwnd_after_timeout(room, tcb);
}

}  // namespace

void retransmission_timeout(Room& room, Handle<Tcb> i) {
    Tcb& tcb = room.tcbs[i];
    if (tcb.snd.una == tcb.snd.max) return;
    Flight* f = flight_of(room, tcb);
    if (f != nullptr && f->timer == LossTimer::Probe) return probe_tail(room, tcb, *f);
    if (f != nullptr && f->timer == LossTimer::Reordering) return reordering_timeout(room, tcb, *f);
    if (tcb.backoff < 255) ++tcb.backoff;
    stop_rtt_timing(tcb);  // RFC 6298 3 [RFC6298:3] [MUST-18]: Karn
    // RFC 9293 3.8.3 [MUST-20], [SHLD-9], [SHLD-10]: R1 doubts the way and tells the application.
    if (tcb.backoff >= room.cx.limits.tcp_r1_retransmissions && !tcb.has(k_r1_told)) {
        tcb.set(k_r1_told);
        room.inet.suspect(tcb.way);
        soft_error(room, tcb, Error::TimedOut);
    }
    // RFC 9293 3.8.3 [MUST-22]: SYN has the same R1 and R2.
    if (tcb.state == State::SynSent || tcb.state == State::SynReceived) {
        back_off(room, tcb);
        tcb.set(k_syn_due | k_syn_retried);
        fast_open_unanswered(room, tcb);
        // An answer may have left behind the SYN-ACK; it has to wait for the third step now.
        if (!opens_fast(room, tcb)) tcb.snd.nxt = tcb.snd.iss;
    } else {
        // [MUST-35]: into a closed window only probes go, and the network is not to blame.
        if (tcb.snd.wnd == 0)
            tcb.set(k_persist | k_probe_due);
        else
            data_timeout(room, tcb, f);
        send_again(room, tcb);
    }
    tcb.clear(k_retransmit_head);
    arm_retransmission(room, tcb);
    want_output(room, tcb);
}

}  // namespace tern::tcp

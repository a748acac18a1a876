// RFC 9293 3.8.2 [MUST-19], RFC 5681: slow start, congestion avoidance, timeouts, idle periods; RFC
// 3465 byte counting.
#include "core/tcp/room.hh"

namespace tern {

u32 initial_window(const Room& room, u32 mss) {
    // RFC 6928 2 [RFC5681:2].
    const u32 segments = room.cx.limits.tcp_initial_window_segments;
    return std::min(segments * mss, std::max(2 * mss, segments * 1460));
}

void grow_cwnd(Room& room, Tcb& tcb, u32 acked, u32 flight_before) {
    // A window that the application did not fill says nothing about the network (RFC 7661).
    const u32 mss = tcb.send_mss;
    if (tcb.cwnd < tcb.ssthresh) {
        if (flight_before < tcb.cwnd / 2) return;
        // RFC 3465 2.2 [RFC5681:3]: bytes, not ACKs; two segments an ACK, one behind a timeout.
        const u32 most = tcb.has(k_after_timeout) ? mss : 2 * mss;
        tcb.cwnd += std::min(acked, most);
        return tell_window(room, tcb, "slow start");
    }
    if (flight_before + mss < tcb.cwnd) return;
    tcb.bytes_acked += acked;
    if (tcb.bytes_acked >= tcb.cwnd) {
        tcb.bytes_acked -= tcb.cwnd;
        tcb.cwnd += mss;
        tell_window(room, tcb, "congestion avoidance");
    }
}

// RFC 5681 3.1, equation 4.
u32 ssthresh_after_loss(const Tcb& tcb, u32 flight) {
    return std::max<u32>(std::min(flight, tcb.cwnd) / 2, 2u * tcb.send_mss);
}

void cwnd_after_timeout(Room& room, Tcb& tcb) {
    // RFC 5681 3.1 [RFC5681:4]: the first time only for the same segment.
    if (tcb.backoff <= 1) tcb.ssthresh = std::max<u32>(tcb.flight_size() / 2, 2u * tcb.send_mss);
    // RFC 5681 4.3 [RFC5681:9]: a retransmission that was lost too ends here, a second reduction.
    tcb.cwnd = tcb.send_mss;
    tcb.bytes_acked = 0;
    tcb.dup_acks = 0;
    tcb.recover = tcb.snd.max;  // RFC 6582 3.2 (4)
    tcb.clear(k_recovery | k_partial_seen);
    tcb.set(k_after_timeout);
    tell_window(room, tcb, "retransmission timeout");
}

void cwnd_after_idle(Room& room, Tcb& tcb) {
    // RFC 5681 4.1 [RFC5681:7]: what was learnt before a pause of more than RTO is stale.
    const u32 idle_us = room.now_us() - tcb.rtt_start_us;
    if (tcb.rtt_start_us == 0 || idle_us / (k_tick_ns / 1000) <= tcb.rto) return;
    const u32 restart = initial_window(room, tcb.send_mss);
    if (tcb.cwnd <= restart) return;
    tcb.cwnd = restart;
    tell_window(room, tcb, "nothing was sent for longer than RTO");
}

void tell_window_moved(Room& room, const Tcb& tcb, std::string_view why) {
    room.cx.observer->on_window({room.cx.now, tcb.key.id(), tcb.cwnd, tcb.ssthresh, tcb.snd.wnd,
                                 tcb.rcv_wnd(), tcb.flight_size(),
                                 std::chrono::microseconds(tcb.srtt_us),
                                 Duration(i64{backed_off_rto(room, tcb)} * k_tick_ns), why});
}

}  // namespace tern

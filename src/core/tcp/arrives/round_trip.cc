// Which acknowledgements tell how long a round trip takes (RFC 6298 3, RFC 7323 4).
#include "core/tcp/room.hh"

namespace tern::tcp {

u32 initial_rto(const Room& room) {  // RFC 6298 2.1
    return room.tick_after(room.cx.limits.tcp_rto_initial) - room.tick();
}

void rtt_sample(Room& room, Tcb& tcb, u32 rtt_us) {
    const Limits& limits = room.cx.limits;
    tcb.rtt.sample(rtt_us, {.lowest = static_cast<u32>(limits.tcp_rto_min.count() / k_tick_ns),
                            .highest = static_cast<u32>(limits.tcp_rto_max.count() / k_tick_ns),
                            .tick_us = k_tick_ns / 1000});
    tcb.probed = false;
    tell_window(room, tcb, "RTT sample");
}

void stop_rtt_timing(Tcb& tcb) {
    if (!tcb.has(k_rtt_timing)) return;
    tcb.clear(k_rtt_timing);
    tcb.flight = 0;
}

void measure_rtt(Room& room, Tcb& tcb, const Segment& seg) {
    if (tcb.has(k_rtt_timing)) {
        if (seg.ack < tcb.rtt_seq) return;
        stop_rtt_timing(tcb);
        rtt_sample(room, tcb, room.now_us() - tcb.rtt_start_us);
        return;
    }
    // RFC 7323 4: the echo tells which transmission was answered, so Karn's doubt is gone.
    if (!tcb.has(k_timestamps) || !seg.has_timestamps || seg.ts_ecr == 0) return;
    const u32 rtt_ms = room.ts_clock(tcb.ts_offset) - seg.ts_ecr;
    if (rtt_ms < 600'000) rtt_sample(room, tcb, rtt_ms * 1000);
}

}  // namespace tern::tcp

// RFC 6298 2 and 3: SRTT, RTTVAR, RTO.
#include "core/tcp/room.hh"

namespace tern::tcp {

u32 initial_rto(const Room& room) {  // 2.1
    return room.tick_after(room.cx.limits.tcp_rto_initial) - room.tick();
}

void rtt_sample(Room& room, Tcb& tcb, u32 rtt_us) {
    rtt_us = std::max<u32>(rtt_us, 1);
    if (tcb.srtt_us == 0) {
        tcb.srtt_us = rtt_us;  // 2.2
        tcb.rttvar_us = rtt_us / 2;
    } else {  // 2.3, in this order [RFC6298:1]
        const u32 error = tcb.srtt_us > rtt_us ? tcb.srtt_us - rtt_us : rtt_us - tcb.srtt_us;
        tcb.rttvar_us = tcb.rttvar_us - tcb.rttvar_us / 4 + error / 4;
        tcb.srtt_us = tcb.srtt_us - tcb.srtt_us / 8 + rtt_us / 8;
    }
    constexpr u32 g_us = k_tick_ns / 1000;
    const u64 rto_us = u64{tcb.srtt_us} + std::max<u64>(g_us, 4 * u64{tcb.rttvar_us});
    const Limits& limits = room.cx.limits;  // [RFC6298:2]: docs/decisions/0003-rto-minimum.md
    const u32 lowest = static_cast<u32>(limits.tcp_rto_min.count() / k_tick_ns);   // 2.4
    const u32 highest = static_cast<u32>(limits.tcp_rto_max.count() / k_tick_ns);  // 2.5
    const u64 ticks = (rto_us + g_us - 1) / g_us;
    tcb.rto = static_cast<u32>(std::clamp<u64>(ticks, lowest, highest));
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

// Pacing: what cwnd allows leaves over the round trip instead of at once. A segment moves the
// earliest time of the next one; who comes too early waits for the Pace deadline, one for all that
// is due by then.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// On shorter round trips the wheel's tick is too coarse, and a window is hardly a burst.
constexpr u32 k_least_rtt_us = 300;
constexpr u64 k_least_rate = 1000;         // bytes per second
constexpr u64 k_bursts_per_second = 2000;  // a burst is what the rate makes of half a millisecond
constexpr u32 k_longest_burst = 65536;

// What is late may be made up for by so much: a timer fires late, and the host has other work.
i64 forgiven_ns(const Tcb& tcb) {
    return std::clamp<i64>(i64{tcb.rtt.srtt_us()} * 1000 / 8, 200'000, 1'000'000);
}

}  // namespace

void set_pace(const Room& room, const Tcb& tcb, Flight& f) {
    Flight::Pace& p = f.pace;
    if (tcb.rtt.srtt_us() < k_least_rtt_us || !room.cx.limits.tcp_pacing) {
        p.ns_per_mib = 0;
        return;
    }
    u64 rate = p.asked;
    if (rate == 0) {
        // In recovery PRR's cwnd says nothing of the rate.
        const u64 window = std::max(tcb.window.cwnd(), tcb.flight_size());
        rate = window * (tcb.window.in_slow_start() ? 2'000'000 : 1'200'000) / tcb.rtt.srtt_us();
    }
    rate = std::max(rate, k_least_rate);
    p.ns_per_mib = (u64{1'000'000'000} << 20) / rate;
    const u64 burst = std::min<u64>(rate / k_bursts_per_second, k_longest_burst);
    p.quantum = std::max(static_cast<u32>(burst), 2u * tcb.send_mss);
}

u32 paced_segment(const Room& room, const Tcb& tcb, const Flight* f) {
    const u32 longest = longest_segment(room, tcb);
    if (longest <= 2u * tcb.send_mss) return longest;  // a burst is never less
    if (f == nullptr || f->pace.ns_per_mib == 0 || longest <= f->pace.quantum) return longest;
    return f->pace.quantum / tcb.send_mss * tcb.send_mss;
}

i64 pace_wait_ns(const Room& room, const Flight* f) {
    if (f == nullptr || f->pace.ns_per_mib == 0 || f->pace.free > 0) return 0;
    return std::max<i64>(f->pace.next_ns - room.cx.now.time_since_epoch().count(), 0);
}

namespace {

void take(Flight::Pace& p, u32 len, i64 earliest) {
    const u32 unpaced = std::min(len, p.free);
    p.free -= unpaced;
    p.next_ns =
        std::max(p.next_ns, earliest) + static_cast<i64>((len - unpaced) * p.ns_per_mib >> 20);
}

i64 earliest_start(const Room& room, const Tcb& tcb) {
    return room.cx.now.time_since_epoch().count() - forgiven_ns(tcb);
}

}  // namespace

u32 paced_train(const Room& room, const Tcb& tcb, const Flight& f, u32 most) {
    if (f.pace.ns_per_mib == 0) return most;
    Flight::Pace p = f.pace;
    const i64 now = room.cx.now.time_since_epoch().count(), earliest = earliest_start(room, tcb);
    u32 n = 0;
    for (; n < most && (p.free > 0 || p.next_ns <= now); ++n) take(p, tcb.send_mss, earliest);
    return std::max(n, 1u);
}

void note_paced(const Room& room, const Tcb& tcb, Flight& f, u32 len) {
    if (f.pace.ns_per_mib == 0) return;
    const i64 earliest = earliest_start(room, tcb);
    const bool cuts = room.inet.interface(tcb.way.interface).segmentation;
    const u32 step = cuts ? len : tcb.send_mss;  // what leaves as one
    for (; len > step; len -= step) take(f.pace, step, earliest);
    take(f.pace, len, earliest);
}

}  // namespace tern::tcp

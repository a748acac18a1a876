// How large the two buffers of a connection are when the application does not say: both grow with
// what the path holds, up to Limits, and never for the sake of who does not need it. The window
// that was offered stays (RFC 9293 3.8.6 [SHLD-14]).
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

constexpr u32 k_bulk = 128 << 10;  // bytes either way, before a connection gets its record

// No stack gives one queue more (docs/decisions/0005-memory-for-what-waits.md).
u64 quarter_of_all(const Room& room) { return room.cx.budget->limit() / 4; }

u32 acked_low(const Tcb& tcb) {
    if (!is_synchronized(tcb.state)) return 0;
    const bool fin = tcb.state == State::FinWait2 || tcb.state == State::TimeWait;
    return static_cast<u32>(tcb.snd.una - tcb.snd.iss) - 1 - (fin ? 1 : 0);
}
u32 received_low(const Tcb& tcb) {
    return static_cast<u32>(tcb.rcv.nxt() - tcb.rcv.irs()) - (tcb.has(k_fin_received) ? 2 : 1);
}

u64 widened(const Buffers::Turns& t, u32 low) {
    return u64{t.turns + (low < t.last ? 1 : 0)} << 32 | low;
}
// Calls come more often than the numbers go round: a buffer has at most 2^30 bytes.
void count(Buffers::Turns& t, u32 low) {
    t.turns += low < t.last ? 1 : 0;
    t.last = low;
}

// The receive buffer of a connection whose application has just read grows with what that tells.
void tune(Room& room, Tcb& tcb, Autotuning& tuning, ReceiveQueue& q, u32 n) {
    const u64 wanted = tuning.read({.bytes = n,
                                    .now_us = room.now_us(),
                                    .echo_ms = q.take_echo(),
                                    .timestamps = tcb.has(k_timestamps),
                                    .srtt_us = tcb.rtt.srtt_us(),
                                    .nxt = tcb.rcv.nxt(),
                                    .edge = tcb.rcv.edge()});
    if (wanted <= tcb.rcv.buffer()) return;
    tcb.rcv.set_buffer(grown_buffer(tcb.rcv.buffer(), wanted, receive_buffer_max(room, tcb),
                                    room.cx.pool->keepable()));
}

}  // namespace

Buffers* buffers(Room& room, Tcb& tcb) {
    if (tcb.buffers == 0) tcb.buffers = room.buffers.allocate();
    return tcb.buffers == 0 ? nullptr : &room.buffers[tcb.buffers];
}

u32 receive_buffer_max(const Room& room, u32 fixed) {
    if (fixed != 0) return fixed;
    const Limits& limits = room.cx.limits;
    const u64 most = std::min<u64>(limits.tcp_receive_buffer_max, quarter_of_all(room));
    return std::max(limits.tcp_receive_buffer, static_cast<u32>(most));
}

u32 receive_buffer_max(const Room& room, const Tcb& tcb) {
    const bool fixed = tcb.buffers != 0 && room.buffers[tcb.buffers].receive_fixed;
    return receive_buffer_max(room, fixed ? tcb.rcv.buffer() : 0);
}

u32 send_limit_max(const Room& room, const Tcb& tcb) {
    const Limits& limits = room.cx.limits;
    const u32 fixed = tcb.buffers != 0 ? room.buffers[tcb.buffers].send_fixed : 0;
    const u32 most = std::max(limits.tcp_send_buffer, limits.tcp_send_buffer_max);
    return static_cast<u32>(std::min<u64>(fixed != 0 ? fixed : most, quarter_of_all(room)));
}

// Twice cwnd: one flight, and as much behind it for the acknowledgements of that. What waits to be
// sent is at most the first size, though: bytes that wait for longer have left the cache.
u32 send_limit(const Room& room, const Tcb& tcb) {
    const u32 most = send_limit_max(room, tcb);
    const bool fixed = tcb.buffers != 0 && room.buffers[tcb.buffers].send_fixed != 0;
    const u32 first = fixed ? most : std::min(room.cx.limits.tcp_send_buffer, most);
    const u64 wanted =
        std::min({2 * u64{tcb.window.cwnd()}, u64{tcb.flight_size()} + first, u64{most}});
    if (wanted <= first) return first;
    return static_cast<u32>(std::min(wanted, first + room.cx.pool->keepable() / 4));
}

void note_sending(Room& room, Tcb& tcb) {
    if (tcb.buffers == 0 && static_cast<u32>(tcb.snd.max - tcb.snd.iss) < k_bulk) return;
    if (Buffers* b = buffers(room, tcb)) count(b->acked, acked_low(tcb));
}

void note_reading(Room& room, Tcb& tcb, u32 n) {
    if (tcb.buffers == 0 && static_cast<u32>(tcb.rcv.nxt() - tcb.rcv.irs()) < k_bulk) return;
    Buffers* b = buffers(room, tcb);
    if (b == nullptr) return;
    count(b->received, received_low(tcb));
    if (b->receive_fixed) return;
    tune(room, tcb, b->receiving, room.receive_queues[tcb.receive_queue], n);
}

u64 bytes_acked(const Room& room, const Tcb& tcb) {
    const u32 low = acked_low(tcb);
    return tcb.buffers != 0 ? widened(room.buffers[tcb.buffers].acked, low) : low;
}

u64 bytes_received(const Room& room, const Tcb& tcb) {
    if (tcb.rcv.nxt() == tcb.rcv.irs()) return 0;
    const u32 low = received_low(tcb);
    return tcb.buffers != 0 ? widened(room.buffers[tcb.buffers].received, low) : low;
}

}  // namespace tern::tcp

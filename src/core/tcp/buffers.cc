// How large the two buffers of a connection are when the application does not say: both grow with
// what the path holds, up to Limits, and never for the sake of who does not need it. The window
// that was offered stays (RFC 9293 3.8.6 [SHLD-14]).
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

constexpr u32 k_bulk = 128 << 10;          // bytes either way, before a connection gets its record
constexpr u32 k_least_rtt_us = 200;        // what an echo within the millisecond counts as
constexpr u32 k_longest_echo_ms = 10'000;  // beyond: the peer was silent
constexpr u32 k_longest_round_us = 1'000'000;

// No stack gives one queue more (docs/decisions/0005-memory-for-what-waits.md).
u64 quarter_of_all(const Room& room) { return room.cx.budget->limit() / 4; }

u32 acked_low(const Tcb& tcb) {
    if (!is_synchronized(tcb.state)) return 0;
    const bool fin = tcb.state == State::FinWait2 || tcb.state == State::TimeWait;
    return static_cast<u32>(tcb.snd.una - tcb.snd.iss) - 1 - (fin ? 1 : 0);
}
u32 received_low(const Tcb& tcb) {
    return static_cast<u32>(tcb.rcv.nxt - tcb.rcv.irs) - (tcb.has(k_fin_received) ? 2 : 1);
}

u64 widened(const Buffers::Turns& t, u32 low) {
    return u64{t.turns + (low < t.last ? 1 : 0)} << 32 | low;
}
// Calls come more often than the numbers go round: a buffer has at most 2^30 bytes.
void count(Buffers::Turns& t, u32 low) {
    t.turns += low < t.last ? 1 : 0;
    t.last = low;
}

void begin_round(const Room& room, const Tcb& tcb, Buffers& b) {
    b.round_began_us = room.now_us();
    b.round_read = 0;
    b.round_rtt_us = 0;
    b.round_edge = tcb.rcv.edge;
}

// The shortest sample of a round counts; a longer one than before only little by little.
void learn_round_trip(Buffers& b, u32 sample_us) {
    if (b.rtt_us == 0 || sample_us < b.rtt_us)
        b.rtt_us = sample_us;
    else
        b.rtt_us += (sample_us - b.rtt_us) / 8;
}

void take_echo(Buffers& b, ReceiveQueue& q) {
    const u32 ms = std::exchange(q.echo_ms, k_no_echo);
    if (ms > k_longest_echo_ms) return;
    const u32 us = std::max(ms * 1000, k_least_rtt_us);
    if (b.round_rtt_us == 0 || us < b.round_rtt_us) b.round_rtt_us = us;
}

// Is a round over, and how long was its round-trip time? 0: it goes on. Without timestamps our own
// estimate serves; who has none either waits until what was offered when it began has come.
u32 round_over(const Tcb& tcb, Buffers& b, u32 elapsed_us) {
    if (b.round_rtt_us != 0) {
        if (elapsed_us < std::max(b.round_rtt_us, b.rtt_us)) return 0;
        learn_round_trip(b, b.round_rtt_us);
    } else if (tcb.has(k_timestamps)) {
        if (elapsed_us < b.rtt_us) return 0;
    } else if (tcb.srtt_us != 0) {
        if (elapsed_us < tcb.srtt_us) return 0;
        b.rtt_us = tcb.srtt_us;
    } else {
        if (tcb.rcv.nxt < b.round_edge) return 0;
        learn_round_trip(b, std::clamp(elapsed_us, k_least_rtt_us, k_longest_round_us));
    }
    return b.rtt_us;
}

// Twice what is read in a round trip. While that still grows, six times: a sender in slow start has
// four times as much in flight before the next round is measured here, and must not meet the
// window.
void grow_receive_buffer(Room& room, Tcb& tcb, const Buffers& b, u64 read) {
    const u64 wanted = read * (read > b.most_read + b.most_read / 4 ? 6 : 2);
    const u64 target = std::min<u64>(wanted, receive_buffer_max(room, tcb));
    if (target <= tcb.rcv.buff) return;
    // Whole slots are pinned: twice the bytes, and half of what is left is for others.
    if ((target - tcb.rcv.buff) * 4 > room.cx.pool->keepable()) return;
    tcb.rcv.buff = static_cast<u32>(target);
}

void tune(Room& room, Tcb& tcb, Buffers& b) {
    if (b.round_began_us == 0) return begin_round(room, tcb, b);
    const u32 elapsed_us = std::max<u32>(room.now_us() - b.round_began_us, 1);
    const u32 rtt_us = round_over(tcb, b, elapsed_us);
    if (rtt_us == 0) return;
    // Who reads in bursts reads slowly: what counts is the rate.
    const u64 read = u64{b.round_read} * std::min(rtt_us, elapsed_us) / elapsed_us;
    grow_receive_buffer(room, tcb, b, read);
    b.most_read = std::max(b.most_read, static_cast<u32>(read));
    begin_round(room, tcb, b);
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
    return receive_buffer_max(room, fixed ? tcb.rcv.buff : 0);
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
    const u64 wanted = std::min({2 * u64{tcb.cwnd}, u64{tcb.flight_size()} + first, u64{most}});
    if (wanted <= first) return first;
    return static_cast<u32>(std::min(wanted, first + room.cx.pool->keepable() / 4));
}

void note_sending(Room& room, Tcb& tcb) {
    if (tcb.buffers == 0 && static_cast<u32>(tcb.snd.max - tcb.snd.iss) < k_bulk) return;
    if (Buffers* b = buffers(room, tcb)) count(b->acked, acked_low(tcb));
}

void note_reading(Room& room, Tcb& tcb, u32 n) {
    if (tcb.buffers == 0 && static_cast<u32>(tcb.rcv.nxt - tcb.rcv.irs) < k_bulk) return;
    Buffers* b = buffers(room, tcb);
    if (b == nullptr) return;
    count(b->received, received_low(tcb));
    if (b->receive_fixed) return;
    take_echo(*b, room.receive_queues[tcb.receive_queue]);
    tune(room, tcb, *b);
    b->round_read += n;
}

u64 bytes_acked(const Room& room, const Tcb& tcb) {
    const u32 low = acked_low(tcb);
    return tcb.buffers != 0 ? widened(room.buffers[tcb.buffers].acked, low) : low;
}

u64 bytes_received(const Room& room, const Tcb& tcb) {
    if (tcb.rcv.nxt == tcb.rcv.irs) return 0;
    const u32 low = received_low(tcb);
    return tcb.buffers != 0 ? widened(room.buffers[tcb.buffers].received, low) : low;
}

}  // namespace tern::tcp

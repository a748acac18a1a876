// Flights: how they come, rest and go, and what they are told of what leaves.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// What a connection learnt about its path is worth keeping for a moment of silence.
constexpr u32 k_idle_ticks = 10'000;
// Nor may more of them rest than the cache holds, or take more than this share of the ceiling.
constexpr u32 k_idle_most = 4096;
constexpr u64 k_idle_share = 16;

// Idle flights are the first thing to go when memory is exhausted.
Handle<Flight> allocate_flight(Room& room) {
    const Handle<Flight> i = room.flights.allocate();
    if (i != 0 || room.idle_flights.head == 0) return i;
    free_flight(room, room.tcbs[room.flights[room.idle_flights.head].owner]);
    return room.flights.allocate();
}

// The one that goes next is out of the cache, and so is its connection. What this asks for is there
// when it is called again: first the flight, then whose it is.
[[gnu::always_inline]] inline void prefetch_oldest(const Room& room) {
    const Handle<Flight> oldest = room.idle_flights.head;
    if (oldest == 0 || !room.looks_ahead()) return;
    const Flight& f = room.flights[oldest];
    room.prefetch(f.owner);
    for (u64 line = 0; line < sizeof(Flight); line += 64) room.flights.prefetch(f.next, line);
}

}  // namespace

Flight* make_flight(Room& room, Tcb& tcb) {
    stop_rtt_timing(tcb);  // of a SYN: from here on pieces have their times
    if (tcb.flight == 0) {
        tcb.flight = allocate_flight(room);
        if (tcb.flight == 0) return nullptr;
        Flight& f = room.flights[tcb.flight];
        f.owner = tcb.self;
        f.board.begin(tcb.snd.una);
        f.rack.begin(tcb.snd.una);
        f.full_until = tcb.snd.una;
        congestion_begin(room, tcb, f);
    }
    Flight& f = room.flights[tcb.flight];
    if (f.idle) {
        age_remove(room.idle_flights, room.flights, tcb.flight);
        f.idle = false;
    }
    if (tcb.snd.una == tcb.snd.max) f.pace.free = initial_window(room, tcb.send_mss);
    return f.board.make_room(*room.cx.budget) ? &f : nullptr;
}

void free_flight(Room& room, Tcb& tcb) {
    if (flight_of(room, tcb) == nullptr) return;
    Flight& f = room.flights[tcb.flight];
    f.board.free_times(room.resent_times);
    if (f.idle) age_remove(room.idle_flights, room.flights, tcb.flight);
    congestion_end(room, f);
    room.flights.free(std::exchange(tcb.flight, {}));
}

void rest_flight(Room& room, Tcb& tcb, Flight& f) {
    if (f.idle) return;
    f.idle = true;
    f.deadline = room.tick() + k_idle_ticks;
    age_push(room.idle_flights, room.flights, tcb.flight);
    const Handle<Flight> oldest = room.idle_flights.head;
    const u32 count = room.idle_flights.count;
    const bool many =
        count > k_idle_most || count * u64{sizeof(Flight)} > room.cx.budget->limit() / k_idle_share;
    if (!many || oldest == tcb.flight) return;
    free_flight(room, room.tcbs[room.flights[oldest].owner]);
    prefetch_oldest(room);
}

void expire_flights(Room& room) {
    for (u32 left = k_timers_at_once; left > 0 && room.idle_flights.head != 0; --left) {
        const Flight& f = room.flights[room.idle_flights.head];
        if (static_cast<i32>(f.deadline - room.tick()) > 0) return;
        free_flight(room, room.tcbs[f.owner]);
        prefetch_oldest(room);
    }
}

void note_sent(Room& room, Tcb& tcb, Flight& f, Seq seq, u32 len, bool fin) {
    const u32 now = room.now_us();
    Sent* s = f.board.left({seq, len, fin, tcb.send_mss, now});
    if (s == nullptr) return;
    f.delivery.left(*s, f.board.records() == 1, now, f.board.lost_ever(), pipe(tcb, &f) + len);
}

void note_resent(Room& room, Tcb& tcb, Flight& f, Seq seq, u32 len) {
    const u32 pieces = f.board.left_again(seq, len, tcb.snd.una, room.now_us(),
                                          {*room.cx.budget, room.resent_times});
    f.undo.sent_again(pieces, room.ts_clock(tcb.ts_offset));
    // The head has another chance now: RTO counts from here, or it would overtake the answer.
    if (seq == tcb.snd.una) {
        f.timeout_at = room.tick_up + backed_off_rto(room, tcb);
        if (is_set(tcb, Deadline::Retransmission)) choose_loss_timer(room, tcb, f);
    }
}

void send_again(Room& room, Tcb& tcb) {
    if (!tcb.has(k_sack)) {
        tcb.snd.nxt = tcb.snd.una;
    } else if (Flight* f = flight_of(room, tcb)) {
        f->board.lose_all(tcb.snd.una, tcb.snd.max, false);
        f->reordering_wait = false;
        f->probe.forget();
    }
}

}  // namespace tern::tcp

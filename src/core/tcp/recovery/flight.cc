// Flights: how they come and go, and what sending and acknowledging does to the records.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// What a connection learnt about its path is worth keeping for a moment of silence.
constexpr u32 k_idle_ticks = 10'000;
// Nor may more of them rest than the cache holds, or take more than this share of the ceiling.
constexpr u32 k_idle_most = 4096;
constexpr u64 k_idle_share = 16;

Handle<ResentTimes> newest_times(Room& room, Sent& s) {
    if (s.times == 0) {
        s.times = room.resent_times.allocate();
        if (s.times != 0) room.resent_times[s.times].at_us.fill(s.at_us);
    }
    return s.times;
}

void forget_record(Room& room, Sent& s) {
    if (s.times != 0) room.resent_times.free(s.times);
}

// Idle flights are the first thing to go when memory is wanting.
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
        f.judged = f.lost_from = f.walked = f.rack.fack = f.full_until = tcb.snd.una;
        congestion_begin(room, tcb, f);
    }
    Flight& f = room.flights[tcb.flight];
    if (f.idle) {
        age_remove(room.idle_flights, room.flights, tcb.flight);
        f.idle = false;
    }
    if (tcb.snd.una == tcb.snd.max) f.pace.free = initial_window(room, tcb.send_mss);
    return f.sent.make_room(*room.cx.budget) ? &f : nullptr;
}

void free_flight(Room& room, Tcb& tcb) {
    if (flight_of(room, tcb) == nullptr) return;
    Flight& f = room.flights[tcb.flight];
    for (u32 n = 0; n < f.sent.size(); ++n) forget_record(room, f.sent[n]);
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

u32 find_record(const Flight& f, Seq s) {
    u32 low = 0, high = f.sent.size();
    while (low < high) {
        const u32 middle = (low + high) / 2;
        if (f.sent[middle].end() <= s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

u32 bytes_above(const Sent& s, u32 piece, Seq una) {
    return static_cast<u32>(s.end_of(piece) - max(s.start_of(piece), una));
}

void note_sent(Room& room, Tcb& tcb, Flight& f, Seq seq, u32 len, bool fin) {
    const u32 now = room.now_us();
    const u32 text = len - (fin ? 1 : 0);
    const u32 pieces = std::max<u32>(1, (text + tcb.send_mss - 1) / tcb.send_mss);
    if (!f.sent.empty()) {
        Sent& last = f.sent.back();
        const bool whole = last.len == u32{last.pieces} * last.mss;
        if (last.at_us == now && whole && last.mss == tcb.send_mss && text > 0 &&
            last.pieces + pieces <= k_sent_pieces && last.times == 0 && last.sacked == 0) {
            last.pieces = static_cast<u8>(last.pieces + pieces);
            last.len += len;
            last.in_flight += len;
            return;
        }
    }
    // In its place at once: a copy of what was just written would wait for it.
    Sent& s = f.sent.append();
    s.seq = seq;
    s.len = len;
    s.at_us = now;
    s.mss = tcb.send_mss;
    s.pieces = static_cast<u8>(pieces);
    note_left(f, s, now, pipe(tcb, &f) + len);
}

void note_resent(Room& room, Tcb& tcb, Flight& f, Seq seq, u32 len) {
    const u32 now = room.now_us();
    const Seq end = seq + len;
    for (u32 n = find_record(f, seq); n < f.sent.size() && f.sent[n].seq < end; ++n) {
        Sent& s = f.sent[n];
        const Handle<ResentTimes> times = newest_times(room, s);
        const u32 first = s.seq < seq ? s.piece_at(seq) : 0;
        for (u32 i = first; i < s.pieces && s.start_of(i) < end; ++i) {
            const u64 bit = u64{1} << i;
            if (s.lost & bit) f.lost -= bytes_above(s, i, tcb.snd.una);
            s.lost &= ~bit;
            s.resent |= bit;
            ++f.undo.resent;
            // Without memory for its time, RTO looks after it.
            if (times == 0 || !f.resent.make_room(*room.cx.budget)) continue;
            room.resent_times[times].at_us[i] = now;
            f.resent.push_back({s.start_of(i), now});
        }
    }
    // The head has another chance now: RTO counts from here, or it would overtake the answer.
    if (seq == tcb.snd.una) {
        f.timeout_at = room.tick_up + backed_off_rto(room, tcb);
        if (is_set(tcb, Deadline::Retransmission)) choose_loss_timer(room, tcb, f);
    }
    if (!f.undo.any) f.undo.first_ts = room.ts_clock(tcb.ts_offset);
    f.undo.any = true;
}

void lose(Flight& f, Sent& s, u32 piece, Seq una, AckSample& a) {
    const u32 bytes = bytes_above(s, piece, una);
    s.lost |= u64{1} << piece;
    f.lost += bytes;
    a.lost += bytes;
    f.delivery.lost += bytes;
    a.lost_in_flight = s.in_flight;
    a.lost_before = s.lost_before;
    f.lost_from = min(f.lost_from, s.start_of(piece));
}

void lose_all(Room& room, Tcb& tcb, bool sacked_too) {
    Flight* f = flight_of(room, tcb);
    if (f == nullptr) return;
    if (sacked_too) f->sacked = f->sacked_pieces = 0;
    for (u32 n = 0; n < f->sent.size(); ++n) {
        Sent& s = f->sent[n];
        if (sacked_too) s.sacked = s.covered = 0;
        s.lost = s.all() & ~s.sacked;
        if (s.seq < tcb.snd.una) s.lost &= ~u64{0} << s.piece_at(tcb.snd.una);
    }
    f->lost = tcb.flight_size() - f->sacked;
    f->resent.clear();
    f->seen_count = 0;
    f->judged = tcb.snd.max;
    f->lost_from = tcb.snd.una;
    f->reordering_wait = false;
    f->probe = {};
}

void send_again(Room& room, Tcb& tcb) {
    if (tcb.has(k_sack))
        lose_all(room, tcb, false);
    else
        tcb.snd.nxt = tcb.snd.una;
}

namespace {

// Pieces [first, last) of s lie below the cumulative acknowledgement now, and did not before.
void deliver(Room& room, Tcb& tcb, Flight& f, Sent& s, u32 first, u32 last, Seq before,
             const Segment& seg, AckSample& a) {
    for (u32 i = first; i < last; ++i) {
        const u64 bit = u64{1} << i;
        const u32 bytes = bytes_above(s, i, before);
        if (s.sacked & bit) {
            f.sacked -= bytes;
            --f.sacked_pieces;
            continue;
        }
        if (s.lost & bit) f.lost -= bytes;
        s.lost &= ~bit;
        a.delivered += bytes;
        rack_delivered(room, tcb, f, s, i, seg, a);
    }
}

// SND.UNA came to lie within a piece: what is marked counts from there.
void cut_piece(Flight& f, Sent& s, u32 piece, Seq before, Seq ack, AckSample& a) {
    const Seq from = max(s.start_of(piece), before);
    if (ack <= from) return;
    const u32 bytes = static_cast<u32>(ack - from);
    const u64 bit = u64{1} << piece;
    if (s.sacked & bit) {
        f.sacked -= bytes;
    } else {
        if (s.lost & bit) f.lost -= bytes;
        a.delivered += bytes;
    }
}

}  // namespace

void take_cumulative(Room& room, Tcb& tcb, Flight& f, Seq before, const Segment& seg,
                     AckSample& a) {
    const Seq ack = tcb.snd.una;
    while (!f.sent.empty() && f.sent.front().seq < ack) {
        Sent& s = f.sent.front();
        const bool whole = s.end() <= ack;
        const u32 first = s.seq < before ? s.piece_at(before) : 0;
        const u32 last = whole ? s.pieces : s.piece_at(ack);
        if (whole && first == 0 && (s.sacked | s.lost | s.resent) == 0 && s.seq >= before) {
            a.delivered += s.len;
            rack_delivered(room, tcb, f, s, s.pieces - 1u, seg, a);
        } else {
            deliver(room, tcb, f, s, first, last, before, seg, a);
        }
        if (!whole) {
            cut_piece(f, s, last, before, ack, a);
            break;
        }
        forget_record(room, s);
        f.sent.pop_front();
    }
    f.judged = max(f.judged, ack);
    f.lost_from = max(f.lost_from, ack);
    f.walked = max(f.walked, ack);
}

LostRange next_lost(const Tcb& tcb, Flight& f) {
    if (f.lost == 0) return {};
    for (u32 n = find_record(f, max(f.lost_from, tcb.snd.una)); n < f.sent.size(); ++n) {
        const Sent& s = f.sent[n];
        if (s.lost == 0) continue;
        const u32 first = static_cast<u32>(std::countr_zero(s.lost));
        const u32 run = static_cast<u32>(std::countr_one(s.lost >> first));
        f.lost_from = s.start_of(first);
        const Seq from = max(s.start_of(first), tcb.snd.una);
        return {from, static_cast<u32>(s.end_of(first) - from),
                static_cast<u32>(s.end_of(first + run - 1) - from)};
    }
    return {};
}

}  // namespace tern::tcp

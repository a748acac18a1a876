// Marks that have arrived, and when the peer must hear of them at once; and what the peer tells of
// marks, and what that does to the window. RFC 3168 6.1.2: once a round trip as if a packet were
// lost. RFC 8257 3.2, RFC 9768 3.2.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

u32 packets_of(const Segment& seg) { return std::max<u32>(seg.packet->gso_segments, 1); }

// [RFC3168:3]: until the peer says that it has reduced its window.
void latch(Room& room, Tcb& tcb, const Segment& seg, bool marked) {
    if (seg.has(wire::Cwr)) {
        tcb.ece_due = false;
        // Its window may be a single segment now, which must not wait for a second one.
        if (seg.len > 0) acknowledge(room, tcb, SendReason::AckMarks);
    }
    if (marked) tcb.ece_due = true;
}

// RFC 8257 3.2: what came before the change is acknowledged as it came.
void mirror(Room& room, Tcb& tcb, bool marked) {
    if (tcb.ece_due == marked) return;
    if (tcb.unacked() > 0)
        build_segment(
            room, tcb,
            {.send = true, .seq = tcb.snd.max, .flags = wire::Ack, .reason = SendReason::AckMarks});
    tcb.ece_due = marked;
    acknowledge(room, tcb, SendReason::AckMarks);
}

void count(Room& room, Tcb& tcb, const Segment& seg, u8 field) {
    AccEcn& a = room.colds[tcb.cold].acc_ecn;
    if (seg.has_timestamps) a.path().echoed(seg.ts_ecr);
    if (a.arrived(field, packets_of(seg), seg.len)) acknowledge(room, tcb, SendReason::AckMarks);
}

// Bytes of ours that an ACK of an Accurate connection tells to have met congestion.
u32 accurate_marks(Room& room, Tcb& tcb, const Segment& seg) {
    const auto [bytes, mangled] = room.colds[tcb.cold].acc_ecn.told(
        {seg.ack, wire::ace_of(seg.flags), static_cast<u32>(seg.ack - tcb.snd.una), tcb.send_mss,
         seg.options()});
    if (mangled) tcb.ect = false;
    return bytes;
}

void reduce(Room& room, Tcb& tcb) {
    Flight* f = flight_of(room, tcb);
    ++room.cx.counters.tcp_mark_reductions;
    if (f != nullptr)
        congestion_reduced(room, tcb, *f, CongestionSignal::Mark);
    else
        tcb.window.halve_for_mark(tcb.send_mss);
    if (f == nullptr || !algorithm_of(room, tcb).rules_recovery()) tcb.window.limit_to_ssthresh();
    say_reduced(tcb);
    tcb.marked = true;
    tcb.recover = tcb.snd.max;
    tell_window(room, tcb, "a congestion mark");
}

}  // namespace

void note_marks(Room& room, Tcb& tcb, const Segment& seg) {
    if (tcb.ecn == Ecn::Off) return;
    const u8 field = seg.arrival->tos & 3;
    if (field == k_ce) room.cx.counters.tcp_marks_in += packets_of(seg);
    if (tcb.ecn == Ecn::Accurate) return count(room, tcb, seg, field);
    if (!algorithm_of(room, tcb).wants_marks())
        latch(room, tcb, seg, field == k_ce);
    else if (seg.len > 0)
        mirror(room, tcb, field == k_ce);
}

void option_unheard(Room& room, Tcb& tcb, const Segment& seg) {
    if (tcb.ecn != Ecn::Accurate || tcb.cold == 0 || seg.len == 0) return;
    OptionPath& path = room.colds[tcb.cold].acc_ecn.path();
    if (seg.has_timestamps) path.echoed(seg.ts_ecr);
    if (path.repeated(seg.seq + seg.len)) remember_option_lost(room, tcb);
}

void take_marks(Room& room, Tcb& tcb, const Segment& seg) {
    // The segment that says CWR lies behind `recover`: until it is acknowledged, ECE is an echo.
    if (tcb.marked && seg.ack > tcb.recover) tcb.marked = false;
    if (tcb.ecn == Ecn::Off || seg.ack < tcb.snd.una) return;
    u32 bytes = 0;
    if (tcb.ecn == Ecn::Accurate)
        bytes = accurate_marks(room, tcb, seg);
    else if (seg.has(wire::Ece))
        bytes = std::max<u32>(static_cast<u32>(seg.ack - tcb.snd.una), 1);
    if (bytes == 0) return;
    if (Flight* f = flight_of(room, tcb)) f->marked += bytes;
    // [RFC3168:3]: once for each flight, whatever told of the congestion.
    if (tcb.marked || tcb.has(k_recovery | k_after_timeout) || tcb.snd.una == tcb.snd.max) return;
    reduce(room, tcb);
}

}  // namespace tern::tcp

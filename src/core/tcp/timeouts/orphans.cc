// Connections that the application has released: nobody can give them up any more but the stack.
// RFC 9293 3.8.6.1 [MUST-37] keeps a connection while its peer answers probes, and RFC 6429
// [RFC6429:1] says that the system may end it all the same. Each orphan has to make progress within
// a time, there is a limit to their number, and what they hold is the first to go when memory is
// exhausted (docs/decisions/0025-orphans.md).
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// The oldest ones may hold no more than a FIN; a refusal is no reason to walk over many of them.
constexpr u32 k_evicted_at_once = 16;

void await(Room& room, Tcb& tcb, OrphanWait wait, Duration limit) {
    room.orphans.add(room.tcbs, tcb, wait);
    set_deadline_in(room, tcb, k_linger, limit);
}

void await_delivery(Room& room, Tcb& tcb) {
    tcb.orphan_mark = tcb.snd.una.value;
    await(room, tcb, OrphanWait::Delivery, room.cx.limits.tcp_orphan_timeout);
}

void evict(Room& room, Handle<Tcb> i) {
    send_reset(room, room.tcbs[i], SendReason::ResetOrphanEvicted);
    ++room.cx.counters.tcp_orphans_evicted;
    finish(room, i, Cause::OrphanEvicted, Error::Aborted);
}

// The one that loses least: in FIN-WAIT-2 the peer has everything.
Handle<Tcb> first_to_go(const Room& room) {
    const Handle<Tcb> delivered = room.orphans.oldest(OrphanWait::PeerFin);
    return delivered != 0 ? delivered : room.orphans.oldest(OrphanWait::Delivery);
}

// Has the peer of the oldest undelivered orphan been quiet for so long that others come first?
bool has_stalled(const Room& room, const Tcb& tcb) {
    const Limits& limits = room.cx.limits;
    const Duration left = room.instant_of(tcb.deadlines[static_cast<u8>(k_linger)]) - room.cx.now;
    return left <= limits.tcp_orphan_timeout - limits.tcp_orphan_grace;
}

}  // namespace

void begin_orphan(Room& room, Tcb& tcb) {
    if (tcb.state == State::FinWait2)
        orphan_delivered(room, tcb);
    else
        await_delivery(room, tcb);
    while (room.orphans.count() > room.cx.limits.tcp_orphans) evict(room, first_to_go(room));
}

void end_orphan(Room& room, Tcb& tcb) {
    if (is_set(tcb, k_linger)) cancel_deadline(room, tcb, k_linger);
    room.orphans.remove(room.tcbs, tcb);
}

void orphan_delivered(Room& room, Tcb& tcb) {
    await(room, tcb, OrphanWait::PeerFin, options_of(room, tcb).linger_fin_wait_2);
}

// A byte now and then is no progress, or a peer could hold the rest for months.
void orphan_acknowledged(Room& room, Tcb& tcb) {
    if (tcb.orphan != OrphanWait::Delivery) return;
    const Limits& limits = room.cx.limits;
    if (tcb.snd.una.value - tcb.orphan_mark < limits.tcp_orphan_progress) return;
    tcb.orphan_mark = tcb.snd.una.value;
    room.orphans.remove(room.tcbs, tcb);
    room.orphans.add(room.tcbs, tcb, OrphanWait::Delivery);
    put_off_deadline(room, tcb, k_linger, limits.tcp_orphan_timeout);
}

void orphan_timeout(Room& room, Handle<Tcb> i) {
    Tcb& tcb = room.tcbs[i];
    if (tcb.orphan == OrphanWait::PeerFin) return finish(room, i, Cause::TimedOut, Error::TimedOut);
    send_reset(room, tcb, SendReason::ResetOrphan);
    ++room.cx.counters.tcp_orphans_timed_out;
    finish(room, i, Cause::OrphanTimedOut, Error::TimedOut);
}

bool evict_orphan_for_record(Room& room) {
    const Handle<Tcb> i = first_to_go(room);
    if (i == 0) return false;
    const Tcb& tcb = room.tcbs[i];
    if (tcb.orphan == OrphanWait::Delivery && !has_stalled(room, tcb)) return false;
    evict(room, i);
    return true;
}

void relieve_memory(Room& room) {
    room.refusals_seen = room.refusals();
    for (u32 left = k_evicted_at_once; left > 0; --left) {
        const Handle<Tcb> i = room.orphans.oldest(OrphanWait::Delivery);
        if (i == 0 || !has_stalled(room, room.tcbs[i])) return;
        const bool holds_bytes = room.tcbs[i].send_queue != 0;
        evict(room, i);
        if (holds_bytes) return;
    }
}

}  // namespace tern::tcp

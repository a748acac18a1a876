// Which timers exist, and when each is due (RFC 9293 3.10.8 and later RFCs). A connection has one
// node in the wheel, at or before its earliest deadline: moving a deadline away costs a store, and
// the node finds its new place when it fires.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

Timer timer_of_loss(const Room& room, const Tcb& tcb) {
    if (tcb.has(k_persist)) return Timer::Persist;
    const Flight* f = flight_of(room, tcb);
    if (f == nullptr || f->timer == LossTimer::Timeout) return Timer::Retransmission;
    return f->timer == LossTimer::Probe ? Timer::TailProbe : Timer::Reordering;
}

// Is it k_linger that has the place of KeepAlive?
Timer timer_of_keep_alive(const Tcb& tcb) {
    if (!tcb.has(k_released)) return Timer::KeepAlive;
    return tcb.orphan == OrphanWait::PeerFin ? Timer::Linger : Timer::Orphan;
}

}  // namespace

Timer timer_of(const Room& room, const Tcb& tcb, Deadline d) {
    switch (d) {
        case Deadline::Retransmission: return timer_of_loss(room, tcb);
        case Deadline::DelayedAck: return Timer::DelayedAck;
        case Deadline::KeepAlive: return timer_of_keep_alive(tcb);
        case Deadline::User: return Timer::User;
        case Deadline::Pace: return Timer::Pace;
        case Deadline::Override: return Timer::Override;
    }
    return Timer::User;
}

namespace {

void tell_deadline(Room& room, const Tcb& tcb, Deadline d, TimerEvent::What what,
                   Duration in = {}) {
    if (room.cx.observer) [[unlikely]]
        tell_timer(room, tcb.key, timer_of(room, tcb, d), what, in);
}

void override_timeout(Room& room, Tcb& tcb) {
    // What found no memory: a segment, or a send().
    if (!tcb.has(k_starved) && data_end(room, tcb) > tcb.snd.nxt) tcb.set(k_override_due);
    if (tcb.has(k_write_blocked)) tell(room, tcb, Writable);
    want_output(room, tcb);
}

// RFC 9293 3.10.8 [U-18]: one function for each timeout.
void fire(Room& room, Handle<Tcb> i, Deadline d) {
    Tcb& tcb = room.tcbs[i];
    tell_deadline(room, tcb, d, TimerEvent::What::Fired);
    switch (d) {
        case Deadline::Retransmission:
            return tcb.has(k_persist) ? persist_timeout(room, tcb)
                                      : retransmission_timeout(room, i);
        case Deadline::DelayedAck: return delayed_ack_timeout(room, tcb);
        case Deadline::KeepAlive:
            return tcb.has(k_released) ? orphan_timeout(room, i) : keep_alive_timeout(room, i);
        case Deadline::User: return user_timeout(room, i);
        case Deadline::Pace: return want_output(room, tcb);
        case Deadline::Override: return override_timeout(room, tcb);
    }
}

}  // namespace

void tell_set(Room& room, const Tcb& tcb, Deadline d, Duration in) {
    tell_deadline(room, tcb, d, TimerEvent::What::Set, in);
}

void set_deadline_in(Room& room, Tcb& tcb, Deadline d, Duration in) {
    set_deadline(room, tcb, d, room.tick_after(in), in);
}

void put_off_deadline(Room& room, Tcb& tcb, Deadline d, Duration in) {
    put_off_deadline(room, tcb, d, room.tick_after(in), in);
}

void cancel_deadline(Room& room, Tcb& tcb, Deadline d) {
    if (!is_set(tcb, d)) return;
    tcb.timers &= static_cast<u8>(~(1u << static_cast<u8>(d)));
    tell_deadline(room, tcb, d, TimerEvent::What::Cancelled);
}

void cancel_deadlines(Room& room, Tcb& tcb) {
    if (room.cx.observer) [[unlikely]]
        for (u8 d = 0; d < k_deadlines; ++d) cancel_deadline(room, tcb, static_cast<Deadline>(d));
    tcb.timers = 0;
    room.wheel.cancel(tcb.self);
}

void rest_timers(Room& room, Tcb& tcb) {
    if (tcb.timers == 0 && room.looks_ahead()) room.wheel.cancel(tcb.self);
}

void timer_fired(Room& room, Handle<Tcb> i) {
    const u32 now = room.wheel.now();
    for (u8 d = 0; d < k_deadlines; ++d) {
        if (!room.tcbs.is_live(i) || room.tcbs[i].has(k_detached)) return;
        Tcb& tcb = room.tcbs[i];
        if (!is_set(tcb, static_cast<Deadline>(d))) continue;
        if (static_cast<i32>(tcb.deadlines[d] - now) > 0) continue;
        tcb.timers &= static_cast<u8>(~(1u << d));
        fire(room, i, static_cast<Deadline>(d));
    }
    if (!room.tcbs.is_live(i) || room.tcbs[i].has(k_detached)) return;
    Tcb& tcb = room.tcbs[i];
    u32 earliest = 0;
    bool any = false;
    for (u8 d = 0; d < k_deadlines; ++d) {
        if (!is_set(tcb, static_cast<Deadline>(d))) continue;
        if (!any || static_cast<i32>(tcb.deadlines[d] - earliest) < 0) earliest = tcb.deadlines[d];
        any = true;
    }
    if (any) room.wheel.set(i, earliest);
}

void Room::advance() {
    expire_embryos(*this);
    expire_time_waits(*this);
    expire_flights(*this);
    const u32 target = tick();
    // The wheel compares by signed difference: a jump of days is made in strides.
    constexpr u32 stride = static_cast<u32>(k_longest_ticks);
    auto advance_to = [this](u32 at) {
        return wheel.advance(
            at, [this](Handle<Tcb> i) { timer_fired(*this, i); }, k_timers_at_once);
    };
    while (static_cast<u32>(target - wheel.now()) > stride && wheel.size() > 0)
        if (!advance_to(wheel.now() + stride)) return;
    advance_to(target);
}

Instant Room::next_deadline() const {
    Instant earliest = Instant::max();
    auto consider = [&](u32 at) { earliest = std::min(earliest, instant_of(at)); };
    if (auto due = wheel.next_deadline()) consider(*due);
    if (time_wait_ages.head != 0) consider(time_waits[time_wait_ages.head].deadline);
    for (const AgeList<Embryo>& ages : embryo_ages)
        if (ages.head != 0) consider(embryos[ages.head].deadline);
    return earliest;
}

}  // namespace tern::tcp

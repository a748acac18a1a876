// TIME-WAIT (RFC 9293 3.6.1) and embryos: both expire in order of age, so a queue serves instead
// of the wheel.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// 2MSL from now on; the youngest of the queue.
void start_waiting(Room& room, Handle<TimeWait> record) {
    const Duration two_msl = 2 * room.cx.limits.tcp_msl;
    TimeWait& tw = room.time_waits[record];
    tw.deadline = room.tick_after(two_msl);
    age_push(room.time_wait_ages, room.time_waits, record);
    tell_timer(room, tw.key, Timer::TimeWait, TimerEvent::What::Set, two_msl);
}

void release(Room& room, Handle<TimeWait> record) {
    age_remove(room.time_wait_ages, room.time_waits, record);
    room.time_waits.free(record);
}

void remove(Room& room, Handle<TimeWait> record) {
    const u64 hash = room.time_waits[record].key.hash(room.table_key);
    room.flows.erase(hash, FlowEntry(record));
    release(room, record);
}

// A record for i, or 0: then the connection closes without TIME-WAIT, the lesser evil.
Handle<TimeWait> make_record(Room& room, const Tcb& tcb) {
    // Above the limit the oldest leaves early: it has waited longest.
    const bool room_left =
        room.time_waits.in_use() < room.cx.limits.tcp_time_waits && room.admits_time_wait();
    if (!room_left && room.time_wait_ages.head != 0)
        end_time_wait(room, room.time_wait_ages.head, Cause::NoRoom);
    const Handle<TimeWait> record = room.time_waits.allocate();
    if (record == 0) return 0;
    TimeWait& tw = room.time_waits[record];
    tw.key = tcb.key;
    tw.snd_nxt = tcb.snd.max;
    tw.rcv_nxt = tcb.rcv.nxt();
    tw.ts_recent = tcb.ts_recent;
    tw.window = std::min<u32>(tcb.rcv.buffer() >> tcb.rcv_wind_shift, 65535) / 16 & 0xfff;
    tw.ttl = tcb.ttl;
    tw.dscp = tcb.tos >> 2 & 0x3f;
    tw.timestamps = tcb.has(k_timestamps);
    tw.ace = wire::ace_of(ace_of_count(room, tcb)) & 7u;
    return record;
}

}  // namespace

void enter_time_wait(Room& room, Handle<Tcb> i) {
    Tcb& tcb = room.tcbs[i];
    const bool owes_ack = tcb.has(k_ack_now);
    if (owes_ack) {
        // The last ACK leaves now, from the record that can repeat it.
        Plan ack{true, tcb.snd.max, 0, wire::Ack, tcb.ack_reason};
        build_segment(room, tcb, ack);
    }
    const Handle<TimeWait> record = make_record(room, tcb);
    if (record != 0 &&
        room.flows.replace(tcb.key.hash(room.table_key), FlowEntry(i), FlowEntry(record))) {
        cancel_deadlines(room, tcb);
        if (tcb.has(k_released)) room.orphans.remove(room.tcbs, tcb);
        tcb.set(k_detached);
        free_flight(room, tcb);
        start_waiting(room, record);
    } else {
        if (record != 0) room.time_waits.free(record);
        detach(room, i);
        tell_transition(room, tcb.key.id(), State::TimeWait, Cause::NoRoom);
    }
    drop_queues(room, tcb, Received::Kept);
    if (tcb.has(k_released)) return free_tcb(room, i);
    tell(room, tcb, Closed);
}

void restart_time_wait(Room& room, Handle<TimeWait> record) {
    age_remove(room.time_wait_ages, room.time_waits, record);
    start_waiting(room, record);
}

void free_time_wait(Room& room, Handle<TimeWait> record) {
    tell_timer(room, room.time_waits[record].key, Timer::TimeWait, TimerEvent::What::Cancelled);
    remove(room, record);
}

void forget_time_wait(Room& room, Handle<TimeWait> record) {
    tell_timer(room, room.time_waits[record].key, Timer::TimeWait, TimerEvent::What::Cancelled);
    release(room, record);
}

void time_wait_replaced(Room& room, FlowEntry entry) {
    const Handle<TimeWait> record = entry.time_wait();
    if (record == 0) return;
    tell_transition(room, room.time_waits[record].key.id(), State::TimeWait, Cause::NewSyn);
    forget_time_wait(room, record);
}

void end_time_wait(Room& room, Handle<TimeWait> record, Cause cause) {
    tell_transition(room, room.time_waits[record].key.id(), State::TimeWait, cause);
    free_time_wait(room, record);
}

void expire_time_waits(Room& room) {
    const u32 now = room.tick();
    for (u32 left = k_timers_at_once; left > 0 && room.time_wait_ages.head != 0; --left) {
        const Handle<TimeWait> oldest = room.time_wait_ages.head;
        const TimeWait& tw = room.time_waits[oldest];
        if (static_cast<i32>(tw.deadline - now) > 0) return;
        tell_timer(room, tw.key, Timer::TimeWait, TimerEvent::What::Fired);
        tell_transition(room, tw.key.id(), State::TimeWait, Cause::TwoMslPassed);
        remove(room, oldest);
    }
}

Duration embryo_rto(const Limits& limits, u32 retries) {
    return std::min<Duration>(limits.tcp_rto_initial * (1u << retries), limits.tcp_rto_max);
}

// RFC 4987 3.3 [RFC4987:2]: a handshake that is not finished in time gives its place back.
void expire_embryos(Room& room) {
    const u32 now = room.tick();
    const Limits& limits = room.cx.limits;
    u32 left = k_timers_at_once;
    for (u32 level = k_embryo_levels; level-- > 0;) {
        AgeList<Embryo>& ages = room.embryo_ages[level];
        while (ages.head != 0 && static_cast<i32>(room.embryos[ages.head].deadline - now) <= 0) {
            if (left-- == 0) return;
            const Handle<Embryo> i = ages.head;
            Embryo& e = room.embryos[i];
            tell_timer(room, e.key, Timer::Retransmission, TimerEvent::What::Fired);
            const Handle<Listener> listener =
                find_listener(room, e.key.local_address(), e.key.local_port);
            if (listener == 0 || e.retries >= limits.tcp_syn_ack_retries ||
                level + 1 >= k_embryo_levels) {
                e.expired = 1;
                tell_transition(room, e.key.id(), State::SynReceived, Cause::TimedOut);
                free_embryo(room, i);
                continue;
            }
            age_remove(ages, room.embryos, i);
            e.retries = (e.retries + 1u) & 7u;
            forget_answer_time(e);
            const Duration rto = embryo_rto(limits, e.retries);
            e.deadline = room.tick_after(rto);
            age_push(room.embryo_ages[level + 1], room.embryos, i);
            tell_timer(room, e.key, Timer::Retransmission, TimerEvent::What::Set, rto);
            send_syn_ack(room, room.listeners[listener], e, initial_sequence(room, e.key).ts_offset,
                         SendReason::OpenAnswerRetry);
        }
    }
}

}  // namespace tern::tcp

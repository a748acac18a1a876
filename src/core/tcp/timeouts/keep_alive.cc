// RFC 9293 3.8.4: is an idle peer still there? Off unless the application asks.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// Who asks has a Cold. Afterwards the deadline is that of an orphan.
bool keeps_alive(const Room& room, const Tcb& tcb) {
    return tcb.cold != 0 && room.colds[tcb.cold].options.keep_alive && !tcb.has(k_released);
}

}  // namespace

void note_activity(Room& room, Tcb& tcb) {
    if (!keeps_alive(room, tcb)) [[likely]]
        return;
    tcb.keep_probes = 0;
    // [MUST-27], [MUST-28]: the interval is the application's, two hours by default.
    put_off_deadline(room, tcb, Deadline::KeepAlive, options_of(room, tcb).keep_alive_idle);
}

void keep_alive_timeout(Room& room, Handle<Tcb> i) {
    Tcb& tcb = room.tcbs[i];
    if (!keeps_alive(room, tcb) || !is_synchronized(tcb.state)) return;
    const TcpOptions& options = options_of(room, tcb);
    // [MUST-26]: data in flight has its own timer; ask again when the line is idle.
    if (tcb.snd.una != tcb.snd.max || tcb.send_queue != 0) {
        set_deadline_in(room, tcb, Deadline::KeepAlive, options.keep_alive_idle);
        return;
    }
    // [MUST-29]: one unanswered probe proves nothing.
    if (tcb.keep_probes >= options.keep_alive_probes) {
        send_reset(room, tcb, SendReason::ResetTimeout);
        finish(room, i, Cause::TimedOut, Error::TimedOut);
        return;
    }
    tcb.keep_probes = (tcb.keep_probes + 1u) & 15u;
    tcb.set(k_keep_probe_due);
    set_deadline_in(room, tcb, Deadline::KeepAlive, options.keep_alive_interval);
    want_output(room, tcb);
}

}  // namespace tern::tcp

// RFC 9293 3.8.3 and 3.10.8: R2, the time after which an unanswering peer is given up; and the end
// of a FIN-WAIT-2 that nobody holds.
#include "core/tcp/room.hh"

namespace tern {

Duration user_timeout_of(const Room& room, const Tcb& tcb) {
    // [MUST-21]: the application's word wins; Duration::max() means never.
    if (const auto wish = options_of(room, tcb).user_timeout) return *wish;
    // [SHLD-11]: by default minutes. [MUST-23]
    const Limits& limits = room.cx.limits;
    return is_synchronized(tcb.state) ? limits.tcp_r2 : limits.tcp_r2_syn;
}

void arm_user_timeout(Room& room, Tcb& tcb, bool restart) {
    const bool waiting = tcb.snd.una != tcb.snd.max || tcb.has(k_persist | k_starved);
    if (!waiting) return cancel_deadline(room, tcb, Deadline::User);
    if (is_set(tcb, Deadline::User) && !restart) return;
    const Duration r2 = user_timeout_of(room, tcb);
    if (r2 == Duration::max()) return cancel_deadline(room, tcb, Deadline::User);
    put_off_deadline(room, tcb, Deadline::User, r2);
}

void user_timeout(Room& room, Index i) {
    Tcb& tcb = room.tcbs[i];
    if (is_synchronized(tcb.state)) send_reset(room, tcb, SendReason::ResetTimeout);
    // A neighbour that never answered is the better explanation.
    const bool unreachable =
        tcb.soft_error == Error::HostUnreachable || tcb.soft_error == Error::NetworkUnreachable;
    finish(room, i, Cause::TimedOut, unreachable ? tcb.soft_error : Error::TimedOut);
}

void linger_timeout(Room& room, Index i) {
    if (room.tcbs[i].state == State::FinWait2) finish(room, i, Cause::TimedOut, Error::TimedOut);
}

}  // namespace tern

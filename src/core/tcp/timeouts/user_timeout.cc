// RFC 9293 3.8.3 and 3.10.8: R2, the time after which an unanswering peer is given up, and the
// application's own user timeout, after which one that takes nothing is given up as well
// (docs/decisions/0026-user-timeout-behind-a-closed-window.md).
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// RFC 5482 3.1: fifteen bits of seconds, or of minutes with the highest bit.
constexpr u32 k_in_minutes = 0x8000, k_most = 0x7fff;

constexpr u16 encoded(Duration d) {
    using namespace std::chrono;
    if (d <= seconds(k_most)) return static_cast<u16>(std::max<i64>(ceil<seconds>(d).count(), 1));
    const i64 in_minutes = d == Duration::max() ? k_most : ceil<minutes>(d).count();
    return static_cast<u16>(std::min<i64>(in_minutes, k_most) | k_in_minutes);
}

constexpr u32 decoded_seconds(u16 field) {
    return field & k_in_minutes ? (field & k_most) * 60 : field;
}

// The deadline reaches 29.8 hours; what is beyond waits for its turn.
void set_user_deadline(Room& room, Tcb& tcb, Duration in) {
    if (tcb.cold != 0)
        room.colds[tcb.cold].user_timeout_left = std::max(in - k_longest_timer, Duration{});
    put_off_deadline(room, tcb, Deadline::User, in);
}

// The peer may have answered all the time: what ends the connection is the application's word.
bool allows_no_stall(const Room& room, const Tcb& tcb) {
    const bool closed = tcb.has(k_persist) || tcb.snd.una + tcb.snd.wnd < tcb.snd.max;
    return closed && options_of(room, tcb).user_timeout.has_value();
}

}  // namespace

u16 user_timeout_field(const Room& room, const TcpOptions& o) {
    if (!o.user_timeout_option) return 0;
    return encoded(o.user_timeout ? *o.user_timeout : room.cx.limits.tcp_r2);
}

// RFC 5482 3.1 [RFC5482:1]: only who has asked for the option heeds it; 3.4 [RFC5482:2]: 0 never.
void learn_user_timeout(Room& room, Tcb& tcb, const wire::TcpOptions& options) {
    const u32 told = decoded_seconds(options.user_timeout);
    if (!options.has_user_timeout || told == 0) return;
    if (!options_of(room, tcb).user_timeout_option) return;
    room.colds[tcb.cold].peer_user_timeout = told;
    if (is_set(tcb, Deadline::User)) arm_user_timeout(room, tcb, true);
}

Duration user_timeout_of(const Room& room, const Tcb& tcb) {
    // [MUST-21]: the application's word wins; Duration::max() means never.
    if (const auto wish = options_of(room, tcb).user_timeout) return *wish;
    // [SHLD-11]: by default minutes. [MUST-23]
    const Limits& limits = room.cx.limits;
    if (!is_synchronized(tcb.state)) return limits.tcp_r2_syn;
    const u32 told = tcb.cold != 0 ? room.colds[tcb.cold].peer_user_timeout : 0;
    if (told == 0) return limits.tcp_r2;
    // RFC 5482 3.1 [RFC5482:1]: the longer of the two wishes, within the limits.
    const Duration longer = std::max<Duration>(limits.tcp_r2, std::chrono::seconds(told));
    return std::min(std::max(longer, limits.tcp_user_timeout_min), limits.tcp_user_timeout_max);
}

void arm_user_timeout(Room& room, Tcb& tcb, bool restart) {
    const bool waiting = tcb.snd.una != tcb.snd.max || tcb.has(k_persist | k_starved);
    if (!waiting) return cancel_deadline(room, tcb, Deadline::User);
    if (is_set(tcb, Deadline::User) && !restart) return;
    if (tcb.cold == 0 && is_synchronized(tcb.state) && room.r2_ticks != 0) [[likely]]
        return put_off_deadline(room, tcb, Deadline::User, room.tick_up + room.r2_ticks,
                                room.cx.limits.tcp_r2);
    const Duration r2 = user_timeout_of(room, tcb);
    if (r2 == Duration::max()) return cancel_deadline(room, tcb, Deadline::User);
    set_user_deadline(room, tcb, r2);
}

// RFC 9293 3.8.6.1 [MUST-37], 3.8.6 [SHLD-17]: a peer that answers is alive, window or not; so R2
// counts from the next probe on. What the application has set goes on counting from the peer's last
// progress, as 3.9.1.1 says of its user timeout.
void window_still_closed(Room& room, Tcb& tcb) {
    if (!options_of(room, tcb).user_timeout) cancel_deadline(room, tcb, Deadline::User);
}

void user_timeout(Room& room, Handle<Tcb> i) {
    Tcb& tcb = room.tcbs[i];
    if (tcb.cold != 0 && room.colds[tcb.cold].user_timeout_left > Duration{})
        return set_user_deadline(room, tcb, room.colds[tcb.cold].user_timeout_left);
    if (is_synchronized(tcb.state))
        send_reset(
            room, tcb,
            allows_no_stall(room, tcb) ? SendReason::ResetNoProgress : SendReason::ResetTimeout);
    // A neighbour that never answered is the better explanation.
    const bool unreachable =
        tcb.soft_error == Error::HostUnreachable || tcb.soft_error == Error::NetworkUnreachable;
    finish(room, i, Cause::TimedOut, unreachable ? tcb.soft_error : Error::TimedOut);
}

}  // namespace tern::tcp

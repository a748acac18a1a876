// The transition table and the one function that changes states.
#include "core/tcp/state.hh"

#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

using enum State;

constexpr Transition k_transitions[] = {
    {Closed, Cause::OpenPassive, Listen},
    {Closed, Cause::OpenActive, SynSent},
    {Listen, Cause::SynArrived, SynReceived},
    {Listen, Cause::Close, Closed},
    {SynSent, Cause::SynArrived, SynReceived},  // simultaneous open
    {SynSent, Cause::SynAckArrived, Established},
    {SynSent, Cause::Refused, Closed},
    {SynSent, Cause::Close, Closed},
    {SynSent, Cause::Abort, Closed},
    {SynSent, Cause::TimedOut, Closed},
    {SynSent, Cause::IcmpHardError, Closed},
    {SynReceived, Cause::AckOfSyn, Established},
    {SynReceived, Cause::ResetArrived, Listen},  // passive: the listener stays
    {SynReceived, Cause::Refused, Closed},       // active: simultaneous open
    {SynReceived, Cause::Abort, Closed},
    {SynReceived, Cause::TimedOut, Closed},
    {SynReceived, Cause::OrphanTimedOut, Closed},
    {SynReceived, Cause::OrphanEvicted, Closed},
    {Established, Cause::Close, FinWait1},
    {Established, Cause::FinArrived, CloseWait},
    {Established, Cause::ResetArrived, Closed},
    {Established, Cause::Abort, Closed},
    {Established, Cause::TimedOut, Closed},
    {FinWait1, Cause::AckOfFin, FinWait2},
    {FinWait1, Cause::FinArrived, Closing},
    {FinWait1, Cause::ResetArrived, Closed},
    {FinWait1, Cause::Abort, Closed},
    {FinWait1, Cause::TimedOut, Closed},
    {FinWait1, Cause::OrphanTimedOut, Closed},
    {FinWait1, Cause::OrphanEvicted, Closed},
    {FinWait2, Cause::FinArrived, TimeWait},
    {FinWait2, Cause::ResetArrived, Closed},
    {FinWait2, Cause::Abort, Closed},
    {FinWait2, Cause::TimedOut, Closed},
    {FinWait2, Cause::OrphanEvicted, Closed},
    {CloseWait, Cause::Close, LastAck},
    {CloseWait, Cause::ResetArrived, Closed},
    {CloseWait, Cause::Abort, Closed},
    {CloseWait, Cause::TimedOut, Closed},
    {Closing, Cause::AckOfFin, TimeWait},
    {Closing, Cause::ResetArrived, Closed},
    {Closing, Cause::Abort, Closed},
    {Closing, Cause::TimedOut, Closed},
    {Closing, Cause::OrphanTimedOut, Closed},
    {Closing, Cause::OrphanEvicted, Closed},
    {LastAck, Cause::AckOfFin, Closed},
    {LastAck, Cause::ResetArrived, Closed},
    {LastAck, Cause::Abort, Closed},
    {LastAck, Cause::TimedOut, Closed},
    {LastAck, Cause::OrphanTimedOut, Closed},
    {LastAck, Cause::OrphanEvicted, Closed},
    {TimeWait, Cause::TwoMslPassed, Closed},
    {TimeWait, Cause::NewSyn, SynReceived},  // RFC 6191
    {TimeWait, Cause::OpenActive, Closed},   // the application asked for reuse
    {TimeWait, Cause::NoRoom, Closed},
};

// The same table by state and cause, so that a change of state is one load.
constexpr std::size_t k_states = static_cast<std::size_t>(TimeWait) + 1;
constexpr std::size_t k_causes = static_cast<std::size_t>(Cause::OrphanEvicted) + 1;
constexpr u8 k_no_row = 0xff;
constexpr auto k_targets = [] {
    std::array<std::array<u8, k_causes>, k_states> targets;
    for (auto& row : targets) row.fill(k_no_row);
    for (const Transition& t : k_transitions)
        targets[static_cast<u8>(t.from)][static_cast<u8>(t.cause)] = static_cast<u8>(t.to);
    return targets;
}();

State target(State from, Cause cause) {
    const u8 to = k_targets[static_cast<u8>(from)][static_cast<u8>(cause)];
    check(to != k_no_row);
    return static_cast<State>(to);
}

}  // namespace

std::span<const Transition> transitions() { return k_transitions; }

void tell_transition(Room& room, const FlowId& flow, State from, Cause cause) {
    const State to = target(from, cause);
    if (room.cx.observer) [[unlikely]]
        room.cx.observer->on_state(
            {.at = room.cx.now, .flow = flow, .from = from, .to = to, .cause = cause});
}

void begin_passive(Tcb& tcb) { tcb.state = target(State::Listen, Cause::SynArrived); }

void become(Room& room, Tcb& tcb, Cause cause) {
    const State from = tcb.state;
    if (from == State::SynReceived && opens_fast(room, tcb)) fast_open_over(room, tcb, cause);
    tcb.state = target(from, cause);
    if (room.cx.observer) [[unlikely]]
        room.cx.observer->on_state({.at = room.cx.now,
                                    .flow = tcb.key.id(),
                                    .from = from,
                                    .to = tcb.state,
                                    .cause = cause});
}

}  // namespace tern::tcp

// RFC 9293 3.3.2, figure 5, as data: every change of state is a row of this table.
#pragma once

#include <span>

#include "tern/trace.hh"

namespace tern::tcp {

struct Room;
struct Tcb;

struct Transition {
    State from;
    Cause cause;
    State to;
};

std::span<const Transition> transitions();

// Changes the state of `tcb` for `cause`: the row must exist. Tells the observer.
void become(Room& room, Tcb& tcb, Cause cause);
// The same for records without a state field (embryos, TIME-WAIT, listeners): tells only.
void tell_transition(Room& room, const FlowId& flow, State from, Cause cause);
// The row of a listener's SYN, for the Tcb that the handshake becomes: it was told before.
void begin_passive(Tcb& tcb);

}  // namespace tern::tcp

// Second check of RFC 9293 3.10.7.4: the RST bit, with the protection of RFC 5961 3.
#include "core/tcp/room.hh"

namespace tern::tcp {

Verdict step2_reset(Room& room, Handle<Tcb> i, Segment& seg) {
    if (!seg.rst()) return Verdict::next();
    Tcb& tcb = room.tcbs[i];
    // RFC 5961 3.2 [RFC5961:1]: only the exact sequence number is believed.
    if (seg.seq != tcb.rcv.nxt()) return Verdict::challenge(DropReason::TcpResetChallenged);
    // RFC 9293 3.5.3 [SHLD-2]: data in a RST may explain it; nobody here reads it.
    if (tcb.state == State::SynReceived)
        finish(room, i, Cause::Refused, tcb.has(k_passive) ? Error::Reset : Error::Refused);
    else
        finish(room, i, Cause::ResetArrived, Error::Reset);
    return Verdict::done();
}

}  // namespace tern::tcp

// Sixth check of RFC 9293 3.10.7.4: the URG bit, read as RFC 6093 says: the pointer names the octet
// behind the urgent data.
#include "core/tcp/room.hh"

namespace tern::tcp {

Verdict step6_urgent(Room& room, Tcb& tcb, Segment& seg) {
    if (!seg.has(wire::Urg) || !may_receive_state(tcb.state)) return Verdict::next();
    // RFC 6093 4 [RFC6093:1] [MUST-62]: the octet behind the urgent data.
    const Seq up = seg.up;
    if (up <= read_position(room, tcb)) return Verdict::next();  // read already
    Cold* c = cold(room, tcb);
    if (c == nullptr) return Verdict::next();
    // RFC 9293 3.8.5 [MUST-32]: one event when it appears, one for each advance.
    if (tcb.has(k_urgent_in) && up <= c->rcv_up) return Verdict::next();
    c->rcv_up = up;
    c->urgent_taken = false;
    tcb.set(k_urgent_in);
    tell(room, tcb, Urgent);
    return Verdict::next();
}

}  // namespace tern::tcp

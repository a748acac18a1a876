// RFC 9293 3.8.6.1: the peer's window is closed, and a lost window update would lock both sides.
#include "core/tcp/room.hh"

namespace tern::tcp {

void arm_persist(Room& room, Tcb& tcb) {
    tcb.set(k_persist);
    // [SHLD-29]: the first probe after one RTO; [SHLD-30]: then the interval doubles.
    arm_retransmission(room, tcb);
    arm_user_timeout(room, tcb, false);
}

void persist_timeout(Room& room, Tcb& tcb) {
    if (tcb.backoff < 255) ++tcb.backoff;
    tcb.set(k_probe_due);
    arm_retransmission(room, tcb);
    arm_user_timeout(room, tcb, false);
    want_output(room, tcb);
}

}  // namespace tern::tcp

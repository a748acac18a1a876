// RFC 5681 4.2, RFC 9293 3.8.6.3: an acknowledgement waited for company in vain.
#include "core/tcp/room.hh"

namespace tern::tcp {

void delayed_ack_timeout(Room& room, Tcb& tcb) {
    if (tcb.unacked() == 0) return;
    tcb.answers = Answers::Late;
    tcb.ack_when_read = false;
    acknowledge(room, tcb, SendReason::AckDelayed);
}

}  // namespace tern::tcp

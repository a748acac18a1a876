// Fourth check of RFC 9293 3.10.7.4: the SYN bit.
#include "core/tcp/room.hh"

namespace tern::tcp {

Verdict step4_syn(Room& room, Tcb& tcb, Segment& seg) {
    if (!seg.syn()) return Verdict::next();
    ecn_of_syn_ack_again(room, tcb, seg);
    // RFC 5961 4.2 [RFC5961:2]: a genuine peer that has restarted answers our ACK by RST.
    return Verdict::challenge(DropReason::TcpSynChallenged);
}

}  // namespace tern::tcp

// Fourth check of RFC 9293 3.10.7.4: the SYN bit.
#include "core/tcp/room.hh"

namespace tern {

Verdict step4_syn(Room&, Tcb&, Segment& seg) {
    // RFC 5961 4.2 [RFC5961:2]: a genuine peer that has restarted answers our ACK by RST.
    return seg.syn() ? Verdict::challenge(DropReason::TcpSynChallenged) : Verdict::next();
}

}  // namespace tern

// Without SACK: fast retransmit and fast recovery, RFC 5681 3.2 with the careful ending of RFC
// 6582.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// 3.2 (4): a segment has left the network; not more of them than there were, whatever the peer says
// (Savage: DupACK spoofing).
void inflate(Room& room, Tcb& tcb) {
    const u32 outstanding = static_cast<u32>(tcb.recover - tcb.snd.una);
    if (tcb.window.cwnd() >= tcb.window.ssthresh() + outstanding) return;
    tcb.window.inflate(tcb.send_mss);
    tell_window(room, tcb, "a duplicate ACK in recovery: a segment has left");
    want_output(room, tcb);
}

}  // namespace

void duplicate_ack(Room& room, Tcb& tcb) {
    constexpr u8 most = 15;  // in four bits; behind the third their number does not matter
    if (tcb.dup_acks < most) tcb.dup_acks = (tcb.dup_acks + 1u) & most;
    if (tcb.has(k_recovery)) return inflate(room, tcb);
    if (tcb.dup_acks < 3) return want_output(room, tcb);  // RFC 3042
    if (tcb.dup_acks != 3) return;
    // RFC 6582 3.2 (1) [RFC6582:2]: not for segments that an RTO has already resent. The
    // acknowledgement has to cover more than `recover`: what left twice before it is answered by
    // duplicates at it.
    if (tcb.has(k_after_timeout) || (tcb.snd.una <= tcb.recover && !tcb.marked)) return;
    // RFC 3168 6.1.2: a mark of the same flight has reduced it already.
    if (!tcb.marked) {
        tcb.window.halve(tcb.flight_size(), tcb.send_mss);
        say_reduced(tcb);
    }
    tcb.marked = false;
    tcb.recover = tcb.snd.max;
    tcb.window.begin_fast_recovery(tcb.send_mss);
    tcb.set(k_recovery | k_retransmit_head);
    tcb.clear(k_partial_seen);
    tell_window(room, tcb, "three duplicate ACKs: fast recovery");
    want_output(room, tcb);
}

bool recovery_acknowledged(Room& room, Tcb& tcb, Seq ack, u32 acked) {
    if (!tcb.has(k_recovery)) return false;
    if (ack >= tcb.recover) {
        tcb.window.end_fast_recovery(static_cast<u32>(tcb.snd.max - ack), tcb.send_mss);
        tcb.clear(k_recovery | k_partial_seen | k_retransmit_head);
        tell_window(room, tcb, "recovery is over");
        return true;
    }
    // A partial ACK: the segment behind it is lost as well.
    tcb.window.deflate(acked, tcb.send_mss);
    tcb.set(k_retransmit_head);
    tell_window(room, tcb, "partial ACK");
    return true;
}

}  // namespace tern::tcp

// Eighth check of RFC 9293 3.10.7.4: the FIN bit and the closing states [U-12].
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// Is the peer's FIN the next thing in sequence: this segment's, or one that waited behind a hole?
bool fin_is_next(Room& room, Tcb& tcb, const Segment& seg) {
    if (seg.fin()) {
        const Seq fin = seg.seq + seg.len;
        if (fin == tcb.rcv.nxt()) return true;
        if (fin > tcb.rcv.nxt()) {
            if (ReceiveQueue* q = receive_queue(room, tcb)) q->hold_fin(fin);
            // Its text, if any, has been answered at step 7.
            if (seg.len == 0) acknowledge_each(room, tcb, SendReason::AckOutOfOrder);
        }
    }
    return tcb.receive_queue != 0 && room.receive_queues[tcb.receive_queue].fin_is(tcb.rcv.nxt());
}

}  // namespace

Verdict step8_fin(Room& room, Handle<Tcb> i, Segment& seg) {
    Tcb& tcb = room.tcbs[i];
    if (!may_receive_state(tcb.state)) return Verdict::done();
    if (!fin_is_next(room, tcb, seg)) return Verdict::done();
    tcb.rcv.take_fin();
    tcb.set(k_fin_received);
    acknowledge(room, tcb, SendReason::AckFin);
    tell(room, tcb, PeerClosed | Readable);
    become(room, tcb, Cause::FinArrived);
    if (tcb.state == State::TimeWait) enter_time_wait(room, i);
    return Verdict::done();
}

}  // namespace tern::tcp

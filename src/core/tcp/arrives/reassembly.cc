// Text behind holes, and what came once more, for receiver/reassembly.cc.
#include "core/tcp/room.hh"

namespace tern::tcp {

void remember_duplicate(Room& room, Tcb& tcb, Segment& seg, Seq left, Seq right) {
    ReceiveQueue* q = tcb.has(k_sack) && left < right ? receive_queue(room, tcb) : nullptr;
    if (q == nullptr) return;
    q->holes().remember({left, right}, !seg.repeats);
    seg.repeats = true;
}

void release_empty(Room& room, Tcb& tcb) {
    if (tcb.receive_queue != 0 && room.receive_queues[tcb.receive_queue].idle())
        room.receive_queues.free(std::exchange(tcb.receive_queue, {}));
}

void fill_hole(Room& room, Tcb& tcb, ReceiveQueue& q, Segment& seg) {
    const auto [nxt, repeated] = q.fill(room.runs, tcb.rcv.nxt(), std::move(seg.packet));
    tcb.rcv.advance_to(nxt);
    remember_duplicate(room, tcb, seg, repeated.left, repeated.right);
}

DropReason hold_bytes(Room& room, Tcb& tcb, Segment& seg) {
    ReceiveQueue* q = receive_queue(room, tcb);
    if (q == nullptr || room.cx.pool->scarce()) return DropReason::MemoryCeiling;
    // `seg` itself stays as it came: its FIN, if it has one, lies behind all of its text.
    const auto [reason, repeated] = q->holes().hold(room.runs, room.cx.limits.tcp_out_of_order_runs,
                                                    seg.seq, std::move(seg.packet));
    remember_duplicate(room, tcb, seg, repeated.left, repeated.right);
    return reason;
}

}  // namespace tern::tcp

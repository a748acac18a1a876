// Bytes behind holes wait in runs: found in a tree by their sequence numbers, told in SACK blocks
// by their age. What came first stays, and what comes once more is remembered (RFC 2883).
#include "core/base/splay.hh"
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

void take_from_ages(Room& room, ReceiveQueue& q, Handle<Run> i) {
    const Run& run = room.runs[i];
    (run.newer != 0 ? room.runs[run.newer].older : q.newest) = run.older;
    if (run.older != 0) room.runs[run.older].newer = run.newer;
}

void put_newest(Room& room, ReceiveQueue& q, Handle<Run> i) {
    room.runs[i].newer = 0;
    room.runs[i].older = q.newest;
    if (q.newest != 0) room.runs[q.newest].newer = i;
    q.newest = i;
}

// RFC 2018 4 [RFC2018:2]: the run that the latest segment belongs to is the first block.
void renew(Room& room, ReceiveQueue& q, Handle<Run> i) {
    if (q.newest == i) return;
    take_from_ages(room, q, i);
    put_newest(room, q, i);
}

// An empty one behind `before`; 0: refused.
Handle<Run> new_run(Room& room, ReceiveQueue& q, Seq at, Handle<Run> before) {
    const Handle<Run> i = room.runs.allocate();
    if (i == 0) return 0;
    Run& run = room.runs[i];
    run.left = run.right = at;
    run.prev = before;
    run.next = before != 0 ? room.runs[before].next : q.runs;
    (before != 0 ? room.runs[before].next : q.runs) = i;
    if (run.next != 0) room.runs[run.next].prev = i;
    q.root = splay_insert(room.runs, q.root, i);
    put_newest(room, q, i);
    ++q.run_count;
    return i;
}

void free_run(Room& room, ReceiveQueue& q, Handle<Run> i) {
    const Run& run = room.runs[i];
    (run.prev != 0 ? room.runs[run.prev].next : q.runs) = run.next;
    if (run.next != 0) room.runs[run.next].prev = run.prev;
    q.root = splay_erase(room.runs, q.root, i);
    take_from_ages(room, q, i);
    --q.run_count;
    room.runs.free(i);
}

// The run behind it has no hole in front any more.
void join_next(Room& room, ReceiveQueue& q, Handle<Run> i) {
    Run& run = room.runs[i];
    const Handle<Run> next = run.next;
    if (next == 0 || room.runs[next].left != run.right) return;
    run.chain.splice_back(std::move(room.runs[next].chain));
    run.right = room.runs[next].right;
    free_run(room, q, next);
}

// Up to n bytes off the front of a packet; empty: no memory.
Packet cut_front(Packet& packet, u32 n) {
    if (packet.size() <= n) return std::move(packet);
    Packet front = packet.share();
    if (!front) return {};
    front.trim(packet.size() - n);
    packet.pull(n);
    front->payload_sum_known = packet->payload_sum_known = false;
    return front;
}

// Bytes of the segment from `left` on that are here already: off the front, and remembered.
void drop_twice(Room& room, Tcb& tcb, Segment& seg, Packet& packet, Seq left, Seq held_to) {
    const u32 old = std::min(static_cast<u32>(held_to - left), packet.size());
    remember_duplicate(room, tcb, seg, left, left + old);
    packet.pull(old);
}

}  // namespace

Handle<Run> run_before(Room& room, ReceiveQueue& q, Seq s) {
    q.root = splay(room.runs, q.root, s);
    if (q.root == 0 || room.runs[q.root].left <= s) return q.root;
    return room.runs[q.root].prev;
}

// RFC 2883 4 (1) and 4.2.2 [RFC2883:1]: of the latest segment, and of its duplicate pieces the
// first. What touches makes one block, of two segments too when no ACK has left in between.
void remember_duplicate(Room& room, Tcb& tcb, Segment& seg, Seq left, Seq right) {
    ReceiveQueue* q = tcb.has(k_sack) && left < right ? receive_queue(room, tcb) : nullptr;
    if (q == nullptr) return;
    wire::SackBlock& twice = q->twice;
    const bool touches = twice.left < twice.right && left <= twice.right && twice.left <= right;
    if (touches)
        twice = {min(left, twice.left), max(right, twice.right)};
    else if (!seg.repeats)
        twice = {left, right};
    seg.repeats = true;
}

void release_empty(Room& room, Tcb& tcb) {
    if (tcb.receive_queue == 0) return;
    const ReceiveQueue& q = room.receive_queues[tcb.receive_queue];
    if (q.chain.empty() && q.runs == 0 && !q.has_fin && q.twice.left == q.twice.right)
        room.receive_queues.free(std::exchange(tcb.receive_queue, {}));
}

void fill_hole(Room& room, Tcb& tcb, ReceiveQueue& q, Segment& seg) {
    Packet packet = std::move(seg.packet);
    while (packet && packet.size() > 0) {
        const u32 gap =
            q.runs != 0 ? static_cast<u32>(room.runs[q.runs].left - tcb.rcv.nxt) : packet.size();
        Packet part = cut_front(packet, gap);
        if (!part) return;
        tcb.rcv.nxt += part.size();
        append(q.chain, std::move(part));
        if (q.runs == 0 || room.runs[q.runs].left != tcb.rcv.nxt) return;
        Run& run = room.runs[q.runs];
        q.out_of_order -= static_cast<u32>(run.chain.bytes());
        q.chain.splice_back(std::move(run.chain));
        tcb.rcv.nxt = run.right;
        if (packet) drop_twice(room, tcb, seg, packet, run.left, run.right);
        free_run(room, q, q.runs);
    }
}

DropReason hold_bytes(Room& room, Tcb& tcb, Segment& seg) {
    ReceiveQueue* q = receive_queue(room, tcb);
    if (q == nullptr || room.cx.pool->scarce()) return DropReason::MemoryCeiling;
    // `seg` itself stays as it came: its FIN, if it has one, lies behind all of its text.
    Packet packet = std::move(seg.packet);
    Seq seq = seg.seq;
    while (packet && packet.size() > 0) {
        const Handle<Run> before = run_before(room, *q, seq);
        // What arrived first stays (Ptacek and Newsham): only new bytes are taken.
        if (before != 0 && seq < room.runs[before].right) {
            drop_twice(room, tcb, seg, packet, seq, room.runs[before].right);
            renew(room, *q, before);
            seq = room.runs[before].right;
            continue;
        }
        const Handle<Run> after = before != 0 ? room.runs[before].next : q->runs;
        const bool grows = before != 0 && room.runs[before].right == seq;
        if (!grows && q->run_count >= room.cx.limits.tcp_out_of_order_runs)
            return DropReason::TcpReassemblyFull;
        const u32 gap = after != 0 ? static_cast<u32>(room.runs[after].left - seq) : packet.size();
        Packet part = cut_front(packet, gap);
        const Handle<Run> at = !part ? 0 : grows ? before : new_run(room, *q, seq, before);
        if (at == 0) return DropReason::MemoryCeiling;
        seq += part.size();
        q->out_of_order += part.size();
        room.runs[at].right = seq;
        append(room.runs[at].chain, std::move(part));
        renew(room, *q, at);
        join_next(room, *q, at);
    }
    return DropReason::None;
}

}  // namespace tern::tcp

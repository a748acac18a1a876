// Seventh check of RFC 9293 3.10.7.4: the segment text. In order it becomes the application's;
// behind a hole it waits (receiver/reassembly.cc); and when to acknowledge is decided here.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// What is full-sized the peer tells by what it sends: behind a path or an interface with a smaller
// MTU its segments stay far below the MSS that we announced.
void learn_segment_size(const Room& room, Tcb& tcb, u32 size) {
    constexpr u32 usual_mss = 536;  // RFC 9293 3.7.1: less may be text that was short
    const u32 ours = receive_mss(room, tcb.way, options_of(room, tcb).max_segment);
    tcb.rcv_mss = static_cast<u16>(std::min(std::max(size, usual_mss), ours));
}

// docs/decisions/0019-acknowledge-what-was-read.md: the peer has pushed, and nothing says that an
// answer comes in time. While nothing is known yet a short text may be a question, and is waited
// for; a full segment that is pushed comes from a peer that has no more than one in flight.
bool may_wait_for_ack(const Room& room, const Tcb& tcb, u32 segment) {
    if (tcb.answers != Answers::Unknown) return true;
    constexpr u32 options = 40;
    const u32 ours = receive_mss(room, tcb.way, options_of(room, tcb).max_segment);
    return segment + options >= std::min<u32>(tcb.peer_mss, ours);
}

// docs/decisions/0018-the-size-of-the-peers-segments.md
// `pushed`: bytes of the longest text that came with PSH.
void decide_ack(Room& room, Tcb& tcb, u32 segment, bool filled_hole, u32 pushed) {
    if (segment > tcb.rcv_mss) learn_segment_size(room, tcb, segment);
    // RFC 5681 4.2 [RFC5681:5]: at once when a hole was (partly) filled.
    if (filled_hole) return acknowledge(room, tcb, SendReason::AckHoleFilled);
    // RFC 9293 3.8.6.3 [SHLD-19], RFC 5681 4.2 [RFC5681:8]: at least every second full-sized
    // segment, and within the delay in any case.
    if (tcb.unacked() >= 2u * tcb.rcv_mss)
        return acknowledge(room, tcb, SendReason::AckEverySecond);
    if (tcb.has(k_ack_now)) return;
    if (!is_set(tcb, Deadline::DelayedAck))  // [SHLD-18], [MUST-40]
        set_deadline(room, tcb, Deadline::DelayedAck, room.tick_up + room.delayed_ack_ticks,
                     room.cx.limits.tcp_delayed_ack);
    if (pushed != 0 && tcb.answers != Answers::InTime && may_wait_for_ack(room, tcb, pushed))
        tcb.ack_when_read = true;
}

}  // namespace

Seq read_position(const Room& room, const Tcb& tcb) {
    const Seq text_end = tcb.has(k_fin_received) ? tcb.rcv.nxt() - 1 : tcb.rcv.nxt();
    if (tcb.receive_queue == 0) return text_end;
    return text_end - static_cast<u32>(room.receive_queues[tcb.receive_queue].waiting());
}

DropReason accept_bytes(Room& room, Tcb& tcb, Segment& seg) {
    ReceiveQueue* q = receive_queue(room, tcb);
    if (q == nullptr) return DropReason::MemoryCeiling;
    const bool moving = read_position(room, tcb) != tcb.rcv.irs() + 1;
    if (room.cx.pool->scarce(queue_state(q->text(), moving))) [[unlikely]]
        return DropReason::MemoryCeiling;
    if (seg.has_timestamps) q->note_echo(room.ts_clock(tcb.ts_offset) - seg.ts_ecr);
    const bool holes = !q->holes().empty();
    const u32 segment = segment_bytes(seg.packet);
    const u32 pushed = seg.more != nullptr ? seg.pushed : seg.has(wire::Psh) ? segment : 0;
    if (holes) [[unlikely]] {
        fill_hole(room, tcb, *q, seg);
    } else {
        q->append(std::move(seg.packet));
        if (seg.more != nullptr) q->append(*seg.more);
        tcb.rcv.advance(seg.len);
    }
    decide_ack(room, tcb, segment, holes, pushed);
    if (tcb.has(k_read_armed)) {
        tcb.clear(k_read_armed);
        tell(room, tcb, Readable);
    }
    return DropReason::None;
}

Verdict step7_text(Room& room, Handle<Tcb> i, Segment& seg) {
    if (seg.len == 0) return Verdict::next();
    Tcb& tcb = room.tcbs[i];
    if (!may_receive_state(tcb.state)) return Verdict::ack(DropReason::TcpAfterFin);
    // RFC 9293 3.6.1 [SHLD-3]: nobody will ever read this; the peer should know.
    if (tcb.has(k_released)) {
        send_reset(room, tcb, SendReason::ResetAfterClose);
        finish(room, i, Cause::Abort, Error::Aborted);
        return Verdict::drop(DropReason::TcpAfterClose);
    }
    DropReason bad;
    if (seg.seq == tcb.rcv.nxt()) {
        bad = accept_bytes(room, tcb, seg);
    } else {
        // RFC 9293 3.10.7.4 [SHLD-31] [MAY-13]; RFC 5681 4.2: a duplicate ACK for each.
        bad = hold_bytes(room, tcb, seg);
        acknowledge_each(room, tcb, SendReason::AckOutOfOrder);
    }
    if (bad == DropReason::None) return Verdict::next();
    if (seg.seq == tcb.rcv.nxt()) acknowledge(room, tcb, SendReason::AckNoRoom);
    return Verdict::drop(bad);
}

}  // namespace tern::tcp

// The steps of RFC 9293 3.10.7.4 on a TIME-WAIT record; RFC 6191 for a new SYN, RFC 1337 for RST.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// RFC 9293 3.6.1 [SHLD-4], RFC 6191 2 [RFC6191:1]: may this SYN begin a new connection?
bool is_new_connection(const TimeWait& tw, const Segment& seg) {
    if (tw.timestamps && seg.has_timestamps) {
        const i32 newer = static_cast<i32>(seg.ts_val - tw.ts_recent);
        if (newer != 0) return newer > 0;
    }
    return seg.seq > tw.rcv_nxt;
}

void acknowledge_again(Room& room, const TimeWait& tw, SendReason why) {
    Bare bare;
    bare.seq = tw.snd_nxt;
    bare.ack = tw.rcv_nxt;
    bare.flags = wire::Ack | wire::ace_flags(tw.ace);  // RFC 9768 3.2.2 [RFC9768:2]
    bare.window = static_cast<u16>(tw.window * 16);
    bare.ttl = static_cast<u8>(tw.ttl);
    bare.tos = static_cast<u8>(tw.dscp << 2);
    if (tw.timestamps) {
        bare.options.timestamps = true;
        bare.options.ts_val = room.ts_clock(initial_sequence(room, tw.key).ts_offset);
        bare.options.ts_ecr = tw.ts_recent;
    }
    bare.state = State::TimeWait;
    send_bare(room, tw.key, bare, why);
}

Verdict reopen(Room& room, Handle<TimeWait> record, Handle<Listener> listener, Segment& seg) {
    // A SYN that is not taken must not end TIME-WAIT; nor may a cookie's number lie in its space.
    const Listener& l = room.listeners[listener];
    if (l.accept_count >= l.backlog) return Verdict::drop(DropReason::TcpAcceptQueueFull);
    if (l.embryos >= l.syn_backlog || !room.admits_embryo())
        return Verdict::drop(DropReason::TcpSynQueueFull);
    return syn_arrives(room, listener, seg, {FlowEntry(record), room.time_waits[record].snd_nxt});
}

Verdict syn_in_time_wait(Room& room, Handle<TimeWait> record, Segment& seg) {
    TimeWait& tw = room.time_waits[record];
    const Handle<Listener> listener =
        find_listener(room, seg.arrival->destination, seg.destination_port);
    const bool fresh = tw.yields || is_new_connection(tw, seg);
    if (listener != 0 && !seg.fin() && fresh) return reopen(room, record, listener, seg);
    if (listener == 0 && tw.yields) return in_closed(room, seg);
    if (may_answer(room, seg.hash)) {
        tw.challenged = 1;
        acknowledge_again(room, tw, SendReason::ChallengeAck);
    }
    return Verdict::drop(DropReason::TcpTimeWaitOld);
}

// RFC 1337 [RFC1337:1]: a RST does not assassinate TIME-WAIT. One that answers our challenge of a
// SYN with the very number that we asked for comes from a live host that knows nothing of the old
// connection (docs/decisions/0021-time-wait-yields.md): the record stays, to answer old duplicates
// and to keep the new ISS above the old numbers, but the next SYN may have its place.
Verdict reset_in_time_wait(TimeWait& tw, const Segment& seg) {
    if (!tw.challenged || seg.seq != tw.rcv_nxt) return Verdict::drop(DropReason::TcpTimeWaitReset);
    tw.yields = 1;
    return Verdict::done();
}

// RFC 9293 3.10.7.4 [U-13], [MUST-13]: acknowledged again, and 2MSL begin anew. The ACK of it has
// to be acceptable as everywhere (RFC 5961 5.2): of what was sent, new or old.
bool repeats_fin(const TimeWait& tw, const Segment& seg) {
    return seg.fin() && seg.seq + seg.len + 1 == tw.rcv_nxt && seg.has(wire::Ack) &&
           seg.ack <= tw.snd_nxt;
}

}  // namespace

Verdict in_time_wait(Room& room, Handle<TimeWait> record, Segment& seg) {
    TimeWait& tw = room.time_waits[record];
    if (seg.rst()) return reset_in_time_wait(tw, seg);
    if (seg.syn() && !seg.has(wire::Ack)) return syn_in_time_wait(room, record, seg);
    if (tw.timestamps && seg.has_timestamps && static_cast<i32>(seg.ts_val - tw.ts_recent) < 0) {
        if (may_answer(room, seg.hash)) acknowledge_again(room, tw, SendReason::AckUnacceptable);
        return Verdict::drop(DropReason::TcpPaws);
    }
    if (repeats_fin(tw, seg)) {
        tw.challenged = tw.yields = 0;  // the old peer is there
        restart_time_wait(room, record);
        if (may_answer(room, seg.hash)) acknowledge_again(room, tw, SendReason::AckTimeWait);
        return Verdict::done();
    }
    // RFC 9293 3.10.7.4 [U-8]: acceptable, but without ACK.
    if (!seg.has(wire::Ack) && seg.seq + std::max<u32>(seg.seg_len(), 1) > tw.rcv_nxt)
        return Verdict::drop(DropReason::TcpNoAck);
    // The acknowledgement of our FIN again, or an old duplicate: only what occupies sequence
    // space or lies elsewhere gets an answer.
    if (seg.seg_len() == 0 && seg.seq == tw.rcv_nxt && seg.ack == tw.snd_nxt)
        return Verdict::done();
    if (may_answer(room, seg.hash))
        acknowledge_again(room, tw, why_unacceptable(tw.rcv_nxt, tw.window * 16, seg));
    return Verdict::drop(DropReason::TcpTimeWaitOld);
}

}  // namespace tern::tcp

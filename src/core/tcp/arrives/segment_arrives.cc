// RFC 9293 3.10.7 SEGMENT ARRIVES: checks of the header, which record, which section; and the one
// place that acts on a verdict, counts it and tells the observer.
#include "core/base/checksum.hh"
#include "core/tcp/room.hh"

namespace tern::tcp {

// RFC 9293 3.1 [MUST-3].
bool intact(const Packet& packet, const inet::Arrival& arrival) {
    if (packet->checksum != ChecksumState::Unknown) return true;
    const u64 sum = checksum_pseudo_wide(arrival.source, arrival.destination, 6, packet.size());
    return checksum_finish_wide(checksum_add_wide(sum, packet.bytes())) == 0;
}

namespace {

// What the header alone can tell. None: go on.
DropReason check_segment(Room& room, Packet& packet, const inet::Arrival& arrival, Segment& seg) {
    const auto bytes = packet.bytes();
    const auto header = wire::parse_tcp(bytes);
    if (!header) return header.error();  // RFC 9293 3.1 [U-1]: a data offset that cannot be
    if (!intact(packet, arrival)) return DropReason::TcpBadChecksum;
    if (header->source_port == 0 || header->destination_port == 0) return DropReason::TcpBadPort;
    // RFC 9293 3.9.2.3 [MUST-57]: nothing for TCP comes to a broadcast or multicast address.
    if (arrival.broadcast) return DropReason::TcpBadAddress;
    seg.seq = header->seq;
    seg.ack = header->ack;
    seg.flags = header->flags;
    seg.wnd = header->window;
    seg.up = header->seq + header->urgent;
    seg.source_port = header->source_port;
    seg.destination_port = header->destination_port;
    const auto options =
        bytes.subspan(wire::k_tcp_header, header->header_length - wire::k_tcp_header);
    if (!options.empty()) {
        seg.has_timestamps = wire::parse_timestamps_only(options, seg.ts_val, seg.ts_ecr);
        if (!seg.has_timestamps || seg.syn()) {
            room.options = {};
            seg.has_options = true;
            // RFC 9293 3.1 [MUST-5]: in any segment. [MUST-7]: an illegal length cannot be skipped;
            // the segment is dropped.
            if (auto bad = wire::parse_tcp_options(options, room.options); bad != DropReason::None)
                return bad;
            seg.has_timestamps = room.options.has_timestamps;
            seg.ts_val = room.options.ts_val;
            seg.ts_ecr = room.options.ts_ecr;
        }
    } else if (seg.syn()) {
        room.options = {};
    }
    seg.len = packet.size() - header->header_length;
    seg.arrival = &arrival;
    packet.pull(header->header_length);
    packet->payload_sum_known = false;
    return DropReason::None;
}

}  // namespace

// A connection that was busy lately is found without the keyed hash: its record itself says whether
// it is (still) the one. `hash` stays 0 then.
u32 record_of(Room& room, const FlowKey& key, u64& hash) {
    Index& lately = room.lately[key.slot()];
    if (lately != 0 && room.tcbs.is_live(lately)) {
        const Tcb& tcb = room.tcbs[lately];
        if (tcb.key == key && !tcb.has(k_detached)) return tagged(RecordKind::Tcb, lately);
    }
    hash = key.hash(room.table_key);
    const u32 value = find_flow(room, key, hash);
    if (value != 0 && kind_of(value) == RecordKind::Tcb) lately = index_of(value);
    return value;
}

namespace {

// The record of this flow, and the section of RFC 9293 3.10.7 that its state names.
Verdict dispatch(Room& room, Segment& seg, u32 value) {
    const Index i = index_of(value);
    switch (kind_of(value)) {
        case RecordKind::Embryo: return in_syn_received(room, i, seg);
        case RecordKind::TimeWait: return in_time_wait(room, i, seg);
        case RecordKind::Tcb: break;
    }
    if (room.tcbs[i].state == State::SynSent) return in_syn_sent(room, i, seg);
    if (room.header_prediction && predicted(room, i, seg)) {
        ++room.cx.counters.tcp_predicted;
        return Verdict::done();
    }
    return other_states(room, i, seg);
}

void answer(Room& room, Tcb& tcb, Segment& seg, DropReason reason) {
    const SendReason why = reason == DropReason::TcpOutOfWindow
                               ? why_unacceptable(tcb.rcv.nxt, tcb.rcv_wnd(), seg)
                               : SendReason::AckUnacceptable;
    // RFC 2883 4 [RFC2883:1]: all of it is here already.
    const Seq end = seg.seq + seg.seg_len();
    if (reason == DropReason::TcpOutOfWindow && !seg.syn() && end <= tcb.rcv.nxt &&
        acknowledges_plausibly(tcb, seg))
        remember_duplicate(room, tcb, seg, seg.seq, end);
    // Answers to bare ACKs are rationed, or two confused ends would talk for ever.
    if (seg.seg_len() == 0 && !(seg.seq == tcb.rcv.nxt && tcb.rcv_wnd() == 0))
        challenge(room, tcb, why);
    else
        acknowledge_each(room, tcb, why);
}

void act(Room& room, Segment& seg, Verdict v, Tcb* tcb, const inet::Arrival& arrival) {
    if (v.act == Verdict::Act::Next || v.act == Verdict::Act::Done) return;
    room.cx.drop(v.reason, arrival.interface);
    switch (v.act) {
        case Verdict::Act::Ack:
            if (tcb != nullptr) answer(room, *tcb, seg, v.reason);
            break;
        case Verdict::Act::Challenge:
            if (tcb != nullptr) challenge(room, *tcb, SendReason::ChallengeAck);
            break;
        case Verdict::Act::Reset:
            send_reset_for(
                room, seg,
                v.reason == DropReason::TcpNoConnection ? SendReason::ResetNoConnection
                : v.reason == DropReason::TcpListenAck || v.reason == DropReason::TcpBadCookie
                    ? SendReason::ResetListen
                    : SendReason::ResetBadAck);
            break;
        default: break;
    }
}

State state_of(const Room& room, u32 value, Index listener) {
    if (value == 0) return listener != 0 ? State::Listen : State::Closed;
    switch (kind_of(value)) {
        case RecordKind::Tcb: return room.tcbs[index_of(value)].state;
        case RecordKind::Embryo: return State::SynReceived;
        case RecordKind::TimeWait: return State::TimeWait;
    }
    return State::Closed;
}

void tell_arrival(Room& room, const FlowKey& key, const Segment& seg, State before, Verdict v,
                  u32 note, u8 shift) {
    room.cx.observer->on_segment_arrived({room.cx.now, note, v.reason, before, room.state_now,
                                          key.id(), seg.seq.value, seg.len, seg.ack.value,
                                          seg.flags, seg.syn() ? seg.wnd : seg.wnd << shift,
                                          room.state_iss, room.state_irs, seg.lacks_timestamp});
}

// Of the window field of what arrives.
u8 shift_of(const Room& room, u32 value) {
    const Index i = index_of(value);
    if (kind_of(value) == RecordKind::Tcb) return room.tcbs[i].snd_wind_shift;
    if (kind_of(value) != RecordKind::Embryo) return 0;
    const u8 shift = room.embryos[i].peer_wind_shift;
    return shift != k_no_scaling ? shift : u8{0};
}

void remember_initial(Room& room, u32 value, const Segment& seg) {
    room.state_iss = 0;
    room.state_irs = seg.syn() ? seg.seq.value : 0;
    if (value == 0) return;
    const Index i = index_of(value);
    if (kind_of(value) == RecordKind::Tcb) {
        room.state_iss = room.tcbs[i].snd.iss.value;
        if (room.tcbs[i].state != State::SynSent) room.state_irs = room.tcbs[i].rcv.irs.value;
    } else if (kind_of(value) == RecordKind::Embryo) {
        room.state_iss = room.embryos[i].iss.value;
        room.state_irs = room.embryos[i].irs.value;
    }
}

}  // namespace

void segment_arrives(Room& room, Segment& seg) {
    const inet::Arrival& arrival = *seg.arrival;
    const FlowKey key = seg.key();
    const u32 value = record_of(room, key, seg.hash);
    const Index listener =
        value == 0 ? find_listener(room, arrival.destination, seg.destination_port) : 0;
    const bool watched = room.cx.observer != nullptr;
    const u32 note = arrival.note;
    State before = State::Closed;
    u8 shift = 0;
    if (watched) [[unlikely]] {
        before = room.state_now = state_of(room, value, listener);
        remember_initial(room, value, seg);
        shift = value != 0 ? shift_of(room, value) : u8{0};
    }
    const Verdict v = value != 0      ? dispatch(room, seg, value)
                      : listener != 0 ? in_listen(room, listener, seg)
                                      : in_closed(room, seg);
    if (v.act > Verdict::Act::Done) {
        Tcb* tcb = nullptr;
        if (value != 0 && kind_of(value) == RecordKind::Tcb && room.tcbs.is_live(index_of(value)))
            tcb = &room.tcbs[index_of(value)];
        room.cx.note = note;
        act(room, seg, v, tcb, arrival);
    }
    if (watched) [[unlikely]]
        tell_arrival(room, key, seg, before, v, note, shift);
}

void Room::arrives(Packet packet, const inet::Arrival& arrival, bool more) {
    ++cx.counters.tcp_segments_in;
    if (train.open) {
        if (joins_train(*this, packet, arrival)) return;
        end_train();
    }
    Segment seg;
    const DropReason bad = check_segment(*this, packet, arrival, seg);
    if (bad != DropReason::None) {
        cx.drop(bad, arrival.interface);
        return;
    }
    seg.packet = std::move(packet);
    if (more && begins_train(*this, seg))
        begin_train(*this, seg);
    else
        segment_arrives(*this, seg);
}

}  // namespace tern::tcp

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
// Options other than timestamps come to lie in `parsed`.
DropReason check_segment(Packet& packet, const inet::Arrival& arrival, Segment& seg,
                         std::optional<wire::TcpOptions>& parsed) {
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
            wire::TcpOptions& others = parsed.emplace();
            // RFC 9293 3.1 [MUST-5]: in any segment. [MUST-7]: an illegal length cannot be skipped;
            // the segment is dropped.
            if (auto bad = wire::parse_tcp_options(options, others); bad != DropReason::None)
                return bad;
            seg.others = &others;
            seg.has_timestamps = others.has_timestamps;
            seg.ts_val = others.ts_val;
            seg.ts_ecr = others.ts_ecr;
        }
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
FlowEntry record_of(Room& room, const FlowKey& key, u64& hash) {
    Handle<Tcb>& lately = room.lately[key.slot()];
    if (lately != 0 && room.tcbs.is_live(lately)) {
        const Tcb& tcb = room.tcbs[lately];
        if (tcb.key == key && !tcb.has(k_detached)) return lately;
    }
    hash = key.hash(room.table_key);
    const FlowEntry entry = find_flow(room, key, hash);
    if (entry.tcb()) lately = entry.tcb();
    return entry;
}

namespace {

// The record of this flow, and the section of RFC 9293 3.10.7 that its state names.
Verdict dispatch(Room& room, Segment& seg, FlowEntry entry) {
    switch (entry.kind()) {
        case RecordKind::Embryo: return in_syn_received(room, entry.embryo(), seg);
        case RecordKind::TimeWait: return in_time_wait(room, entry.time_wait(), seg);
        case RecordKind::Tcb: break;
    }
    const Handle<Tcb> i = entry.tcb();
    if (room.tcbs[i].state == State::SynSent) return in_syn_sent(room, i, seg);
    if (room.header_prediction && predicted(room, i, seg)) {
        ++room.cx.counters.tcp_predicted;
        return Verdict::done();
    }
    return other_states(room, i, seg);
}

void answer(Room& room, Tcb& tcb, Segment& seg, DropReason reason) {
    const SendReason why = reason == DropReason::TcpOutOfWindow
                               ? why_unacceptable(tcb.rcv.nxt(), tcb.rcv_wnd(), seg)
                               : SendReason::AckUnacceptable;
    // RFC 2883 4 [RFC2883:1]: all of it is here already.
    const Seq end = seg.seq + seg.seg_len();
    if (reason == DropReason::TcpOutOfWindow && !seg.syn() && end <= tcb.rcv.nxt() &&
        acknowledges_plausibly(tcb, seg))
        remember_duplicate(room, tcb, seg, seg.seq, end);
    // Answers to bare ACKs are rationed, or two confused ends would talk for ever.
    if (seg.seg_len() == 0 && !(seg.seq == tcb.rcv.nxt() && tcb.rcv_wnd() == 0))
        challenge(room, tcb, why);
    else
        acknowledge_each(room, tcb, why);
}

void act(Room& room, Segment& seg, Verdict v, Tcb* tcb, const Standing& standing) {
    if (v.act == Verdict::Act::Next || v.act == Verdict::Act::Done) return;
    room.cx.drop(v.reason, seg.arrival->interface);
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
                    : SendReason::ResetBadAck,
                standing);
            break;
        default: break;
    }
}

Standing standing_of(const Tcb& tcb, const Segment& seg) {
    const bool syn_sent = tcb.state == State::SynSent;
    const Seq irs = !syn_sent ? tcb.rcv.irs() : seg.syn() ? seg.seq : Seq{};
    const bool passive_open = tcb.state == State::SynReceived && tcb.has(k_passive);
    return {.state = tcb.state,
            .if_gone = passive_open ? State::Listen : State::Closed,
            .iss = tcb.snd.iss,
            .irs = irs,
            .snd_wind_shift = tcb.snd_wind_shift};
}

Standing standing_of(const Embryo& e) {
    return {.state = State::SynReceived,
            .if_gone = State::Listen,
            .iss = e.iss,
            .irs = e.irs,
            .snd_wind_shift = e.peer_wind_shift != k_no_scaling ? u8{e.peer_wind_shift} : u8{0}};
}

Standing standing_of(const Room& room, FlowEntry entry, Handle<Listener> listener,
                     const Segment& seg) {
    if (entry.tcb()) return standing_of(room.tcbs[entry.tcb()], seg);
    if (entry.embryo()) return standing_of(room.embryos[entry.embryo()]);
    Standing s;
    s.irs = seg.syn() ? seg.seq : Seq{};
    if (entry.time_wait()) s.state = State::TimeWait;
    if (listener != 0) s.state = s.if_gone = State::Listen;
    return s;
}

State state_after(const Room& room, const FlowKey& key, const Standing& before) {
    const FlowEntry entry = find_flow(room, key, key.hash(room.table_key));
    if (entry.tcb()) return room.tcbs[entry.tcb()].state;
    if (entry.embryo()) return State::SynReceived;
    return entry.time_wait() ? State::TimeWait : before.if_gone;
}

void tell_arrival(Room& room, const FlowKey& key, const Segment& seg, const Standing& before,
                  Verdict v) {
    const u32 wnd = seg.syn() ? seg.wnd : seg.wnd << before.snd_wind_shift;
    room.cx.observer->on_segment_arrived({.at = room.cx.now,
                                          .note = seg.arrival->note,
                                          .drop = v.reason,
                                          .before = before.state,
                                          .after = state_after(room, key, before),
                                          .flow = key.id(),
                                          .seq = seg.seq.value,
                                          .length = seg.len,
                                          .ack = seg.ack.value,
                                          .flags = seg.flags,
                                          .window = wnd,
                                          .iss = before.iss.value,
                                          .irs = before.irs.value,
                                          .lacks_timestamp = seg.lacks_timestamp});
}

}  // namespace

void segment_arrives(Room& room, Segment& seg) {
    const inet::Arrival& arrival = *seg.arrival;
    const FlowKey key = seg.key();
    const FlowEntry entry = record_of(room, key, seg.hash);
    const Handle<Listener> listener =
        entry == 0 ? find_listener(room, arrival.destination, seg.destination_port) : 0;
    const bool watched = room.cx.observer != nullptr;
    Standing standing;
    if (watched) [[unlikely]]
        standing = standing_of(room, entry, listener, seg);
    const Verdict v = entry != 0      ? dispatch(room, seg, entry)
                      : listener != 0 ? in_listen(room, listener, seg)
                                      : in_closed(room, seg);
    if (v.act > Verdict::Act::Done) {
        const Handle<Tcb> i = entry.tcb();
        Tcb* tcb = i != 0 && room.tcbs.is_live(i) ? &room.tcbs[i] : nullptr;
        room.cx.note = arrival.note;
        act(room, seg, v, tcb, standing);
    }
    if (watched) [[unlikely]]
        tell_arrival(room, key, seg, standing, v);
}

void Room::arrives(Packet packet, const inet::Arrival& arrival, bool more) {
    ++cx.counters.tcp_segments_in;
    if (train.open) {
        if (joins_train(*this, packet, arrival)) return;
        end_train();
    }
    Segment seg;
    std::optional<wire::TcpOptions> parsed;
    const DropReason bad = check_segment(packet, arrival, seg, parsed);
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

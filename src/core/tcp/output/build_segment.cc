// Header, options, checksum; and the bytes, without a copy where the send queue's buffer can leave
// as it is.
#include "core/tcp/output/build.hh"

#include "core/base/checksum.hh"

namespace tern::tcp {

namespace {

// Room for link, IP and TCP headers in front of a payload that leaves in place.
constexpr u32 k_headers_max = 18 + 20 + 60;

PacketDescriptor* find_buffer(SendQueue& q, Seq seq, Seq& start) {
    if (q.cursor == nullptr || seq < q.cursor_seq) {
        q.cursor = q.chain.front();
        q.cursor_seq = q.base;
    }
    while (q.cursor != nullptr) {
        const u32 size = q.cursor->end - q.cursor->begin;
        if (seq < q.cursor_seq + size) break;
        q.cursor_seq += size;
        q.cursor = q.cursor->next;
    }
    start = q.cursor_seq;
    return q.cursor;
}

// The buffer itself, when the segment is exactly it and nobody else looks at its bytes.
Packet whole_buffer(PacketDescriptor* d, u32 offset, u32 len) {
    if (offset != 0 || d->end - d->begin != len) return {};
    Packet owner{d};
    const bool usable = owner.exclusive() && owner.headroom() >= k_headers_max;
    Packet shared = usable ? owner.share() : Packet{};
    owner.release();
    return shared;
}

Packet gather(Room& room, PacketDescriptor* d, u32 offset, u32 len, bool sums) {
    Packet p = room.cx.pool->allocate(len);
    if (!p) return {};
    u32 sum = 0;
    bool odd = !sums;
    for (u32 left = len; left > 0;) {
        const u32 n = std::min(left, d->end - d->begin - offset);
        const std::byte* from = d->slot + d->begin + offset;
        std::byte* to = p.append(n);
        // Sums of odd parts do not add up without care: then the whole is summed at the end.
        if (!odd)
            sum = checksum_fold(sum) + checksum_copy(to, {from, n});
        else
            std::memcpy(to, from, n);
        odd |= (n & 1) != 0 && n != left;
        left -= n;
        offset = 0;
        d = d->next;
    }
    p->payload_sum = checksum_fold(sum);
    p->payload_sum_known = !odd;
    return p;
}

}  // namespace

Packet payload_of(Room& room, Tcb& tcb, Seq seq, u32 len) {
    if (len == 0) return room.cx.pool->allocate(0);
    SendQueue& q = room.send_queues[tcb.send_queue];
    Seq start;
    PacketDescriptor* d = find_buffer(q, seq, start);
    const u32 offset = static_cast<u32>(seq - start);
    if (Packet whole = whole_buffer(d, offset, len)) return whole;
    return gather(room, d, offset, len, !room.inet.interface(tcb.way.interface).transmit_checksum);
}

namespace {

// Copies option words and adds them up, in the width in which they were just written.
u64 copy_options(std::byte* to, const std::byte* options, u32 length) {
    u64 sum = 0;
    for (u32 i = 0; i < length; i += 4) {
        const auto word = checksum_detail::load_native<u32>(options + i);
        std::memcpy(to + i, &word, sizeof word);
        sum += word;
    }
    return sum;
}

}  // namespace

// RFC 9293 3.1 [MUST-2].
void push_header(Room& room, Packet& packet, const FlowKey& key, wire::TcpHeader& header,
                 const std::byte* options, u32 options_length, const inet::Way& way) {
    const u32 payload = packet.size();
    const u32 length = wire::k_tcp_header + options_length;
    std::byte* at = packet.push(length);
    header.header_length = static_cast<u8>(length);
    header.source_port = key.local_port;
    header.destination_port = key.remote_port;
    header.checksum = 0;
    wire::emit_tcp(header, at);
    packet->transport = static_cast<u16>(packet->begin);
    u64 sum = checksum_pseudo_wide(key.local_address(), key.remote_address(), 6, length + payload);
    u16 field;
    if (room.inet.interface(way.interface).transmit_checksum) {
        packet->checksum = ChecksumState::Partial;
        std::memcpy(at + wire::k_tcp_header, options, options_length);
        field = static_cast<u16>(~checksum_finish_wide(sum));
    } else {
        packet->checksum = ChecksumState::Unknown;
        using checksum_detail::add_with_carry;
        sum = checksum_add_wide(
            sum, std::span<const std::byte, wire::k_tcp_header>{at, wire::k_tcp_header});
        sum = add_with_carry(sum, copy_options(at + wire::k_tcp_header, options, options_length));
        sum = packet->payload_sum_known ? add_with_carry(sum, packet->payload_sum)
                                        : checksum_add_wide(sum, {at + length, payload});
        field = checksum_finish_wide(sum);
    }
    std::memcpy(at + 16, &field, 2);
}

void tell_sent(Room& room, Packet& packet, const FlowKey& key, const wire::TcpHeader& header,
               u32 payload, const SegmentSentEvent& extra) {
    SegmentSentEvent e = extra;
    e.at = room.cx.now;
    e.note = packet->note = ++room.cx.note;
    e.flow = key.id();
    e.seq = header.seq.value;
    e.length = payload;
    e.ack = header.ack.value;
    e.flags = header.flags;
    room.cx.observer->on_segment_sent(e);
}

namespace {

// RFC 9293 3.8.5 [MUST-30]. Urgent data ahead: the pointer goes into every segment until it is
// passed [MUST-31] [MUST-62].
void set_urgent(const Room& room, const Tcb& tcb, wire::TcpHeader& header) {
    if (!tcb.has(k_urgent_out)) return;
    const i32 ahead = room.colds[tcb.cold].snd_up - header.seq;
    if (ahead <= 0) return;
    header.flags |= wire::Urg;
    header.urgent = static_cast<u16>(std::min(ahead, 65535));
}

// RFC 5482 3.1: told again in the first segment without SYN, for listeners that keep nothing of a
// SYN. A full segment has no room for it.
u16 due_user_timeout(Room& room, const Tcb& tcb, u32 payload) {
    if (tcb.cold == 0 || !room.colds[tcb.cold].user_timeout_due || payload + 4 > tcb.send_mss)
        return 0;
    room.colds[tcb.cold].user_timeout_due = false;
    return user_timeout_field(room, options_of(room, tcb));
}

// RFC 7413 4.1.1 [RFC7413:2]: in SYN and SYN-ACK alone.
void add_fast_open(const Room& room, const Tcb& tcb, bool answer, FastOpenCookie& cookie,
                   wire::TcpOptionsToSend& o) {
    if (tcb.cold == 0) return;
    const Cold& c = room.colds[tcb.cold];
    o.fast_open = answer ? c.fast_open_cookie : c.fast_open_asks;
    if (!o.fast_open) return;
    if (answer) {
        cookie = fast_open_cookie(room, tcb.key);
        o.cookie = cookie.bytes;
    } else if (const KnownHost* known = fast_open_cookie_for(room, tcb)) {
        o.cookie = std::span(known->cookie).first(known->cookie_length);
    }
}

// The fast twin of what follows: nothing but timestamps can be due.
bool only_timestamps(const Tcb& tcb, bool syn, u32 payload) {
    return !syn && tcb.cold == 0 && (payload > 0 || tcb.receive_queue == 0) &&
           tcb.ecn != Ecn::Accurate;
}

u32 build_options(Room& room, Tcb& tcb, const Plan& plan, std::byte* to) {
    const bool syn = (plan.flags & wire::Syn) != 0;
    const u32 payload = plan.len;
    if (only_timestamps(tcb, syn, payload)) {
        if (!tcb.has(k_timestamps)) return 0;
        return wire::emit_timestamps_only(room.ts_clock(tcb.ts_offset), tcb.ts_recent, to);
    }
    wire::TcpOptionsToSend o;
    FastOpenCookie cookie;
    std::array<wire::SackBlock, 4> blocks;
    const TcpOptions& wanted = options_of(room, tcb);
    const bool answer = tcb.state == State::SynReceived;
    if (syn) {  // RFC 9293 3.2 [MUST-65]: in no other segment
        o.mss = receive_mss(room, tcb.way, wanted.max_segment);  // [MUST-14] [SHLD-5]
        const bool scale =
            answer ? tcb.rcv_wind_shift != 0 || tcb.snd_wind_shift != 0 : wanted.window_scale;
        if (scale) o.window_scale = wind_shift_for(receive_buffer_max(room, tcb));
        // RFC 2018 2 [RFC2018:1]: in SYN alone, and to a SYN that had it; blocks only then.
        o.sack_permitted = answer ? tcb.has(k_sack) : wanted.sack;
        o.timestamps = answer ? tcb.has(k_timestamps) : wanted.timestamps;
        o.user_timeout = user_timeout_field(room, wanted);
        add_fast_open(room, tcb, answer, cookie, o);
    } else {
        o.timestamps = tcb.has(k_timestamps);
        o.user_timeout = due_user_timeout(room, tcb, payload);
        // SACK blocks ride on pure acknowledgements only, so that data segments stay full.
        if (tcb.has(k_sack) && payload == 0) {
            const u32 n = sack_blocks(room, tcb, blocks);
            o.sack = {blocks.data(), n};
        }
    }
    if (tcb.ecn == Ecn::Accurate) put_acc_ecn_option(room, tcb, plan, o);
    if (o.timestamps) {
        o.ts_val = room.ts_clock(tcb.ts_offset);
        // RFC 7323 3.2 [RFC7323:4]: TSecr counts with ACK only.
        o.ts_ecr = syn && !answer ? 0 : tcb.ts_recent;
    }
    return wire::emit_tcp_options(o, to);
}

// What the segment means for the flight. A window probe's byte is in it once.
void note_in_flight(Room& room, Tcb& tcb, Flight& f, const Plan& plan, u32 occupies) {
    if (tcb.has(k_recovery)) f.prr.sent(occupies);
    if (plan.reason == SendReason::ProbeTail) {
        f.probe.left(max(tcb.snd.max, plan.seq + occupies), plan.head_only);
        tcb.probed = true;
    }
    note_paced(room, tcb, f, plan.len);
    if (plan.seq == tcb.snd.max)
        note_sent(room, tcb, f, plan.seq, occupies, (plan.flags & wire::Fin) != 0);
    else if (plan.head_only)
        note_resent(room, tcb, f, plan.seq, occupies);
}

// An ACK that has waited leaves, or one that follows it. Text that comes with it, or soon after a
// reading has made it leave, is an answer in time: the next ACK had better wait for one, too.
void note_answer(const Room& room, Tcb& tcb, u32 text) {
    tcb.ack_when_read = false;
    if (text == 0) return;
    const u32 since_read = static_cast<u8>((room.tick() >> 8) - tcb.read_ack_at);
    const bool soon = tcb.acked_when_read && since_read <= 1;  // 25.6 to 51.2 ms
    const bool waited = is_set(tcb, Deadline::DelayedAck) && !tcb.has(k_ack_now);
    if (soon || waited) tcb.answers = Answers::InTime;
    tcb.acked_when_read = false;
}

}  // namespace

void commit(Room& room, Tcb& tcb, const Plan& plan) {
    tcb.clear(plan.asked_by);
    const bool syn = (plan.flags & wire::Syn) != 0;
    const u32 occupies = plan.len + (syn ? 1 : 0) + ((plan.flags & wire::Fin) ? 1 : 0);
    const Seq end = plan.seq + occupies;
    if (occupies > 0) {
        const bool again = plan.seq < tcb.snd.max;
        Flight* const f = tcb.has(k_sack) && !syn ? flight_of(room, tcb) : nullptr;
        if (f != nullptr) note_in_flight(room, tcb, *f, plan, occupies);
        if (again) {
            if (tcb.retransmissions < 0xffff) ++tcb.retransmissions;
            if (Buffers* b = buffers(room, tcb)) b->resent += plan.len;
            ++room.cx.counters.tcp_retransmissions;
            // RFC 6298 3: a segment sent twice gives no sample.
            if (tcb.has(k_rtt_timing) && plan.seq < tcb.rtt_seq) stop_rtt_timing(tcb);
        } else if (f != nullptr) {
            tcb.rtt_start_us = room.now_us();
        } else if (!tcb.has(k_rtt_timing)) {
            tcb.set(k_rtt_timing);
            tcb.rtt_seq = syn ? plan.seq + 1 : end;  // the SYN-ACK may leave data out
            tcb.rtt_start_us = room.now_us();
        }
        const bool idle = tcb.snd.una == tcb.snd.max;
        if (!plan.head_only && tcb.snd.nxt < end) tcb.snd.nxt = end;
        tcb.snd.max = max(tcb.snd.max, end);
        // RFC 6298 5.1 [RFC6298:4]: every segment that holds data runs the timer.
        if (!is_set(tcb, Deadline::Retransmission) || tcb.state == State::SynReceived)
            arm_retransmission(room, tcb, f);
        else if (f != nullptr && !again)
            put_off_probe(room, tcb, *f);
        // Behind a closed window it runs already, and a probe is no progress.
        arm_user_timeout(room, tcb, idle && !tcb.has(k_persist));
        cancel_deadline(room, tcb, Deadline::Override);
    }
    if (plan.flags & wire::Ack) {
        if (tcb.answers != Answers::InTime &&
            (is_set(tcb, Deadline::DelayedAck) || tcb.acked_when_read)) [[unlikely]]
            note_answer(room, tcb, plan.len);
        tcb.last_ack_sent = tcb.rcv.nxt();
        if (tcb.acks_owed > 0 && plan.len == 0) --tcb.acks_owed;
        if (tcb.acks_owed == 0 || plan.len > 0) {
            tcb.acks_owed = 0;
            tcb.clear(k_ack_now);
        }
        cancel_deadline(room, tcb, Deadline::DelayedAck);
    }
}

namespace {

// What is on its way when this segment leaves, for whoever watches. Without SACK what was sent
// before the point to which SND.NXT went back counts as gone.
u32 on_the_way(const Room& room, const Tcb& tcb, const Plan& plan) {
    const Flight* f = flight_of(room, tcb);
    const Seq top = f != nullptr ? tcb.snd.max : tcb.snd.nxt;
    const bool behind = plan.len > 0 && !plan.head_only && plan.seq > top;  // of a train
    const u32 more = behind ? static_cast<u32>(plan.seq - top) : 0;
    return more + (f != nullptr ? pipe(tcb, f) : static_cast<u32>(top - tcb.snd.una));
}

// RFC 7323 2.2: not scaled. A SYN-ACK offers what RCV.EDGE has allowed for from the beginning, less
// the text of the SYN that was taken (RFC 7413).
u32 syn_window(const Tcb& tcb) {
    const bool answer = tcb.state == State::SynReceived;
    return std::min<u32>(answer ? tcb.rcv_wnd() : tcb.rcv.buffer(), 65535);
}

}  // namespace

const PacketDescriptor* build_frame(Room& room, Tcb& tcb, const Plan& plan, bool& built) {
    built = false;
    if (!room.inet.find_way(tcb.key.remote_address(), tcb.key.local_address(), tcb.way)) {
        room.cx.drop(DropReason::OutNoRoute, tcb.way.interface);
        return nullptr;
    }
    // RFC 8985 5: no text, and no FIN, that nobody would know the time of.
    const bool tracked = plan.len > 0 || (plan.flags & wire::Fin) != 0;
    const bool sack = tcb.has(k_sack) && !(plan.flags & wire::Syn);
    const bool known = !tracked || !sack || make_flight(room, tcb) != nullptr;
    const u32 syn_octet = (plan.flags & wire::Syn) ? 1 : 0;
    Packet packet = known ? payload_of(room, tcb, plan.seq + syn_octet, plan.len) : Packet{};
    if (!packet) {
        room.cx.drop(DropReason::MemoryCeiling, tcb.way.interface);
        return nullptr;
    }
    std::byte options[40];
    const bool syn = (plan.flags & wire::Syn) != 0;
    wire::TcpHeader header;
    header.seq = plan.seq;
    header.ack = (plan.flags & wire::Ack) ? tcb.rcv.nxt() : Seq{};
    header.flags = plan.flags;
    const u32 window = syn ? syn_window(tcb) : advertise(room, tcb);
    header.window = static_cast<u16>(window);
    set_urgent(room, tcb, header);
    const u8 ecn = put_ecn(room, tcb, plan, header);
    const u32 options_length = build_options(room, tcb, plan, options);
    if (plan.len > tcb.send_mss) {
        packet->gso_size = tcb.send_mss;
        packet->gso_segments = static_cast<u16>((plan.len + tcb.send_mss - 1) / tcb.send_mss);
    } else {
        packet->gso_size = packet->gso_segments = 0;
    }
    push_header(room, packet, tcb.key, header, options, options_length, tcb.way);
    ++room.cx.counters.tcp_segments_out;
    if (room.cx.observer) [[unlikely]] {
        const u32 scaled = syn ? window : window << tcb.rcv_wind_shift;
        tell_sent(room, packet, tcb.key, header, plan.len,
                  {.reason = plan.reason,
                   .state = tcb.state,
                   .window = scaled,
                   .iss = tcb.snd.iss.value,
                   .irs = tcb.rcv.irs().value,
                   .cwnd = tcb.window.cwnd(),
                   .ssthresh = tcb.window.ssthresh(),
                   .flight = on_the_way(room, tcb, plan)});
    }
    built = true;
    return room.inet.send(std::move(packet),
                          {.source = tcb.key.local_address(),
                           .destination = tcb.key.remote_address(),
                           .protocol = 6,
                           .ttl = tcb.ttl,
                           .tos = static_cast<u8>(tcb.tos | ecn)},
                          tcb.way);
}

bool build_segment(Room& room, Tcb& tcb, const Plan& plan) {
    bool built;
    build_frame(room, tcb, plan, built);
    if (built) commit(room, tcb, plan);
    return built;
}

}  // namespace tern::tcp

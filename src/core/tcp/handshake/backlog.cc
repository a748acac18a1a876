// The two queues of a listener: embryos until the third step of the handshake, then connections
// that wait for accept().
#include "core/tcp/room.hh"

namespace tern::tcp {

u8 wind_shift_for(u32 buffer) {
    u8 shift = 0;
    while (shift < 14 && (65535u << shift) < buffer) ++shift;  // RFC 7323 2.3: at most 14
    return shift;
}

// The scale lets the window become as wide as tuning may make it.
u8 wind_shift_of(const Room& room, const Listener& l) {
    return wind_shift_for(receive_buffer_max(room, l.options.receive_buffer));
}

u16 first_window(const Room& room, const Listener& l) {
    const u32 buffer =
        l.options.receive_buffer ? l.options.receive_buffer : room.cx.limits.tcp_receive_buffer;
    return static_cast<u16>(std::min<u32>(buffer, 65535));
}

void send_syn_ack(Room& room, const Listener& l, const Embryo& e, u32 ts_offset, SendReason why) {
    inet::Way way;
    if (!room.inet.find_way(e.key.remote_address(), e.key.local_address(), way))
        return room.cx.drop(DropReason::OutNoRoute, 0);
    send_syn_ack(room, l, e, ts_offset, why, way);
}

void send_syn_ack(Room& room, const Listener& l, const Embryo& e, u32 ts_offset, SendReason why,
                  const inet::Way& way) {
    Bare bare;
    bare.seq = bare.iss = e.iss;
    bare.irs = e.irs;
    bare.ack = e.irs + 1;
    bare.flags = wire::Syn | wire::Ack | ecn_of_syn_ack(e);
    bare.window = first_window(room, l);
    bare.ttl = l.options.ttl;
    bare.tos = static_cast<u8>(l.options.dscp << 2);
    bare.state = State::SynReceived;
    bare.options.mss = receive_mss(room, way, l.options.max_segment);
    if (e.peer_wind_shift != k_no_scaling) bare.options.window_scale = wind_shift_of(room, l);
    bare.options.sack_permitted = e.sack;
    if (e.timestamps) {
        bare.options.timestamps = true;
        bare.options.ts_val = room.ts_clock(ts_offset);
        bare.options.ts_ecr = e.ts_recent;
    }
    bare.options.user_timeout = user_timeout_field(room, l.options);
    const FastOpenCookie cookie = fast_open_cookie(room, e.key);
    if (e.wants_cookie) {
        bare.options.fast_open = true;
        bare.options.cookie = cookie.bytes;
    }
    // RFC 9768 3.2.3.2.1, 3.2.3.2.2 [RFC9768:5]: once, to see whether it gets through.
    const bool test = e.ecn == Ecn::Accurate && why == SendReason::OpenAnswer;
    if (test && !option_blocked(room, e.key.remote_address())) MarkCounts{}.put(bare.options);
    send_bare(room, e.key, bare, why);
}

void free_embryo(Room& room, Handle<Embryo> i) {
    const FlowKey& key = room.embryos[i].key;
    room.flows.erase(key.hash(room.table_key), FlowEntry(i));
    forget_embryo(room, i, find_listener(room, key.local_address(), key.local_port));
}

void forget_embryo(Room& room, Handle<Embryo> i, Handle<Listener> listener) {
    if (listener != 0 && room.listeners[listener].embryos > 0) --room.listeners[listener].embryos;
    if (!room.embryos[i].expired)
        tell_timer(room, room.embryos[i].key, Timer::Retransmission, TimerEvent::What::Cancelled);
    const u32 level = std::min<u32>(room.embryos[i].retries, k_embryo_levels - 1);
    age_remove(room.embryo_ages[level], room.embryos, i);
    room.embryos.free(i);
}

// RFC 9293 3.10.5 [U-17]: ABORT in SYN-RECEIVED tells the peer.
void reset_embryo(Room& room, const Listener& l, Handle<Embryo> i, SendReason why) {
    const Embryo& e = room.embryos[i];
    Bare bare;
    bare.seq = e.iss + 1;
    bare.ack = e.irs + 1;
    bare.flags = wire::Rst | wire::Ack;
    bare.ttl = l.options.ttl;
    bare.tos = static_cast<u8>(l.options.dscp << 2);
    bare.iss = e.iss;
    bare.irs = e.irs;
    bare.state = State::SynReceived;
    send_bare(room, e.key, bare, why);
    tell_transition(room, e.key.id(), State::SynReceived, Cause::Abort);
    free_embryo(room, i);
}

namespace {

// RFC 6298 3 [RFC6298:3]: the SYN-ACK that an embryo has sent gives a sample like any other
// segment. One that is answered within the same microsecond tells nothing: the clock has not moved.
void time_syn_ack(const Room& room, Tcb& tcb, const Embryo& e) {
    if (e.timestamps || e.answered_us == 0 || e.answered_us == room.now_us()) return;
    tcb.set(k_rtt_timing);
    tcb.rtt_seq = e.iss + 1;
    tcb.rtt_start_us = e.answered_us;
}

}  // namespace

Handle<Tcb> promote(Room& room, Handle<Listener> listener, const Embryo& e, const Segment& seg,
                    FlowEntry replaces, bool fast_open) {
    Listener& l = room.listeners[listener];
    inet::Way way;
    if (!room.inet.find_way(e.key.remote_address(), e.key.local_address(), way)) return 0;
    Extras extras;
    const bool cold_too = fast_open || e.ecn == Ecn::Accurate;
    const bool all = allocate_extras(room, l.options, extras, cold_too);
    const Handle<Tcb> i = all ? new_tcb(room, e.key, seg.hash, replaces) : 0;
    if (i == 0) {
        free_extras(room, extras);
        return 0;
    }
    if (!replaces.embryo()) {
        time_wait_replaced(room, replaces);
        tell_transition(room, e.key.id(), State::Listen, Cause::SynArrived);
    }
    Tcb& tcb = room.tcbs[i];
    tcb.way = way;
    tcb.cold = extras.cold;
    tcb.buffers = extras.buffers;
    apply_options(room, tcb, l.options);
    tcb.set(k_passive | k_waits_for_accept);
    if (e.sack) tcb.set(k_sack);
    if (e.timestamps) {
        tcb.set(k_timestamps);
        tcb.ts_recent = e.ts_recent;
        tcb.ts_recent_second = room.now_second();
        tcb.ts_offset = initial_sequence(room, e.key).ts_offset;
    }
    begin_passive(tcb);
    tcb.snd.iss = tcb.snd.una = tcb.recover = e.iss;
    tcb.snd.nxt = tcb.snd.max = e.iss + 1;
    tcb.rcv.begin(e.irs);
    tcb.last_ack_sent = tcb.rcv.nxt();
    // RFC 7323 2.2, 2.3 [RFC7323:1]: scaled both ways, or not at all.
    if (e.peer_wind_shift != k_no_scaling) {
        tcb.snd_wind_shift = e.peer_wind_shift;
        tcb.rcv_wind_shift = wind_shift_of(room, l) & 0xf;
    }
    tcb.peer_mss = e.peer_mss;
    tcb.send_mss = segment_size(room, tcb);
    if (e.retries > 0) tcb.set(k_syn_retried);
    time_syn_ack(room, tcb, e);
    ecn_of_embryo(room, tcb, e);
    tcb.user = l.user;
    tcb.event_next = 0;
    (l.accept_tail != 0 ? room.tcbs[l.accept_tail].event_next : l.accept_head) = i;
    l.accept_tail = i;
    ++l.accept_count;
    ++room.cx.counters.tcp_connections_accepted;
    tell_listener(room, listener);
    return i;
}

}  // namespace tern::tcp

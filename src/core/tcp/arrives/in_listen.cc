// RFC 9293 3.10.7.2: a segment for a listener. A SYN becomes an embryo, or, when the SYN queue is
// full, nothing at all but a cookie (RFC 4987 3.6).
#include "core/tcp/ecn/negotiation.hh"
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

constexpr u32 k_cookie_seconds = 64;

// The window scale and SACK flag of a cookie travel in the low bits of our timestamp, which must
// not be ahead of the clock: the peer's PAWS would drop what follows.
u32 cookie_timestamp(const Room& room, u32 offset, const wire::TcpOptions& o, bool scaling,
                     bool sack) {
    const u32 scale = o.has_window_scale && scaling ? std::min<u32>(o.window_scale, 14) : 15;
    const u32 now = room.ts_clock(offset);
    const u32 marked = (now & ~u32{31}) | scale << 1 | (o.sack_permitted && sack ? 1 : 0);
    return static_cast<i32>(marked - now) > 0 ? marked - 32 : marked;
}

// RFC 4987 3.6: a cookie is worth something for two periods; longer ago than that none was given.
bool may_bring_cookie(const Room& room, Listener& l) {
    if (l.gave_cookies && !is_ahead(room, l.cookies_until)) l.gave_cookies = false;
    return l.syn_cookies && l.gave_cookies;
}

Verdict answer_by_cookie(Room& room, Listener& l, const FlowKey& key, const Segment& seg) {
    const wire::TcpOptions& o = seg.options();
    const u16 mss = o.has_mss ? o.mss : 536;
    inet::Way way;
    if (!room.inet.find_way(key.remote_address(), key.local_address(), way))
        return Verdict::drop(DropReason::OutNoRoute);
    ++room.cx.counters.tcp_cookies_sent;
    l.gave_cookies = true;
    l.cookies_until = room.now_second() + 2 * k_cookie_seconds;
    Bare bare;
    bare.seq = make_cookie(room, key, seg.seq, mss, room.now_second() / k_cookie_seconds);
    bare.ack = seg.seq + 1;
    bare.flags = wire::Syn | wire::Ack;
    bare.window = first_window(room, l);
    bare.ttl = l.options.ttl;
    bare.tos = static_cast<u8>(l.options.dscp << 2);
    bare.options.mss = receive_mss(room, way, l.options.max_segment);
    if (o.has_timestamps && l.options.timestamps) {
        bare.options.timestamps = true;
        const bool scaling = l.options.window_scale;
        bare.options.ts_val = cookie_timestamp(room, initial_sequence(room, key).ts_offset, o,
                                               scaling, l.options.sack);
        bare.options.ts_ecr = o.ts_val;
        if (o.has_window_scale && scaling) bare.options.window_scale = wind_shift_of(room, l);
        bare.options.sack_permitted = o.sack_permitted && l.options.sack;
    }
    bare.iss = bare.seq;
    bare.irs = seg.seq;
    bare.state = State::Listen;
    send_bare(room, key, bare, SendReason::OpenCookie);
    return Verdict::done();
}

// An ACK without a record: the third step of a handshake that a cookie carried?
Verdict cookie_returns(Room& room, Handle<Listener> listener, const FlowKey& key, Segment& seg) {
    const Listener& l = room.listeners[listener];
    const auto mss = check_cookie(room, key, seg.seq - 1, seg.ack - 1);
    if (!mss) return Verdict::reset(DropReason::TcpBadCookie);
    if (l.accept_count >= l.backlog) return Verdict::drop(DropReason::TcpAcceptQueueFull);
    Embryo e;
    e.key = key;
    e.irs = seg.seq - 1;
    e.iss = seg.ack - 1;
    e.peer_mss = *mss;
    e.peer_wind_shift = k_no_scaling;
    if (seg.has_timestamps && l.options.timestamps) {
        e.timestamps = 1;
        e.ts_recent = seg.ts_val;
        const u32 scale = seg.ts_ecr >> 1 & 15;
        e.peer_wind_shift = scale & 0xf;
        e.sack = (seg.ts_ecr & 1) && l.options.sack;
    }
    const Handle<Tcb> i = promote(room, listener, e, seg, 0);
    if (i == 0) return Verdict::drop(DropReason::MemoryCeiling);
    return other_states(room, i, seg);
}

// What the SYN in hand asks for. Returns the offset of our timestamps.
u32 learn_syn(const Room& room, const Listener& l, const FlowKey& key, const Segment& seg,
              const Replaced& old, Embryo& e) {
    const wire::TcpOptions& o = seg.options();
    e.key = key;
    e.irs = seg.seq;
    const Sequence initial = initial_sequence(room, key);
    e.iss = initial.iss;
    if (old.entry != 0 && e.iss <= old.above) e.iss = old.above + 0x10001;
    // RFC 9293 3.7.1 [MUST-15]: no MSS option means 536.
    e.peer_mss = o.has_mss ? o.mss : 536;
    const bool scaling = o.has_window_scale && l.options.window_scale;
    e.peer_wind_shift = (scaling ? std::min<u8>(o.window_scale, 14) : k_no_scaling) & 0xf;
    e.ecn = answer_to_syn(l.options.ecn, seg.flags);
    e.syn_mark = seg.arrival->tos & 3;
    e.sack = o.sack_permitted && l.options.sack;
    e.timestamps = o.has_timestamps && l.options.timestamps;
    e.ts_recent = o.ts_val;
    return initial.ts_offset;
}

Verdict make_embryo(Room& room, Listener& l, const FlowKey& key, const Segment& seg,
                    const Replaced& old, bool wants_cookie) {
    inet::Way way;
    if (!room.inet.find_way(key.remote_address(), key.local_address(), way))
        return Verdict::drop(DropReason::OutNoRoute);
    const Handle<Embryo> i = room.embryos.allocate();
    if (i == 0) return Verdict::drop(DropReason::MemoryCeiling);
    Embryo& e = room.embryos[i];
    const u32 ts_offset = learn_syn(room, l, key, seg, old, e);
    if (!(old.entry != 0 ? room.flows.replace(seg.hash, old.entry, i)
                         : room.flows.insert(seg.hash, i))) {
        room.embryos.free(i);
        return Verdict::drop(DropReason::MemoryCeiling);
    }
    time_wait_replaced(room, old.entry);
    e.wants_cookie = wants_cookie;
    if (!e.timestamps) e.answered_us = room.now_us();
    const Duration rto = embryo_rto(room.cx.limits, 0);
    e.deadline = room.tick_after(rto);
    age_push(room.embryo_ages[0], room.embryos, i);
    ++l.embryos;
    tell_transition(room, key.id(), State::Listen, Cause::SynArrived);
    tell_timer(room, key, Timer::Retransmission, TimerEvent::What::Set, rto);
    send_syn_ack(room, l, e, ts_offset, SendReason::OpenAnswer, way);
    return Verdict::done();
}

}  // namespace

Verdict syn_arrives(Room& room, Handle<Listener> listener, Segment& seg, const Replaced& old) {
    Listener& l = room.listeners[listener];
    const FlowKey key = seg.key();
    const FastOpen fast = judge_fast_open(room, l, key, seg.options());
    if (fast != FastOpen::Yes && fast != FastOpen::YesAndRenew)
        return make_embryo(room, l, key, seg, old, fast == FastOpen::WantsCookie);
    Embryo e;
    (void)learn_syn(room, l, key, seg, old, e);
    return open_fast(room, listener, e, seg, old.entry, fast == FastOpen::YesAndRenew);
}

Verdict in_listen(Room& room, Handle<Listener> listener, Segment& seg) {
    Listener& l = room.listeners[listener];
    const FlowKey key = seg.key();
    // RFC 9293 3.10.7.2 [U-3], first to fourth check.
    if (seg.rst()) return Verdict::drop(DropReason::TcpListenReset);
    if (seg.has(wire::Ack)) {
        if (!seg.syn() && may_bring_cookie(room, l))
            return cookie_returns(room, listener, key, seg);
        return Verdict::reset(DropReason::TcpListenAck);
    }
    if (!seg.syn()) return Verdict::drop(DropReason::TcpListenNoSyn);
    if (seg.fin()) return Verdict::drop(DropReason::TcpSynFin);
    if (l.accept_count >= l.backlog) return Verdict::drop(DropReason::TcpAcceptQueueFull);
    // RFC 4987 3.6 [RFC4987:1]: above the limit a SYN leaves no trace here.
    if (l.embryos >= l.syn_backlog || !room.admits_embryo()) {
        if (!l.syn_cookies) return Verdict::drop(DropReason::TcpSynQueueFull);
        return answer_by_cookie(room, l, key, seg);
    }
    return syn_arrives(room, listener, seg, {});
}

}  // namespace tern::tcp

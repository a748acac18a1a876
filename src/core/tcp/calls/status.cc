// RFC 9293 3.10.6 STATUS, and the options of a connection.
#include "core/tcp/room.hh"

namespace tern {

using namespace tcp;

namespace {

State shown_state(Room& room, const Tcb& tcb) {
    if (tcb.state != State::TimeWait) return tcb.state;
    // The record of TIME-WAIT lives elsewhere, and may have gone.
    const FlowEntry entry = room.flows.find(tcb.key.hash(room.table_key), [&](FlowEntry e) {
        return e.time_wait() && room.time_waits[e.time_wait()].key == tcb.key;
    });
    return entry != 0 ? State::TimeWait : State::Closed;
}

TcpOptions current_options(const Room& room, const Tcb& tcb) {
    TcpOptions o = options_of(room, tcb);
    o.no_delay = tcb.has(k_no_delay);
    o.ttl = tcb.ttl;
    o.dscp = tcb.tos >> 2;
    if (tcb.buffers != 0) {
        const Buffers& b = room.buffers[tcb.buffers];
        o.send_buffer = b.send_fixed;
        o.receive_buffer = b.receive_fixed ? tcb.rcv.buffer() : 0;
    }
    o.congestion = algorithm_of(room, tcb).name();
    return o;
}

void fill_cold(const Room& room, const Tcb& tcb, TcpStatus& s) {
    if (tcb.cold == 0) return;
    const Cold& c = room.colds[tcb.cold];
    s.fast_open = c.fast_open_taken;
    if (c.peer_user_timeout != 0) s.peer_user_timeout = std::chrono::seconds(c.peer_user_timeout);
}

// What keeps the next new byte from leaving.
LimitedBy limited_by(const Room& room, const Tcb& tcb, const TcpStatus& s) {
    if (s.unsent == 0)
        return tcb.has(k_write_blocked) ? LimitedBy::SendBuffer : LimitedBy::Application;
    const u64 next = std::min<u64>(s.unsent, tcb.send_mss);
    if (u64{s.flight} + next > tcb.snd.wnd) return LimitedBy::ReceiveWindow;
    if (u64{pipe(room, tcb)} + next > tcb.window.cwnd()) return LimitedBy::CongestionWindow;
    if (is_set(tcb, Deadline::Pace)) return LimitedBy::Pacing;
    return LimitedBy::Application;
}

void fill_flight(const Room& room, const Tcb& tcb, TcpStatus& s) {
    const Flight* f = flight_of(room, tcb);
    if (f == nullptr) return;
    s.lost = f->board.lost();
    s.sacked = f->board.sacked();
    s.reordering_seen = f->rack.reordering_seen();
    s.min_rtt = std::chrono::microseconds(f->rack.min_rtt_us());
    s.delivery_rate = f->delivery.rate();
    if (f->pace.ns_per_mib != 0) s.pacing_rate = (u64{1'000'000'000} << 20) / f->pace.ns_per_mib;
}

void fill_buffers(const Room& room, const Tcb& tcb, TcpStatus& s) {
    s.bytes_acked = bytes_acked(room, tcb);
    s.bytes_received = bytes_received(room, tcb);
    s.send_buffer = send_limit(room, tcb);
    s.send_buffer_max = send_limit_max(room, tcb);
    s.receive_buffer = tcb.rcv.buffer();
    s.receive_buffer_max = receive_buffer_max(room, tcb);
    if (tcb.buffers == 0) return;
    const Buffers& b = room.buffers[tcb.buffers];
    s.bytes_retransmitted = b.resent;
    s.receive_rtt = std::chrono::microseconds(b.receiving.round_trip_us());
}

void fill_timers(const Room& room, const Tcb& tcb, TcpStatus& s) {
    for (u8 d = 0; d < k_deadlines; ++d) {
        const auto deadline = static_cast<Deadline>(d);
        if (!is_set(tcb, deadline)) continue;
        const Duration left = room.instant_of(tcb.deadlines[d]) - room.cx.now;
        s.time_left[static_cast<u8>(timer_of(room, tcb, deadline))] = std::max(left, Duration{});
    }
}

void put_ecn_status(const Room& room, const Tcb& tcb, TcpStatus& s) {
    if (tcb.state == State::SynSent) return;
    s.ecn = tcb.ecn;
    s.ecn_capable = tcb.ect;
    if (tcb.ecn != Ecn::Accurate) return;
    const AccEcn& a = room.colds[tcb.cold].acc_ecn;
    s.marks_received = a.marks_received();
    s.marks_told = a.marks_told();
}

}  // namespace

Result<TcpStatus> Tcp::status(TcpConnection c) {
    Room& room = *room_;
    Tcb* tcb = room.tcb_of(c);
    if (tcb == nullptr) return std::unexpected(Error::NoSuchConnection);
    TcpStatus s{};
    s.state = shown_state(room, *tcb);
    s.flow = tcb->key.id();
    s.error = tcb->error;
    s.soft_error = std::exchange(tcb->soft_error, Error::None);
    s.snd_una = tcb->snd.una.value;
    s.snd_nxt = tcb->snd.nxt.value;
    s.snd_wnd = tcb->snd.wnd;
    s.iss = tcb->snd.iss.value;
    s.rcv_nxt = tcb->rcv.nxt().value;
    s.rcv_wnd = tcb->rcv_wnd();
    s.irs = tcb->rcv.irs().value;
    s.cwnd = tcb->window.cwnd();
    s.ssthresh = tcb->window.ssthresh();
    s.flight = tcb->flight_size();
    s.send_mss = tcb->send_mss;
    const Seq end = data_end(room, *tcb);
    s.unsent = end > tcb->snd.max ? static_cast<u32>(end - tcb->snd.max) : 0;
    s.unacknowledged = s.flight;
    if (tcb->receive_queue != 0) {
        const ReceiveQueue& q = room.receive_queues[tcb->receive_queue];
        s.readable = q.waiting();
        s.out_of_order = q.holes().bytes();
    }
    s.srtt = std::chrono::microseconds(tcb->rtt.srtt_us());
    s.rttvar = std::chrono::microseconds(tcb->rtt.rttvar_us());
    s.rto = Duration(i64{backed_off_rto(room, *tcb)} * k_tick_ns);
    s.retransmissions = tcb->retransmissions;
    s.backoff = tcb->backoff;
    s.timestamps = tcb->has(k_timestamps);
    s.sack = tcb->has(k_sack);
    s.window_scale = tcb->snd_wind_shift != 0 || tcb->rcv_wind_shift != 0;
    s.snd_wind_shift = tcb->snd_wind_shift;
    s.rcv_wind_shift = tcb->rcv_wind_shift;
    put_ecn_status(room, *tcb, s);
    s.in_recovery = tcb->has(k_recovery);
    s.urgent_pending = tcb->has(k_urgent_in);
    if (s.urgent_pending)  // [MUST-33]
        s.urgent_ahead = static_cast<u32>(room.colds[tcb->cold].rcv_up - read_position(room, *tcb));
    fill_flight(room, *tcb, s);
    fill_buffers(room, *tcb, s);
    fill_timers(room, *tcb, s);
    s.limited_by = limited_by(room, *tcb, s);
    s.user_timeout = user_timeout_of(room, *tcb);
    fill_cold(room, *tcb, s);
    s.options = current_options(room, *tcb);
    return s;
}

Result<TcpOptions> Tcp::options(TcpConnection c) const {
    Tcb* tcb = room_->tcb_of(c);
    if (tcb == nullptr) return std::unexpected(Error::NoSuchConnection);
    return current_options(*room_, *tcb);
}

Result<void> Tcp::set_options(TcpConnection c, const TcpOptions& o) {
    Room& room = *room_;
    Tcb* tcb = room.tcb_of(c);
    if (tcb == nullptr) return std::unexpected(Error::NoSuchConnection);
    if (!valid_options(room, o)) return std::unexpected(Error::InvalidArgument);
    if (!make_extras(room, *tcb, o)) return std::unexpected(Error::OutOfMemory);
    const u16 told = user_timeout_field(room, options_of(room, *tcb));
    apply_options(room, *tcb, o);
    const bool tells = user_timeout_field(room, o) != told && user_timeout_field(room, o) != 0;
    if (!tcb->has(k_detached)) {
        if (tells && is_synchronized(tcb->state)) {
            room.colds[tcb->cold].user_timeout_due = true;
            acknowledge(room, *tcb, SendReason::AckUserTimeout);
        }
        // [MUST-24]: at run time, both ways.
        cancel_deadline(room, *tcb, Deadline::KeepAlive);
        if (o.keep_alive) note_activity(room, *tcb);
        cancel_deadline(room, *tcb, Deadline::User);
        arm_user_timeout(room, *tcb, true);
        want_output(room, *tcb);
    }
    return {};
}

Result<void> Tcp::set_user(TcpConnection c, u64 user) {
    Tcb* tcb = room_->tcb_of(c);
    if (tcb == nullptr) return std::unexpected(Error::NoSuchConnection);
    tcb->user = user;
    return {};
}

Tcp::Count Tcp::count() const {
    return {room_->tcbs.in_use(), room_->embryos.in_use(), room_->time_waits.in_use(),
            room_->listeners.in_use(), room_->orphans.count()};
}

}  // namespace tern

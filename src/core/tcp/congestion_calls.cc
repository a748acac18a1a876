// Between a connection and the algorithm that it has chosen: names, state, and each call with what
// the algorithm may know.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

Congestion look(Room& room, Tcb& tcb, Flight& f, bool cwnd_limited) {
    Congestion c{};
    c.cwnd = tcb.window.cwnd();
    c.ssthresh = tcb.window.ssthresh();
    c.pacing_rate = f.pace.asked;
    c.now_us = static_cast<u64>(room.cx.now.time_since_epoch().count()) / 1000;
    c.mss = tcb.send_mss;
    c.initial_window = initial_window(room, tcb.send_mss);
    c.flight_size = tcb.flight_size();
    c.in_flight = pipe(tcb, &f);
    c.snd_una = tcb.snd.una.value;
    c.snd_nxt = tcb.snd.nxt.value;
    c.srtt_us = tcb.rtt.srtt_us();
    c.min_rtt_us = f.rack.min_rtt_us();
    c.delivered = f.delivery.delivered();
    c.lost = f.board.lost_ever();
    c.cwnd_limited = cwnd_limited;
    c.paced = f.pace.ns_per_mib != 0;
    c.memory = f.large_state != 0 ? room.large_states[f.large_state].bytes.data() : f.state.data();
    return c;
}

void decide(Tcb& tcb, Flight& f, const Congestion& c) {
    tcb.window.decide(c.cwnd, c.ssthresh, tcb.send_mss);
    f.pace.asked = c.pacing_rate;
}

}  // namespace

std::optional<u8> find_algorithm(const Room& room, std::string_view name) {
    if (name.empty()) return 0;
    for (u32 i = 0; i < room.algorithm_count; ++i)
        if (room.algorithms[i]->name() == name) return static_cast<u8>(i);
    return {};
}

void choose_algorithm(Room& room, Tcb& tcb, std::string_view name) {
    const u8 before = tcb.algorithm;
    tcb.algorithm = find_algorithm(room, name).value_or(0) & 0xf;
    Flight* f = flight_of(room, tcb);
    if (f == nullptr || tcb.algorithm == before) return;
    congestion_end(room, *f);
    congestion_begin(room, tcb, *f);
}

void congestion_begin(Room& room, Tcb& tcb, Flight& f) {
    if (algorithm_of(room, tcb).state_bytes() > f.state.size()) {
        f.large_state = room.large_states.allocate();
        if (f.large_state == 0) tcb.algorithm = *find_algorithm(room, "reno") & 0xf;
    }
    Congestion c = look(room, tcb, f, false);
    c.chance = room.cx.random.next32();
    algorithm_of(room, tcb).begin(c);
    decide(tcb, f, c);
    set_pace(room, tcb, f);
}

void congestion_end(Room& room, Flight& f) {
    if (f.large_state != 0) room.large_states.free(std::exchange(f.large_state, {}));
    f.state = {};
    f.pace.asked = 0;
}

void congestion_acknowledged(Room& room, Tcb& tcb, Flight& f, const CongestionAck& ack,
                             bool cwnd_limited) {
    const u32 before = tcb.window.cwnd();
    const bool slow_start = tcb.window.in_slow_start();
    Congestion c = look(room, tcb, f, cwnd_limited);
    algorithm_of(room, tcb).acknowledged(c, ack);
    decide(tcb, f, c);
    if (tcb.window.cwnd() != before)
        tell_window(room, tcb, slow_start ? "slow start" : "congestion avoidance");
}

void congestion_reduced(Room& room, Tcb& tcb, Flight& f, CongestionSignal signal) {
    Congestion c = look(room, tcb, f, tcb.snd.una < f.full_until);
    const u32 ssthresh = algorithm_of(room, tcb).reduced(c, signal);
    decide(tcb, f, c);
    tcb.window.reduce(ssthresh, tcb.send_mss);
}

void congestion_recovered(Room& room, Tcb& tcb, Flight& f) {
    Congestion c = look(room, tcb, f, false);
    algorithm_of(room, tcb).recovered(c);
    decide(tcb, f, c);
}

void congestion_undone(Room& room, Tcb& tcb, Flight& f) {
    Congestion c = look(room, tcb, f, false);
    algorithm_of(room, tcb).undone(c);
    decide(tcb, f, c);
}

void cwnd_after_timeout(Room& room, Tcb& tcb) {
    Flight* f = flight_of(room, tcb);
    // RFC 5681 3.1 [RFC5681:4]: the first time only for the same segment.
    if (tcb.backoff <= 1 && f != nullptr)
        congestion_reduced(room, tcb, *f, CongestionSignal::Timeout);
    else if (tcb.backoff <= 1)
        tcb.window.halve(tcb.flight_size(), tcb.send_mss);
    // RFC 5681 4.3 [RFC5681:9]: a retransmission that was lost too ends here, a second reduction.
    tcb.window.collapse(tcb.send_mss);
    tcb.dup_acks = 0;
    tcb.recover = tcb.snd.max;  // RFC 6582 3.2 (4)
    tcb.marked = false;
    say_reduced(tcb);
    tcb.clear(k_recovery | k_partial_seen);
    tcb.set(k_after_timeout);
    tell_window(room, tcb, "retransmission timeout");
}

void grow_cwnd(Room& room, Tcb& tcb, u32 acked, u32 flight_before) {
    const bool slow_start = tcb.window.in_slow_start();
    if (tcb.window.grow(acked, flight_before, tcb.send_mss, tcb.has(k_after_timeout)))
        tell_window(room, tcb, slow_start ? "slow start" : "congestion avoidance");
}

void cwnd_after_idle(Room& room, Tcb& tcb, Flight* f) {
    // RFC 5681 4.1 [RFC5681:7]: what was learnt before a pause of more than RTO is stale.
    if (tcb.rtt_start_us == 0) return;
    const u32 idle_us = room.now_us() - tcb.rtt_start_us;
    if (idle_us <= 2 * tcb.rtt.srtt_us()) return;  // CongestionControl::restarts() says why
    const u32 rto_us = tcb.rtt.rto() * static_cast<u32>(k_tick_ns / 1000);
    const u32 before = tcb.window.cwnd();
    if (f != nullptr) {
        Congestion c = look(room, tcb, *f, false);
        algorithm_of(room, tcb).restarts(c, idle_us, rto_us);
        decide(tcb, *f, c);
    } else if (idle_us > rto_us) {
        tcb.window.restart(initial_window(room, tcb.send_mss));
    }
    if (tcb.window.cwnd() != before) tell_window(room, tcb, "nothing was sent for longer than RTO");
}

void tell_window_moved(Room& room, const Tcb& tcb, std::string_view why) {
    room.cx.observer->on_window({.at = room.cx.now,
                                 .flow = tcb.key.id(),
                                 .cwnd = tcb.window.cwnd(),
                                 .ssthresh = tcb.window.ssthresh(),
                                 .snd_wnd = tcb.snd.wnd,
                                 .rcv_wnd = tcb.rcv_wnd(),
                                 .flight = tcb.flight_size(),
                                 .srtt = std::chrono::microseconds(tcb.rtt.srtt_us()),
                                 .rto = Duration(i64{backed_off_rto(room, tcb)} * k_tick_ns),
                                 .why = why});
}

}  // namespace tern::tcp

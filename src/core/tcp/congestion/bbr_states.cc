// BBR's states (draft 5.3) [BBR:2]: Startup, Drain, the four of ProbeBW, ProbeRTT; and the
// long-term bound, inflight_hi, which they probe.
#include <algorithm>

#include "core/tcp/congestion/bbr.hh"

namespace tern::tcp::bbr_draft {

namespace {

constexpr u64 k_probe_rtt_us = 200'000;
constexpr u8 k_startup_losses = 6;

void start_down(Model& m, const Congestion& c) {
    m.loss_in_round = false;
    m.bw_latest = m.inflight_latest = 0;
    m.up_count = k_none;
    m.rounds_since_bw_probe = m.draw(2);
    m.bw_probe_wait_us = 2'000'000 + m.draw(1'000'000);
    m.cycle_stamp = c.now_us;
    m.ack_phase = AckPhase::Stopping;
    m.start_round(c);
    m.state = State::Down;
}

void start_refill(Model& m, const Congestion& c) {
    reset_lower_bounds(m);
    m.up_rounds = 0;
    m.up_acks = 0;
    m.ack_phase = AckPhase::Refilling;
    m.start_round(c);
    m.state = State::Refill;
}

// Each round of probing goes twice as far as the one before.
void raise_slope(Model& m, const Congestion& c) {
    const u64 growth = u64{c.mss} << m.up_rounds;
    m.up_rounds = std::min<u8>(m.up_rounds + 1, 30);
    m.up_count = std::max<u64>(c.cwnd / growth, 1) * c.mss;
}

void start_up(Model& m, const Congestion& c, const CongestionAck& ack) {
    m.ack_phase = AckPhase::Starting;
    m.start_round(c);
    reset_full_bw(m, ack.rate.rate);
    m.state = State::Up;
    raise_slope(m, c);
}

// 5.3.3.5: after some seconds, or when Reno would have come back from a loss.
bool time_to_probe(const Model& m, const Congestion& c) {
    const u64 reno_rounds = std::min<u64>(m.target(c) / c.mss, 63);
    return c.now_us > m.cycle_stamp + m.bw_probe_wait_us || m.rounds_since_bw_probe >= reno_rounds;
}

bool time_to_cruise(const Model& m, const Congestion& c) {
    return c.in_flight <= m.with_headroom(c) && c.in_flight <= m.bdp(m.max_bw.most(), k_one);
}

bool time_to_go_down(Model& m, const Congestion& c, const CongestionAck& ack) {
    if (c.cwnd_limited && c.cwnd >= m.inflight_hi) {
        reset_full_bw(m, ack.rate.rate);
        return false;
    }
    return m.full_bw_now;
}

bool too_much_lost(u64 lost, u64 in_flight) { return lost * k_one > in_flight * k_loss_share; }

void probe_upward(Model& m, const Congestion& c, const CongestionAck& ack) {
    if (!c.cwnd_limited || c.cwnd < m.inflight_hi) return;
    m.up_acks += ack.delivered;
    if (m.up_acks >= m.up_count) {
        m.inflight_hi += m.up_acks / m.up_count * c.mss;
        m.up_acks %= m.up_count;
    }
    if (m.round_start) raise_slope(m, c);
}

void adapt_upper_bound(Model& m, const Congestion& c, const CongestionAck& ack) {
    if (m.ack_phase == AckPhase::Starting && m.round_start) m.ack_phase = AckPhase::Feedback;
    if (m.ack_phase == AckPhase::Stopping && m.round_start) {
        m.ack_phase = AckPhase::Init;
        if (m.in_probe_bw() && !ack.rate.app_limited) m.max_bw.turn();
    }
    const DeliveryRate& r = ack.rate;
    if (r.interval_us == 0) return;
    if (too_much_lost(r.lost, r.in_flight)) {
        if (m.bw_probe_samples) inflight_too_high(m, c, r.in_flight, r.app_limited);
        return;
    }
    if (m.inflight_hi == k_none) return;
    m.inflight_hi = std::max<u64>(m.inflight_hi, r.in_flight);
    if (m.state == State::Up) probe_upward(m, c, ack);
}

// 5.5.10.2: where within the lost piece's flight the losses became too many.
void note_loss(Model& m, const Congestion& c, const CongestionAck& ack) {
    if (ack.lost == 0 || !m.bw_probe_samples) return;
    if (!too_much_lost(ack.lost_since, ack.lost_in_flight)) return;
    const u64 before = ack.lost_in_flight - std::min(ack.lost_in_flight, c.mss);
    const u64 lost_before = ack.lost_since - std::min(ack.lost_since, c.mss);
    const u64 allowed = before * k_loss_share / k_one;
    const u64 prefix =
        allowed > lost_before ? (allowed - lost_before) * k_one / (k_one - k_loss_share) : 0;
    inflight_too_high(m, c, before + prefix, ack.rate.app_limited);
}

void probe_bw(Model& m, const Congestion& c, const CongestionAck& ack) {
    if (!m.full_bw_reached) return;
    adapt_upper_bound(m, c, ack);
    switch (m.state) {
        case State::Down:
            if (time_to_probe(m, c)) return start_refill(m, c);
            if (time_to_cruise(m, c)) m.state = State::Cruise;
            return;
        case State::Cruise:
            if (time_to_probe(m, c)) start_refill(m, c);
            return;
        case State::Refill:
            if (!m.round_start) return;
            m.bw_probe_samples = true;
            return start_up(m, c, ack);
        case State::Up:
            if (time_to_go_down(m, c, ack)) start_down(m, c);
            return;
        default: return;
    }
}

// 5.3.1.3: a shallow buffer ends Startup by its losses.
void check_startup_loss(Model& m, const CongestionAck& ack) {
    if (m.full_bw_reached) return;
    if (ack.lost != 0 && m.startup_losses < 255) ++m.startup_losses;
    if (!m.loss_round_start) return;
    const DeliveryRate& r = ack.rate;
    const bool many = m.startup_losses >= k_startup_losses && ack.in_recovery &&
                      too_much_lost(r.lost, r.in_flight);
    m.startup_losses = 0;
    if (!many) return;
    m.full_bw_reached = true;
    m.inflight_hi = std::max(m.bdp(m.max_bw.most(), k_one), m.inflight_latest);
}

void leave_probe_rtt(Model& m, Congestion& c) {
    reset_lower_bounds(m);
    c.cwnd = std::max<u64>(c.cwnd, m.prior_cwnd);
    if (!m.full_bw_reached) return enter_startup(m);
    start_down(m, c);
    m.state = State::Cruise;
}

u64 probe_rtt_cwnd(const Model& m, const Congestion& c) {
    return std::max<u64>(m.bdp(m.bw, k_one / 2), u64{4} * c.mss);
}

void check_probe_rtt(Model& m, Congestion& c, const CongestionAck& ack) {
    if (m.state != State::ProbeRtt && m.probe_rtt_expired && !m.idle_restart) {
        m.prior_cwnd = c.cwnd;
        m.state = State::ProbeRtt;
        m.probe_rtt_done_stamp = 0;
        m.ack_phase = AckPhase::Stopping;
        m.start_round(c);
    }
    if (ack.delivered != 0) m.idle_restart = false;
    if (m.state != State::ProbeRtt) return;
    if (m.probe_rtt_done_stamp == 0) {
        if (c.in_flight > probe_rtt_cwnd(m, c)) return;
        m.probe_rtt_done_stamp = c.now_us + k_probe_rtt_us;
        m.probe_rtt_round_done = false;
        m.start_round(c);
        return;
    }
    m.probe_rtt_round_done |= m.round_start;
    if (!m.probe_rtt_round_done || c.now_us <= m.probe_rtt_done_stamp) return;
    m.probe_rtt_min_stamp = c.now_us;  // the next one is five seconds away
    leave_probe_rtt(m, c);
}

}  // namespace

void enter_startup(Model& m) { m.state = State::Startup; }

// [BBR:3]: the long-term bound is what was too much, less three tenths.
void inflight_too_high(Model& m, const Congestion& c, u64 in_flight, bool app_limited) {
    m.bw_probe_samples = false;
    if (!app_limited) m.inflight_hi = std::max(in_flight, m.target(c) * k_beta / k_one);
    if (m.state == State::Up) start_down(m, c);
}

void update_state(Model& m, Congestion& c, const CongestionAck& ack) {
    note_loss(m, c, ack);
    check_full_bw(m, ack);
    check_startup_loss(m, ack);
    if (m.state == State::Startup && m.full_bw_reached) m.state = State::Drain;
    if (m.state == State::Drain && c.in_flight <= m.bdp(m.max_bw.most(), k_one)) start_down(m, c);
    probe_bw(m, c, ack);
    update_min_rtt(m, c, ack);
    check_probe_rtt(m, c, ack);
}

}  // namespace tern::tcp::bbr_draft

// draft-ietf-ccwg-bbr: BBR version 3 models the path instead of waiting for losses; from bandwidth,
// round trip and what is borne in flight come pacing rate and cwnd (draft 5.6).
#include "core/tcp/congestion/bbr.hh"

#include <algorithm>

#include "core/tcp/congestion/algorithms.hh"

namespace tern::tcp {

namespace bbr_draft {

namespace {

struct Gains {
    u32 pacing, cwnd;
};
// 5.1: of k_one.
constexpr Gains gains_of(State s) {
    switch (s) {
        case State::Startup: return {2837, 2 * k_one};  // 2.77
        case State::Drain: return {k_one / 2, 2 * k_one};
        case State::Down: return {922, 2 * k_one};  // 0.9
        case State::Cruise:
        case State::Refill: return {k_one, 2 * k_one};
        case State::Up: return {k_one * 5 / 4, k_one * 9 / 4};
        case State::ProbeRtt: return {k_one, k_one / 2};
    }
    return {k_one, 2 * k_one};
}

// 5.6.2 [BBR:4]: a hundredth below the estimate, so that no queue grows.
void set_pacing_rate(const Model& m, Congestion& c, u32 gain) {
    const u64 rate = m.bw * gain / k_one * 99 / 100;
    if (m.full_bw_reached || rate > c.pacing_rate) c.pacing_rate = rate;
}

u64 max_inflight(const Model& m, const Congestion& c) {
    const u64 pipe = m.bdp(m.bw, gains_of(m.state).cwnd);
    if (pipe == k_none) return c.initial_window;
    // Whole bursts fit in, or the sender would stand still between two of them.
    const u64 bursts = 3 * std::clamp<u64>(c.pacing_rate / 1000, 2 * c.mss, 65536);
    u64 most = std::max({pipe + m.extra_acked.most(), bursts, u64{4} * c.mss});
    if (m.state == State::Up) most += 2 * c.mss;
    return most;
}

u64 bound_of_model(const Model& m, const Congestion& c) {
    u64 cap = k_none;
    if (m.in_probe_bw() && m.state != State::Cruise)
        cap = m.inflight_hi;
    else if (m.state == State::ProbeRtt || m.state == State::Cruise)
        cap = m.with_headroom(c);
    cap = std::min(cap, m.inflight_lo);
    if (m.state == State::ProbeRtt) cap = std::min(cap, m.bdp(m.bw, k_one / 2));
    return std::max<u64>(cap, u64{4} * c.mss);
}

// 5.6.4.
void set_cwnd(Model& m, Congestion& c, const CongestionAck& ack) {
    u64 cwnd = c.cwnd;
    if (ack.lost != 0) cwnd -= std::min<u64>(cwnd - c.mss, ack.lost);
    const u64 most = max_inflight(m, c);
    if (m.full_bw_reached)
        cwnd = std::min(cwnd + ack.delivered, most);
    else if (cwnd < most || c.delivered < c.initial_window)
        cwnd += ack.delivered;
    cwnd = std::max<u64>(cwnd, u64{4} * c.mss);
    c.cwnd = static_cast<u32>(std::min<u64>(std::min(cwnd, bound_of_model(m, c)), 1u << 30));
}

}  // namespace

class Bbr final : public CongestionControl {
public:
    std::string_view name() const override { return "bbr"; }
    u32 state_bytes() const override { return sizeof(Model); }
    bool rules_recovery() const override { return true; }

    void begin(Congestion& c) const override {
        Model& m = c.state<Model>();
        m = {};
        m.chance = c.chance | 1;
        m.bw_lo = m.inflight_lo = m.inflight_hi = k_none;
        m.undo_bw_lo = m.undo_inflight_lo = m.undo_inflight_hi = k_none;
        m.min_rtt_us = m.probe_rtt_min_us = c.srtt_us != 0 ? c.srtt_us : k_none;
        m.min_rtt_stamp = m.probe_rtt_min_stamp = m.extra_acked_start = c.now_us;
        m.next_round_delivered = c.delivered;
        enter_startup(m);
        const u64 rtt_us = c.srtt_us != 0 ? c.srtt_us : 1000;
        c.pacing_rate = u64{c.cwnd} * 1'000'000 / rtt_us * gains_of(m.state).pacing / k_one;
        c.ssthresh = ~u32{0};
    }

    void acknowledged(Congestion& c, const CongestionAck& ack) const override {
        Model& m = c.state<Model>();
        update_signals(m, c, ack);
        update_state(m, c, ack);
        advance_signals(m, ack);
        m.bw = std::min(m.max_bw.most(), m.bw_lo);
        if (m.bw == 0) return grow_blindly(c, ack);
        set_pacing_rate(m, c, gains_of(m.state).pacing);
        set_cwnd(m, c, ack);
    }

    u32 reduced(Congestion& c, CongestionSignal signal) const override {
        Model& m = c.state<Model>();
        if (signal == CongestionSignal::Mark) return c.ssthresh;
        m.prior_cwnd = c.cwnd;
        m.undo_bw_lo = m.bw_lo;
        m.undo_inflight_lo = m.inflight_lo;
        m.undo_inflight_hi = m.inflight_hi;
        return c.ssthresh;
    }

    void recovered(Congestion& c) const override {
        Model& m = c.state<Model>();
        c.cwnd = static_cast<u32>(std::max<u64>(c.cwnd, m.prior_cwnd));
    }

    void undone(Congestion& c) const override {
        Model& m = c.state<Model>();
        recovered(c);
        m.loss_in_round = false;
        reset_full_bw(m, 0);
        m.bw_lo = std::max(m.bw_lo, m.undo_bw_lo);
        m.inflight_lo = std::max(m.inflight_lo, m.undo_inflight_lo);
        m.inflight_hi = std::max(m.inflight_hi, m.undo_inflight_hi);
    }

    void restarts(Congestion& c, u32, u32) const override {
        Model& m = c.state<Model>();
        m.idle_restart = true;
        m.extra_acked_start = c.now_us;
        if (m.in_probe_bw()) set_pacing_rate(m, c, k_one);
    }

private:
    // No sample yet: slow start.
    static void grow_blindly(Congestion& c, const CongestionAck& ack) { c.cwnd += ack.delivered; }
};

}  // namespace bbr_draft

const CongestionControl& bbr() {
    static constinit const bbr_draft::Bbr algorithm;
    return algorithm;
}

}  // namespace tern::tcp

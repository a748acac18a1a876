// The path as BBR sees it: bandwidth, round trip, and what it bears in flight (draft 5.5).
#include <algorithm>

#include "core/tcp/congestion/bbr.hh"

namespace tern::tcp::bbr_draft {

namespace {

constexpr u64 k_min_rtt_filter_us = 10'000'000;
constexpr u64 k_probe_rtt_interval_us = 5'000'000;
constexpr u64 k_extra_acked_rounds = 10;

void update_round(Model& m, const Congestion& c, const CongestionAck& ack) {
    m.round_start = ack.rate.interval_us != 0 && ack.rate.prior_delivered >= m.next_round_delivered;
    if (!m.round_start) return;
    m.start_round(c);
    ++m.round_count;
    ++m.rounds_since_bw_probe;
}

// What a lossy round leaves of a short-term bound. Unlike the draft, a round that delivered but a
// thirty-second less lowers nothing: pacing margin and borne losses (5.1) alone take so much, and
// would take it again in each round.
u64 lowered(u64 bound, u64 latest) {
    if (latest + latest / 32 >= bound) return bound;
    return std::max(latest, bound * k_beta / k_one);
}

// 5.5.10.3 [BBR:3]: a round with losses while nothing was probed pulls the short-term bounds down.
void adapt_lower_bounds(Model& m, const Congestion& c) {
    if (m.probes() || !m.loss_in_round) return;
    if (m.bw_lo == k_none) m.bw_lo = m.max_bw.most();
    if (m.inflight_lo == k_none) m.inflight_lo = c.cwnd;
    m.bw_lo = lowered(m.bw_lo, m.bw_latest);
    m.inflight_lo = lowered(m.inflight_lo, m.inflight_latest);
}

// 5.5.9: how much more than expected comes at once, because ACKs come in bunches.
void update_extra_acked(Model& m, const Congestion& c, const CongestionAck& ack) {
    if (m.round_count >= m.extra_acked_round + k_extra_acked_rounds / 2) {
        m.extra_acked.turn();
        m.extra_acked_round = m.round_count;
    }
    u64 expected = m.bw * (c.now_us - m.extra_acked_start) / 1'000'000;
    if (m.extra_acked_delivered <= expected) {
        m.extra_acked_delivered = expected = 0;
        m.extra_acked_start = c.now_us;
    }
    m.extra_acked_delivered += ack.delivered;
    m.extra_acked.see(std::min<u64>(m.extra_acked_delivered - expected, c.cwnd));
}

}  // namespace

u64 Model::bdp(u64 rate, u32 gain) const {
    if (min_rtt_us == k_none) return k_none;
    return rate * min_rtt_us / 1'000'000 * gain / k_one;
}

u64 Model::target(const Congestion& c) const { return std::min<u64>(bdp(bw, k_one), c.cwnd); }

// 5.5.10: some room is left for those who come.
u64 Model::with_headroom(const Congestion& c) const {
    constexpr u32 k_headroom = 154;  // 0.15
    if (inflight_hi == k_none) return k_none;
    const u64 headroom = std::max<u64>(c.mss, inflight_hi * k_headroom / k_one);
    const u64 least = u64{4} * c.mss;
    return inflight_hi > headroom + least ? inflight_hi - headroom : least;
}

u32 Model::draw(u32 below) {
    chance ^= chance << 13;
    chance ^= chance >> 17;
    chance ^= chance << 5;
    return chance % below;
}

void reset_full_bw(Model& m, u64 rate) {
    m.full_bw = rate;
    m.full_bw_count = 0;
    m.full_bw_now = false;
}

void reset_lower_bounds(Model& m) { m.bw_lo = m.inflight_lo = k_none; }

void update_signals(Model& m, const Congestion& c, const CongestionAck& ack) {
    const DeliveryRate& r = ack.rate;
    m.loss_round_start = r.interval_us != 0 && r.prior_delivered >= m.loss_round_delivered;
    if (m.loss_round_start) m.loss_round_delivered = c.delivered;
    m.bw_latest = std::max(m.bw_latest, r.rate);
    m.inflight_latest = std::max<u64>(m.inflight_latest, r.delivered);
    update_round(m, c, ack);
    if (r.rate != 0 && (r.rate >= m.max_bw.most() || !r.app_limited)) m.max_bw.see(r.rate);
    m.loss_in_round |= ack.lost != 0;
    if (m.loss_round_start) {
        adapt_lower_bounds(m, c);
        m.loss_in_round = false;
    }
    m.bw = std::min(m.max_bw.most(), m.bw_lo);
    update_extra_acked(m, c, ack);
}

void advance_signals(Model& m, const CongestionAck& ack) {
    if (!m.loss_round_start) return;
    m.bw_latest = ack.rate.rate;
    m.inflight_latest = ack.rate.delivered;
}

// 5.5.7 [BBR:2]: the least of five seconds says when to look again, that of ten what counts.
void update_min_rtt(Model& m, const Congestion& c, const CongestionAck& ack) {
    m.probe_rtt_expired = c.now_us > m.probe_rtt_min_stamp + k_probe_rtt_interval_us;
    if (ack.rtt_us != 0 && (ack.rtt_us < m.probe_rtt_min_us || m.probe_rtt_expired)) {
        m.probe_rtt_min_us = ack.rtt_us;
        m.probe_rtt_min_stamp = c.now_us;
    }
    const bool expired = c.now_us > m.min_rtt_stamp + k_min_rtt_filter_us;
    if (m.probe_rtt_min_us < m.min_rtt_us || expired) {
        m.min_rtt_us = m.probe_rtt_min_us;
        m.min_rtt_stamp = m.probe_rtt_min_stamp;
    }
}

// 5.3.1.2: three rounds without a quarter more.
void check_full_bw(Model& m, const CongestionAck& ack) {
    if (m.full_bw_now || ack.rate.app_limited || ack.rate.rate == 0) return;
    if (ack.rate.rate >= m.full_bw + m.full_bw / 4) return reset_full_bw(m, ack.rate.rate);
    if (!m.round_start || ++m.full_bw_count < 3) return;
    m.full_bw_now = m.full_bw_reached = true;
}

}  // namespace tern::tcp::bbr_draft

// draft-ietf-ccwg-bbr, version 3: what BBR knows of a path, in the draft's words. Bytes, bytes per
// second, microseconds.
#pragma once

#include "tern/congestion.hh"

namespace tern::tcp::bbr_draft {

inline constexpr u64 k_none = ~u64{0};   // a bound that does not bind
inline constexpr u32 k_one = 1024;       // gains and shares
inline constexpr u32 k_beta = 717;       // 0.7
inline constexpr u32 k_loss_share = 20;  // LossThresh, 2 % (of k_one)

enum class State : u8 { Startup, Drain, Down, Cruise, Refill, Up, ProbeRtt };
enum class AckPhase : u8 { Init, Refilling, Starting, Feedback, Stopping };

// The largest of what was seen in this cycle or the one before.
struct MaxOfTwo {
    u64 before = 0, now = 0;
    void see(u64 value) { now = value > now ? value : now; }
    void turn() { before = now, now = 0; }
    u64 most() const { return before > now ? before : now; }
};

struct Model {
    State state;
    AckPhase ack_phase;
    bool round_start, loss_round_start, loss_in_round;
    bool full_bw_now, full_bw_reached;
    bool bw_probe_samples, idle_restart, probe_rtt_round_done, probe_rtt_expired;
    u8 full_bw_count, up_rounds;
    u8 startup_losses;  // ACKs that told of a loss, in this round
    u32 chance;

    u64 round_count, next_round_delivered, loss_round_delivered;

    MaxOfTwo max_bw;
    u64 bw_latest, inflight_latest, bw_lo, inflight_lo, inflight_hi;
    u64 full_bw;
    u64 bw;  // min(max_bw, bw_lo)

    u64 min_rtt_us, min_rtt_stamp, probe_rtt_min_us, probe_rtt_min_stamp, probe_rtt_done_stamp;

    u64 cycle_stamp, bw_probe_wait_us, rounds_since_bw_probe;
    u64 up_acks, up_count;

    u64 extra_acked_start, extra_acked_delivered;
    MaxOfTwo extra_acked;
    u64 extra_acked_round;

    u64 prior_cwnd;
    u64 undo_bw_lo, undo_inflight_lo, undo_inflight_hi;

    bool in_probe_bw() const { return state >= State::Down && state <= State::Up; }
    bool probes() const {
        return state == State::Startup || state == State::Refill || state == State::Up;
    }
    void start_round(const Congestion& c) { next_round_delivered = c.delivered; }
    u64 bdp(u64 rate, u32 gain) const;  // of min_rtt; k_none: no round trip known
    u64 target(const Congestion& c) const;
    u64 with_headroom(const Congestion& c) const;
    u32 draw(u32 below);
};
static_assert(sizeof(Model) <= k_congestion_state);

// bbr_model.cc: what an ACK says of the path.
void update_signals(Model& m, const Congestion& c, const CongestionAck& ack);
void advance_signals(Model& m, const CongestionAck& ack);
void update_min_rtt(Model& m, const Congestion& c, const CongestionAck& ack);
void check_full_bw(Model& m, const CongestionAck& ack);
void reset_full_bw(Model& m, u64 rate);
void reset_lower_bounds(Model& m);

// bbr_states.cc: which state, and what it probes.
void enter_startup(Model& m);
void update_state(Model& m, Congestion& c, const CongestionAck& ack);
void inflight_too_high(Model& m, const Congestion& c, u64 in_flight, bool app_limited);

}  // namespace tern::tcp::bbr_draft

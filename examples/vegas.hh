// Congestion control of your own in a page. Like TCP Vegas (Brakmo and Peterson, 1995) it looks at
// the round trip: what it has grown by is a queue, which shall hold two to four segments of ours.
#pragma once

#include <algorithm>

#include "tern/congestion.hh"

namespace example {

struct Vegas final : tern::CongestionControl {
    struct State {
        tern::u32 base_us, round_us;  // the least round trip: ever, and in this round; 0: none
        tern::u32 round_end;          // a sequence number
    };

    std::string_view name() const override { return "vegas"; }
    tern::u32 state_bytes() const override { return sizeof(State); }

    void begin(tern::Congestion& c) const override { c.state<State>().round_end = c.snd_nxt; }

    void acknowledged(tern::Congestion& c, const tern::CongestionAck& ack) const override {
        State& s = c.state<State>();
        if (ack.rtt_us != 0) {
            s.base_us = s.base_us == 0 ? ack.rtt_us : std::min(s.base_us, ack.rtt_us);
            s.round_us = s.round_us == 0 ? ack.rtt_us : std::min(s.round_us, ack.rtt_us);
        }
        if (c.in_slow_start() && c.cwnd_limited) c.cwnd += ack.acked;
        const bool round_over = static_cast<tern::i32>(c.snd_una - s.round_end) >= 0;
        if (!round_over || s.round_us == 0) return;
        const tern::u64 queued = tern::u64{c.cwnd} * (s.round_us - s.base_us) / s.round_us;
        if (c.in_slow_start()) {
            if (queued > c.mss) c.ssthresh = c.cwnd -= static_cast<tern::u32>(queued);
        } else if (queued > 4 * c.mss) {
            c.ssthresh = c.cwnd -= c.mss;
        } else if (queued < 2 * c.mss && c.cwnd_limited) {
            c.cwnd += c.mss;
        }
        s.round_us = 0;
        s.round_end = c.snd_nxt;
    }

    tern::u32 reduced(tern::Congestion& c, tern::CongestionSignal) const override {
        return c.cwnd / 2;
    }
};

}  // namespace example

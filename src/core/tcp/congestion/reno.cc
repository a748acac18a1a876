// RFC 9293 3.8.2 [MUST-19], RFC 5681: slow start and congestion avoidance by RFC 3465's bytes; as
// an algorithm, and plainly for connections without SACK.
#include "core/tcp/congestion/algorithms.hh"
#include "core/tcp/room.hh"

namespace tern::tcp {

u32 initial_window(const Room& room, u32 mss) {
    // RFC 6928 2 [RFC5681:2].
    const u32 segments = room.cx.limits.tcp_initial_window_segments;
    return std::min(segments * mss, std::max(2 * mss, segments * 1460));
}

u32 reno_growth(u32 cwnd, u32 ssthresh, u32 acked, u32 most, u32 mss, u32& credit) {
    if (cwnd < ssthresh) return std::min(acked, most);
    credit += acked;
    if (credit < cwnd) return 0;
    credit -= cwnd;
    return mss;
}

void grow_cwnd(Room& room, Tcb& tcb, u32 acked, u32 flight_before) {
    // A window that the application did not fill says nothing about the network (RFC 7661).
    const u32 mss = tcb.send_mss;
    const bool slow_start = tcb.cwnd < tcb.ssthresh;
    if (slow_start ? flight_before < tcb.cwnd / 2 : flight_before + mss < tcb.cwnd) return;
    // RFC 3465 2.2 [RFC5681:3]: bytes, not ACKs; two segments an ACK, one behind a timeout.
    const u32 most = tcb.has(k_after_timeout) ? mss : 2 * mss;
    const u32 more = reno_growth(tcb.cwnd, tcb.ssthresh, acked, most, mss, tcb.bytes_acked);
    tcb.cwnd += more;
    if (more != 0) tell_window(room, tcb, slow_start ? "slow start" : "congestion avoidance");
}

namespace {

struct RenoState {
    u32 credit;
};

class Reno final : public CongestionControl {
public:
    std::string_view name() const override { return "reno"; }
    u32 state_bytes() const override { return sizeof(RenoState); }
    void acknowledged(Congestion& c, const CongestionAck& ack) const override {
        if (!c.cwnd_limited) return;
        // What pacing spreads needs no bound on the step.
        const u32 most = c.paced ? ack.acked : 2 * c.mss;
        c.cwnd +=
            reno_growth(c.cwnd, c.ssthresh, ack.acked, most, c.mss, c.state<RenoState>().credit);
    }
    // RFC 5681 3.1, equation 4.
    u32 reduced(Congestion& c, CongestionSignal) const override {
        c.state<RenoState>().credit = 0;
        return std::min(c.flight_size, c.cwnd) / 2;
    }
};

}  // namespace

const CongestionControl& reno() {
    static constinit const Reno algorithm;
    return algorithm;
}

}  // namespace tern::tcp

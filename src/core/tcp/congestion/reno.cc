// RFC 9293 3.8.2 [MUST-19], RFC 5681: slow start and congestion avoidance by RFC 3465's bytes.
#include "core/tcp/congestion/algorithms.hh"

namespace tern::tcp {

u32 reno_growth(u32 cwnd, u32 ssthresh, u32 acked, u32 most, u32 mss, u32& credit) {
    if (cwnd < ssthresh) return std::min(acked, most);
    credit += acked;
    if (credit < cwnd) return 0;
    credit -= cwnd;
    return mss;
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

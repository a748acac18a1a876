// RFC 8257, DCTCP: cwnd is cut by as much as the marked share of the last round tells, so that
// queues of a data centre stay short without losing rate.
#include <algorithm>

#include "core/tcp/congestion/algorithms.hh"

namespace tern::tcp {

namespace {

constexpr u32 k_one = 1024;   // of alpha
constexpr u32 k_g_shift = 4;  // 4.2: the weight of a new round, 1/16

struct DctcpState {
    u32 credit;
    u32 alpha;
    u32 window_end;
    u64 acked, marked;  // bytes, in this round
};

class Dctcp final : public CongestionControl {
public:
    std::string_view name() const override { return "dctcp"; }
    u32 state_bytes() const override { return sizeof(DctcpState); }
    bool wants_marks() const override { return true; }
    void begin(Congestion& c) const override {
        DctcpState& s = c.state<DctcpState>();
        s.alpha = k_one;  // 3.3: the first mark halves
        s.window_end = c.snd_nxt;
    }

    void acknowledged(Congestion& c, const CongestionAck& ack) const override {
        DctcpState& s = c.state<DctcpState>();
        s.acked += ack.delivered;
        s.marked += ack.marked;
        if (static_cast<i32>(c.snd_una - s.window_end) >= 0) end_round(c, s);
        if (!c.cwnd_limited || ack.marked != 0 || ack.in_recovery) return;
        const u32 most = c.paced ? ack.acked : 2 * c.mss;
        c.cwnd += reno_growth(c.cwnd, c.ssthresh, ack.acked, most, c.mss, s.credit);
    }

    // 3.3: a loss is what it is to every TCP (3.4); a mark weighs alpha / 2.
    u32 reduced(Congestion& c, CongestionSignal signal) const override {
        DctcpState& s = c.state<DctcpState>();
        s.credit = 0;
        if (signal != CongestionSignal::Mark) return std::min(c.flight_size, c.cwnd) / 2;
        return c.cwnd - static_cast<u32>(u64{c.cwnd} * s.alpha / (2 * k_one));
    }

private:
    static void end_round(Congestion& c, DctcpState& s) {
        const u64 acked = std::max<u64>(s.acked, 1);
        const u32 share = static_cast<u32>(std::min(s.marked, acked) * k_one / acked);
        s.alpha = s.alpha - (s.alpha >> k_g_shift) + (share >> k_g_shift);
        s.acked = s.marked = 0;
        s.window_end = c.snd_nxt;
    }
};

}  // namespace

const CongestionControl& dctcp() {
    static constinit const Dctcp algorithm;
    return algorithm;
}

}  // namespace tern::tcp

// RFC 9438: cwnd grows with the cube of the time since the last congestion, so that it comes back
// to where that was, stays a while, and then tries beyond. HyStart++ ends the first slow start.
//
// Windows are counted in segments and times in seconds, as the RFC does. The arithmetic is plain
// IEEE additions, multiplications and divisions, so that it is the same on every machine.
#include <algorithm>
#include <utility>

#include "core/tcp/congestion/algorithms.hh"
#include "core/tcp/congestion/hystart.hh"

namespace tern::tcp {

namespace {

constexpr double k_c = 0.4;
constexpr double k_beta = 0.7;
constexpr double k_alpha = 3 * (1 - k_beta) / (1 + k_beta);

struct Curve {
    double w_max = 0;       // where the last congestion was; 0: unknown
    double k = 0;           // seconds until it is reached again
    double w_est = 0;       // what Reno would have
    double cwnd_prior = 0;  // before the last reduction
    double fraction = 0;    // of a segment, earned and not yet granted
    u64 epoch_us = 0;       // when congestion avoidance began; 0: not yet
};

struct CubicState {
    Curve now;
    Curve before;  // the last reduction, to be undone
    u64 last_ack_us = 0;
    HyStart hystart;
};

double cube(double x) { return x * x * x; }

// Newton's method: exact arithmetic, where cbrt() is only as good as the library.
double cube_root(double x) {
    if (x <= 0) return 0;
    double r = x < 1 ? 1 : x;
    for (int i = 0; i < 100; ++i) {
        const double next = r - (r - x / (r * r)) / 3;
        if (next >= r) break;  // from above it only falls
        r = next;
    }
    return r;
}

double w_cubic(const Curve& q, double t) { return k_c * cube(t - q.k) + q.w_max; }

// 4.2: the epoch begins with the first ACK in congestion avoidance.
void begin_epoch(Curve& q, double cwnd, u64 now_us) {
    q.epoch_us = now_us;
    q.fraction = 0;
    q.w_est = cwnd;  // 4.3
    if (cwnd < q.w_max) {
        q.k = cube_root((q.w_max - cwnd) / k_c);  // figure 2
    } else {
        q.k = 0;
        q.w_max = cwnd;
    }
}

class Cubic final : public CongestionControl {
public:
    std::string_view name() const override { return "cubic"; }
    u32 state_bytes() const override { return sizeof(CubicState); }
    void begin(Congestion& c) const override { c.state<CubicState>() = {}; }

    void acknowledged(Congestion& c, const CongestionAck& ack) const override {
        CubicState& s = c.state<CubicState>();
        const u64 since_us = c.now_us - std::exchange(s.last_ack_us, c.now_us);
        if (!c.cwnd_limited) {
            // 5.8: nor does time in which the application had too little.
            if (s.now.epoch_us != 0) s.now.epoch_us += since_us;
            return;
        }
        if (c.in_slow_start()) {
            bool ended = false;
            c.cwnd += s.hystart.growth(c, ack, ended);
            if (ended) c.ssthresh = c.cwnd;
            return;
        }
        grow(c, s.now, ack);
    }

    u32 reduced(Congestion& c, CongestionSignal signal) const override {
        CubicState& s = c.state<CubicState>();
        s.before = s.now;
        s.hystart.finish();
        // 4.6 [RFC9438:3]; 5.8: of what was used, if cwnd was not.
        const u32 used = c.cwnd_limited ? c.cwnd : std::min(c.cwnd, c.flight_size);
        const double cwnd = static_cast<double>(c.cwnd) / c.mss;
        Curve& q = s.now;
        q.cwnd_prior = cwnd;
        // 4.7: a flow that has not come back to its last maximum leaves room for others.
        q.w_max = cwnd < q.w_max ? cwnd * (1 + k_beta) / 2 : cwnd;
        // 4.8 [RFC9438:4]: behind a timeout K is 0, and W_max is where slow start ends.
        if (signal == CongestionSignal::Timeout) q.w_max = 0;
        q.epoch_us = 0;
        return static_cast<u32>(used * k_beta);
    }

    // 4.9 [RFC9438:6].
    void undone(Congestion& c) const override {
        CubicState& s = c.state<CubicState>();
        s.now = s.before;
        s.hystart.undo();
    }

    // 5.8 [RFC9438:5]: time in which nothing was sent does not count; nor does the old curve after
    // so long a pause that cwnd is cut.
    void restarts(Congestion& c, u32 idle_us, u32 rto_us) const override {
        CubicState& s = c.state<CubicState>();
        const u32 before = c.cwnd;
        CongestionControl::restarts(c, idle_us, rto_us);
        if (c.cwnd != before) s.now.epoch_us = 0;
        if (s.now.epoch_us != 0) s.now.epoch_us += c.now_us - s.last_ack_us;
        s.last_ack_us = c.now_us;
    }

private:
    static void grow(Congestion& c, Curve& q, const CongestionAck& ack) {
        const double cwnd = static_cast<double>(c.cwnd) / c.mss + q.fraction;
        const double acked = static_cast<double>(ack.acked) / c.mss;
        if (q.epoch_us == 0) begin_epoch(q, cwnd, c.now_us);
        const double t = static_cast<double>(c.now_us - q.epoch_us) / 1e6;
        // 4.3 [RFC9438:2].
        const double alpha = q.w_est < q.cwnd_prior ? k_alpha : 1;
        q.w_est += alpha * acked / cwnd;
        double more;
        if (w_cubic(q, t) < q.w_est) {
            more = std::max(q.w_est - cwnd, 0.0);
        } else {
            // 4.4, 4.5 [RFC9438:1].
            const double rtt = static_cast<double>(c.srtt_us) / 1e6;
            const double target = std::clamp(w_cubic(q, t + rtt), cwnd, 1.5 * cwnd);
            more = (target - cwnd) / cwnd * acked;
        }
        q.fraction += more;
        const u32 segments = static_cast<u32>(q.fraction);
        q.fraction -= segments;
        c.cwnd += segments * c.mss;
    }
};

}  // namespace

const CongestionControl& cubic() {
    static constinit const Cubic algorithm;
    return algorithm;
}

}  // namespace tern::tcp

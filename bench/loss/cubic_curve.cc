// CUBIC's window over time, in virtual time, beside the formula of RFC 9438 4.2: one loss on a way
// that has room for more, then undisturbed growth. Prints a line for each sample: seconds since the
// reduction, cwnd and the formula's window in segments.
#include <cmath>
#include <cstdio>

#include "tern/sim_flow.hh"

namespace {

using namespace tern;
using namespace std::chrono_literals;

constexpr double k_c = 0.4, k_beta = 0.7;  // RFC 9438 4.6 and 5

// What the window does, as its owner tells.
class Windows final : public Observer {
public:
    struct Sample {
        double at, cwnd;
    };
    void on_window(const WindowEvent& e) override {
        const double at = std::chrono::duration<double>(e.at - Instant{}).count();
        lost |= e.why == "a loss: recovery";
        if (!lost) before = e.cwnd;
        if (e.why == "recovery is over" && began == 0) began = at;
        const bool due = samples.empty() || at >= samples.back().at + k_every;
        if (began != 0 && due) samples.push_back({at, static_cast<double>(e.cwnd)});
    }
    std::vector<Sample> samples;
    double before = 0;  // cwnd at the loss, bytes
    double began = 0;   // the end of recovery

private:
    static constexpr double k_every = 0.05;
    bool lost = false;
};

// RFC 9438 4.2, figures 1 and 2: segments at t seconds of the epoch.
double w_cubic(double t, double w_max) {
    const double k = std::cbrt(w_max * (1 - k_beta) / k_c);
    return k_c * std::pow(t - k, 3) + w_max;
}

// RFC 9438 4.3: what Reno would have by then, with as many round trips behind it.
double w_est(double t, double w_max, double rtt) {
    const double alpha = 3 * (1 - k_beta) / (1 + k_beta);
    const double start = k_beta * w_max, until = (w_max - start) / alpha;
    const double rounds = t / rtt;
    return rounds < until ? start + alpha * rounds : w_max + (rounds - until);
}

}  // namespace

int main() {
    constexpr double k_rtt = 0.1;
    constexpr u32 k_mss = 1448;
    Windows windows;
    sim::World world{{.seed = 1}};
    sim::Host& a = world.host("a", "10.0.0.1/24");
    sim::Host& b = world.host("b", "10.0.0.2/24");
    world.wire(
        a, b, {.delay = 50ms, .rate = 10'000'000'000, .queue_packets = 100'000, .drop_nth = {1200}},
        {.delay = 50ms});
    a.observe(&windows);
    TcpOptions options;
    options.send_buffer = options.receive_buffer = 64u << 20;
    options.congestion = "cubic";
    sim::Bulk bulk(world, a, b, {.bytes = ~u64{0} >> 1, .tcp = options});
    world.run_for(25s);
    const double w_max = windows.before / k_mss;
    for (const auto& s : windows.samples) {
        const double t = s.at - windows.began;
        std::printf("%.4f %.3f %.3f\n", t, s.cwnd / k_mss,
                    std::max(w_cubic(t, w_max), w_est(t, w_max, k_rtt)));
    }
}

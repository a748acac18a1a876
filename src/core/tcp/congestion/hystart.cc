#include "core/tcp/congestion/hystart.hh"

#include <algorithm>

namespace tern::tcp {

namespace {

// RFC 9406 4.3 [RFC9406:1].
constexpr u32 k_min_rtt_thresh_us = 4'000;
constexpr u32 k_max_rtt_thresh_us = 16'000;
constexpr u32 k_min_rtt_divisor = 8;
constexpr u8 k_rtt_samples = 8;
constexpr u32 k_css_growth_divisor = 4;
constexpr u8 k_css_rounds = 5;
constexpr u32 k_unpaced_segments = 8;  // L; without a bound where pacing spreads the burst

bool before(u32 a, u32 b) { return static_cast<i32>(a - b) < 0; }

}  // namespace

// 4.2: a round begins with what is outstanding, and ends when that is acknowledged.
void HyStart::begin_round(const Congestion& c) {
    window_end_ = c.snd_nxt;
    last_round_us_ = this_round_us_;
    this_round_us_ = 0;
    samples_ = 0;
    begun_ = true;
}

// [RFC9406:2].
void HyStart::look_at_delay() {
    if (samples_ < k_rtt_samples || this_round_us_ == 0) return;
    if (in_css_) {
        if (this_round_us_ >= baseline_us_) return;
        in_css_ = false;  // it was jitter
        return;
    }
    if (last_round_us_ == 0) return;
    const u32 thresh =
        std::clamp(last_round_us_ / k_min_rtt_divisor, k_min_rtt_thresh_us, k_max_rtt_thresh_us);
    if (this_round_us_ < last_round_us_ + thresh) return;
    baseline_us_ = this_round_us_;
    in_css_ = true;
    css_rounds_ = 0;
}

u32 HyStart::growth(const Congestion& c, const CongestionAck& ack, bool& ended) {
    const u32 step = c.paced ? ack.acked : std::min(ack.acked, k_unpaced_segments * c.mss);
    if (done_) return step;
    if (!begun_) begin_round(c);
    if (ack.rtt_us != 0) {
        this_round_us_ = this_round_us_ == 0 ? ack.rtt_us : std::min(this_round_us_, ack.rtt_us);
        if (samples_ < 255) ++samples_;
        look_at_delay();
    }
    if (!before(c.snd_una, window_end_)) {
        if (in_css_ && ++css_rounds_ >= k_css_rounds) {
            done_ = ended = true;
            return 0;
        }
        begin_round(c);
    }
    return in_css_ ? step / k_css_growth_divisor : step;
}

}  // namespace tern::tcp

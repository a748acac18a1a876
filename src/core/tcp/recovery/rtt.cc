#include "core/tcp/recovery/rtt.hh"

#include <algorithm>

namespace tern::tcp {

void Rtt::sample(u32 rtt_us, const Bounds& bounds) {
    rtt_us = std::max<u32>(rtt_us, 1);
    if (srtt_us_ == 0) {
        srtt_us_ = rtt_us;  // 2.2
        rttvar_us_ = rtt_us / 2;
    } else {  // 2.3, in this order [RFC6298:1]
        const u32 error = srtt_us_ > rtt_us ? srtt_us_ - rtt_us : rtt_us - srtt_us_;
        rttvar_us_ = rttvar_us_ - rttvar_us_ / 4 + error / 4;
        srtt_us_ = srtt_us_ - srtt_us_ / 8 + rtt_us / 8;
    }
    const u32 g_us = bounds.tick_us;
    const u64 rto_us = u64{srtt_us_} + std::max<u64>(g_us, 4 * u64{rttvar_us_});
    // [RFC6298:2]: docs/decisions/0003-rto-minimum.md
    const u64 ticks = (rto_us + g_us - 1) / g_us;
    rto_ = static_cast<u32>(std::clamp<u64>(ticks, bounds.lowest, bounds.highest));  // 2.4, 2.5
}

void Rtt::restart_at_least(u32 initial_ticks, u32 least_ticks) {
    rto_ = std::max(srtt_us_ != 0 ? rto_ : initial_ticks, least_ticks);
}

}  // namespace tern::tcp

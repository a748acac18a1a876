#include "core/tcp/recovery/tail_probe.hh"

#include <algorithm>

namespace tern::tcp {

namespace {

constexpr u32 k_worst_delayed_ack_us = 200'000;
constexpr u32 k_least_us = 10'000;  // on the shortest paths the peer's own delays decide

}  // namespace

// While the deviation is more than half of SRTT, which is where the first sample puts it, the path
// is becoming longer and SRTT lags behind: two of it may be less than a round trip, and then RTO's
// own margin is the right one (docs/decisions/0014-rto-until-measured.md).
u32 TailProbe::wait_us(const Rtt& rtt, bool alone) {
    u32 wait = std::max(2 * rtt.srtt_us(), k_least_us);
    if (rtt.rttvar_us() > rtt.srtt_us() / 2)
        wait = std::max(wait, rtt.srtt_us() + 4 * rtt.rttvar_us());
    return alone ? wait + k_worst_delayed_ack_us : wait;
}

bool TailProbe::answered(const AckInHand& ack, const AckSample& a) {
    const bool twice = a.dsack_pieces != 0 && a.dsack_end == end_;
    if (!is_retransmission_ || twice) {
        out_ = false;
    } else if (ack.una == end_ && !a.advanced) {
        out_ = false;  // original and probe have both arrived
    } else if (ack.una > end_) {
        out_ = false;
        return true;
    }
    return false;
}

}  // namespace tern::tcp

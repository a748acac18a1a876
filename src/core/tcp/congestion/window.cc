#include "core/tcp/congestion/window.hh"

#include "core/tcp/congestion/algorithms.hh"

namespace tern::tcp {

bool CongestionWindow::grow(u32 acked, u32 flight_before, u32 mss, bool after_timeout) {
    if (in_slow_start() ? flight_before < cwnd_ / 2 : flight_before + mss < cwnd_) return false;
    // RFC 3465 2.2 [RFC5681:3]: bytes, not ACKs; two segments an ACK, one behind a timeout.
    const u32 most = after_timeout ? mss : 2 * mss;
    const u32 more = reno_growth(cwnd_, ssthresh_, acked, most, mss, bytes_acked_);
    cwnd_ += more;
    return more != 0;
}

void CongestionWindow::deflate(u32 acked, u32 mss) {
    cwnd_ = cwnd_ > acked ? cwnd_ - acked : 0;
    if (acked >= mss) cwnd_ += mss;
    cwnd_ = std::max(cwnd_, mss);
}

}  // namespace tern::tcp

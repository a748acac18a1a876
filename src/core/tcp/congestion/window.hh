// cwnd and ssthresh, in bytes. Nobody else writes them: each way in which they may change is a
// function of this class, by the name that the RFCs give it.
#pragma once

#include <algorithm>

#include "tern/congestion.hh"

namespace tern::tcp {

// RFC 6928 2 [RFC5681:2], of `segments` (ten in the RFC).
constexpr u32 initial_window(u32 mss, u32 segments) {
    return std::min(segments * mss, std::max(2 * mss, segments * 1460));
}

class CongestionWindow {
public:
    static constexpr u32 k_widest = 1u << 30;

    u32 cwnd() const { return cwnd_; }
    u32 ssthresh() const { return ssthresh_; }
    bool in_slow_start() const { return cwnd_ < ssthresh_; }

    // RFC 6928; or one segment, behind a lost SYN (RFC 5681 3.1 [RFC5681:2]).
    void begin(u32 initial) { cwnd_ = initial; }
    // What the handshake has lost says nothing of the path's capacity.
    void forget_ssthresh() { ssthresh_ = k_unknown; }

    // --- the algorithm that the connection has chosen
    void decide(u32 cwnd, u32 ssthresh, u32 mss) {
        cwnd_ = std::clamp<u32>(cwnd, mss, k_widest);
        ssthresh_ = std::max<u32>(ssthresh, 2 * mss);
    }
    // A loss or a mark. Whole segments: with a part of one cwnd would have to grow by more than one
    // until one more fits.
    void reduce(u32 ssthresh, u32 mss) {
        ssthresh_ = std::max<u32>(ssthresh - ssthresh % mss, 2 * mss);
    }
    void limit_to_ssthresh() { cwnd_ = std::min(cwnd_, ssthresh_); }
    // RFC 9937: what may be in flight now.
    void recover(u32 cwnd) { cwnd_ = cwnd; }
    void end_recovery(u32 mss) { cwnd_ = std::max(ssthresh_, mss); }
    // Nothing was lost after all.
    void undo(u32 cwnd, u32 ssthresh) {
        cwnd_ = std::max(cwnd_, cwnd);
        ssthresh_ = std::max(ssthresh_, ssthresh);
    }

    // --- without SACK: RFC 5681 and RFC 6582
    // RFC 5681 3.1 for `acked` bytes; nothing where the application did not fill the window (RFC
    // 7661). True: cwnd has changed.
    bool grow(u32 acked, u32 flight_before, u32 mss, bool after_timeout);
    void halve(u32 flight_size, u32 mss) { ssthresh_ = std::max(flight_size / 2, 2 * mss); }
    // RFC 3168 6.1.2.
    void halve_for_mark(u32 mss) { halve(cwnd_, mss); }
    // RFC 5681 3.2 (3) [RFC5681:6]: the three that the duplicate ACKs tell of have left.
    void begin_fast_recovery(u32 mss) { cwnd_ = ssthresh_ + 3 * mss; }
    // RFC 5681 3.2 (4): another one has left the network.
    void inflate(u32 mss) { cwnd_ += mss; }
    // RFC 6582 3.2 (3): a partial ACK takes what it covers and gives one segment.
    void deflate(u32 acked, u32 mss);
    // RFC 6582 3.2 (3): out, without a burst.
    void end_fast_recovery(u32 flight_size, u32 mss) {
        cwnd_ = std::min(ssthresh_, std::max(flight_size, mss) + mss);
    }

    // --- RTO, pauses, narrow windows
    // RFC 5681 3.1 and 4.3 [RFC5681:9]: the loss window.
    void collapse(u32 mss) {
        cwnd_ = mss;
        bytes_acked_ = 0;
    }
    // RFC 5681 4.1 [RFC5681:7]: the restart window.
    void restart(u32 initial) { cwnd_ = std::min(cwnd_, initial); }
    // RFC 5681 3.1: the loss window, the smallest that there is, is one segment of the new size.
    void hold_a_segment(u32 mss) { cwnd_ = std::max(cwnd_, mss); }

private:
    static constexpr u32 k_unknown = 0xffffffff;

    u32 cwnd_ = 0, ssthresh_ = k_unknown;
    u32 bytes_acked_ = 0;  // RFC 3465, in congestion avoidance
};

}  // namespace tern::tcp

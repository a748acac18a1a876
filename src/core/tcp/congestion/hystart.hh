// RFC 9406, HyStart++: slow start ends when the round trip grows, before the queue overflows.
#pragma once

#include "tern/congestion.hh"

namespace tern::tcp {

class HyStart {
public:
    // What slow start adds to cwnd for this ACK. `ended`: congestion avoidance begins.
    u32 growth(const Congestion& c, const CongestionAck& ack, bool& ended);
    // 4.3: the first slow start only; unless what ended it was no loss.
    void finish() { was_done_ = done_, done_ = true; }
    void undo() { done_ = was_done_; }

private:
    void begin_round(const Congestion& c);
    void look_at_delay();

    u32 window_end_ = 0;
    u32 last_round_us_ = 0, this_round_us_ = 0;  // the least of each; 0: none
    u32 baseline_us_ = 0;
    u8 samples_ = 0;
    u8 css_rounds_ = 0;
    bool in_css_ = false, begun_ = false, done_ = false, was_done_ = false;
};

}  // namespace tern::tcp

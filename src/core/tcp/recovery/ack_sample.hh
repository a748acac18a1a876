// An acknowledgement as the parts of recovery see it, and what they learn from it.
#pragma once

#include "core/base/seq.hh"

namespace tern::tcp {

struct AckInHand {
    Seq una;      // SND.UNA behind it
    Seq max;      // SND.MAX
    Seq recover;  // RFC 6582: what lies before it was sent before recovery, or RTO
    u32 now_us = 0;
    bool has_echo = false;  // timestamps were agreed, and it has one
    u32 ts_now = 0;         // our timestamp clock
    u32 ts_ecr = 0;         // the echo
};

struct AckSample {
    u32 delivered = 0;  // bytes newly acknowledged or SACKed
    u32 lost = 0;       // bytes newly marked
    u32 rtt_us = 0;     // of the newest piece that was sent once; 0: none
    // A piece that was sent again is among them: others may have waited for it.
    bool resent = false;
    bool advanced = false;
    bool original = false;  // a piece from before the timeout, sent only once, has arrived
    u32 dsack_pieces = 0;
    Seq dsack_left, dsack_end;
    // Of the newest piece that was sent once and has arrived.
    struct Newest {
        bool any = false;
        bool app_limited = false;
        u32 sent_us = 0;
        u32 delivered = 0, delivered_us = 0, first_sent_us = 0, lost_before = 0, in_flight = 0;
    } newest;
    u32 lost_in_flight = 0, lost_before = 0;  // of the newest piece that was lost
};

}  // namespace tern::tcp

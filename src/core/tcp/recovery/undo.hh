// Was it spurious? D-SACK for all that was sent again (RFC 3708), an echo of a timestamp from
// before (RFC 3522), an original that arrives after the timeout (RFC 5682): then nothing was lost,
// and the window is given back.
#pragma once

#include "core/tcp/recovery/ack_sample.hh"

namespace tern::tcp {

class Undo {
public:
    // What is being repaired when an acknowledgement comes.
    enum class Repair : u8 { Nothing, Losses, AfterTimeout };

    // Recovery, or a timeout, begins with these windows. `possible`: false if what would have to be
    // walked to undo it was walked already in this flight.
    void begin(Seq una, u32 cwnd, u32 ssthresh, bool possible);
    // RFC 5682 2.1 and 3.1 [RFC5682:2]: a second expiry before the repair of the first is over is
    // no accident any more.
    void timeout(bool again) { frto_ = again ? 0 : 1; }
    // Pieces have left again; `ts`: our timestamp clock.
    void sent_again(u32 pieces, u32 ts);
    void learn_dsack(const AckSample& a);
    bool spurious(const AckInHand& ack, const AckSample& a, Repair repair) {
        return possible_ && any_ && was_spurious(ack, a, repair);
    }
    // RFC 5682 3.1 [RFC5682:1]: new data first, whose answer tells whether the timeout was needed.
    bool tries_new_data() const { return frto_ == 2; }
    // What cwnd and ssthresh were.
    u32 cwnd() const { return cwnd_; }
    u32 ssthresh() const { return ssthresh_; }

private:
    bool was_spurious(const AckInHand& ack, const AckSample& a, Repair repair);
    bool forward_rto_recovery(const AckSample& a, Repair repair);

    bool possible_ = false;
    bool any_ = false;  // something was sent again
    u8 frto_ = 0;       // RFC 5682 3.1: the step that waits for an ACK
    u32 cwnd_ = 0, ssthresh_ = 0;
    Seq from_;          // SND.UNA when it began
    i32 resent_ = 0;    // pieces sent again since and not reported by D-SACK
    u32 first_ts_ = 0;  // TSval of the first retransmission
};

}  // namespace tern::tcp

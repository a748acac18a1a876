// RFC 8985 7: a lost tail is found by a probe after two round trips instead of RTO.
#pragma once

#include "core/tcp/recovery/ack_sample.hh"
#include "core/tcp/recovery/rtt.hh"

namespace tern::tcp {

class TailProbe {
public:
    // [RFC8985:3]: PTO, in microseconds. `alone`: one segment is in flight, whose ACK the peer may
    // delay.
    static u32 wait_us(const Rtt& rtt, bool alone);

    // The timer runs for a probe, from now on.
    void arm(u32 now_us, bool alone) {
        armed_us_ = now_us;
        armed_alone_ = alone;
    }
    // RFC 8985 7.2: counted from the last new data; once an instant is enough, but with the second
    // segment the peer's delayed ACK is no matter any more.
    bool is_settled(u32 now_us) const { return armed_us_ == now_us && !armed_alone_; }
    // One at a time.
    bool none_under_way() const { return !due_ && !out_; }
    bool due() const { return due_; }
    // The timer has fired: a probe is to be sent.
    void fire() {
        due_ = true;
        out_ = is_retransmission_ = false;
    }
    // It has left; `end`: behind the last sequence number in flight then. One that finds no buffer
    // stays due.
    void left(Seq end, bool is_retransmission) {
        due_ = false;
        out_ = true;
        end_ = end;
        is_retransmission_ = is_retransmission;
    }
    void forget() { due_ = out_ = is_retransmission_ = false; }
    // [RFC8985:4]: true if the probe was what repaired a loss; then the network must be told.
    bool repaired_loss(const AckInHand& ack, const AckSample& a) {
        if (a.delivered != 0) due_ = false;  // overtaken by an answer: the wait begins anew
        return out_ && ack.una >= end_ && answered(ack, a);
    }

private:
    bool answered(const AckInHand& ack, const AckSample& a);

    bool due_ = false;
    bool out_ = false;  // sent, and not answered
    bool is_retransmission_ = false;
    bool armed_alone_ = false;  // for one segment in flight
    Seq end_;
    u32 armed_us_ = 0;
};

}  // namespace tern::tcp

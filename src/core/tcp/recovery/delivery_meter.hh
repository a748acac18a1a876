// draft-ietf-ccwg-bbr 4.1: the rate at which the path delivers, one sample for each ACK.
#pragma once

#include "core/tcp/recovery/ack_sample.hh"
#include "core/tcp/recovery/sent.hh"
#include "tern/congestion.hh"

namespace tern::tcp {

class DeliveryMeter {
public:
    // A record has left. `lost`: bytes that were ever marked lost; `in_flight`: with it, in bytes.
    void left(Sent& s, bool first_in_flight, u32 now_us, u64 lost, u32 in_flight);
    // [BBR:1]: of the rates of sending and of delivery the lower one; a burst of ACKs makes no
    // rate.
    DeliveryRate acknowledged(const AckSample& a, u32 now_us, u64 lost, u32 min_rtt_us);
    // The application has nothing more: what is on its way, in bytes, tells less than the path
    // could do.
    void app_limited(u32 on_the_way);

    u64 delivered() const { return delivered_; }  // bytes, ever
    u64 rate() const { return rate_; }            // the last sample, bytes per second

private:
    u64 delivered_ = 0;
    u64 app_limited_until_ = 0;  // until so much is delivered, samples are too low
    u32 delivered_us_ = 0, first_sent_us_ = 0;
    u64 rate_ = 0;
};

}  // namespace tern::tcp

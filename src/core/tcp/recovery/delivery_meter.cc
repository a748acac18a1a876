#include "core/tcp/recovery/delivery_meter.hh"

namespace tern::tcp {

void DeliveryMeter::left(Sent& s, bool first_in_flight, u32 now_us, u64 lost, u32 in_flight) {
    if (first_in_flight) first_sent_us_ = delivered_us_ = now_us;
    s.delivered = static_cast<u32>(delivered_);
    s.delivered_us = delivered_us_;
    s.first_sent_us = first_sent_us_;
    s.lost_before = static_cast<u32>(lost);
    s.in_flight = in_flight;
    s.app_limited = app_limited_until_ > delivered_;
}

DeliveryRate DeliveryMeter::acknowledged(const AckSample& a, u32 now_us, u64 lost, u32 min_rtt_us) {
    delivered_ += a.delivered;
    if (a.delivered == 0) return {};
    delivered_us_ = now_us;
    if (delivered_ > app_limited_until_) app_limited_until_ = 0;
    if (!a.newest.any) return {};
    const AckSample::Newest& n = a.newest;
    first_sent_us_ = n.sent_us;
    DeliveryRate r;
    r.delivered = static_cast<u32>(delivered_) - n.delivered;
    r.prior_delivered = delivered_ - r.delivered;
    r.lost = static_cast<u32>(lost) - n.lost_before;
    r.in_flight = n.in_flight;
    r.app_limited = n.app_limited;
    r.interval_us = std::max(n.sent_us - n.first_sent_us, delivered_us_ - n.delivered_us);
    if (r.interval_us != 0 && r.interval_us >= min_rtt_us)
        r.rate = rate_ = u64{r.delivered} * 1'000'000 / r.interval_us;
    return r;
}

void DeliveryMeter::app_limited(u32 on_the_way) {
    app_limited_until_ = std::max<u64>(delivered_ + on_the_way, 1);
}

}  // namespace tern::tcp

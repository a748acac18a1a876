// draft-ietf-ccwg-bbr 4.1: the rate at which the path delivers, one sample for each ACK.
#include "core/tcp/room.hh"

namespace tern::tcp {

void note_left(Flight& f, Sent& s, u32 now_us, u32 in_flight) {
    Flight::Delivery& d = f.delivery;
    if (f.sent.size() == 1) d.first_sent_us = d.delivered_us = now_us;
    s.delivered = static_cast<u32>(d.delivered);
    s.delivered_us = d.delivered_us;
    s.first_sent_us = d.first_sent_us;
    s.lost_before = static_cast<u32>(d.lost);
    s.in_flight = in_flight;
    s.app_limited = d.app_limited_until > d.delivered;
}

void note_newest(const Sent& s, AckSample& a) {
    if (a.newest.any && static_cast<i32>(s.at_us - a.newest.sent_us) < 0) return;
    a.newest = {true,           s.app_limited,   s.at_us,       s.delivered,
                s.delivered_us, s.first_sent_us, s.lost_before, s.in_flight};
}

// [BBR:1]: of the rates of sending and of delivery the lower one; a burst of ACKs makes no rate.
DeliveryRate delivery_rate(Room& room, Flight& f, const AckSample& a) {
    Flight::Delivery& d = f.delivery;
    d.delivered += a.delivered;
    if (a.delivered == 0) return {};
    d.delivered_us = room.now_us();
    if (d.delivered > d.app_limited_until) d.app_limited_until = 0;
    if (!a.newest.any) return {};
    const AckSample::Newest& n = a.newest;
    d.first_sent_us = n.sent_us;
    DeliveryRate r;
    r.delivered = static_cast<u32>(d.delivered) - n.delivered;
    r.prior_delivered = d.delivered - r.delivered;
    r.lost = static_cast<u32>(d.lost) - n.lost_before;
    r.in_flight = n.in_flight;
    r.app_limited = n.app_limited;
    r.interval_us = std::max(n.sent_us - n.first_sent_us, d.delivered_us - n.delivered_us);
    if (r.interval_us != 0 && r.interval_us >= f.rack.min_rtt_us)
        r.rate = d.rate = u64{r.delivered} * 1'000'000 / r.interval_us;
    return r;
}

void note_app_limited(const Tcb& tcb, Flight& f) {
    if (f.lost != 0) return;
    const u32 on_the_way = pipe(tcb, &f);
    if (on_the_way < tcb.cwnd)
        f.delivery.app_limited_until = std::max<u64>(f.delivery.delivered + on_the_way, 1);
}

}  // namespace tern::tcp

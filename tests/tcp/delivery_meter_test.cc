#include "core/tcp/recovery/delivery_meter.hh"

#include <gtest/gtest.h>

#include "support/covers.hh"

namespace tern::tcp {
namespace {

AckSample of(const Sent& s, u32 delivered) {
    AckSample a;
    a.delivered = delivered;
    a.newest = {.any = true,
                .app_limited = s.app_limited,
                .sent_us = s.at_us,
                .delivered = s.delivered,
                .delivered_us = s.delivered_us,
                .first_sent_us = s.first_sent_us,
                .lost_before = s.lost_before,
                .in_flight = s.in_flight};
    return a;
}

Sent leaves(DeliveryMeter& m, bool first, u32 now_us, u64 lost = 0, u32 in_flight = 0) {
    Sent s;
    s.at_us = now_us;
    m.left(s, first, now_us, lost, in_flight);
    return s;
}

// draft-ietf-ccwg-bbr 4.1.2.3: the longer of the two intervals.
TEST(DeliveryMeter, ARateIsTheSlowerOfSendingAndDelivery) {
    test::covers({"BBR:1"});
    DeliveryMeter m;
    const Sent one = leaves(m, true, 0);
    const Sent two = leaves(m, false, 10'000);
    EXPECT_EQ(m.acknowledged(of(one, 1'000), 50'000, 0, 1).rate, 1'000u * 1'000'000 / 50'000);
    // `two` left 10 ms behind `one`, and 60 ms of delivery lie behind it.
    const DeliveryRate r = m.acknowledged(of(two, 1'000), 60'000, 0, 1);
    EXPECT_EQ(r.delivered, 2'000u);
    EXPECT_EQ(r.prior_delivered, 0u);
    EXPECT_EQ(r.interval_us, 60'000u);
    EXPECT_EQ(m.rate(), u64{2'000} * 1'000'000 / 60'000);
    EXPECT_EQ(m.delivered(), 2'000u);
}

TEST(DeliveryMeter, ABurstOfAcksMakesNoRate) {
    DeliveryMeter m;
    const Sent one = leaves(m, true, 0);
    EXPECT_EQ(m.acknowledged(of(one, 1'000), 50'000, 0, 50'001).rate, 0u);
    EXPECT_EQ(m.acknowledged(of(one, 0), 50'000, 0, 1).rate, 0u);
    AckSample nothing_new;
    nothing_new.delivered = 500;
    EXPECT_EQ(m.acknowledged(nothing_new, 60'000, 0, 1).rate, 0u);
    EXPECT_EQ(m.delivered(), 1'500u);
}

TEST(DeliveryMeter, ApplicationLimitedUntilItsBytesAreDelivered) {
    DeliveryMeter m;
    (void)leaves(m, true, 0);
    m.app_limited(3'000);
    const Sent limited = leaves(m, false, 1'000);
    EXPECT_TRUE(limited.app_limited);
    EXPECT_TRUE(m.acknowledged(of(limited, 2'999), 50'000, 0, 1).app_limited);
    EXPECT_TRUE(leaves(m, false, 51'000).app_limited);
    (void)m.acknowledged(of(limited, 2), 52'000, 0, 1);
    EXPECT_FALSE(leaves(m, false, 53'000).app_limited);
    m.app_limited(0);  // nothing at all is on its way
    EXPECT_FALSE(leaves(m, false, 54'000).app_limited);
    DeliveryMeter fresh;
    fresh.app_limited(0);
    EXPECT_TRUE(leaves(fresh, true, 0).app_limited) << "before anything was delivered";
}

TEST(DeliveryMeter, CountsWhatWasLostSince) {
    DeliveryMeter m;
    const Sent s = leaves(m, true, 0, 5'000, 20'000);
    const DeliveryRate r = m.acknowledged(of(s, 1'000), 50'000, 8'000, 1);
    EXPECT_EQ(r.lost, 3'000u);
    EXPECT_EQ(r.in_flight, 20'000u);
}

}  // namespace
}  // namespace tern::tcp

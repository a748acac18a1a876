// Who talks to whom, with the zone of link-local addresses (RFC 4007) in no byte of its own.
#include "core/base/flow_key.hh"

#include <gtest/gtest.h>

namespace tern {
namespace {

IpAddress address(const char* text) { return *IpAddress::parse(text); }

constexpr u16 k_local_port = 4000, k_remote_port = 80;

FlowKey key(const char* local, const char* remote, u8 zone = 0) {
    return {address(local), k_local_port, address(remote), k_remote_port, zone};
}

TEST(FlowKey, GivesBackWhatItWasMadeOf) {
    for (const auto& [local, remote] : {std::pair{"10.0.0.1", "10.0.0.2"},
                                        {"2001:db8::1", "2001:db8:ffff:ffff::2"},
                                        {"fe80::1", "fe80::ffff:ffff:ffff:ffff"},
                                        {"2001:db8::1", "fe80::2"}}) {
        for (const u8 zone : {0, 1, 7, 255}) {
            const FlowKey k = key(local, remote, zone);
            EXPECT_EQ(k.local_address(), address(local)) << int{zone};
            EXPECT_EQ(k.remote_address(), address(remote)) << int{zone};
            EXPECT_EQ(k.id(),
                      (FlowId{{address(local), k_local_port}, {address(remote), k_remote_port}}));
        }
    }
}

TEST(FlowKey, TheSameLinkLocalAddressesInTwoZonesAreTwoFlows) {
    const SipKey secret{1, 2};
    for (const auto& [local, remote] : {std::pair{"fe80::1", "fe80::2"},
                                        {"2001:db8::1", "fe80::2"},
                                        {"fe80::1", "2001:db8::2"}}) {
        const FlowKey one = key(local, remote, 1), two = key(local, remote, 2);
        EXPECT_EQ(one.zone(), 1);
        EXPECT_EQ(two.zone(), 2);
        EXPECT_EQ(one, key(local, remote, 1));
        EXPECT_FALSE(one == two) << local << ' ' << remote;
        EXPECT_NE(one.hash(secret), two.hash(secret));
        EXPECT_NE(one.strong_hash(secret), two.strong_hash(secret));
    }
}

TEST(FlowKey, AZoneIsNothingToAddressesThatAreTheSameEverywhere) {
    const SipKey secret{1, 2};
    for (const auto& [local, remote] : {std::pair{"10.0.0.1", "10.0.0.2"},
                                        {"2001:db8::1", "2001:db8::2"},
                                        {"fec0::1", "ff02::1"}}) {
        EXPECT_EQ(key(local, remote, 3), key(local, remote));
        EXPECT_EQ(key(local, remote, 3).hash(secret), key(local, remote).hash(secret));
        EXPECT_EQ(key(local, remote, 3).zone(), 0);
    }
}

}  // namespace
}  // namespace tern

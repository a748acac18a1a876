// Which addresses are ours, of either family, without a stack.
#include "core/inet/address/own_addresses.hh"

#include "inet/alone.hh"

namespace tern::test {
namespace {

struct Routes final : inet::OwnAddresses::Surroundings {
    std::vector<Prefix> prefixes;
    u8 route_bits(const IpAddress& to) const override {
        u8 longest = 0;
        for (const Prefix& p : prefixes)
            if (p.contains(to)) longest = std::max(longest, p.bits);
        return longest;
    }
};

struct OwnAddressesTest : testing::Test {
    OwnAddressesTest() {
        own.add_interface();
        own.add_interface();
    }
    Error add(const char* address, u8 interface = 1, bool usable = true) {
        return error_of(own.add(interface, net_of(address), usable));
    }
    Error add_prefix(const char* prefix, u8 interface = 1, bool answer = true) {
        return error_of(own.add_prefix(interface, net_of(prefix), answer));
    }
    static Error error_of(const Result<void>& r) { return r ? Error::None : r.error(); }
    bool owns(const char* ip, u8 interface = 1) { return own.owns(interface, ip_of(ip)); }

    Routes routes;
    inet::OwnAddresses own{routes};
};

TEST_F(OwnAddressesTest, HoldBothFamiliesOnTheInterfaceThatHasThem) {
    ASSERT_EQ(add("10.0.0.1/24"), Error::None);
    ASSERT_EQ(add("2001:db8::1/64", 2), Error::None);
    EXPECT_TRUE(owns("10.0.0.1"));
    EXPECT_FALSE(owns("10.0.0.1", 2));
    EXPECT_TRUE(owns("2001:db8::1", 2));
    EXPECT_FALSE(owns("2001:db8::2", 2));
    EXPECT_EQ(own.interface_of(ip_of("2001:db8::1")), 2);
    EXPECT_EQ(own.interface_of(ip_of("10.0.0.2")), 0);
    EXPECT_EQ(add("10.0.0.1/8", 2), Error::AlreadyExists);
    for (const char* bad :
         {"224.0.0.1/24", "0.0.0.0/8", "10.0.0.255/24", "ff02::1/64", "::/64", "::1/128"})
        EXPECT_EQ(add(bad), Error::InvalidAddress) << bad;
    EXPECT_EQ(add("10.0.1.255/31"), Error::None) << "RFC 3021: two hosts, and no broadcast";
    EXPECT_EQ(add("2001:db8::ffff:ffff:ffff:ffff/64"), Error::None) << "IPv6 has no broadcast";
}

TEST_F(OwnAddressesTest, OnesThatAreRemovedAreForgottenThoughTheyWereAskedForLately) {
    ASSERT_EQ(add("10.0.0.1/24"), Error::None);
    ASSERT_TRUE(owns("10.0.0.1"));
    ASSERT_TRUE(own.remove(1, ip_of("10.0.0.1")));
    EXPECT_FALSE(owns("10.0.0.1"));
    EXPECT_FALSE(own.subnet_of(ip_of("10.0.0.2")));
    EXPECT_FALSE(own.source(1, ip_of("10.0.0.2"), ip_of("10.0.0.2")));
    EXPECT_FALSE(own.is_subnet_broadcast(1, ip_of("10.0.0.255")));
    EXPECT_EQ(error_of(own.remove(1, ip_of("10.0.0.1"))), Error::AddressNotAvailable);
}

TEST_F(OwnAddressesTest, OneThatIsStillClaimedIsNobodysSourceAndMakesNoSubnet) {
    ASSERT_EQ(add("10.0.0.9/24", 1, false), Error::None);
    EXPECT_NE(own.find(1, ip_of("10.0.0.9")), nullptr);
    EXPECT_FALSE(owns("10.0.0.9"));
    EXPECT_FALSE(own.has_usable_ipv4(1));
    EXPECT_FALSE(own.subnet_of(ip_of("10.0.0.2")));
    EXPECT_FALSE(own.source(1, ip_of("10.0.0.2"), ip_of("10.0.0.2")));
    EXPECT_TRUE(own.is_subnet_broadcast(1, ip_of("10.0.0.255")));
    own.make_usable(1, ip_of("10.0.0.9"));
    EXPECT_TRUE(owns("10.0.0.9"));
    EXPECT_TRUE(own.has_usable_ipv4(1));
    EXPECT_TRUE(own.subnet_of(ip_of("10.0.0.2")));
    EXPECT_EQ(own.source(1, ip_of("10.0.0.2"), ip_of("10.0.0.2")), ip_of("10.0.0.9"));
}

TEST_F(OwnAddressesTest, TheLongestSubnetWithAUsableAddressIsTheOneADestinationIsIn) {
    ASSERT_EQ(add("10.0.0.1/8"), Error::None);
    ASSERT_EQ(add("10.1.0.1/16", 2), Error::None);
    const auto narrow = own.subnet_of(ip_of("10.1.2.3"));
    ASSERT_TRUE(narrow);
    EXPECT_EQ(narrow->interface, 2);
    EXPECT_EQ(narrow->bits, 96 + 16);
    EXPECT_EQ(own.subnet_of(ip_of("10.1.2.3"), 1)->bits, 96 + 8);
    EXPECT_FALSE(own.subnet_of(ip_of("2001:db8::1")));
    ASSERT_EQ(add("10.0.0.2/8"), Error::None);
    ASSERT_TRUE(own.remove(1, ip_of("10.0.0.1")));
    EXPECT_TRUE(own.subnet_of(ip_of("10.9.9.9"))) << "the other address of the subnet is there";
}

TEST_F(OwnAddressesTest, APrefixIsOursWhereNothingLongerCoversIt) {
    ASSERT_EQ(add_prefix("10.16.0.0/12"), Error::None);
    ASSERT_EQ(add_prefix("2001:db8::/32", 2), Error::None);
    ASSERT_EQ(add("10.17.0.1/24"), Error::None);
    ASSERT_EQ(add("10.18.0.1/32", 2), Error::None);
    EXPECT_TRUE(owns("10.20.1.1"));
    EXPECT_FALSE(owns("10.20.1.1", 2));
    EXPECT_TRUE(owns("2001:db8:1::1", 2));
    EXPECT_FALSE(owns("10.17.0.2")) << "a subnet of neighbours";
    EXPECT_FALSE(owns("10.17.0.255")) << "their broadcast";
    EXPECT_FALSE(owns("10.18.0.1")) << "an address of the other interface";
    ASSERT_TRUE(owns("10.20.1.1"));
    routes.prefixes.push_back({ip_of("10.20.0.0"), 16});
    own.routes_changed();
    EXPECT_FALSE(owns("10.20.1.1")) << "a route to somebody else";
    routes.prefixes = {{ip_of("10.0.0.0"), 8}};
    own.routes_changed();
    EXPECT_TRUE(owns("10.20.1.1")) << "the route is the shorter one";
    EXPECT_EQ(add_prefix("10.24.0.0/16", 2), Error::AlreadyExists);
    EXPECT_EQ(add_prefix("2001:db8:1::/48"), Error::AlreadyExists);
    EXPECT_EQ(add_prefix("10.32.0.1/12"), Error::InvalidAddress) << "a bit behind the prefix";
}

TEST_F(OwnAddressesTest, EachFamilyHasPrefixesOfItsOwn) {
    ASSERT_EQ(add_prefix("::/0"), Error::None);
    EXPECT_FALSE(owns("10.0.0.1"));
    EXPECT_TRUE(owns("2001:db8::1"));
    ASSERT_EQ(add_prefix("0.0.0.0/0"), Error::None);
    EXPECT_TRUE(owns("10.0.0.1"));
    EXPECT_FALSE(owns("ff02::1")) << "a group is no host";
    ASSERT_TRUE(own.remove_prefix(1, net_of("::/0")));
    EXPECT_FALSE(owns("2001:db8::1"));
    EXPECT_TRUE(owns("10.0.0.1"));
    EXPECT_EQ(error_of(own.remove_prefix(1, net_of("0.0.0.0/1"))), Error::AddressNotAvailable);
}

TEST_F(OwnAddressesTest, ASilentPrefixIsAnsweredForByNobodyButItsSingleAddressesAre) {
    ASSERT_EQ(add_prefix("10.16.0.0/12", 1, false), Error::None);
    ASSERT_EQ(add_prefix("10.32.0.0/12", 1, true), Error::None);
    ASSERT_EQ(add("10.16.0.5/32"), Error::None);
    EXPECT_FALSE(own.answers(1, ip_of("10.16.0.4")));
    EXPECT_TRUE(own.answers(1, ip_of("10.16.0.5")));
    EXPECT_TRUE(own.answers(1, ip_of("10.32.0.4")));
    EXPECT_FALSE(own.answers(1, ip_of("10.48.0.4")));
}

}  // namespace
}  // namespace tern::test

// Interfaces: which are taken, and what is said of those that there are not. A stack on top,
// because its verbs take any number for an interface.
#include "inet/bench.hh"

namespace tern::test {
namespace {

using Interfaces = InetTest;

TEST_F(Interfaces, AnMtuBelowWhatEveryNetworkCarriesIsRefused) {
    for (const u32 mtu : {0u, 39u, 67u, 65'536u, 0xffff'ffffu})
        EXPECT_EQ(layer->add_interface({.mtu = mtu}).error(), Error::InvalidArgument) << mtu;
    for (const u32 mtu : {68u, 1500u, 65'535u}) EXPECT_TRUE(layer->add_interface({.mtu = mtu}));
}

TEST_F(Interfaces, ATagOrAnAddressThatNoStationHasIsRefused) {
    EXPECT_EQ(layer->add_interface({.vlan = 4095}).error(), Error::InvalidArgument);
    EXPECT_EQ(layer->add_interface({.vlan = 65'535}).error(), Error::InvalidArgument);
    EXPECT_TRUE(layer->add_interface({.vlan = 4094}));
    EXPECT_EQ(layer->add_interface({.mac = MacAddress::broadcast()}).error(),
              Error::InvalidArgument);
    EXPECT_EQ(layer->interface_count(), 1u) << "what is refused leaves nothing behind";
}

TEST_F(Interfaces, The256thIsRefusedAndTheOthersGoOn) {
    for (u32 n = 1; n <= 255; ++n) ASSERT_EQ(add_ethernet(), n);
    EXPECT_EQ(layer->add_interface({}).error(), Error::NotSupported);
    eth = 255;
    ASSERT_TRUE(layer->add_address(eth, *Cidr::parse("10.0.0.1/24"), false));
    peer_is_known();
    send_to(k_peer, pattern(8));
    EXPECT_EQ(sent().size(), 1u);
}

// The calls of configuration have said so before; the verbs died.
TEST_F(Interfaces, OneThatIsNotThereIsAnErrorOrACountedDrop) {
    usual();
    for (const u8 none : {0, 2, 255}) {
        EXPECT_FALSE(layer->has_interface(none));
        EXPECT_EQ(layer->add_address(none, *Cidr::parse("10.9.0.1/24"), false).error(),
                  Error::NoSuchInterface);
        EXPECT_EQ(layer->remove_address(none, k_us).error(), Error::NoSuchInterface);
        EXPECT_EQ(layer->add_prefix(none, *Cidr::parse("10.9.0.0/16"), true).error(),
                  Error::NoSuchInterface);
        EXPECT_EQ(layer->remove_prefix(none, *Cidr::parse("10.9.0.0/16")).error(),
                  Error::NoSuchInterface);
        EXPECT_EQ(layer->add_route(*Cidr::parse("10.9.0.0/16"), none, {}).error(),
                  Error::NoSuchInterface);
        EXPECT_EQ(layer->add_neighbor(none, k_peer, k_peer_mac).error(), Error::NoSuchInterface);
    }
}

}  // namespace
}  // namespace tern::test

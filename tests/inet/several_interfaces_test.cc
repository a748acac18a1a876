// A host on several links (RFC 1122 3.3.4): the strong host model. What has an address of ours as
// source leaves by the interface of that address, and nothing crosses from one link to another.
#include "inet/bench.hh"

namespace tern::test {
namespace {

constexpr Ipv4Address k_second{10, 1, 0, 1};
constexpr Ipv4Address k_far{192, 0, 2, 1};

class SeveralInterfaces : public InetTest {
protected:
    // 10.0.0.1/24 on the first interface, 10.1.0.1/24 on the second.
    SeveralInterfaces() {
        usual();
        second = add_ethernet();
        add("10.1.0.1/24", second);
    }
    void add(const char* address, u8 interface) {
        ASSERT_TRUE(layer->add_address(interface, *Cidr::parse(address), false));
    }
    void default_route(u8 interface, Ipv4Address gateway) {
        ASSERT_TRUE(layer->add_route(*Cidr::parse("0.0.0.0/0"), interface, gateway));
    }
    void send_from(Ipv4Address source, Ipv4Address to) {
        inet::Way way;
        layer->send(pool.copy_of(std::as_bytes(std::span{"8 bytes"})),
                    {.source = source, .destination = to, .protocol = 17}, way);
    }
    // Whom the one packet in the queue of `interface` asks for; any: there is no such packet.
    Ipv4Address asked_on(u8 interface) {
        const auto out = sent(interface);
        return out.size() == 1 && out[0].is_arp() ? out[0].arp().target_ip : Ipv4Address{};
    }

    u8 second = 0;
};

TEST_F(SeveralInterfaces, AnAnswerLeavesByTheInterfaceOfItsSourceThoughAnotherRouteCameFirst) {
    default_route(eth, {10, 0, 0, 254});
    default_route(second, {10, 1, 0, 254});
    send_from(k_second, k_far);
    EXPECT_EQ(asked_on(second), (Ipv4Address{10, 1, 0, 254}));
    EXPECT_TRUE(silent());
    send_from(k_us, k_far);
    EXPECT_EQ(asked_on(eth), (Ipv4Address{10, 0, 0, 254}));
    EXPECT_TRUE(sent(second).empty());
    // Where nothing says from where, the route that was added first leads.
    EXPECT_EQ(layer->source_for(k_far), IpAddress{k_us});
}

TEST_F(SeveralInterfaces, WaysFoundLatelyAreKeptApartByTheirSource) {
    default_route(eth, {10, 0, 0, 254});
    default_route(second, {10, 1, 0, 254});
    for (int again = 0; again < 3; ++again) {
        inet::Way first_way, second_way, free_way;
        ASSERT_TRUE(layer->find_way(k_far, k_us, first_way));
        ASSERT_TRUE(layer->find_way(k_far, k_second, second_way));
        ASSERT_TRUE(layer->find_way(k_far, Ipv4Address::unspecified(), free_way));
        EXPECT_EQ(first_way.interface, eth);
        EXPECT_EQ(second_way.interface, second);
        EXPECT_EQ(free_way.interface, eth);
    }
}

TEST_F(SeveralInterfaces, WithoutARouteBehindItsInterfaceNothingLeavesByAnother) {
    default_route(eth, {10, 0, 0, 254});
    send_from(k_second, k_far);
    send_from(k_second, k_peer);
    EXPECT_EQ(drops(DropReason::OutNoRoute), 2u);
    EXPECT_TRUE(silent());
    EXPECT_TRUE(sent(second).empty());
}

TEST_F(SeveralInterfaces, TwoLinksOfOneSubnetEachAnswerTheirOwn) {
    const u8 twin = add_ethernet();
    add("10.0.0.9/24", twin);
    // Somebody on the twin's link asks for it, and is known there from then on.
    const Arp question{.target_ip = {10, 0, 0, 9}};
    inject(twin, ether({.to = MacAddress::broadcast(), .type = 0x0806}, arp(question)));
    ASSERT_EQ(sent(twin).size(), 1u);
    const Ip header{.to = {10, 0, 0, 9}, .protocol = 1};
    inject(twin, ether({}, ip(header, icmp(8, 0, 1, pattern(4)))));
    const auto out = sent(twin);
    ASSERT_EQ(out.size(), 1u) << "an answer, and nobody has to be asked for";
    EXPECT_TRUE(out[0].is_ip());
    EXPECT_EQ(out[0].to(), k_peer_mac);
    EXPECT_EQ(out[0].ip_from(), (Ipv4Address{10, 0, 0, 9}));
    EXPECT_TRUE(silent());
}

TEST_F(SeveralInterfaces, ABroadcastLeavesByTheInterfaceOfItsSource) {
    send_from(k_second, Ipv4Address::broadcast());
    EXPECT_TRUE(silent());
    EXPECT_EQ(sent(second).size(), 1u);
    send_from(k_us, Ipv4Address::broadcast());
    EXPECT_EQ(sent(eth).size(), 1u);
}

TEST_F(SeveralInterfaces, APacketForTheAddressOfAnotherLinkIsNotForUs) {
    EXPECT_TRUE(dies(DropReason::Ipv4NotForUs,
                     ether({}, ip({.to = k_second, .protocol = 1}, icmp(8, 0, 1, pattern(4))))));
    const Arp question{.target_ip = k_second};
    EXPECT_TRUE(dies(DropReason::ArpNotForUs,
                     ether({.to = MacAddress::broadcast(), .type = 0x0806}, arp(question))));
    EXPECT_TRUE(
        dies(DropReason::Ipv4NotForUs, ether({}, ip({.to = {10, 1, 0, 7}}, udp({}, pattern(4))))))
        << "and nothing is forwarded to a neighbour there";
    EXPECT_TRUE(silent());
    EXPECT_TRUE(sent(second).empty());
}

TEST_F(SeveralInterfaces, AnEchoRequestGoesByTheRouteWithAnAddressFromThere) {
    default_route(second, {10, 1, 0, 254});
    ASSERT_TRUE(layer->add_neighbor(second, Ipv4Address{10, 1, 0, 254}, k_other_mac));
    ASSERT_TRUE(layer->send_echo(k_far, 1, 1, {}));
    const auto out = sent(second);
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].ip_from(), k_second);
    EXPECT_TRUE(silent());
}

TEST_F(SeveralInterfaces, OneThatIsClearedGivesItsRoutesAndAddressesBack) {
    default_route(eth, {10, 0, 0, 254});
    default_route(second, {10, 1, 0, 254});
    ASSERT_TRUE(layer->add_prefix(eth, *Cidr::parse("10.9.0.0/16"), true));
    inet::Way kept;
    ASSERT_TRUE(layer->find_way(k_far, Ipv4Address::unspecified(), kept));
    EXPECT_EQ(kept.interface, eth);
    EXPECT_EQ(layer->clear_interface(9).error(), Error::NoSuchInterface);
    ASSERT_TRUE(layer->clear_interface(eth));
    for (const Ipv4Address gone : {k_us, Ipv4Address(10, 9, 1, 1)})
        EXPECT_FALSE(layer->is_local_address(gone));
    EXPECT_EQ(layer->source_for(k_far), IpAddress{k_second}) << "the other default route leads";
    ASSERT_TRUE(layer->find_way(k_far, Ipv4Address::unspecified(), kept));
    EXPECT_EQ(kept.interface, second);
    EXPECT_EQ(layer->source_for(k_peer), IpAddress{k_second}) << "nobody is on-link there any more";
    add("10.0.0.1/24", second);
    EXPECT_TRUE(layer->is_local_address(k_us));
}

TEST_F(SeveralInterfaces, AnAddressIsOnOneInterface) {
    EXPECT_EQ(layer->add_address(second, *Cidr::parse("10.0.0.1/24"), false).error(),
              Error::AlreadyExists);
}

}  // namespace
}  // namespace tern::test

// Prefixes all of whose addresses are ours (accept-any): RFC 1122 3.2.1.3 and 3.3.4.2 hold for
// them as for single addresses.
#include "inet/bench.hh"
#include "support/covers.hh"

namespace tern::test {
namespace {

class Prefix : public InetTest {
protected:
    Prefix() {
        usual();
        peer_is_known();
    }
    Result<void> add(const char* prefix, bool answer_arp = true) {
        return layer->add_prefix(eth, *Cidr::parse(prefix), answer_arp);
    }
    Bytes to(const char* address, const char* from = "10.0.0.2") {
        return ether({}, ip({.from = *Ipv4Address::parse(from), .to = *Ipv4Address::parse(address)},
                            udp({}, pattern(4))));
    }
    bool is_local(const char* address) {
        return layer->is_local_address(*IpAddress::parse(address));
    }
};

TEST_F(Prefix, every_address_of_it_is_ours) {
    ASSERT_TRUE(add("172.16.0.0/12"));
    for (const char* a : {"172.16.0.0", "172.16.0.1", "172.31.255.255", "172.20.0.255"}) {
        EXPECT_TRUE(is_local(a)) << a;
        ASSERT_TRUE(lives(to(a), Arrived::Udp)) << a;
        EXPECT_EQ(arrival.destination, *IpAddress::parse(a));
        EXPECT_FALSE(arrival.broadcast);
    }
    for (const char* a : {"172.15.255.255", "172.32.0.0", "10.0.0.9"}) {
        EXPECT_FALSE(is_local(a)) << a;
        EXPECT_TRUE(dies(DropReason::Ipv4NotForUs, to(a))) << a;
    }
}

TEST_F(Prefix, it_belongs_to_its_interface) {
    covers({"RFC1122:3", "VULN:vpn-inference"});
    const u8 second = add_ethernet();
    ASSERT_TRUE(layer->add_prefix(second, *Cidr::parse("10.9.0.0/16"), true));
    EXPECT_TRUE(is_local("10.9.1.1"));
    EXPECT_TRUE(dies(DropReason::Ipv4NotForUs, to("10.9.1.1")));
    EXPECT_EQ(inject(second, to("10.9.1.1")), Arrived::Udp);
    inet::Way way;
    ASSERT_TRUE(layer->find_way(k_peer, k_us, way));
    EXPECT_FALSE(layer->is_source_on(way, *IpAddress::parse("10.9.1.1")));
    ASSERT_TRUE(add("10.8.0.0/16"));
    ASSERT_TRUE(layer->find_way(k_peer, k_us, way));
    EXPECT_TRUE(layer->is_source_on(way, *IpAddress::parse("10.8.1.1")));
}

TEST_F(Prefix, nobody_else_speaks_with_an_address_of_it) {
    covers({"VULN:la-tierra"});
    ASSERT_TRUE(add("172.16.0.0/12"));
    EXPECT_TRUE(dies(DropReason::Ipv4OwnSource, to("10.0.0.1", "172.16.3.4")));
    EXPECT_TRUE(dies(DropReason::Ipv4OwnSource, to("172.16.3.4", "172.16.3.4")));
    EXPECT_TRUE(lives(to("172.16.3.4", "172.15.3.4"), Arrived::Udp));
}

// All the addresses there are may be ours; hosts of a subnet, and groups, are nevertheless not.
TEST_F(Prefix, what_is_more_specific_is_the_neighbours) {
    covers({"RFC1122:4"});
    ASSERT_TRUE(add("0.0.0.0/0"));
    EXPECT_TRUE(lives(to("8.8.8.8"), Arrived::Udp));
    EXPECT_TRUE(dies(DropReason::Ipv4NotForUs, to("10.0.0.3")));
    EXPECT_TRUE(dies(DropReason::Ipv4OwnSource, to("10.0.0.1", "8.8.8.8")));
    for (const char* a : {"127.0.0.1", "224.0.0.5", "240.0.0.1", "0.0.0.0"}) {
        EXPECT_FALSE(is_local(a)) << a;
        EXPECT_TRUE(dies(DropReason::Ipv4NotForUs, to(a))) << a;
    }
    ASSERT_TRUE(lives(to("10.0.0.255"), Arrived::Udp));
    EXPECT_TRUE(arrival.broadcast) << "of the subnet";
    for (const char* a : {"127.0.0.1", "224.0.0.5", "10.0.0.255", "255.255.255.255"})
        EXPECT_TRUE(dies(DropReason::Ipv4BadSource, to("8.8.8.8", a))) << a;

    ASSERT_TRUE(layer->add_route(*Cidr::parse("8.0.0.0/8"), eth, Ipv4Address{10, 0, 0, 2}));
    EXPECT_TRUE(dies(DropReason::Ipv4NotForUs, to("8.8.8.8")));
    EXPECT_TRUE(lives(to("10.0.0.1", "8.8.8.8"), Arrived::Udp));
    EXPECT_TRUE(lives(to("9.9.9.9", "8.8.8.8"), Arrived::Udp));
}

TEST_F(Prefix, a_host_route_keeps_a_neighbour_in_it) {
    ASSERT_TRUE(add("10.0.0.0/24"));
    EXPECT_TRUE(dies(DropReason::Ipv4OwnSource, to("10.0.0.7")));
    ASSERT_TRUE(layer->add_route(*Cidr::parse("10.0.0.2/32"), eth, {}));
    EXPECT_TRUE(lives(to("10.0.0.7"), Arrived::Udp));
    EXPECT_EQ(*layer->source_for(IpAddress{k_peer}), IpAddress{k_us}) << "never one of the prefix";
}

TEST_F(Prefix, is_no_subnet) {
    ASSERT_TRUE(add("172.16.0.0/12"));
    EXPECT_FALSE(layer->source_for(*IpAddress::parse("172.17.0.1"))) << "that is ourselves";
    EXPECT_FALSE(layer->source_for(*IpAddress::parse("172.32.0.1"))) << "no route leads there";
    EXPECT_FALSE(layer->is_broadcast_address(*IpAddress::parse("172.31.255.255")));
}

TEST_F(Prefix, arp_answers_for_it_unless_it_is_routed) {
    ASSERT_TRUE(add("172.16.0.0/12"));
    ASSERT_TRUE(add("192.168.0.0/16", false));
    const auto ask = [&](const char* address) {
        inject(ether({.to = MacAddress::broadcast(), .type = 0x0806},
                     arp({.target_ip = *Ipv4Address::parse(address)})));
        return sent_arps();
    };
    const auto answers = ask("172.16.9.9");
    ASSERT_EQ(answers.size(), 1u);
    EXPECT_EQ(answers[0].arp(), (Arp{.operation = 2,
                                     .sender = k_our_mac,
                                     .sender_ip = Ipv4Address{172, 16, 9, 9},
                                     .target = k_peer_mac,
                                     .target_ip = k_peer}));
    EXPECT_TRUE(ask("192.168.9.9").empty());
    EXPECT_TRUE(ask("172.32.0.0").empty());
    ASSERT_TRUE(layer->add_address(eth, *Cidr::parse("192.168.9.9/32"), false));
    EXPECT_EQ(ask("192.168.9.9").size(), 1u) << "a single address is asked for";
}

TEST_F(Prefix, an_echo_request_is_answered_from_the_address_that_was_asked) {
    ASSERT_TRUE(add("172.16.0.0/12"));
    inject_ip(ip({.to = Ipv4Address{172, 16, 1, 1}, .protocol = 1}, icmp(8, 0, 7, pattern(8))));
    const auto out = sent();
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].ip_from(), (Ipv4Address{172, 16, 1, 1}));
}

TEST_F(Prefix, comes_and_goes) {
    EXPECT_EQ(layer->add_prefix(9, *Cidr::parse("172.16.0.0/12"), true).error(),
              Error::NoSuchInterface);
    EXPECT_EQ(add("172.16.0.1/12").error(), Error::InvalidAddress);
    EXPECT_EQ(add("2001:db8::/32").error(), Error::InvalidAddress);
    ASSERT_TRUE(add("172.16.0.0/12"));
    ASSERT_TRUE(add("172.32.0.0/12"));
    ASSERT_TRUE(add("172.0.0.0/12"));
    for (const char* overlapping : {"172.16.0.0/12", "172.16.0.0/13", "172.20.1.1/32", "0.0.0.0/0"})
        EXPECT_EQ(add(overlapping).error(), Error::AlreadyExists) << overlapping;
    ASSERT_TRUE(lives(to("172.16.3.4"), Arrived::Udp));
    EXPECT_EQ(layer->remove_prefix(eth, *Cidr::parse("172.16.0.0/13")).error(),
              Error::AddressNotAvailable);
    ASSERT_TRUE(layer->remove_prefix(eth, *Cidr::parse("172.16.0.0/12")));
    EXPECT_TRUE(dies(DropReason::Ipv4NotForUs, to("172.16.3.4"))) << "though it was just let in";
    EXPECT_TRUE(lives(to("172.15.3.4"), Arrived::Udp));
    EXPECT_TRUE(lives(to("172.32.3.4"), Arrived::Udp));
}

// Against a list that is walked.
TEST_F(Prefix, single_addresses_and_prefixes_are_found_among_many) {
    Random random{7};
    std::vector<Cidr> all;
    for (int i = 0; i < 300; ++i) {
        const u8 length = static_cast<u8>(12 + random.below(21));
        const u32 mask = ~u32{0} << (32 - length);
        const Ipv4Address network{(u32{172} << 24 | (random.next32() & 0xff'ffff)) & mask};
        if (layer->add_prefix(eth, {network, length}, true)) all.push_back({network, length});
        const Ipv4Address single{u32{192} << 24 | (random.next32() & 0xff)};
        if (layer->add_address(eth, {single, 32}, false)) all.push_back({single, 32});
    }
    ASSERT_GE(all.size(), 100u);
    for (int i = 0; i < 20'000; ++i) {
        const u32 chosen = random.below(2) == 0
                               ? all[random.below(u32(all.size()))].address.v4().value
                               : u32{172} << 24 | (random.next32() & 0xff'ffff);
        const IpAddress a{Ipv4Address{chosen + random.below(3) - 1}};
        const bool expected =
            std::any_of(all.begin(), all.end(), [&](const Cidr& c) { return c.contains(a); });
        ASSERT_EQ(layer->is_local_address(a), expected) << a.to_string();
    }
}

}  // namespace
}  // namespace tern::test

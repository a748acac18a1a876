// A PACKET LEAVES: routes, sources, headers, queues, and configuration.
#include "inet/bench.hh"
#include "support/covers.hh"

namespace tern::test {
namespace {

class Output : public InetTest {
protected:
    Output() { usual(); }
    // The host that a packet to `to` is sent to on the link: whom we ask for.
    Ipv4Address hop_to(Ipv4Address to) {
        layer->flush_neighbors();
        sent();
        send_to(to, pattern(8));
        const auto out = sent();
        return out.size() == 1 && out[0].is_arp() ? out[0].arp().target_ip : Ipv4Address{};
    }
    static Cidr net(const char* text) { return *Cidr::parse(text); }
};

TEST_F(Output, on_link_by_the_mask_else_by_the_longest_prefix) {
    covers({"RFC1122:15"});
    ASSERT_TRUE(layer->add_route(net("0.0.0.0/0"), eth, Ipv4Address{10, 0, 0, 254}));
    ASSERT_TRUE(layer->add_route(net("192.0.2.0/24"), eth, Ipv4Address{10, 0, 0, 253}));
    ASSERT_TRUE(layer->add_route(net("192.0.2.128/25"), eth, Ipv4Address{10, 0, 0, 252}));
    ASSERT_TRUE(layer->add_route(net("192.0.2.200/32"), eth, std::nullopt));
    ASSERT_TRUE(layer->add_route(net("10.0.0.99/32"), eth, Ipv4Address{10, 0, 0, 251}));
    const auto host = [](u8 last) { return Ipv4Address{10, 0, 0, last}; };
    EXPECT_EQ(hop_to(k_peer), k_peer);
    EXPECT_EQ(hop_to({8, 8, 8, 8}), host(254));
    EXPECT_EQ(hop_to({192, 0, 2, 1}), host(253));
    EXPECT_EQ(hop_to({192, 0, 2, 129}), host(252));
    EXPECT_EQ(hop_to({192, 0, 2, 200}), (Ipv4Address{192, 0, 2, 200}));
    EXPECT_EQ(hop_to(host(99)), host(251));
    EXPECT_EQ(hop_to({192, 0, 3, 1}), host(254));
}

TEST_F(Output, without_a_route_nothing_leaves) {
    inet::Way way;
    EXPECT_EQ(layer->find_way(Ipv4Address{8, 8, 8, 8}, k_us, way).error(), Error::NoRoute);
    EXPECT_EQ(layer->find_way(*IpAddress::parse("2001:db8::1"), k_us, way).error(), Error::NoRoute);
    EXPECT_EQ(layer->source_for(Ipv4Address{8, 8, 8, 8}).error(), Error::NoRoute);
    send_to({8, 8, 8, 8}, pattern(8));
    EXPECT_EQ(drops(DropReason::OutNoRoute), 1u);
    // RFC 1122 3.2.1.3 (g): 127/8 stays inside, even with a default route.
    ASSERT_TRUE(layer->add_route(net("0.0.0.0/0"), eth, Ipv4Address{10, 0, 0, 254}));
    for (const char* to : {"127.0.0.1", "0.0.0.0", "0.0.0.9", "10.0.0.1"}) {
        EXPECT_EQ(layer->find_way(*IpAddress::parse(to), k_us, way).error(), Error::NoRoute) << to;
        send_to(*Ipv4Address::parse(to), pattern(8));
    }
    EXPECT_EQ(drops(DropReason::OutNoRoute), 5u);
    EXPECT_TRUE(silent());
}

TEST_F(Output, the_source_is_an_address_of_the_interface) {
    covers({"RFC1122:5"});
    const u8 second = add_ethernet();
    ASSERT_TRUE(layer->add_address(second, net("10.1.0.1/24"), false));
    ASSERT_TRUE(layer->add_address(second, net("10.2.0.1/24"), false));
    ASSERT_TRUE(layer->add_address(second, net("169.254.1.1/16"), false));
    ASSERT_TRUE(layer->add_route(net("0.0.0.0/0"), second, Ipv4Address{10, 2, 0, 2}));
    EXPECT_EQ(layer->source_for(k_peer), IpAddress{k_us});
    EXPECT_EQ(layer->source_for(Ipv4Address(10, 1, 0, 9)), IpAddress{Ipv4Address(10, 1, 0, 1)});
    EXPECT_EQ(layer->source_for(Ipv4Address(8, 8, 8, 8)), IpAddress{Ipv4Address(10, 2, 0, 1)});
    EXPECT_EQ(layer->source_for(Ipv4Address(169, 254, 3, 4)),
              IpAddress{Ipv4Address(169, 254, 1, 1)});
    EXPECT_FALSE(layer->source_for(*IpAddress::parse("a00:2::a00:2")).has_value());
    EXPECT_TRUE(layer->is_local_address(Ipv4Address{10, 1, 0, 1}));
    EXPECT_FALSE(layer->is_local_address(k_peer));
    EXPECT_FALSE(layer->is_local_address(*IpAddress::parse("::1")));
    EXPECT_TRUE(layer->is_broadcast_address(Ipv4Address{10, 1, 0, 255}));
    EXPECT_TRUE(layer->is_broadcast_address(Ipv4Address::broadcast()));
    EXPECT_FALSE(layer->is_broadcast_address(Ipv4Address{224, 0, 0, 1}));
    EXPECT_FALSE(layer->is_broadcast_address(Ipv4Address{10, 1, 0, 0}));

    // A way that was found before does not help against a foreign source.
    peer_is_known();
    inet::Way way;
    send_to(k_peer, pattern(8), way);
    EXPECT_EQ(sent().size(), 1u);
    const u8 eight[8] = {};
    const auto from = [&](Ipv4Address source) {
        layer->send(pool.copy_of(std::as_bytes(std::span{eight})),
                    {.source = source, .destination = k_peer, .protocol = 17}, way);
    };
    for (const Ipv4Address source : {k_other, Ipv4Address(10, 1, 0, 1), Ipv4Address::unspecified(),
                                     Ipv4Address::broadcast(), Ipv4Address(224, 0, 0, 1)})
        from(source);
    EXPECT_EQ(drops(DropReason::OutNoRoute), 5u);
    ASSERT_TRUE(layer->add_address(eth, net("10.0.0.8/24"), false));
    from({10, 0, 0, 8});
    EXPECT_EQ(sent().size(), 1u);
    ASSERT_TRUE(layer->remove_address(eth, Ipv4Address{10, 0, 0, 8}));
    from({10, 0, 0, 8});
    EXPECT_EQ(drops(DropReason::OutNoRoute), 6u) << "taken away since";
    EXPECT_TRUE(silent());
}

// A subnet within another is one of its own, and two addresses of one subnet share it.
TEST_F(Output, subnets_may_lie_in_one_another) {
    for (const char* a : {"10.3.0.1/16", "10.3.2.1/24", "10.3.4.1/24", "10.3.4.2/24"})
        ASSERT_TRUE(layer->add_address(eth, net(a), false));
    for (const u8 third : {u8{2}, u8{4}, u8{255}})
        EXPECT_TRUE(layer->is_broadcast_address(Ipv4Address{10, 3, third, 255})) << int{third};
    EXPECT_FALSE(layer->is_broadcast_address(Ipv4Address{10, 3, 3, 255}));
    EXPECT_EQ(layer->source_for(Ipv4Address(10, 3, 2, 9)), IpAddress{Ipv4Address(10, 3, 2, 1)});
    EXPECT_EQ(layer->source_for(Ipv4Address(10, 3, 4, 9)), IpAddress{Ipv4Address(10, 3, 4, 1)});
}

TEST_F(Output, a_header_as_rfc_791_wants_it) {
    covers({"RFC1122:6", "RFC1122:5", "VULN:ipid-counter"});
    peer_is_known();
    inet::Way way;
    const Bytes payload = pattern(11);
    for (const u8 ttl : {0, 1, 64, 255}) {
        layer->send(
            pool.copy_of(std::as_bytes(std::span{payload})),
            {.source = k_us, .destination = k_peer, .protocol = 99, .ttl = ttl, .tos = 0xb8}, way);
        const auto out = sent();
        ASSERT_EQ(out.size(), 1u);
        EXPECT_EQ(out[0].ip(), ip({.from = k_us,
                                   .to = k_peer,
                                   .protocol = 99,
                                   .ttl = std::max<u8>(ttl, 1),  // never 0
                                   .tos = 0xb8,
                                   .id = 0},
                                  payload));
        EXPECT_EQ(out[0].to(), k_peer_mac);
        EXPECT_EQ(out[0].from(), k_our_mac);
    }
}

TEST_F(Output, an_id_is_not_used_twice_while_it_may_matter) {
    covers({"RFC6864:1", "VULN:ipid-counter", "VULN:gvisor-weak-hash"});
    peer_is_known();
    inet::Way way;
    std::set<u16> ids;
    u32 in_order = 0;
    u16 last = 0;
    const u8 eight[8] = {};
    for (u32 n = 0; n < 65536; ++n) {
        layer->send(pool.copy_of(std::as_bytes(std::span{eight})),
                    {.source = k_us, .destination = k_peer, .protocol = 17, .dont_fragment = false},
                    way);
        Packet p = layer->queue(eth).pop_front();
        const u16 id = load16(p.network_header() + 4);
        EXPECT_TRUE(ids.insert(id).second);
        EXPECT_EQ(std::to_integer<u8>(p.network_header()[6]), 0);
        in_order += id == static_cast<u16>(last + 1) ? 1 : 0;
        last = id;
    }
    EXPECT_EQ(ids.size(), 65536u);
    EXPECT_LT(in_order, 20u);
}

TEST_F(Output, what_is_larger_than_the_mtu_dies) {
    peer_is_known();
    send_to(k_peer, Bytes(1480));
    EXPECT_EQ(sent().size(), 1u);
    send_to(k_peer, Bytes(1481));
    EXPECT_EQ(drops(DropReason::OutTooBig), 1u);
    // A super-segment will be cut by whoever takes it; but its length must fit the header.
    inet::Way way;
    for (const u32 size : {60'000u, 65'515u, 65'516u}) {
        const Bytes bytes(size);
        Packet super = pool.copy_of(std::as_bytes(std::span{bytes}));
        super->gso_size = 1460;
        super->gso_segments = static_cast<u16>((size + 1459) / 1460);
        layer->send(std::move(super), {.source = k_us, .destination = k_peer, .protocol = 6}, way);
    }
    const auto out = sent();
    ASSERT_EQ(out.size(), 2u);
    EXPECT_EQ(get16(out[1].frame, 16), 65535);
    EXPECT_EQ(drops(DropReason::OutTooBig), 2u);
}

TEST_F(Output, a_full_queue_takes_no_more) {
    context.limits.interface_queue_packets = 3;
    peer_is_known();
    for (int n = 0; n < 5; ++n) send_to(k_peer, pattern(8));
    EXPECT_EQ(drops(DropReason::OutQueueFull), 2u);
    EXPECT_EQ(sent().size(), 3u);
}

TEST_F(Output, groups_have_link_addresses_of_their_own) {
    const struct {
        Ipv4Address to;
        MacAddress mac;
    } cases[] = {
        {Ipv4Address::broadcast(), MacAddress::broadcast()},
        {{10, 0, 0, 255}, MacAddress::broadcast()},
        {{224, 0, 0, 251}, {{0x01, 0, 0x5e, 0, 0, 251}}},
        {{239, 255, 1, 2}, {{0x01, 0, 0x5e, 0x7f, 1, 2}}},
    };
    for (const auto& c : cases) {
        send_to(c.to, pattern(8));
        const auto out = sent();
        ASSERT_EQ(out.size(), 1u);
        EXPECT_EQ(out[0].to(), c.mac);
        EXPECT_EQ(out[0].ip_to(), c.to);
        EXPECT_EQ(out[0].ip_from(), k_us);
    }
}

TEST_F(Output, a_way_that_was_kept_follows_the_tables) {
    ASSERT_TRUE(layer->add_route(net("0.0.0.0/0"), eth, Ipv4Address{10, 0, 0, 254}));
    const MacAddress first{{2, 0, 0, 0, 0, 0x11}}, second{{2, 0, 0, 0, 0, 0x22}};
    ASSERT_TRUE(layer->add_neighbor(eth, Ipv4Address{10, 0, 0, 254}, first));
    ASSERT_TRUE(layer->add_neighbor(eth, Ipv4Address{10, 0, 0, 253}, second));
    inet::Way way;
    const Ipv4Address far{192, 0, 2, 1};
    send_to(far, pattern(8), way);
    EXPECT_EQ(sent()[0].to(), first);
    ASSERT_TRUE(layer->add_route(net("192.0.2.0/24"), eth, Ipv4Address{10, 0, 0, 253}));
    send_to(far, pattern(8), way);
    EXPECT_EQ(sent()[0].to(), second);
    EXPECT_EQ(layer->mtu(way), 1500u);
}

TEST_F(Output, configuration_refuses_what_cannot_be) {
    const auto error_of = [&](Result<void> r) { return r ? Error::None : r.error(); };
    EXPECT_EQ(error_of(layer->add_address(9, net("10.0.0.5/24"), false)), Error::NoSuchInterface);
    EXPECT_EQ(error_of(layer->add_address(0, net("10.0.0.5/24"), false)), Error::NoSuchInterface);
    EXPECT_EQ(error_of(layer->add_address(eth, net("10.0.0.1/16"), false)), Error::AlreadyExists);
    for (const char* bad : {"0.0.0.0/8", "127.0.0.1/8", "224.0.0.1/24", "255.255.255.255/32",
                            "240.1.1.1/24", "10.0.0.255/24", "2001:db8::1/64"})
        EXPECT_EQ(error_of(layer->add_address(eth, net(bad), false)), Error::InvalidAddress) << bad;
    EXPECT_EQ(error_of(layer->remove_address(9, k_us)), Error::NoSuchInterface);
    EXPECT_EQ(error_of(layer->remove_address(eth, k_peer)), Error::AddressNotAvailable);
    EXPECT_EQ(error_of(layer->add_route(net("0.0.0.0/0"), 9, std::nullopt)),
              Error::NoSuchInterface);
    EXPECT_EQ(error_of(layer->add_route(net("::/0"), eth, std::nullopt)), Error::InvalidAddress);
    EXPECT_EQ(error_of(layer->add_route(net("0.0.0.0/0"), eth, Ipv4Address::broadcast())),
              Error::InvalidAddress);
    EXPECT_EQ(error_of(layer->add_neighbor(9, k_peer, k_peer_mac)), Error::NoSuchInterface);
    EXPECT_EQ(error_of(layer->add_neighbor(eth, Ipv4Address{224, 0, 0, 1}, k_peer_mac)),
              Error::InvalidAddress);
    EXPECT_EQ(error_of(layer->add_neighbor(eth, k_peer, MacAddress::broadcast())),
              Error::InvalidAddress);
    EXPECT_EQ(layer->interface_count(), 1);
    EXPECT_EQ(layer->interface(eth).mac, k_our_mac);
}

}  // namespace
}  // namespace tern::test

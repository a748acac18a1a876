// Who owns which port, how one is chosen, and who is told when.
#include "udp/room.hh"

namespace tern::test {
namespace {

class UdpSockets : public UdpTest {};

TEST_F(UdpSockets, a_port_has_one_owner_unless_all_agree) {
    const UdpSocket s = open_on(5000);
    EXPECT_EQ(refusal(bound_to(5000)), Error::PortInUse);
    EXPECT_EQ(refusal(bound_to(5000, k_us)), Error::PortInUse);
    EXPECT_EQ(refusal(connected_to({k_peer, 53}, 5000)), Error::PortInUse);
    UdpOptions reuse = bound_to(5000);
    reuse.reuse_address = true;
    EXPECT_EQ(refusal(reuse), Error::PortInUse) << "the first one did not agree";
    room->close(s);
    const UdpSocket a = open(reuse), b = open(reuse);
    EXPECT_EQ(refusal(bound_to(5000)), Error::PortInUse);
    arrive(datagram({}, {1}));
    EXPECT_TRUE(got(b, {1})) << "of two equals the newer";
    room->close(b);
    arrive(datagram({}, {2}));
    EXPECT_TRUE(got(a, {2}));
}

TEST_F(UdpSockets, addresses_share_a_port) {
    ASSERT_TRUE(layer->add_address(eth, *Cidr::parse("10.0.0.77/24"), false));
    open_on(5000, k_us);
    EXPECT_EQ(refusal(bound_to(5000, Ipv4Address{10, 0, 0, 77})), Error::None);
    EXPECT_EQ(refusal(bound_to(5000, k_us)), Error::PortInUse);
    EXPECT_EQ(refusal(bound_to(5000)), Error::PortInUse);
}

TEST_F(UdpSockets, peers_share_a_port) {
    open(connected_to({k_peer, 53}, 5000));
    EXPECT_EQ(refusal(connected_to({k_peer, 54}, 5000)), Error::None);
    EXPECT_EQ(refusal(connected_to({k_peer, 53}, 5000)), Error::PortInUse);
}

TEST_F(UdpSockets, what_cannot_be_opened) {
    EXPECT_EQ(refusal(bound_to(5000, k_other)), Error::AddressNotAvailable);
    EXPECT_EQ(refusal(bound_to(5000, Ipv4Address{10, 0, 0, 255})), Error::AddressNotAvailable);
    EXPECT_EQ(refusal(connected_to({k_peer, 0})), Error::InvalidAddress);
    EXPECT_EQ(refusal(connected_to({Ipv4Address::unspecified(), 53})), Error::InvalidAddress);
    EXPECT_EQ(refusal(connected_to({Ipv4Address::broadcast(), 53})), Error::InvalidAddress);
    EXPECT_EQ(refusal(connected_to({Ipv4Address{8, 8, 8, 8}, 53})), Error::NoRoute);
    UdpOptions options = bound_to(5000);
    options.ttl = 0;  // [RFC1122:6]
    EXPECT_EQ(refusal(options), Error::InvalidArgument);
    options.ttl = 1;
    options.dscp = 64;
    EXPECT_EQ(refusal(options), Error::InvalidArgument);
    const u8 other = add_ethernet();
    ASSERT_TRUE(layer->add_address(other, *Cidr::parse("10.4.0.1/24"), false));
    options = connected_to({k_peer, 53});
    options.local.address = Ipv4Address{10, 4, 0, 1};
    EXPECT_EQ(refusal(options), Error::NoRoute) << "the peer is not behind that interface";
    ASSERT_TRUE(budget.take(budget.limit() - budget.used()));
    EXPECT_EQ(refusal(bound_to(5000)), Error::OutOfMemory);
}

TEST_F(UdpSockets, ephemeral_ports_cannot_be_predicted) {
    covers({"RFC6056:1", "RFC8085:1"});
    const u32 first = context.limits.ephemeral_port_first;
    const u32 count = context.limits.ephemeral_port_last - first + 1u;
    constexpr u32 samples = 8000, bins = 16;
    u32 seen[bins]{};
    u32 neighbors = 0;
    u16 last = 0;
    for (u32 n = 0; n < samples; ++n) {
        const UdpSocket s = n % 2 == 0 ? open({}) : open(connected_to({k_peer, 53}));
        const u16 port = room->local_endpoint(s)->port;
        ASSERT_GE(port, first);
        ASSERT_LT(port, first + count);
        ++seen[(port - first) * bins / count];
        neighbors += std::abs(port - last) <= 1 ? 1 : 0;
        last = port;
        room->close(s);
    }
    EXPECT_LT(neighbors, 10u);
    double chi_squared = 0;
    for (const u32 n : seen) {
        const double off = n - double(samples) / bins;
        chi_squared += off * off / (double(samples) / bins);
    }
    EXPECT_LT(chi_squared, 45.0) << "15 degrees of freedom: below 0.01 % by chance";
}

TEST_F(UdpSockets, every_ephemeral_port_is_found_and_then_none) {
    context.limits.ephemeral_port_first = 40000;
    context.limits.ephemeral_port_last = 40099;
    std::set<u16> ports;
    std::vector<UdpSocket> sockets;
    for (int n = 0; n < 100; ++n) {
        sockets.push_back(open({}));
        EXPECT_TRUE(ports.insert(room->local_endpoint(sockets.back())->port).second);
    }
    EXPECT_EQ(refusal({}), Error::NoPortFree);
    EXPECT_EQ(refusal(connected_to({k_peer, 53})), Error::NoPortFree);
    const u16 freed = room->local_endpoint(sockets[50])->port;
    room->close(sockets[50]);
    EXPECT_EQ(room->local_endpoint(open({}))->port, freed);
}

TEST_F(UdpSockets, connected_sockets_share_the_ephemeral_ports) {
    context.limits.ephemeral_port_first = 40000;
    context.limits.ephemeral_port_last = 40009;
    for (u16 remote = 1; remote <= 5; ++remote)
        for (int n = 0; n < 10; ++n) open(connected_to({k_peer, remote}));
    EXPECT_EQ(refusal(connected_to({k_peer, 1})), Error::NoPortFree);
    EXPECT_EQ(refusal(connected_to({k_peer, 6})), Error::None);
}

TEST_F(UdpSockets, an_old_handle_opens_nothing) {
    covers({"VULN:close-race"});
    const UdpSocket old = open_on(5000);
    room->close(old);
    room->close(old);
    const UdpSocket young = open_on(5000);
    EXPECT_EQ(young.index, old.index) << "the record is used again";
    EXPECT_FALSE(young == old);
    arrive(datagram({}, {1}));
    Bytes data;
    EXPECT_EQ(next(old, data), Error::NoSuchConnection);
    EXPECT_EQ(room->local_endpoint(old).error(), Error::NoSuchConnection);
    room->close(old);
    EXPECT_TRUE(got(young, {1}));
    EXPECT_EQ(room->receive({}).error(), Error::NoSuchConnection);
    EXPECT_EQ(room->receive({99, 1}).error(), Error::NoSuchConnection);
}

TEST_F(UdpSockets, one_event_a_socket_and_each_in_turn) {
    UdpOptions options = bound_to(5000);
    options.user = 111;
    const UdpSocket a = open(options);
    options = bound_to(5001);
    options.user = 222;
    const UdpSocket b = open(options);
    for (int n = 0; n < 5; ++n) arrive(datagram({.to = 5000}, {1}));
    arrive(datagram({.to = 5001}, {2}));
    auto event = room->next_event();
    ASSERT_TRUE(event);
    EXPECT_EQ(event->udp(), a);
    EXPECT_EQ(event->bits, UdpReadable);
    EXPECT_EQ(event->error, Error::None);
    EXPECT_EQ(event->user, 111u);
    arrive(datagram({.to = 5000}, {1}));  // goes to the end of the line
    EXPECT_EQ(room->next_event()->user, 222u);
    EXPECT_EQ(room->next_event()->user, 111u);
    EXPECT_FALSE(room->next_event());
    EXPECT_TRUE(got(b, {2}));
}

TEST_F(UdpSockets, whoever_closes_leaves_the_line) {
    std::vector<UdpSocket> sockets;
    for (u16 n = 0; n < 4; ++n) {
        sockets.push_back(open_on(static_cast<u16>(5000 + n)));
        arrive(datagram({.to = static_cast<u16>(5000 + n)}, {1}));
    }
    room->close(sockets[1]);  // the middle, the first and the last
    room->close(sockets[0]);
    room->close(sockets[3]);
    EXPECT_EQ(room->next_event()->udp(), sockets[2]);
    EXPECT_FALSE(room->next_event());
    EXPECT_EQ(pool.packets_in_use(), 1u) << "what waited at the others is gone";
}

TEST_F(UdpSockets, many_sockets_come_and_go) {
    Random random{3};
    std::vector<UdpSocket> sockets;
    for (int n = 0; n < 20'000; ++n) {
        const u32 what = random.below(4);
        if (what == 0 && !sockets.empty()) {
            const u32 i = random.below(static_cast<u32>(sockets.size()));
            room->close(sockets[i]);
            sockets.erase(sockets.begin() + i);
        } else if (what == 1) {
            const u16 port = static_cast<u16>(6000 + random.below(200));
            UdpOptions options =
                random.below(2) == 0
                    ? bound_to(port, random.below(2) ? LocalAddress{k_us} : LocalAddress{})
                    : connected_to({k_peer, u16(1 + random.below(3))}, port);
            options.reuse_address = random.below(2) == 0;
            if (const auto s = room->open(options)) sockets.push_back(*s);
        } else if (what == 2) {
            const bool all = random.below(8) == 0;
            arrive(datagram({.from = u16(1 + random.below(4)), .to = u16(6000 + random.below(200))},
                            pattern(random.below(40)),
                            {.to = all ? Ipv4Address{10, 0, 0, 255} : k_us}));
        } else if (auto event = room->next_event()) {
            Bytes data;
            while (next(event->udp(), data) == Error::None) {}
        }
        sent();
    }
    for (const UdpSocket s : sockets) room->close(s);
    EXPECT_EQ(pool.packets_in_use(), 0u);
    EXPECT_FALSE(room->next_event());
}

// The most specific one gets what comes; two that could both get it clash.
TEST_F(UdpSockets, EveryAddressOfAFamilyIsLessThanEveryOneOfBoth) {
    UdpOptions both = bound_to(53), v4 = bound_to(53, Families::Ipv4), one = bound_to(53, k_us);
    both.reuse_address = v4.reuse_address = one.reuse_address = true;
    const UdpSocket family = open(v4), all = open(both);
    const auto reached = [&](UdpSocket s) {
        arrive(datagram({.to = 53}, pattern(4)));
        return room->receive(s).has_value();
    };
    EXPECT_TRUE(reached(family));
    const UdpSocket here = open(one);
    EXPECT_TRUE(reached(here));
    room->close(here);
    room->close(family);
    EXPECT_TRUE(reached(all));
    EXPECT_EQ(*room->local_endpoint(all), (LocalEndpoint{{}, 53}));
    EXPECT_EQ(refusal(bound_to(53, Families::Ipv4)), Error::PortInUse);
    EXPECT_EQ(refusal(bound_to(53, k_us)), Error::PortInUse);
    EXPECT_EQ(refusal(bound_to(54, Families::Ipv6)), Error::NotSupported);
    UdpOptions other_family = connected_to({*IpAddress::parse("2001:db8::1"), 53});
    other_family.local.address = Families::Ipv4;
    EXPECT_EQ(refusal(other_family), Error::InvalidAddress);
    const UdpSocket only_v4 = open_on(54, Families::Ipv4);
    EXPECT_EQ(send_error(only_v4, pattern(4), Endpoint{*IpAddress::parse("2001:db8::1"), 53}),
              Error::InvalidAddress);
    room->close(only_v4);
    EXPECT_EQ(refusal(bound_to(54, IpAddress{})), Error::AddressNotAvailable);
    EXPECT_EQ(refusal(bound_to(54, Ipv4Address::unspecified())), Error::AddressNotAvailable);
}

}  // namespace
}  // namespace tern::test

// A datagram leaves: RFC 768, RFC 1122 4.1.
#include "udp/room.hh"

namespace tern::test {
namespace {

class UdpOutput : public UdpTest {};

TEST_F(UdpOutput, a_datagram_as_rfc_768_wants_it) {
    covers({"RFC768:2", "RFC1122:16", "RFC1122:5"});
    UdpOptions options = bound_to(5000);
    options.ttl = 7;
    options.dscp = 46;
    const UdpSocket s = open(options);
    for (const std::size_t size : {0u, 1u, 2u, 63u, 1471u, 1472u}) {
        ASSERT_TRUE(send(s, pattern(size), Endpoint{k_peer, 53}));
        const auto out = sent();
        ASSERT_EQ(out.size(), 1u);
        EXPECT_EQ(out[0].to(), k_peer_mac);
        const Bytes payload = udp({.from = 5000, .to = 53}, pattern(size), k_us, k_peer);
        const Ip header{.from = k_us, .to = k_peer, .ttl = 7, .tos = 46 << 2, .id = 0};
        EXPECT_EQ(out[0].ip(), ip(header, payload));
        EXPECT_TRUE(sum_good(out[0]));
        EXPECT_EQ(out[0].checksum, ChecksumState::Unknown);
    }
}

TEST_F(UdpOutput, a_sum_of_zero_goes_as_its_other_form) {
    covers({"RFC1122:16", "RFC768:2"});
    const UdpSocket s = open_on(5000);
    u32 forced = 0;
    for (u32 n = 0; n < 65536; ++n) {
        const Bytes data{static_cast<u8>(n >> 8), static_cast<u8>(n)};
        ASSERT_TRUE(send(s, data, Endpoint{k_peer, 53}));
        const Packet p = layer->queue(eth).pop_front();
        const u16 sum = load16(p.transport_header() + 6);
        ASSERT_NE(sum, 0) << n;
        forced += sum == 0xffff ? 1 : 0;
    }
    EXPECT_EQ(forced, 1u) << "one of all words makes the sum zero";
}

TEST_F(UdpOutput, a_link_that_completes_checksums_gets_the_pseudo_header) {
    InterfaceConfig config;
    config.mac = k_our_mac;
    config.transmit_checksum = true;
    eth = layer->add_interface(config).value();
    ASSERT_TRUE(layer->add_address(eth, *Cidr::parse("10.3.0.1/24"), false));
    ASSERT_TRUE(layer->add_neighbor(eth, Ipv4Address{10, 3, 0, 2}, k_peer_mac));
    const UdpSocket s = open_on(5000);
    ASSERT_TRUE(send(s, pattern(33), Endpoint{Ipv4Address{10, 3, 0, 2}, 53}));
    const auto out = sent();
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].checksum, ChecksumState::Partial);
    const u64 sum = pseudo({10, 3, 0, 1}, {10, 3, 0, 2}, 17, 41);
    EXPECT_EQ(get16(out[0].frame, 40), sum16({}, sum));
    EXPECT_EQ(tail(out[0].frame, 42), pattern(33));
}

TEST_F(UdpOutput, the_source_may_be_chosen_among_ours) {
    covers({"RFC1122:18", "RFC1122:5"});
    const Ipv4Address second{10, 0, 0, 77};
    ASSERT_TRUE(layer->add_address(eth, *Cidr::parse("10.0.0.77/24"), false));
    const Ipv4Address other_ip{10, 4, 0, 1};
    const u8 other = add_ethernet();
    ASSERT_TRUE(layer->add_address(other, *Cidr::parse("10.4.0.1/24"), false));
    const Endpoint to{k_peer, 53};
    const UdpSocket any = open_on(5000);
    const UdpSocket bound = open_on(5001, second);
    const auto source_of = [&](UdpSocket s, std::optional<IpAddress> source) {
        EXPECT_TRUE(send(s, pattern(4), to, source));
        const auto out = sent();
        return out.size() == 1 ? out[0].ip_from() : Ipv4Address{};
    };
    EXPECT_EQ(source_of(any, {}), k_us);
    EXPECT_EQ(source_of(any, second), second);
    EXPECT_EQ(source_of(bound, {}), second);
    EXPECT_EQ(source_of(bound, k_us), k_us);
    // Not ours, or nobody's.
    for (const char* source :
         {"10.0.0.3", "0.0.0.0", "255.255.255.255", "224.0.0.1", "2001:db8::1"})
        EXPECT_EQ(send_error(any, pattern(4), to, IpAddress::parse(source)),
                  Error::AddressNotAvailable);
    // Strong host model (RFC 1122 3.3.4.2): it leaves by the interface of its source, or not at
    // all.
    EXPECT_EQ(send_error(any, pattern(4), to, other_ip), Error::NoRoute);
    ASSERT_TRUE(layer->remove_address(eth, second));
    EXPECT_EQ(send_error(bound, pattern(4), to), Error::AddressNotAvailable);
    EXPECT_TRUE(silent());
}

TEST_F(UdpOutput, a_source_leaves_by_its_own_interface_connected_or_not) {
    const Ipv4Address far{192, 0, 2, 1}, gateway{10, 0, 0, 254}, other_gateway{10, 4, 0, 254};
    const Ipv4Address other_ip{10, 4, 0, 1};
    const u8 other = add_ethernet();
    ASSERT_TRUE(layer->add_address(other, *Cidr::parse("10.4.0.1/24"), false));
    ASSERT_TRUE(layer->add_route(*Cidr::parse("0.0.0.0/0"), eth, gateway));
    ASSERT_TRUE(layer->add_route(*Cidr::parse("0.0.0.0/0"), other, other_gateway));
    ASSERT_TRUE(layer->add_neighbor(eth, gateway, k_peer_mac));
    ASSERT_TRUE(layer->add_neighbor(other, other_gateway, k_other_mac));
    UdpOptions o;
    o.remote = Endpoint{far, 53};
    const auto connected = room->open(o);
    o.local.address = other_ip;
    const auto bound = room->open(o);
    ASSERT_TRUE(connected && bound);
    const auto leaves_by = [&](UdpSocket s, std::optional<IpAddress> source) {
        EXPECT_TRUE(send(s, pattern(4), {}, source));
        const std::size_t here = sent(eth).size(), there = sent(other).size();
        EXPECT_EQ(here + there, 1u);
        return here == 1 ? eth : other;
    };
    EXPECT_EQ(leaves_by(*connected, {}), eth);
    EXPECT_EQ(leaves_by(*connected, other_ip), other);
    EXPECT_EQ(leaves_by(*connected, {}), eth) << "what the socket knows of its way is its own";
    EXPECT_EQ(leaves_by(*bound, {}), other);
}

TEST_F(UdpOutput, what_cannot_be_sent) {
    const UdpSocket s = open_on(5000);
    const Bytes data = pattern(4);
    EXPECT_EQ(send_error(s, data), Error::NotConnected);
    EXPECT_EQ(send_error(s, data, Endpoint{k_peer, 0}), Error::InvalidAddress);
    EXPECT_EQ(send_error(s, data, Endpoint{Ipv4Address::unspecified(), 53}), Error::InvalidAddress);
    EXPECT_EQ(send_error(s, data, Endpoint{Ipv4Address{8, 8, 8, 8}, 53}), Error::NoRoute);
    EXPECT_EQ(send_error(s, data, Endpoint{k_us, 53}), Error::NoRoute);
    EXPECT_EQ(send_error(s, Bytes(1473), Endpoint{k_peer, 53}), Error::MessageTooLong);
    EXPECT_EQ(send_error({}, data, Endpoint{k_peer, 53}), Error::NoSuchConnection);
    room->close(s);
    EXPECT_EQ(send_error(s, data, Endpoint{k_peer, 53}), Error::NoSuchConnection);
    EXPECT_TRUE(silent());
}

TEST_F(UdpOutput, everybody_is_addressed_only_on_purpose) {
    UdpOptions options = bound_to(5000);
    const UdpSocket shy = open(options);
    options.local.port = 5001;
    options.broadcast = true;
    const UdpSocket loud = open(options);
    for (const Ipv4Address to : {Ipv4Address{10, 0, 0, 255}, Ipv4Address::broadcast()}) {
        EXPECT_EQ(send_error(shy, {1}, Endpoint{to, 53}), Error::InvalidAddress);
        ASSERT_TRUE(send(loud, {1}, Endpoint{to, 53}));
        const auto out = sent();
        ASSERT_EQ(out.size(), 1u);
        EXPECT_TRUE(out[0].to().is_broadcast());
        EXPECT_EQ(out[0].ip_to(), to);
        EXPECT_TRUE(sum_good(out[0]));
    }
}

TEST_F(UdpOutput, a_connected_socket_keeps_its_way) {
    const UdpSocket s = open(connected_to({k_peer, 53}));
    const auto local = room->local_endpoint(s);
    ASSERT_TRUE(local);
    EXPECT_EQ(local->address, IpAddress{k_us});
    for (int n = 0; n < 3; ++n) {
        ASSERT_TRUE(send(s, {1}));
        const auto out = sent();
        ASSERT_EQ(out.size(), 1u);
        EXPECT_EQ(port_to(out[0]), 53);
        EXPECT_EQ(port_from(out[0]), local->port);
        layer->flush_neighbors();
    }
    ASSERT_TRUE(send(s, {1}, Endpoint{k_peer, 54}));
    EXPECT_EQ(port_to(sent().at(0)), 54) << "somebody else, for once";
}

TEST_F(UdpOutput, without_memory_nothing_is_sent) {
    const UdpSocket s = open_on(5000);
    ASSERT_TRUE(budget.take(budget.limit() - budget.used()));
    std::vector<Packet> hoard;
    while (Packet more = pool.allocate(0)) hoard.push_back(std::move(more));
    EXPECT_EQ(send_error(s, {1}, Endpoint{k_peer, 53}), Error::OutOfMemory);
    EXPECT_TRUE(silent());
}

// RFC 2131 4.1: a client that has no address yet asks from 0.0.0.0, and hears the answer.
class DhcpClient : public UdpTest {
protected:
    DhcpClient() {
        layer = std::make_unique<inet::Inet>(context);
        room = std::make_unique<UdpRoom>(context, *layer);
        eth = add_ethernet();
        UdpOptions options = bound_to(68);
        options.broadcast = true;
        socket = open(options);
    }
    Error ask(Ipv4Address from, Ipv4Address to) {
        const Bytes data = pattern(240);
        const auto r =
            room->send(socket, std::as_bytes(std::span{data}), Endpoint{to, 67}, IpAddress{from});
        return r ? Error::None : r.error();
    }
    UdpSocket socket;
};

TEST_F(DhcpClient, AsksFromNoAddressWhileItHasNone) {
    covers({"RFC1122:5"});
    ASSERT_EQ(ask({}, Ipv4Address::broadcast()), Error::None);
    const auto out = sent();
    ASSERT_EQ(out.size(), 1u);
    EXPECT_TRUE(out[0].to().is_broadcast());
    EXPECT_EQ(out[0].ip_from(), Ipv4Address{});
    EXPECT_EQ(out[0].ip_to(), Ipv4Address::broadcast());
    const Bytes datagram = out[0].payload();
    EXPECT_EQ(sum16(datagram, pseudo({}, Ipv4Address::broadcast(), 17, datagram.size())), 0xffff);

    arrive(ether({.to = MacAddress::broadcast()},
                 ip({.to = Ipv4Address::broadcast()},
                    udp({.from = 67, .to = 68}, pattern(300), k_peer, Ipv4Address::broadcast()))));
    const auto offer = room->receive(socket);
    ASSERT_TRUE(offer);
    EXPECT_EQ(offer->data.size(), 300u);
}

TEST_F(DhcpClient, AsksOneHostFromNoAddressNever) {
    covers({"RFC1122:5"});
    ASSERT_TRUE(layer->add_route(*Cidr::parse("0.0.0.0/0"), eth, std::nullopt));
    EXPECT_EQ(ask({}, k_peer), Error::AddressNotAvailable);
    EXPECT_EQ(ask({0, 0, 0, 7}, Ipv4Address::broadcast()), Error::AddressNotAvailable);
    EXPECT_TRUE(silent());
}

TEST_F(DhcpClient, ThatHasAnAddressSpeaksFromIt) {
    covers({"RFC1122:5"});
    ASSERT_TRUE(layer->add_address(eth, *Cidr::parse("10.0.0.1/24"), true));
    EXPECT_EQ(ask({}, Ipv4Address::broadcast()), Error::None) << "it is not ours yet";
    ASSERT_TRUE(layer->remove_address(eth, k_us));
    ASSERT_TRUE(layer->add_address(eth, *Cidr::parse("10.0.0.1/24"), false));
    EXPECT_EQ(ask({}, Ipv4Address::broadcast()), Error::AddressNotAvailable);
    EXPECT_EQ(ask(k_us, Ipv4Address::broadcast()), Error::None);
}

}  // namespace
}  // namespace tern::test

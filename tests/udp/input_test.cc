// A datagram arrives: RFC 768, RFC 1122 4.1.
#include "udp/room.hh"

namespace tern::test {
namespace {

class UdpInput : public UdpTest {};

TEST_F(UdpInput, a_datagram_reaches_its_socket_with_all_about_it) {
    covers({"RFC1122:18"});
    ASSERT_TRUE(layer->add_address(eth, *Cidr::parse("10.0.0.77/24"), false));
    const UdpSocket s = open_on(5000);
    for (const Ipv4Address to : {k_us, Ipv4Address{10, 0, 0, 77}}) {
        arrive(datagram({}, pattern(30), {.to = to}));
        auto d = room->receive(s);
        ASSERT_TRUE(d);
        EXPECT_EQ(bytes_of(d->data), pattern(30));
        EXPECT_EQ(d->from, (Endpoint{k_peer, 4000}));
        EXPECT_EQ(d->to, IpAddress{to});
        EXPECT_EQ(d->interface, eth);
        EXPECT_EQ(d->ttl, 55);
        EXPECT_EQ(d->tos, 0x28);
        // The answer leaves from the address that was asked.
        ASSERT_TRUE(send(s, pattern(5), d->from, d->to));
        const auto out = sent();
        ASSERT_EQ(out.size(), 1u);
        EXPECT_EQ(out[0].ip_from(), to);
        EXPECT_EQ(port_from(out[0]), 5000);
        EXPECT_EQ(port_to(out[0]), 4000);
    }
    EXPECT_EQ(all_drops(), 0u);
    EXPECT_EQ(context.counters.udp_in, 2u);
    EXPECT_EQ(context.counters.udp_out, 2u);
}

TEST_F(UdpInput, lengths_must_agree_and_excess_is_ignored) {
    covers({"RFC768:1", "VULN:udp-length", "VULN:nucleus13"});
    const UdpSocket s = open_on(5000);
    for (std::size_t n = 0; n < 8; ++n)
        EXPECT_TRUE(lost(DropReason::UdpTooShort, ether({}, ip({}, Bytes(n)))));
    for (int length = 0; length < 8; ++length) {
        EXPECT_TRUE(
            lost(DropReason::UdpBadLength, datagram({.length_error = length - 18}, pattern(10))));
    }
    for (const int longer : {1, 2, 8, 1000, 60000})
        EXPECT_TRUE(
            lost(DropReason::UdpBadLength, datagram({.length_error = longer}, pattern(10))));
    EXPECT_TRUE(got_nothing(s));
    for (u16 length = 8; length <= 18; ++length) {
        // The sum covers what UDP says is its own; the rest of the IP payload is nobody's.
        Bytes p = udp({}, pattern(static_cast<std::size_t>(length - 8)));
        p.resize(18, 0xee);
        arrive(ether({}, ip({}, p)));
        EXPECT_TRUE(got(s, pattern(static_cast<std::size_t>(length - 8))));
    }
    EXPECT_TRUE(silent());
}

TEST_F(UdpInput, the_checksum_is_verified_unless_there_is_none) {
    covers({"RFC768:2", "RFC1122:16"});
    const UdpSocket s = open_on(5000);
    for (std::size_t size = 0; size < 70; ++size) {  // odd ones too
        arrive(datagram({}, pattern(size)));
        EXPECT_TRUE(got(s, pattern(size)));
        arrive(datagram({.sum = UdpFields::Sum::None}, pattern(size)));
        EXPECT_TRUE(got(s, pattern(size)));
        EXPECT_TRUE(lost(DropReason::UdpBadChecksum,
                         datagram({.sum = UdpFields::Sum::Bad}, pattern(size))));
        EXPECT_TRUE(got_nothing(s));
    }
    const Bytes good = datagram({}, pattern(9));
    for (std::size_t bit = 34 * 8; bit < good.size() * 8; ++bit) {
        Bytes bad = good;
        bad[bit / 8] = static_cast<u8>(bad[bit / 8] ^ 1u << bit % 8);
        arrive(bad);
        EXPECT_TRUE(got_nothing(s)) << bit;
    }
    EXPECT_TRUE(silent()) << "and nobody is told";
}

TEST_F(UdpInput, what_the_link_vouches_for_is_not_summed) {
    const UdpSocket s = open_on(5000);
    for (const ChecksumState state : {ChecksumState::Verified, ChecksumState::Partial}) {
        const Bytes frame = datagram({.sum = UdpFields::Sum::Bad}, pattern(9));
        packet = pool.copy_of(std::as_bytes(std::span{frame}));
        packet->checksum = state;
        ASSERT_EQ(layer->arrives(eth, packet, arrival, error), Arrived::Udp);
        room->arrives(std::move(packet), arrival);
        EXPECT_TRUE(got(s, pattern(9)));
    }
}

TEST_F(UdpInput, nobody_at_home) {
    covers({"RFC1122:19", "RFC1122:11", "RFC1122:10"});
    open_on(5000, k_us);
    const Bytes frame = datagram({.to = 5001}, pattern(30));
    EXPECT_TRUE(lost(DropReason::UdpNoPort, frame));
    const auto out = sent();
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].ip_to(), k_peer);
    EXPECT_EQ(out[0].payload(), icmp(3, 3, 0, tail(frame, 14)));
    for (int n = 0; n < 1000; ++n) arrive(frame);
    EXPECT_LE(sent().size(), 50u);
    EXPECT_GT(drops(DropReason::IcmpRateLimited), 900u);
}

TEST_F(UdpInput, nobody_at_home_is_not_told_to_a_crowd) {
    covers({"RFC1122:9", "VULN:smurf"});
    for (const char* to : {"255.255.255.255", "10.0.0.255", "224.0.0.1"}) {
        const Ipv4Address group = *Ipv4Address::parse(to);
        EXPECT_TRUE(lost(DropReason::UdpNoPort,
                         datagram({}, pattern(4), {.to = group, .mac = MacAddress::broadcast()})));
        EXPECT_TRUE(lost(DropReason::UdpNoPort, datagram({}, pattern(4), {.to = group})));
    }
    EXPECT_TRUE(silent());
}

TEST_F(UdpInput, port_zero_is_no_port) {
    EXPECT_TRUE(lost(DropReason::UdpBadPort, datagram({.to = 0}, pattern(4))));
    EXPECT_TRUE(silent());
    const UdpSocket s = open_on(5000);
    arrive(datagram({.from = 0}, pattern(4)));  // RFC 768: no answer is wanted
    EXPECT_TRUE(got(s, pattern(4)));
}

TEST_F(UdpInput, the_most_specific_socket_gets_it) {
    ASSERT_TRUE(layer->add_address(eth, *Cidr::parse("10.0.0.77/24"), false));
    UdpOptions reuse = bound_to(5000);
    reuse.reuse_address = true;
    const UdpSocket any = open(reuse);
    reuse.local.address = k_us;
    const UdpSocket address = open(reuse);
    reuse.remote = Endpoint{k_peer, 4000};
    const UdpSocket connected = open(reuse);
    arrive(datagram({}, {1}));
    EXPECT_TRUE(got(connected, {1}));
    arrive(datagram({.from = 4001}, {2}));
    EXPECT_TRUE(got(address, {2}));
    arrive(datagram({}, {3}, {.to = {10, 0, 0, 77}}));
    EXPECT_TRUE(got(any, {3}));
    room->close(connected);
    arrive(datagram({}, {4}));
    EXPECT_TRUE(got(address, {4}));
    room->close(address);
    arrive(datagram({}, {5}));
    EXPECT_TRUE(got(any, {5}));
    room->close(any);
    EXPECT_TRUE(lost(DropReason::UdpNoPort, datagram({}, {6})));
}

TEST_F(UdpInput, a_connected_socket_hears_its_peer_only) {
    const UdpSocket s = open(connected_to({k_peer, 53}, 5000));
    arrive(datagram({.from = 53}, {1}));
    EXPECT_TRUE(got(s, {1}));
    EXPECT_TRUE(lost(DropReason::UdpNoPort, datagram({.from = 54}, {2})));
    EXPECT_TRUE(lost(DropReason::UdpNoPort, datagram({.from = 53}, {3}, {.from = k_other})));
}

// Nothing can be sent from the address that a broadcast came to: whoever answers must know.
TEST_F(UdpInput, an_application_sees_what_went_to_many) {
    const UdpSocket s = open_on(5000);
    const struct {
        Ipv4Address to;
        bool group;
    } cases[] = {{k_us, false},
                 {Ipv4Address::broadcast(), true},
                 {{10, 0, 0, 255}, true},
                 {{224, 0, 0, 1}, true}};
    for (const auto& c : cases) {
        const MacAddress mac = c.group ? MacAddress::broadcast() : k_our_mac;
        arrive(datagram({}, pattern(8), {.to = c.to, .mac = mac}));
        const auto got_it = room->receive(s);
        ASSERT_TRUE(got_it);
        EXPECT_EQ(got_it->to_group, c.group) << c.to.to_string();
        std::optional<IpAddress> source;
        if (!c.group) source = got_it->to;
        EXPECT_EQ(send_error(s, pattern(8), got_it->from, source), Error::None);
        EXPECT_EQ(sent().size(), 1u);
    }
    arrive(datagram({}, pattern(8),
                    {.from = {}, .to = Ipv4Address::broadcast(), .mac = MacAddress::broadcast()}));
    const auto from_nobody = room->receive(s);
    ASSERT_TRUE(from_nobody) << "a host that asks for its address";
    EXPECT_EQ(send_error(s, pattern(8), from_nobody->from), Error::InvalidAddress);
    EXPECT_TRUE(silent());
}

TEST_F(UdpInput, a_broadcast_reaches_everybody_who_listens) {
    UdpOptions options = bound_to(5000);
    options.reuse_address = true;
    const UdpSocket a = open(options), b = open(options), c = open(options);
    options.local.address = k_us;
    const UdpSocket bound = open(options);
    const UdpSocket elsewhere = open_on(5001);
    const u64 before = pool.packets_in_use();
    arrive(datagram({}, pattern(8), {.to = {10, 0, 0, 255}, .mac = MacAddress::broadcast()}));
    EXPECT_EQ(pool.packets_in_use(), before + 3) << "three views of the same bytes";
    for (const UdpSocket s : {a, b, c}) {
        auto d = room->receive(s);
        ASSERT_TRUE(d);
        EXPECT_EQ(bytes_of(d->data), pattern(8));
        EXPECT_EQ(d->to, (IpAddress{Ipv4Address{10, 0, 0, 255}}));
    }
    EXPECT_TRUE(got_nothing(bound));
    EXPECT_TRUE(got_nothing(elsewhere));
    arrive(datagram({}, {7}));
    EXPECT_TRUE(got(bound, {7})) << "what is for one goes to one";
    EXPECT_TRUE(got_nothing(a));
}

TEST_F(UdpInput, a_queue_is_bounded_by_the_memory_it_pins) {
    UdpOptions options = bound_to(5000);
    options.receive_queue = 10 * (2048 + 64);
    const UdpSocket s = open(options);
    for (u8 n = 0; n < 15; ++n) arrive(datagram({}, {n}));
    EXPECT_EQ(drops(DropReason::UdpQueueFull), 5u);
    EXPECT_EQ(pool.packets_in_use(), 10u);
    for (u8 n = 0; n < 10; ++n) EXPECT_TRUE(got(s, {n})) << "in order";
    EXPECT_TRUE(got_nothing(s));
    arrive(datagram({}, {77}));
    EXPECT_TRUE(got(s, {77}));
}

TEST_F(UdpInput, a_queue_takes_one_datagram_however_small_its_limit) {
    UdpOptions options = bound_to(5000);
    options.receive_queue = 0;
    const UdpSocket s = open(options);
    arrive(datagram({}, {1}));
    EXPECT_TRUE(lost(DropReason::UdpQueueFull, datagram({}, {2})));
    EXPECT_TRUE(got(s, {1}));
}

TEST_F(UdpInput, a_small_datagram_does_not_pin_a_large_buffer) {
    const UdpSocket s = open_on(5000);
    const Bytes frame = datagram({}, pattern(100));
    for (const u32 room_for : {PacketPool::k_payload_jumbo, PacketPool::k_payload_super}) {
        packet = pool.allocate(room_for);
        std::memcpy(packet.append(u32(frame.size())), frame.data(), frame.size());
        ASSERT_EQ(layer->arrives(eth, packet, arrival, error), Arrived::Udp);
        room->arrives(std::move(packet), arrival);
        auto d = room->receive(s);
        ASSERT_TRUE(d);
        EXPECT_EQ(bytes_of(d->data), pattern(100));
        EXPECT_EQ(d->from, (Endpoint{k_peer, 4000}));
        EXPECT_EQ(d->to, IpAddress{k_us});
        EXPECT_EQ(std::move(d->data).into_packet()->size_class, 0);
    }
}

TEST_F(UdpInput, a_datagram_may_be_empty) {
    const UdpSocket s = open_on(5000);
    arrive(datagram({}, {}));
    arrive(datagram({}, {1}));
    auto d = room->receive(s);
    ASSERT_TRUE(d);
    EXPECT_EQ(d->data.size(), 0u);
    EXPECT_EQ(d->from, (Endpoint{k_peer, 4000}));
    EXPECT_TRUE(got(s, {1}));
}

TEST_F(UdpInput, without_memory_a_view_is_refused_and_counted) {
    const UdpSocket s = open_on(5000);
    const Bytes frame = datagram({}, pattern(4), {.to = Ipv4Address::broadcast()});
    packet = pool.copy_of(std::as_bytes(std::span{frame}));
    ASSERT_TRUE(budget.take(budget.limit() - budget.used()));
    std::vector<Packet> hoard;
    while (Packet more = packet.share()) hoard.push_back(std::move(more));
    ASSERT_EQ(layer->arrives(eth, packet, arrival, error), Arrived::Udp);
    room->arrives(std::move(packet), arrival);
    EXPECT_EQ(drops(DropReason::MemoryCeiling), 1u);
    EXPECT_TRUE(got_nothing(s));
}

}  // namespace
}  // namespace tern::test

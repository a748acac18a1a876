// An IPv4 packet arrives: RFC 791 3.1, RFC 1122 3.2.1, RFC 7126.
#include "inet/bench.hh"
#include "support/covers.hh"

namespace tern::test {
namespace {

class Ipv4Input : public InetTest {
protected:
    Ipv4Input() {
        usual();
        peer_is_known();
    }
    // Puts the right checksum into a header that was changed by hand.
    static Bytes resummed(Bytes p) {
        const std::size_t length = std::min<std::size_t>((p[0] & 15u) * 4, p.size());
        p[10] = p[11] = 0;
        const u16 sum = static_cast<u16>(~sum16(std::span{p}.first(length)));
        p[10] = static_cast<u8>(sum >> 8);
        p[11] = static_cast<u8>(sum);
        return p;
    }
    Bytes datagram = ip({}, udp({}, pattern(12)));
};

TEST_F(Ipv4Input, delivers_the_payload_and_what_the_header_said) {
    ASSERT_TRUE(lives(ether({}, ip({.ttl = 3, .tos = 0xb9}, udp({}, pattern(12)))), Arrived::Udp));
    EXPECT_EQ(arrival.source, IpAddress{k_peer});
    EXPECT_EQ(arrival.destination, IpAddress{k_us});
    EXPECT_EQ(arrival.interface, eth);
    EXPECT_EQ(arrival.tos, 0xb9);
    EXPECT_EQ(arrival.ttl, 3);
    EXPECT_FALSE(arrival.broadcast);
    EXPECT_EQ(packet.size(), 20u);
    EXPECT_EQ(packet.data(), packet.transport_header());
    EXPECT_EQ(packet.data() - packet.network_header(), 20);
    EXPECT_TRUE(lives(ether({}, ip({.protocol = 6}, pattern(20))), Arrived::Tcp));
}

TEST_F(Ipv4Input, every_version_but_four_is_discarded) {
    covers({"RFC1122:1"});
    for (u8 version = 0; version < 16; ++version) {
        if (version == 4) continue;
        Bytes p = datagram;
        p[0] = static_cast<u8>(version << 4 | 5);
        EXPECT_TRUE(dies(DropReason::Ipv4BadVersion, ether({}, resummed(p))));
    }
    EXPECT_TRUE(silent());
}

TEST_F(Ipv4Input, a_flipped_bit_anywhere_in_the_header_is_found) {
    covers({"RFC1122:2"});
    for (std::size_t bit = 0; bit < 160; ++bit) {
        Bytes p = datagram;
        p[bit / 8] = static_cast<u8>(p[bit / 8] ^ 1u << bit % 8);
        const u64 before = all_drops();
        EXPECT_EQ(inject_ip(p), Arrived::Consumed) << bit;
        EXPECT_EQ(all_drops(), before + 1);
    }
    EXPECT_GE(drops(DropReason::Ipv4BadChecksum), 100u);
    EXPECT_TRUE(silent());
}

TEST_F(Ipv4Input, lengths_must_agree) {
    covers({"RFC791:1", "VULN:ripple20", "VULN:infra-halt"});
    for (std::size_t n = 0; n < 20; ++n) {
        EXPECT_TRUE(dies(DropReason::Ipv4TooShort,
                         ether({}, Bytes(datagram.begin(), datagram.begin() + int(n)))));
    }
    for (u8 ihl = 0; ihl < 5; ++ihl) {
        Bytes p = datagram;
        p[0] = static_cast<u8>(0x40 | ihl);
        EXPECT_TRUE(dies(DropReason::Ipv4BadHeaderLength, ether({}, resummed(p))));
    }
    Bytes long_header = ip({}, {});  // 20 bytes; says 24
    long_header[0] = 0x46;
    EXPECT_TRUE(dies(DropReason::Ipv4BadHeaderLength, ether({}, resummed(long_header))));
    for (u16 total = 0; total < 20; ++total) {
        Bytes p = datagram;
        p[2] = 0;
        p[3] = static_cast<u8>(total);
        EXPECT_TRUE(dies(DropReason::Ipv4BadTotalLength, ether({}, resummed(p))));
    }
    EXPECT_TRUE(dies(DropReason::Ipv4BadTotalLength,
                     ether({}, ip({.length_error = 1}, udp({}, pattern(12))))));
    EXPECT_TRUE(dies(DropReason::Ipv4BadTotalLength,
                     ether({}, ip({.length_error = 60000}, udp({}, pattern(12))))));
    EXPECT_TRUE(silent());
}

TEST_F(Ipv4Input, the_links_padding_is_not_data) {
    covers({"RFC791:1"});
    for (std::size_t padding = 0; padding < 46; ++padding) {
        Bytes p = ip({}, udp({}, pattern(1)));
        p.resize(p.size() + padding, 0xee);
        ASSERT_TRUE(lives(ether({}, p), Arrived::Udp));
        EXPECT_EQ(packet.size(), 9u);
    }
}

TEST_F(Ipv4Input, what_is_for_others_is_not_forwarded) {
    covers({"RFC1122:3", "VULN:vpn-inference"});
    const u8 second = add_ethernet();
    ASSERT_TRUE(layer->add_address(second, *Cidr::parse("10.1.0.1/24"), false));
    ASSERT_TRUE(layer->add_route(*Cidr::parse("0.0.0.0/0"), second, Ipv4Address{10, 1, 0, 2}));
    // The last one is ours, but on the other interface (strong host model).
    for (const char* to : {"10.0.0.3", "10.0.0.0", "8.8.8.8", "127.0.0.1", "0.0.0.0", "224.0.0.5",
                           "10.1.0.255", "240.0.0.1", "10.1.0.1"}) {
        EXPECT_TRUE(dies(DropReason::Ipv4NotForUs,
                         ether({}, ip({.to = *Ipv4Address::parse(to)}, udp({}, pattern(4))))));
    }
    EXPECT_TRUE(sent(eth).empty());
    EXPECT_TRUE(sent(second).empty());
}

TEST_F(Ipv4Input, a_source_is_one_host) {
    covers({"RFC1122:4"});
    for (const char* from :
         {"0.0.0.0", "0.1.2.3", "127.0.0.1", "127.255.0.9", "224.0.0.1", "239.1.2.3", "240.0.0.1",
          "255.255.255.254", "255.255.255.255", "10.0.0.255"}) {
        const Ip header{.from = *Ipv4Address::parse(from), .protocol = 1};
        EXPECT_TRUE(
            dies(DropReason::Ipv4BadSource, ether({}, ip(header, icmp(8, 0, 1, pattern(4))))))
            << from;
    }
    EXPECT_TRUE(silent());
}

// RFC 1122 3.2.1.3 (a), (b): a host that does not know its address yet speaks from network 0, to
// everybody on its link. That is how BOOTP and DHCP begin.
TEST_F(Ipv4Input, a_host_without_an_address_reaches_those_who_hand_them_out) {
    covers({"RFC1122:4"});
    const auto from = [](const char* source, Ipv4Address to, u8 protocol) {
        const Ip header{.from = *Ipv4Address::parse(source), .to = to, .protocol = protocol};
        return ether({.to = MacAddress::broadcast()},
                     ip(header, udp({.from = 68, .to = 67}, pattern(4), header.from, to)));
    };
    for (const char* source : {"0.0.0.0", "0.0.0.7", "0.255.255.255"}) {
        EXPECT_TRUE(lives(from(source, Ipv4Address::broadcast(), 17), Arrived::Udp)) << source;
        EXPECT_TRUE(arrival.broadcast);
        EXPECT_EQ(arrival.source, IpAddress{*Ipv4Address::parse(source)});
        EXPECT_TRUE(dies(DropReason::Ipv4BadSource, from(source, Ipv4Address::broadcast(), 6)));
        EXPECT_TRUE(dies(DropReason::Ipv4BadSource, from(source, Ipv4Address::broadcast(), 1)));
        EXPECT_TRUE(dies(DropReason::Ipv4BadSource, from(source, Ipv4Address{10, 0, 0, 255}, 17)));
        EXPECT_TRUE(dies(DropReason::Ipv4BadSource, from(source, k_us, 17)));
        EXPECT_TRUE(dies(DropReason::Ipv4BadSource, from(source, Ipv4Address{224, 0, 0, 1}, 17)));
    }
    EXPECT_TRUE(dies(DropReason::Ipv4BadSource, from("127.0.0.1", Ipv4Address::broadcast(), 17)));
    EXPECT_TRUE(dies(DropReason::Ipv4BadSource, from("224.0.0.1", Ipv4Address::broadcast(), 17)));
    EXPECT_TRUE(silent()) << "no error goes to an address that is none";
}

// Land and La Tierra: for every address that is ours, also that of another interface.
TEST_F(Ipv4Input, nobody_else_speaks_with_our_address) {
    covers({"RFC1122:4", "VULN:land", "VULN:la-tierra"});
    const u8 second = add_ethernet();
    ASSERT_TRUE(layer->add_address(second, *Cidr::parse("10.1.0.1/24"), false));
    ASSERT_TRUE(layer->add_address(eth, *Cidr::parse("10.0.0.9/24"), false));
    for (const char* from : {"10.0.0.1", "10.0.0.9", "10.1.0.1"}) {
        for (const u8 protocol : {1, 6, 17}) {
            const Ip header{.from = *Ipv4Address::parse(from), .protocol = protocol};
            EXPECT_TRUE(dies(DropReason::Ipv4OwnSource, ether({}, ip(header, pattern(20)))));
        }
    }
    EXPECT_TRUE(silent());
}

TEST_F(Ipv4Input, a_small_ttl_does_not_matter_on_arrival) {
    covers({"RFC1122:6"});
    for (const u8 ttl : {0, 1, 2, 255})
        EXPECT_TRUE(lives(ether({}, ip({.ttl = ttl}, udp({}, pattern(4)))), Arrived::Udp));
}

TEST_F(Ipv4Input, options_are_ignored_and_illegal_ones_do_no_harm) {
    covers({"RFC1122:7", "VULN:ip-options"});
    const std::vector<Bytes> options = {{1, 1, 1, 1},              // no-operation
                                        {0, 0, 0, 0},              // end
                                        {136, 4, 0, 7},            // stream ID: obsolete, ignored
                                        {7, 7, 4, 0, 0, 0, 0, 0},  // record route
                                        {68, 12, 5, 0, 0, 0, 0, 0, 0, 0, 0, 0},   // timestamp
                                        {130, 11, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0},  // security
                                        {99, 4, 1, 2},                            // unknown
                                        {99, 0, 1, 2},
                                        {99, 1, 1, 2},
                                        {99, 200, 1, 2},
                                        {1, 1, 1, 99},  // illegal lengths
                                        Bytes(40, 1),
                                        Bytes(40, 0xff)};
    for (const Bytes& o : options)
        EXPECT_TRUE(lives(ether({}, ip({.options = o}, udp({}, pattern(4)))), Arrived::Udp));
    EXPECT_EQ(packet.size(), 12u);
    EXPECT_EQ(packet.data() - packet.network_header(), 60);

    Random random{7};
    for (int n = 0; n < 20'000; ++n) {
        Bytes o(4 * (1 + random.below(10)));
        for (u8& b : o)
            b = static_cast<u8>(random.below(4) == 0 ? random.below(12) : random.next32());
        const Arrived arrived = inject_ip(ip({.options = o}, udp({}, pattern(4))));
        EXPECT_TRUE(arrived == Arrived::Udp || arrived == Arrived::Consumed);
    }
    EXPECT_EQ(all_drops(), drops(DropReason::Ipv4SourceRoute));
    EXPECT_TRUE(silent());
}

TEST_F(Ipv4Input, source_routes_are_refused) {
    covers({"RFC7126:1", "VULN:windows-tcp"});
    for (const u8 kind : {131, 137}) {
        for (const Bytes& o : {Bytes{kind, 7, 4, 10, 0, 0, 9, 0}, Bytes{1, kind, 3, 4},
                               Bytes{kind, 0, 0, 0}, Bytes{1, 1, 1, kind}}) {
            EXPECT_TRUE(dies(DropReason::Ipv4SourceRoute,
                             ether({}, ip({.options = o}, udp({}, pattern(4))))));
        }
    }
    EXPECT_TRUE(silent());
}

TEST_F(Ipv4Input, fragments_are_counted_and_dropped) {
    covers({"VULN:teardrop", "VULN:ping-of-death"});
    for (const u16 fragment : {0x2000, 0x2001, 0x0001, 0x00b9, 0x1fff, 0x6000}) {
        EXPECT_TRUE(dies(DropReason::Ipv4Fragment,
                         ether({}, ip({.fragment = fragment}, udp({}, pattern(16))))));
    }
    EXPECT_TRUE(silent());
}

TEST_F(Ipv4Input, one_host_is_not_told_by_shouting) {
    covers({"RFC1122:14"});
    const MacAddress group{{0x01, 0, 0x5e, 0, 0, 1}};
    for (const MacAddress& to : {MacAddress::broadcast(), group}) {
        for (const u8 protocol : {1, 6, 17, 99}) {
            const Bytes p = ip({.protocol = protocol}, icmp(8, 0, 1, pattern(40)));
            EXPECT_TRUE(dies(DropReason::Ipv4UnicastInBroadcast, ether({.to = to}, p)));
        }
    }
    EXPECT_TRUE(silent());
}

TEST_F(Ipv4Input, what_is_for_everybody_is_marked_so) {
    for (const char* to : {"255.255.255.255", "10.0.0.255", "224.0.0.1"}) {
        for (const MacAddress& mac : {MacAddress::broadcast(), k_our_mac}) {
            const Bytes p = ip({.to = *Ipv4Address::parse(to), .protocol = 6}, pattern(20));
            ASSERT_TRUE(lives(ether({.to = mac}, p), Arrived::Tcp));
            EXPECT_TRUE(arrival.broadcast) << to;
        }
    }
}

TEST_F(Ipv4Input, networks_of_one_and_two_have_no_broadcast_address) {
    const u8 other = add_ethernet();
    ASSERT_TRUE(layer->add_address(other, *Cidr::parse("10.7.0.1/32"), false));
    ASSERT_TRUE(layer->add_address(other, *Cidr::parse("10.7.1.2/31"), false));
    eth = other;
    ASSERT_TRUE(lives(ether({}, ip({.to = {10, 7, 0, 1}}, udp({}, {}))), Arrived::Udp));
    EXPECT_FALSE(arrival.broadcast);
    EXPECT_TRUE(dies(DropReason::Ipv4NotForUs, ether({}, ip({.to = {10, 7, 1, 3}}, udp({}, {})))));
}

TEST_F(Ipv4Input, a_protocol_that_nobody_speaks_is_answered) {
    covers({"RFC1122:11", "RFC1122:10", "VULN:ip-in-ip", "VULN:ripple20"});
    u32 answered = 0;
    for (u32 protocol = 0; protocol < 256; ++protocol) {
        if (protocol == 1 || protocol == 6 || protocol == 17) continue;
        const Bytes p = ip({.protocol = static_cast<u8>(protocol)}, pattern(32));
        EXPECT_TRUE(dies(DropReason::Ipv4UnknownProtocol, ether({}, p)));
        const auto out = sent();
        ASSERT_EQ(out.size(), 1u);
        EXPECT_EQ(out[0].payload(), icmp(3, 2, 0, p));
        ++answered;
        wait(100ms);
    }
    EXPECT_EQ(answered, 253u);
}

TEST_F(Ipv4Input, random_frames_do_no_harm) {
    Random random{99};
    for (int n = 0; n < 50'000; ++n) {
        Bytes payload(random.below(80));
        for (u8& b : payload) b = static_cast<u8>(random.next32());
        if (payload.size() > 20 && random.below(4) != 0) {
            payload[0] = static_cast<u8>(0x45 + random.below(2));
            payload[2] = 0;
            payload[3] = static_cast<u8>(payload.size() - random.below(3));
            payload[6] = payload[7] = 0;
            payload[9] = static_cast<u8>(random.below(18));
            const u32 to = random.below(3) == 0 ? 0xffffffff : k_us.value;
            for (u32 i = 0; i < 4; ++i) payload[16 + i] = static_cast<u8>(to >> (24 - 8 * i));
            payload = resummed(payload);
        }
        const u16 type = random.below(8) == 0 ? u16{0x0806} : u16{0x0800};
        inject(ether({.type = type}, payload));
        packet.reset();
        sent();
    }
}

}  // namespace
}  // namespace tern::test

// ICMP: what is answered and what never is (RFC 1122 3.2.2), what is quoted, how often.
#include "inet/bench.hh"
#include "support/covers.hh"

namespace tern::test {
namespace {

class Icmp : public InetTest {
protected:
    Icmp() {
        usual();
        peer_is_known();
    }
    static Bytes message(const Bytes& icmp_bytes) { return ip({.protocol = 1}, icmp_bytes); }
    // As a transport would: the error quotes the packet that arrived.
    void answer(u8 type, u8 code) {
        packet.push(packet->begin - packet->network);
        layer->send_icmp_error(type, code, packet, arrival);
    }
    // A packet that we could have sent.
    static Bytes ours(u8 protocol, const Bytes& payload) {
        return ip({.from = k_us, .to = k_peer, .protocol = protocol}, payload);
    }
    static Bytes ours() { return ours(17, udp({.from = 4000, .to = 53}, pattern(8))); }
};

TEST_F(Icmp, only_echo_requests_are_answered) {
    covers({"RFC1122:8"});
    for (u32 type = 0; type < 256; ++type) {
        for (const u8 code : {0, 1, 13}) {
            inject_ip(message(icmp(static_cast<u8>(type), code, 0x00010001, pattern(8))));
            packet.reset();
            EXPECT_EQ(sent().size(), type == 8 ? 1u : 0u) << type;
        }
    }
    for (const u8 type : {1, 2, 5, 6, 7, 9, 10, 13, 14, 15, 16, 17, 18, 30, 255})
        EXPECT_TRUE(dies(DropReason::IcmpUnknownType, ether({}, message(icmp(type, 0, 0, {})))));
}

TEST_F(Icmp, short_and_damaged_messages_die) {
    covers({"VULN:freertos-2026", "VULN:freertos-2018"});
    for (std::size_t n = 0; n < 8; ++n)
        EXPECT_TRUE(dies(DropReason::IcmpTooShort, ether({}, message(Bytes(n)))));
    for (std::size_t bit = 0; bit < 8 * 12; ++bit) {
        Bytes ping = icmp(8, 0, 1, pattern(4));
        ping[bit / 8] = static_cast<u8>(ping[bit / 8] ^ 1u << bit % 8);
        EXPECT_TRUE(dies(DropReason::IcmpBadChecksum, ether({}, message(ping))));
    }
    EXPECT_TRUE(silent());
}

// Smurf.
TEST_F(Icmp, a_ping_to_everybody_is_not_answered) {
    covers({"RFC1122:12", "VULN:smurf"});
    for (const char* to : {"255.255.255.255", "10.0.0.255", "224.0.0.1"}) {
        const Bytes p =
            ip({.to = *Ipv4Address::parse(to), .protocol = 1}, icmp(8, 0, 1, pattern(8)));
        EXPECT_TRUE(dies(DropReason::IcmpBroadcastEcho, ether({.to = MacAddress::broadcast()}, p)));
        EXPECT_TRUE(dies(DropReason::IcmpBroadcastEcho, ether({}, p)));
    }
    EXPECT_TRUE(silent());
}

TEST_F(Icmp, no_error_about_what_rfc_1122_lists) {
    covers({"RFC1122:9"});
    const auto no_answer = [&](const Ether& link, const Bytes& p) {
        inject(ether(link, p));
        if (packet) answer(3, 3);
        packet.reset();
        EXPECT_TRUE(silent());
    };
    // About an ICMP error, or about any ICMP message that is no query.
    for (u32 type = 0; type < 256; ++type) {
        if (type == 8) continue;
        const Bytes p = message(icmp(static_cast<u8>(type), 0, 0, ours()));
        packet = pool.copy_of(std::as_bytes(std::span{p}));
        arrival = {.source = k_peer, .destination = k_us, .interface = eth};
        layer->send_icmp_error(3, 2, packet, arrival);
        EXPECT_TRUE(silent());
    }
    // To a broadcast or multicast address, on either layer.
    for (const char* to : {"255.255.255.255", "10.0.0.255", "224.0.0.1"}) {
        for (const u8 protocol : {17, 99}) {
            const Ip header{.to = *Ipv4Address::parse(to), .protocol = protocol};
            no_answer({.to = MacAddress::broadcast()}, ip(header, udp({}, pattern(8))));
            no_answer({}, ip(header, udp({}, pattern(8))));
        }
    }
    no_answer({.to = MacAddress::broadcast()}, ip({.protocol = 99}, pattern(8)));
    // From what is not one host.
    for (const char* from : {"0.0.0.0", "127.0.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255"})
        no_answer({}, ip({.from = *Ipv4Address::parse(from), .protocol = 99}, pattern(8)));
    // About a fragment that is not the first.
    no_answer({}, ip({.protocol = 99, .fragment = 0x0010}, pattern(8)));
    for (const u16 fragment : {0x0001, 0x2001}) {
        const Bytes p = ip({.fragment = fragment}, udp({}, pattern(8)));
        packet = pool.copy_of(std::as_bytes(std::span{p}));
        arrival = {.source = k_peer, .destination = k_us, .interface = eth};
        layer->send_icmp_error(3, 3, packet, arrival);
        EXPECT_TRUE(silent());
    }
    EXPECT_EQ(drops(DropReason::IcmpRateLimited), 0u);
}

TEST_F(Icmp, an_error_quotes_the_packet_as_it_arrived) {
    covers({"RFC1122:10"});
    for (const std::size_t size : {0u, 1u, 8u, 500u, 519u, 520u, 521u, 1400u}) {
        const Bytes p =
            ip({.ttl = 9, .tos = 4, .id = 0x1234, .options = {1, 1, 1, 1}}, udp({}, pattern(size)));
        ASSERT_TRUE(lives(ether({}, p), Arrived::Udp));
        answer(3, 3);
        packet.reset();
        const auto out = sent();
        ASSERT_EQ(out.size(), 1u);
        EXPECT_EQ(out[0].ip_from(), k_us);
        EXPECT_EQ(out[0].ip_to(), k_peer);
        EXPECT_EQ(out[0].protocol(), 1);
        EXPECT_TRUE(out[0].ip_sum_good());
        EXPECT_LE(out[0].ip().size(), 576u);
        const Bytes quote(p.begin(), p.begin() + std::min<int>(int(p.size()), 548));
        EXPECT_EQ(out[0].payload(), icmp(3, 3, 0, quote));
    }
}

// CVE-2020-25705: how many errors are left must not be countable from outside.
TEST_F(Icmp, errors_are_limited_and_the_limit_is_not_to_be_guessed) {
    covers({"RFC1122:19", "VULN:sad-dns"});
    std::set<std::size_t> bursts;
    for (int round = 0; round < 8; ++round) {
        for (int n = 0; n < 200; ++n) inject_ip(ip({.protocol = 99}, pattern(8)));
        const std::size_t burst = sent().size();
        EXPECT_GE(burst, 25u);
        EXPECT_LE(burst, 50u);
        bursts.insert(burst);
        wait(10s);
    }
    EXPECT_GT(bursts.size(), 3u);
    EXPECT_GT(drops(DropReason::IcmpRateLimited), 0u);

    // Many sources share a thousand a second.
    std::size_t count = 0;
    for (int ms = 0; ms < 1000; ++ms) {
        for (u8 from = 100; from < 120; ++from) {
            const Ipv4Address host{10, 0, 0, from};
            if (ms == 0) {
                ASSERT_TRUE(layer->add_neighbor(eth, host, k_peer_mac));
            }
            inject_ip(ip({.from = host, .protocol = 99}, pattern(8)));
        }
        count += sent().size();
        wait(1ms);
    }
    EXPECT_GE(count, 900u);
    EXPECT_LE(count, 1100u);
    context.limits.icmp_errors_per_second = 0;
    inject_ip(ip({.protocol = 99}, pattern(8)));
    EXPECT_TRUE(silent());
}

TEST_F(Icmp, errors_are_taken_apart_for_the_flow_they_quote) {
    covers({"RFC1122:11", "RFC8085:2"});
    Bytes tcp_segment = pattern(20);
    tcp_segment[0] = 0x10;  // 4096
    tcp_segment[1] = 0x00;
    tcp_segment[2] = 0x00;  // 80
    tcp_segment[3] = 80;
    for (const u8 type : {3, 11, 12}) {
        for (u8 code = 0; code < 16; ++code) {
            const Bytes p = message(icmp(type, code, 0xabcd0578, ours(6, tcp_segment)));
            ASSERT_TRUE(lives(ether({}, p), Arrived::IcmpError));
            EXPECT_FALSE(packet);
            EXPECT_EQ(error.type, type);
            EXPECT_EQ(error.code, code);
            EXPECT_EQ(error.protocol, 6);
            EXPECT_EQ(error.local, (Endpoint{k_us, 4096}));
            EXPECT_EQ(error.remote, (Endpoint{k_peer, 80}));
            EXPECT_EQ(error.seq, get32(tcp_segment, 4));
            EXPECT_EQ(error.reporter, IpAddress{k_peer});
            EXPECT_EQ(error.next_hop_mtu, type == 3 && code == 4 ? 0x0578 : 0);
        }
    }
    // Eight bytes of the transport are enough, and a router may be the reporter.
    const Bytes whole = ours();
    const Bytes p = ip({.from = {192, 0, 2, 1}, .protocol = 1},
                       icmp(3, 1, 0, Bytes(whole.begin(), whole.begin() + 28)));
    ASSERT_TRUE(lives(ether({}, p), Arrived::IcmpError));
    EXPECT_EQ(error.protocol, 17);
    EXPECT_EQ(error.reporter, (IpAddress{Ipv4Address{192, 0, 2, 1}}));
}

TEST_F(Icmp, a_quote_must_be_a_packet_of_ours) {
    covers({"RFC8085:2", "VULN:cross-layer-icmp"});
    const auto bad = [&](DropReason reason, const Bytes& quote) {
        EXPECT_TRUE(dies(reason, ether({}, message(icmp(3, 3, 0, quote)))));
    };
    const Bytes good = ours();
    for (int n = 0; n < 28; ++n)
        bad(DropReason::IcmpBadQuote, Bytes(good.begin(), good.begin() + n));
    Bytes version = good;
    version[0] = 0x65;
    bad(DropReason::IcmpBadQuote, version);
    Bytes header = good;
    header[0] = 0x44;
    bad(DropReason::IcmpBadQuote, header);
    header[0] = 0x4f;
    bad(DropReason::IcmpBadQuote, header);
    Bytes fragment = good;
    fragment[7] = 1;
    bad(DropReason::IcmpBadQuote, fragment);
    bad(DropReason::IcmpNoFlow, ip({.from = k_other, .to = k_peer}, udp({}, pattern(8))));
    bad(DropReason::IcmpNoFlow, ours(1, icmp(8, 0, 1, pattern(8))));  // an embedded echo
    bad(DropReason::IcmpNoFlow, ours(99, pattern(8)));
    const Bytes to_all = ip({.to = Ipv4Address::broadcast(), .protocol = 1}, icmp(3, 3, 0, good));
    EXPECT_TRUE(dies(DropReason::IcmpBadQuote, ether({}, to_all)));
}

TEST_F(Icmp, source_quench_is_ignored_and_so_is_a_redirect) {
    covers({"VULN:cross-layer-icmp"});
    EXPECT_TRUE(dies(DropReason::IcmpSourceQuench, ether({}, message(icmp(4, 0, 0, ours())))));
    EXPECT_TRUE(
        dies(DropReason::IcmpUnknownType, ether({}, message(icmp(5, 1, k_other.value, ours())))));
    EXPECT_TRUE(silent());
}

}  // namespace
}  // namespace tern::test

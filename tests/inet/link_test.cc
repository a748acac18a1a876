// A PACKET ARRIVES, first part: frames, VLANs, and what the observer is told.
#include "inet/bench.hh"
#include "support/covers.hh"

namespace tern::test {
namespace {

class Link : public InetTest {
protected:
    Link() { usual(); }
    Bytes datagram = ip({}, udp({}, pattern(4)));
};

TEST_F(Link, a_frame_shorter_than_its_header_dies) {
    const Bytes whole = ether({}, {});
    for (std::size_t n = 0; n < 14; ++n) {
        EXPECT_TRUE(dies(DropReason::LinkTooShort, Bytes(whole.begin(), whole.begin() + int(n))));
    }
    EXPECT_TRUE(silent());
}

TEST_F(Link, only_our_address_and_groups_are_for_us) {
    EXPECT_TRUE(dies(DropReason::LinkNotForUs, ether({.to = k_other_mac}, datagram)));
    EXPECT_TRUE(lives(ether({}, datagram), Arrived::Udp));
    const Bytes to_all = ip({.to = Ipv4Address::broadcast()}, udp({}, pattern(4)));
    EXPECT_TRUE(lives(ether({.to = MacAddress::broadcast()}, to_all), Arrived::Udp));
    EXPECT_TRUE(arrival.broadcast);
    EXPECT_TRUE(packet->link_broadcast);
    const MacAddress all_hosts{{0x01, 0, 0x5e, 0, 0, 1}};
    const Bytes to_group = ip({.to = Ipv4Address{224, 0, 0, 1}}, udp({}, pattern(4)));
    EXPECT_TRUE(lives(ether({.to = all_hosts}, to_group), Arrived::Udp));
}

TEST_F(Link, nobody_speaks_from_a_group_address) {
    EXPECT_TRUE(dies(DropReason::LinkBadSource,
                     ether({.from = MacAddress{{0x03, 0, 0, 0, 0, 2}}}, datagram)));
    EXPECT_TRUE(
        dies(DropReason::LinkBadSource, ether({.from = MacAddress::broadcast()}, datagram)));
}

TEST_F(Link, unknown_ether_types_die) {
    for (const u16 type : {0x0000, 0x0040, 0x05dc, 0x0801, 0x8035, 0x86dd, 0x88cc, 0xffff}) {
        EXPECT_TRUE(dies(DropReason::LinkUnknownType, ether({.type = type}, datagram)));
    }
}

TEST_F(Link, an_untagged_interface_is_in_no_vlan) {
    EXPECT_TRUE(dies(DropReason::VlanNotOurs, ether({.vlan = 7}, datagram)));
    Bytes priority = ether({.vlan = 7}, datagram);
    priority[14] = 0xe0;  // priority 7, VLAN 0: untagged (IEEE 802.1Q)
    priority[15] = 0;
    EXPECT_TRUE(lives(priority, Arrived::Udp));
    const Bytes tagged = ether({.vlan = 7}, {});
    for (std::size_t n = 14; n < 18; ++n) {
        EXPECT_TRUE(dies(DropReason::VlanTooShort, Bytes(tagged.begin(), tagged.begin() + int(n))));
    }
}

TEST_F(Link, a_tagged_interface_hears_and_speaks_its_vlan_only) {
    const u8 tagged = add_ethernet(9);
    ASSERT_TRUE(layer->add_address(tagged, *Cidr::parse("10.9.0.1/24"), false));
    eth = tagged;
    const Ip header{.from = {10, 9, 0, 2}, .to = {10, 9, 0, 1}, .protocol = 1};
    const Bytes ping = ip(header, icmp(8, 0, 1, pattern(4)));
    EXPECT_TRUE(dies(DropReason::VlanNotOurs, ether({}, ping)));
    EXPECT_TRUE(dies(DropReason::VlanNotOurs, ether({.vlan = 8}, ping)));
    ASSERT_TRUE(layer->add_neighbor(tagged, Ipv4Address{10, 9, 0, 2}, k_peer_mac));
    EXPECT_TRUE(lives(ether({.vlan = 9}, ping), Arrived::Consumed));
    const auto out = sent();
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(get16(out[0].frame, 12), 0x8100);
    EXPECT_EQ(get16(out[0].frame, 14), 9);
    EXPECT_EQ(get16(out[0].frame, 16), 0x0800);
    EXPECT_EQ(sum16(std::span{out[0].frame}.subspan(18, 20)), 0xffff);
}

TEST_F(Link, without_ethernet_packets_begin_with_ip) {
    const u8 tun = add_plain();
    ASSERT_TRUE(layer->add_address(tun, *Cidr::parse("10.8.0.1/24"), false));
    eth = tun;
    const Ip header{.from = {10, 8, 0, 2}, .to = {10, 8, 0, 1}, .protocol = 1};
    EXPECT_TRUE(lives(ip(header, icmp(8, 0, 1, pattern(40))), Arrived::Consumed));
    const auto out = sent();
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].frame[0], 0x45);
    EXPECT_EQ(tail(out[0].frame, 20), icmp(0, 0, 1, pattern(40)));
    EXPECT_TRUE(dies(DropReason::Ipv4BadVersion, pattern(40, 0x60)));
}

// What the event log said, in order.
struct Log : Observer {
    std::vector<std::string> lines;
    std::vector<Bytes> frames;
    void on_frame(const FrameEvent& e) override {
        const auto* begin = reinterpret_cast<const u8*>(e.bytes.data());
        frames.emplace_back(begin, begin + e.bytes.size());
        lines.push_back((e.outbound ? "out " : "in ") + std::to_string(e.note));
    }
    void on_packet_sent(const PacketSentEvent& e) override {
        lines.push_back("sent " + std::string(name_of(e.reason)) + " " + std::to_string(e.note));
    }
    void on_drop(const DropEvent& e) override {
        lines.push_back("drop " + std::string(name_of(e.reason)) + " " + std::to_string(e.note));
    }
};

TEST_F(Link, frames_and_what_became_of_them_share_a_note) {
    Log log;
    context.observer = &log;
    peer_is_known();
    const Bytes bad = ether({}, ip({.protocol = 200}, {}));
    inject(bad);
    sent();
    inject(ether({}, datagram));
    EXPECT_EQ(arrival.note, context.note);
    EXPECT_EQ(log.lines, (std::vector<std::string>{"in 1", "drop Ipv4UnknownProtocol 1",
                                                   "sent IcmpError 2", "out 2", "in 3"}));
    EXPECT_EQ(log.frames[0], bad) << "told before the headers are pulled";
    context.observer = nullptr;
}

TEST_F(Link, a_packet_that_dies_on_its_way_out_has_the_note_of_its_cause) {
    Log log;
    context.observer = &log;
    context.limits.interface_queue_packets = 0;
    peer_is_known();
    ASSERT_TRUE(layer->send_echo(k_peer, 1, 1, {}));
    EXPECT_EQ(log.lines, (std::vector<std::string>{"sent EchoRequest 1", "drop OutQueueFull 1"}));
    context.observer = nullptr;
}

}  // namespace
}  // namespace tern::test

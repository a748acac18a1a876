// RFC 826 with the bounds of RFC 1122 2.3.2 and the states of RFC 4861 7.3.2.
#include "inet/bench.hh"
#include "support/covers.hh"

namespace tern::test {
namespace {

class ArpTest : public InetTest {
protected:
    ArpTest() { usual(); }

    static Bytes frame(const Arp& a, MacAddress to = MacAddress::broadcast()) {
        return ether({.to = to, .from = a.sender, .type = 0x0806}, arp(a));
    }
    static Bytes reply(MacAddress mac = k_peer_mac, Ipv4Address ip_address = k_peer) {
        return frame({.operation = 2,
                      .sender = mac,
                      .sender_ip = ip_address,
                      .target = k_our_mac,
                      .target_ip = k_us},
                     k_our_mac);
    }
    static Arp question(Ipv4Address about = k_peer) {
        return {.sender = k_our_mac, .sender_ip = k_us, .target_ip = about};
    }
    void asks(const Sent& s, Ipv4Address about = k_peer) {
        ASSERT_TRUE(s.is_arp());
        EXPECT_EQ(s.arp(), question(about));
        EXPECT_TRUE(s.to().is_broadcast());
        EXPECT_EQ(s.from(), k_our_mac);
    }
    // Where a packet for `to` goes now; zero: it waits.
    MacAddress link_address_of(Ipv4Address to) {
        send_to(to, pattern(8));
        MacAddress mac;
        for (const Sent& s : sent())
            if (s.is_ip()) mac = s.to();
        return mac;
    }
    void peer_answers() {
        send_to(k_peer, pattern(8));
        ASSERT_TRUE(lives(reply(), Arrived::Consumed));
        sent();
    }
};

TEST_F(ArpTest, a_request_for_our_address_is_answered) {
    covers({"RFC826:1"});
    ASSERT_TRUE(lives(frame({}), Arrived::Consumed));
    const auto out = sent();
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].to(), k_peer_mac);
    EXPECT_EQ(out[0].arp(), (Arp{.operation = 2,
                                 .sender = k_our_mac,
                                 .sender_ip = k_us,
                                 .target = k_peer_mac,
                                 .target_ip = k_peer}));
    EXPECT_EQ(link_address_of(k_peer), k_peer_mac) << "and the asker is known from now on";
}

TEST_F(ArpTest, a_request_for_others_makes_no_entry) {
    covers({"RFC826:1"});
    EXPECT_TRUE(dies(DropReason::ArpNotForUs, frame({.target_ip = k_other})));
    EXPECT_TRUE(dies(DropReason::ArpNotForUs,
                     frame({.operation = 2, .target = k_other_mac, .target_ip = k_other})));
    EXPECT_TRUE(dies(DropReason::ArpNotForUs, frame({.target_ip = k_peer}))) << "announcement";
    EXPECT_TRUE(silent());
    EXPECT_TRUE(link_address_of(k_peer).is_zero());
}

TEST_F(ArpTest, an_answer_that_nobody_asked_for_makes_no_entry) {
    covers({"RFC826:1", "VULN:arp-poisoning"});
    EXPECT_TRUE(dies(DropReason::ArpNotForUs, reply()));
    EXPECT_TRUE(link_address_of(k_peer).is_zero());
}

TEST_F(ArpTest, what_a_known_sender_says_is_merged) {
    covers({"RFC826:1"});
    peer_answers();
    ASSERT_TRUE(lives(frame({.sender = k_other_mac, .target_ip = k_other}), Arrived::Consumed));
    EXPECT_TRUE(silent());
    EXPECT_EQ(link_address_of(k_peer), k_other_mac);
    // Nobody has vouched for the new address: it is verified, and found out.
    wait(4999ms);
    EXPECT_TRUE(silent());
    wait(1ms);
    const auto out = sent();
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].arp(), question());
    EXPECT_EQ(out[0].to(), k_other_mac);
    wait(3s);
    sent();
    EXPECT_TRUE(link_address_of(k_peer).is_zero());
}

TEST_F(ArpTest, a_static_entry_is_neither_merged_nor_verified) {
    covers({"VULN:arp-poisoning"});
    peer_is_known();
    ASSERT_TRUE(lives(frame({.sender = k_other_mac}), Arrived::Consumed));
    sent();
    EXPECT_EQ(link_address_of(k_peer), k_peer_mac);
    wait(1h);
    EXPECT_TRUE(silent());
    EXPECT_EQ(link_address_of(k_peer), k_peer_mac);
    EXPECT_EQ(layer->next_deadline(), Instant::max());
}

TEST_F(ArpTest, malformed_packets_are_ignored) {
    covers({"RFC826:2"});
    const Bytes good = arp({});
    for (int n = 0; n < 28; ++n) {
        EXPECT_TRUE(dies(DropReason::ArpTooShort,
                         ether({.type = 0x0806}, Bytes(good.begin(), good.begin() + n))));
    }
    for (const u16 hardware : {0, 2, 6, 0x0100, 0xffff})
        EXPECT_TRUE(dies(DropReason::ArpMalformed, frame({.hardware = hardware})));
    for (const u16 protocol : {0, 0x0801, 0x86dd, 0x0008})
        EXPECT_TRUE(dies(DropReason::ArpMalformed, frame({.protocol = protocol})));
    for (const u8 length : {0, 5, 7, 255})
        EXPECT_TRUE(dies(DropReason::ArpMalformed, frame({.hardware_length = length})));
    for (const u8 length : {0, 3, 5, 16, 255})
        EXPECT_TRUE(dies(DropReason::ArpMalformed, frame({.protocol_length = length})));
    for (u32 operation = 0; operation < 65536; operation += operation < 20 ? 1 : 997) {
        if (operation == 1 || operation == 2) continue;
        EXPECT_TRUE(
            dies(DropReason::ArpBadOperation, frame({.operation = static_cast<u16>(operation)})));
    }
    for (const char* ip_text : {"224.0.0.1", "127.0.0.1", "255.255.255.255"})
        EXPECT_TRUE(
            dies(DropReason::ArpBadSender, frame({.sender_ip = *Ipv4Address::parse(ip_text)})));
    const Bytes group = arp({.sender = MacAddress{{1, 0, 0x5e, 0, 0, 1}}});
    EXPECT_TRUE(dies(DropReason::ArpBadSender, ether({.type = 0x0806}, group)));
    const Bytes nobody = arp({.sender = MacAddress{}});
    EXPECT_TRUE(dies(DropReason::ArpBadSender, ether({.type = 0x0806}, nobody)));
    EXPECT_TRUE(silent());
    EXPECT_TRUE(link_address_of(k_peer).is_zero());
}

TEST_F(ArpTest, our_own_frame_that_came_back_says_nothing) {
    EXPECT_TRUE(dies(DropReason::ArpOwnSender, frame({.sender = k_our_mac, .sender_ip = k_us})));
    EXPECT_TRUE(silent());
}

TEST_F(ArpTest, a_padded_request_is_fine) {
    Bytes padded = frame({});
    padded.resize(60);
    EXPECT_TRUE(lives(padded, Arrived::Consumed));
    EXPECT_EQ(sent().size(), 1u);
}

TEST_F(ArpTest, the_first_packet_waits_for_the_answer) {
    covers({"RFC1122:21", "RFC1122:5"});
    const Bytes first = pattern(20);
    send_to(k_peer, first, 6);
    auto out = sent();
    ASSERT_EQ(out.size(), 1u);
    asks(out[0]);
    ASSERT_TRUE(lives(reply(), Arrived::Consumed));
    out = sent();
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].to(), k_peer_mac);
    EXPECT_EQ(out[0].payload(), first);
    EXPECT_TRUE(out[0].ip_sum_good());
}

TEST_F(ArpTest, the_latest_packets_wait_in_order) {
    covers({"RFC1122:21"});
    context.limits.neighbor_waiting_packets = 4;
    for (u8 n = 0; n < 10; ++n) send_to(k_peer, {n, 0, 0, 0, 0, 0, 0, 0});
    EXPECT_EQ(drops(DropReason::NeighborQueueFull), 6u);
    EXPECT_EQ(sent().size(), 1u);
    inject(reply());
    const auto out = sent();
    ASSERT_EQ(out.size(), 4u);
    for (u8 n = 0; n < 4; ++n) EXPECT_EQ(out[n].payload()[0], n + 6);
}

TEST_F(ArpTest, the_neighbors_own_request_answers_ours) {
    send_to(k_peer, pattern(8));
    sent();
    ASSERT_TRUE(lives(frame({}), Arrived::Consumed));
    const auto out = sent();
    ASSERT_EQ(out.size(), 2u);
    EXPECT_TRUE(out[0].is_ip());
    EXPECT_EQ(out[0].to(), k_peer_mac);
    EXPECT_TRUE(out[1].is_arp());
}

TEST_F(ArpTest, at_most_one_request_a_second_for_a_destination) {
    covers({"RFC1122:20"});
    struct Log : Observer {
        std::vector<Instant> asked;
        void on_packet_sent(const PacketSentEvent& e) override {
            if (e.reason == SendReason::ArpRequest) asked.push_back(e.at);
        }
    } log;
    context.observer = &log;
    for (int n = 0; n < 1000; ++n) {  // ten seconds, across several failures
        send_to(k_peer, pattern(8));
        wait(9'999'999ns);
    }
    context.observer = nullptr;
    const auto& asked = log.asked;
    for (std::size_t n = 1; n < asked.size(); ++n) EXPECT_GE(asked[n] - asked[n - 1], 1s);
    for (const Sent& s : sent_arps()) EXPECT_EQ(s.arp(), question());
    EXPECT_GE(asked.size(), 8u);
    EXPECT_LE(asked.size(), 11u);
    EXPECT_GT(drops(DropReason::NeighborUnreachable), 0u);
}

TEST_F(ArpTest, after_three_requests_what_waits_is_given_up) {
    const Bytes datagram = udp({.from = 4000, .to = 53}, pattern(8), k_us, k_peer);
    send_to(k_peer, datagram);
    send_to(k_peer, datagram);
    EXPECT_EQ(sent_arps().size(), 1u);
    wait(999ms);
    EXPECT_TRUE(silent());
    wait(1ms);
    EXPECT_EQ(sent_arps().size(), 1u);
    wait(1s);
    EXPECT_EQ(sent_arps().size(), 1u);
    EXPECT_EQ(drops(DropReason::NeighborUnreachable), 0u);
    EXPECT_FALSE(layer->next_undelivered());
    wait(1s);
    EXPECT_TRUE(silent());
    EXPECT_EQ(drops(DropReason::NeighborUnreachable), 2u);
    EXPECT_EQ(layer->next_deadline(), Instant::max());

    const auto lost = layer->next_undelivered();
    ASSERT_TRUE(lost);
    EXPECT_EQ(lost->type, 3);
    EXPECT_EQ(lost->code, 1);
    EXPECT_EQ(lost->protocol, 17);
    EXPECT_EQ(lost->local, (Endpoint{k_us, 4000}));
    EXPECT_EQ(lost->remote, (Endpoint{k_peer, 53}));
    EXPECT_TRUE(layer->next_undelivered());
    EXPECT_FALSE(layer->next_undelivered());

    send_to(k_peer, datagram);
    EXPECT_EQ(sent_arps().size(), 1u) << "and the next packet asks anew";
    inject(reply());
    EXPECT_EQ(sent().size(), 1u);
}

TEST_F(ArpTest, a_stale_neighbor_is_verified_by_unicast_and_then_given_up) {
    peer_answers();
    wait(30s);
    EXPECT_TRUE(silent()) << "nobody uses it";
    EXPECT_EQ(link_address_of(k_peer), k_peer_mac) << "used at once; verified later";
    wait(5s);
    for (int n = 0; n < 3; ++n) {
        const auto out = sent();
        ASSERT_EQ(out.size(), 1u);
        EXPECT_EQ(out[0].arp(), question());
        EXPECT_EQ(out[0].to(), k_peer_mac);
        EXPECT_EQ(link_address_of(k_peer), k_peer_mac);
        wait(1s);
    }
    send_to(k_peer, pattern(8));
    const auto out = sent();
    ASSERT_EQ(out.size(), 1u);
    asks(out[0]);
}

TEST_F(ArpTest, an_answer_to_the_probe_makes_it_reachable_again) {
    peer_answers();
    wait(31s);
    EXPECT_EQ(link_address_of(k_peer), k_peer_mac);
    wait(5s);
    EXPECT_EQ(sent_arps().size(), 1u);
    ASSERT_TRUE(lives(reply(), Arrived::Consumed));
    wait(29s);
    EXPECT_TRUE(silent());
    EXPECT_EQ(link_address_of(k_peer), k_peer_mac);
    wait(6s);
    EXPECT_TRUE(silent()) << "it was reachable when it was used";
}

TEST_F(ArpTest, a_transport_that_moves_forward_spares_the_probe) {
    peer_answers();
    inet::Way way;
    ASSERT_TRUE(layer->find_way(k_peer, k_us, way));
    for (int n = 0; n < 100; ++n) {
        send_to(k_peer, pattern(8), way);
        layer->confirm(way);
        EXPECT_EQ(sent().size(), 1u);
        wait(4s);
    }
    EXPECT_EQ(sent_arps().size(), 0u);
}

TEST_F(ArpTest, a_transport_does_not_confirm_who_never_answered) {
    inet::Way way;
    send_to(k_peer, pattern(8), way);
    sent();
    layer->confirm(way);
    send_to(k_peer, pattern(8), way);
    EXPECT_TRUE(silent());
    wait(10s);
    sent();
    layer->confirm(way);
    send_to(k_peer, pattern(8), way);
    EXPECT_EQ(sent_arps().size(), 1u);
    layer->confirm({});
    layer->suspect({});
}

TEST_F(ArpTest, a_suspicion_probes_at_once_but_not_more_than_once_a_second) {
    peer_answers();
    inet::Way way;
    ASSERT_TRUE(layer->find_way(k_peer, k_us, way));
    layer->suspect(way);
    EXPECT_TRUE(silent()) << "it was asked this very second";
    wait(1s);
    EXPECT_EQ(sent_arps().size(), 1u);
    for (int n = 0; n < 10; ++n) layer->suspect(way);
    EXPECT_TRUE(silent());
    ASSERT_TRUE(lives(reply(), Arrived::Consumed));
    wait(10s);
    EXPECT_TRUE(silent());
    layer->suspect(way);
    const auto out = sent_arps();
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].to(), k_peer_mac);
    wait(3s);
    EXPECT_TRUE(link_address_of(k_peer).is_zero());
    layer->suspect(way);
}

TEST_F(ArpTest, the_cache_can_be_flushed) {
    covers({"RFC1122:20"});
    peer_answers();
    ASSERT_TRUE(layer->add_neighbor(eth, k_other, k_other_mac));
    const Ipv4Address third{10, 0, 0, 4};
    send_to(third, pattern(8));
    sent();
    inet::Way way;
    ASSERT_TRUE(layer->find_way(k_peer, k_us, way));
    layer->flush_neighbors();
    EXPECT_EQ(drops(DropReason::NeighborUnreachable), 1u) << "what waited for the third";
    send_to(k_peer, pattern(8), way);
    const auto out = sent();
    ASSERT_EQ(out.size(), 1u);
    asks(out[0]);
    EXPECT_EQ(link_address_of(k_other), k_other_mac) << "static entries stay";
}

// CVE-1999-0667 class: a flood of strangers pushes out only strangers.
TEST_F(ArpTest, a_flood_of_requests_does_not_evict_who_is_in_use) {
    covers({"VULN:arp-flood"});
    context.limits.neighbors = 64;
    peer_answers();
    ASSERT_TRUE(layer->add_neighbor(eth, k_other, k_other_mac));
    const Ipv4Address waiting{10, 0, 0, 4};
    send_to(waiting, pattern(8));
    sent();
    Bytes flood = frame({.sender = k_other_mac});
    const u64 in_use = pool.packets_in_use();
    for (u32 n = 0; n < 20'000; ++n) {
        const u32 from = 0x0a000010 + n % 200;  // all of them neighbours
        for (u32 i = 0; i < 4; ++i) flood[28 + i] = static_cast<u8>(from >> (24 - 8 * i));
        inject(flood);
        if (n % 100 == 0) send_to(k_peer, pattern(8));
        sent();
        if (n % 4000 == 0) wait(100ms);
    }
    EXPECT_EQ(pool.packets_in_use(), in_use);
    EXPECT_EQ(link_address_of(k_peer), k_peer_mac);
    EXPECT_EQ(link_address_of(k_other), k_other_mac);
    inject(reply(k_peer_mac, waiting));
    EXPECT_EQ(sent().size(), 1u) << "and what waited for the answer got it";
    EXPECT_LT(budget.used(), u64{16} << 20);
}

TEST_F(ArpTest, a_full_cache_takes_nobody_else_until_someone_is_idle) {
    covers({"VULN:arp-flood"});
    context.limits.neighbors = 8;
    for (u8 n = 0; n < 8; ++n) {
        const Ipv4Address one{10, 0, 0, u8(100 + n)};
        send_to(one, pattern(8));
        inject(reply(k_other_mac, one));
    }
    EXPECT_EQ(sent_arps().size(), 8u);
    send_to(k_peer, pattern(8));
    EXPECT_EQ(drops(DropReason::NeighborCacheFull), 1u);
    EXPECT_EQ(layer->add_neighbor(eth, k_peer, k_peer_mac).error(), Error::OutOfMemory);
    EXPECT_TRUE(silent());
    wait(31s);
    sent();
    inet::Way way;
    send_to(k_peer, pattern(8), way);
    EXPECT_EQ(drops(DropReason::NeighborCacheFull), 1u);
    EXPECT_EQ(sent_arps().size(), 1u);
    inject(reply());
    EXPECT_EQ(sent().size(), 1u);
}

TEST_F(ArpTest, a_way_through_a_slot_with_a_new_owner_is_mended) {
    context.limits.neighbors = 2;
    peer_answers();
    inet::Way way;
    ASSERT_TRUE(layer->find_way(k_peer, k_us, way));
    wait(60s);
    for (u8 n = 100; n < 110; ++n) {
        const Ipv4Address one{10, 0, 0, n};
        send_to(one, pattern(8));
        inject(reply(k_other_mac, one));
        wait(60s);
        sent();
    }
    send_to(k_peer, pattern(8), way);
    const auto out = sent();
    ASSERT_EQ(out.size(), 1u);
    asks(out[0]);
}

TEST_F(ArpTest, a_stranger_from_another_network_is_answered_but_not_entered) {
    ASSERT_TRUE(lives(frame({.sender_ip = {192, 0, 2, 7}}), Arrived::Consumed));
    EXPECT_EQ(sent_arps().size(), 1u);
    ASSERT_TRUE(layer->add_route(*Cidr::parse("192.0.2.0/24"), eth, std::nullopt));
    EXPECT_TRUE(link_address_of({192, 0, 2, 7}).is_zero());
}

TEST_F(ArpTest, after_months_of_silence_timers_still_keep_time) {
    for (int n = 0; n < 4; ++n) {
        context.now += 24h * 23;  // almost half of what 32 bits of milliseconds hold
        send_to(k_peer, pattern(8));
        EXPECT_EQ(sent_arps().size(), 1u);
        EXPECT_EQ(layer->next_deadline() - context.now, 1s);
        wait(1s);
        EXPECT_EQ(sent_arps().size(), 1u);
        wait(2s);
        EXPECT_EQ(sent_arps().size(), 1u);
        EXPECT_EQ(layer->next_deadline(), Instant::max());
    }
}

TEST_F(ArpTest, without_memory_nothing_is_asked_and_the_loss_is_counted) {
    std::vector<Packet> hoard;
    while (hoard.size() < 8) hoard.push_back(pool.allocate(0));
    ASSERT_TRUE(budget.take(budget.limit() - budget.used()));
    while (Packet more = pool.allocate(0)) hoard.push_back(std::move(more));
    Packet request = std::move(hoard.back());
    hoard.pop_back();
    const Bytes bytes = frame({});
    std::memcpy(request.append(u32(bytes.size())), bytes.data(), bytes.size());
    const Packet held = request.share();
    layer->arrives(eth, request, arrival, error);
    EXPECT_EQ(drops(DropReason::MemoryCeiling), 1u);
    EXPECT_TRUE(silent());
}

}  // namespace
}  // namespace tern::test

// Neighbours without a stack: the cache's order of leaving, the resolver, and ARP, which is both of
// them with packets.
#include "core/inet/neighbor/arp.hh"
#include "inet/alone.hh"
#include "support/covers.hh"

namespace tern::test {
namespace {

using Entry = Handle<inet::Neighbor>;

Limits limits_of(u32 neighbors) {
    Limits limits;
    limits.neighbors = neighbors;
    return limits;
}
IpAddress host(u32 n) { return Ipv4Address{(u32{10} << 24) + n}; }

class CacheTest : public testing::Test, protected Alone {
protected:
    CacheTest() : Alone(limits_of(8)), cache(context) {}
    // The address of who had to leave; `::` if nobody had to.
    IpAddress add(const IpAddress& who, bool known = false) {
        IpAddress left;
        cache.find_or_add(1, who, known, [&](inet::Neighbor& n) { left = n.address; });
        return left;
    }
    Entry asked(const IpAddress& who) {
        add(who);
        const Entry i = cache.find(1, who);
        inet::Ask ask{};
        EXPECT_FALSE(cache.use(i, ask));
        return i;
    }
    void wait(Duration d) {
        const Instant end = context.now + d;
        while (cache.next_deadline() <= end) {
            context.now = std::max(context.now, cache.next_deadline());
            cache.advance([](Entry, inet::Ask) {});
        }
        context.now = end;
    }
    inet::NeighborCache cache;
};

TEST_F(CacheTest, HoldsBothFamiliesAndTellsInterfacesApart) {
    const IpAddress six = ip_of("fe80::1");
    add(six);
    EXPECT_NE(cache.find(1, six), Entry{});
    EXPECT_EQ(cache.find(2, six), Entry{});
    add(host(1));
    EXPECT_NE(cache.find(1, host(1)), cache.find(1, six));
}

TEST_F(CacheTest, OneThatHasFailedIsTheNextToLeaveThoughAnotherIsOlder) {
    covers({"VULN:ra-flood"});
    add(host(1));
    const Entry failed = asked(host(2));
    wait(3s);
    ASSERT_EQ(cache[failed].state, inet::NeighborState::Failed);
    for (u32 n = 3; n <= 8; ++n) EXPECT_EQ(add(host(n)), IpAddress{});
    EXPECT_EQ(add(host(9)), host(2));
    EXPECT_EQ(add(host(10)), host(1)) << "and then the oldest";
}

TEST_F(CacheTest, OneThatIsAskedForAgainIsNotTheNextToLeaveAnyMore) {
    add(host(1));
    asked(host(2));
    wait(3s);
    asked(host(2));
    for (u32 n = 3; n <= 8; ++n) add(host(n));
    EXPECT_EQ(add(host(9)), host(1));
}

TEST_F(CacheTest, OneThatWasConfirmedAndIsIdleStaysWhileOthersHaveMoreThanTheirShare) {
    const Entry good = asked(host(1));
    cache.learn(good, k_peer_mac, true);
    wait(60s);
    for (u32 n = 2; n <= 8; ++n) add(host(n));
    EXPECT_EQ(add(host(9)), host(2));
    EXPECT_EQ(cache.find(1, host(1)), good);
}

struct Asked {
    IpAddress who;
    MacAddress at;
};

class ResolverTest : public testing::Test, protected Alone, protected inet::Resolver::Surroundings {
protected:
    ResolverTest() : Alone(limits_of(4)) { context.limits.neighbor_waiting_packets = 2; }
    void solicit(const inet::Neighbor& n, const MacAddress& to) override {
        asked.push_back({n.address, to});
    }
    void release(const inet::Neighbor& n, Packet packet) override {
        EXPECT_TRUE(n.known());
        released.push_back(bytes_of(packet)[0]);
    }
    void lost(const Packet& packet, DropReason reason, u8) override {
        dropped.push_back({bytes_of(packet)[0], reason});
    }
    void unreachable(const Packet& packet) override { unreached.push_back(bytes_of(packet)[0]); }
    void slots_changed() override { ++changes; }
    // True: it waits.
    bool send(Entry to, u8 mark) {
        Packet packet = packet_of({mark});
        const MacAddress* mac = resolver.address_for(to, packet);
        EXPECT_EQ(mac == nullptr, !packet);
        return mac == nullptr;
    }
    void wait(Duration d) {
        const Instant end = context.now + d;
        while (resolver.next_deadline() <= end) {
            context.now = std::max(context.now, resolver.next_deadline());
            resolver.advance();
        }
        context.now = end;
    }
    using Losses = std::vector<std::pair<u8, DropReason>>;

    std::vector<Asked> asked;
    std::vector<u8> released, unreached;
    Losses dropped;
    u32 changes = 0;
    inet::Resolver resolver{context, u64{1} << 20, *this};
};

TEST_F(ResolverTest, PacketsWaitForTheAnswerAndLeaveInOrder) {
    covers({"RFC1122:21"});
    const IpAddress six = ip_of("fe80::2");
    const Entry n = resolver.entry_for(1, six, false);
    for (u8 mark : {1, 2, 3}) EXPECT_TRUE(send(n, mark));
    ASSERT_EQ(asked.size(), 1u) << "once a second";
    EXPECT_EQ(asked[0].who, six);
    EXPECT_TRUE(asked[0].at.is_broadcast());
    EXPECT_EQ(dropped, (Losses{{1, DropReason::NeighborQueueFull}})) << "the latest are worth most";
    resolver.learn(n, k_peer_mac, true);
    EXPECT_EQ(released, (std::vector<u8>{2, 3}));
    EXPECT_FALSE(send(n, 4));
}

TEST_F(ResolverTest, WhoDoesNotAnswerIsTold) {
    const Entry n = resolver.entry_for(1, host(2), false);
    send(n, 1);
    wait(3s);
    EXPECT_EQ(asked.size(), 3u);
    EXPECT_EQ(unreached, (std::vector<u8>{1}));
    EXPECT_EQ(dropped, (Losses{{1, DropReason::NeighborUnreachable}}));
    EXPECT_EQ(resolver.next_deadline(), Instant::max());
}

TEST_F(ResolverTest, ASuspectIsAskedAtItsOwnAddress) {
    const Entry n = resolver.entry_for(1, host(2), false);
    send(n, 1);
    resolver.learn(n, k_peer_mac, true);
    wait(10s);
    asked.clear();
    resolver.suspect(n);
    ASSERT_EQ(asked.size(), 1u);
    EXPECT_EQ(asked[0].at, k_peer_mac);
    resolver.suspect({});
    resolver.confirm({});
}

TEST_F(ResolverTest, WhoeverHoldsASlotHearsThatItHasAnotherOwner) {
    for (u32 n = 1; n <= 4; ++n) send(resolver.entry_for(1, host(n), false), static_cast<u8>(n));
    EXPECT_EQ(changes, 0u);
    EXPECT_NE(resolver.entry_for(1, host(5), false), Entry{});
    EXPECT_EQ(changes, 1u);
    EXPECT_EQ(dropped, (Losses{{1, DropReason::NeighborCacheFull}}));
    const Entry kept = resolver.entry_for(1, host(6), true);
    resolver.make_permanent(kept, k_other_mac);
    changes = 0;
    resolver.flush();
    EXPECT_EQ(changes, 1u);
    EXPECT_FALSE(send(kept, 9)) << "an administrator's entry stays";
    EXPECT_EQ(resolver.find(1, host(5)), Entry{});
}

class ArpAlone : public ResolverTest, protected inet::Arp::Surroundings {
protected:
    struct Frame {
        test::Arp fields;
        MacAddress to;
        SendReason why;
    };
    MacAddress mac(u8) const override { return k_our_mac; }
    bool answers(u8, Ipv4Address ip) const override { return ip == k_us; }
    bool is_neighbor(u8, Ipv4Address ip) const override { return ip.value >> 8 == k_us.value >> 8; }
    std::optional<Ipv4Address> source_for(u8, Ipv4Address) const override { return source; }
    bool spoken_with(u8, Ipv4Address ip) override {
        contested += ip == k_us;
        return ip == k_us;
    }
    bool probed_for(u8, Ipv4Address ip) override { return ip == k_other; }
    void transmit_arp(u8, Packet packet, const MacAddress& to, SendReason why) override {
        frames.push_back({read_arp(bytes_of(packet), 0), to, why});
    }
    void arrives(const test::Arp& fields, bool to_everybody = true) {
        Packet packet = packet_of(test::arp(fields));
        arp.arrives(1, packet, to_everybody);
        EXPECT_FALSE(packet);
    }
    bool is_known(Ipv4Address ip) {
        const Entry n = resolver.find(1, ip);
        return n != 0 && !send(n, 1);
    }

    std::optional<Ipv4Address> source = k_us;
    std::vector<Frame> frames;
    u32 contested = 0;
    inet::Arp arp{context, resolver, *this};
};

TEST_F(ArpAlone, WhoAsksForUsIsAnsweredAndKnown) {
    covers({"RFC826:1"});
    arrives({});
    ASSERT_EQ(frames.size(), 1u);
    EXPECT_EQ(frames[0].to, k_peer_mac);
    EXPECT_EQ(frames[0].why, SendReason::ArpReply);
    EXPECT_EQ(frames[0].fields, (test::Arp{.operation = 2,
                                           .sender = k_our_mac,
                                           .sender_ip = k_us,
                                           .target = k_peer_mac,
                                           .target_ip = k_peer}));
    EXPECT_TRUE(is_known(k_peer));
    arrives({.sender_ip = {192, 0, 2, 7}});
    EXPECT_EQ(frames.size(), 2u);
    EXPECT_FALSE(is_known({192, 0, 2, 7})) << "behind a gateway";
}

TEST_F(ArpAlone, OnlyAnAnswerToUsAloneProvesThatSomebodyIsThere) {
    covers({"VULN:arp-poisoning"});
    arrives({.operation = 2, .target = k_our_mac});
    EXPECT_EQ(resolver.find(1, k_peer), Entry{}) << "nobody asked for it";
    EXPECT_EQ(context.counters.dropped(DropReason::ArpNotForUs), 1u);
    send(resolver.entry_for(1, k_peer, false), 1);
    arrives({.operation = 2, .target = k_our_mac}, false);
    EXPECT_TRUE(is_known(k_peer));
    asked.clear();
    wait(29s);
    EXPECT_TRUE(is_known(k_peer));
    wait(6s);
    EXPECT_TRUE(asked.empty()) << "it was reachable when it was used";

    send(resolver.entry_for(1, Ipv4Address{10, 0, 0, 4}, false), 1);
    asked.clear();
    arrives({.operation = 2, .sender_ip = {10, 0, 0, 4}, .target = k_our_mac}, true);
    EXPECT_TRUE(is_known({10, 0, 0, 4}));
    wait(6s);
    EXPECT_FALSE(asked.empty()) << "told to everybody, so it is verified";
}

TEST_F(ArpAlone, WhatIsAboutWhoOwnsAnAddressTeachesNothing) {
    covers({"RFC5227:2"});
    arrives({.sender = k_peer_mac, .sender_ip = k_us});
    EXPECT_EQ(contested, 1u);
    arrives({.sender_ip = {}, .target_ip = k_other});
    EXPECT_TRUE(frames.empty());
    EXPECT_EQ(resolver.find(1, k_us), Entry{});
    arrives({.operation = 2, .sender_ip = {}, .target_ip = k_other});
    EXPECT_EQ(context.counters.dropped(DropReason::ArpNotForUs), 1u) << "a reply is no probe";
    arrives({.sender_ip = {}});
    ASSERT_EQ(frames.size(), 1u) << "a probe for what is ours is answered";
    EXPECT_EQ(frames[0].fields.operation, 2);
    arrives({.sender = k_our_mac, .sender_ip = k_us});
    EXPECT_EQ(contested, 1u) << "our own frame that came back";
}

TEST_F(ArpAlone, QuestionsProbesAndAnnouncementsSayWhoAsksForWhat) {
    covers({"RFC5227:1", "RFC5227:3"});
    inet::Neighbor n;
    n.address = k_peer;
    n.interface = 1;
    arp.request(n, k_peer_mac);
    arp.probe(1, k_us);
    arp.announce(1, k_us, SendReason::ArpDefend);
    ASSERT_EQ(frames.size(), 3u);
    EXPECT_EQ(frames[0].to, k_peer_mac);
    EXPECT_EQ(frames[0].fields,
              (test::Arp{.sender = k_our_mac, .sender_ip = k_us, .target_ip = k_peer}));
    EXPECT_EQ(frames[1].fields,
              (test::Arp{.sender = k_our_mac, .sender_ip = {}, .target_ip = k_us}));
    EXPECT_EQ(frames[1].why, SendReason::ArpProbe);
    EXPECT_TRUE(frames[1].to.is_broadcast());
    EXPECT_EQ(frames[2].fields,
              (test::Arp{.sender = k_our_mac, .sender_ip = k_us, .target_ip = k_us}));
    EXPECT_EQ(frames[2].why, SendReason::ArpDefend);
    EXPECT_EQ(context.counters.arp_out, 3u);
    source.reset();
    arp.request(n, k_peer_mac);
    EXPECT_EQ(frames.size(), 3u) << "without an address nobody could answer us";
}

}  // namespace
}  // namespace tern::test

// RFC 6583 for ARP: forged packets make us ask for addresses that nobody has. Whoever is there, or
// comes, is not kept out by that, and what waits takes no more memory than its share.
#include "inet/bench.hh"
#include "support/covers.hh"

namespace tern::test {
namespace {

class NeighborFlood : public InetTest {
protected:
    NeighborFlood() {
        eth = add_ethernet();
        EXPECT_TRUE(layer->add_address(eth, *Cidr::parse("10.0.0.1/16"), false));
    }
    // The same layer under a small ceiling.
    void under_small_ceiling() {
        layer.reset();
        context.budget = &small;
        layer = std::make_unique<inet::Inet>(context);
        eth = add_ethernet();
        ASSERT_TRUE(layer->add_address(eth, *Cidr::parse("10.0.0.1/16"), false));
    }
    void TearDown() override { layer.reset(); }

    static Ipv4Address unused(u32 n) { return Ipv4Address{(u32{10} << 24 | 1u << 16 >> 1) + n}; }
    Bytes from(u16 operation, Ipv4Address who) {
        return ether({.to = operation == 1 ? MacAddress::broadcast() : k_our_mac, .type = 0x0806},
                     arp({.operation = operation,
                          .sender_ip = who,
                          .target = operation == 1 ? MacAddress{} : k_our_mac}));
    }
    void ask(Ipv4Address who) {
        send_to(who, pattern(8));
        sent();
    }
    void answers(Ipv4Address who) { inject(from(2, who)); }
    void asks_for_us(Ipv4Address who) { inject(from(1, who)); }
    // It has answered, and nobody has sent to it for a minute.
    void confirmed_and_idle(Ipv4Address who) {
        ask(who);
        answers(who);
        sent();
    }
    // A packet to `who` leaves at once.
    bool known(Ipv4Address who) {
        send_to(who, pattern(8));
        for (const Sent& s : sent())
            if (s.is_ip() && s.ip_to() == who) return true;
        return false;
    }

    MemoryBudget small{u64{8} << 20};
};

TEST_F(NeighborFlood, ForgedSourcesKeepNobodyOut) {
    covers({"VULN:ra-flood"});
    const Ipv4Address gateway{10, 0, 0, 254};
    confirmed_and_idle(gateway);
    wait(40s);
    // 160 addresses a second that nobody has, for a minute; a new client comes each second.
    u32 served = 0;
    for (u32 n = 0; n < 160 * 60; ++n) {
        ask(unused(n));
        wait(6250us);
        if (n % 160 != 0) continue;
        const Ipv4Address client{10, 0, 1, static_cast<u8>(1 + n / 160)};
        asks_for_us(client);
        sent();
        served += known(client);
    }
    EXPECT_EQ(served, 60u);
    EXPECT_TRUE(known(gateway)) << "it was idle all the time, and is asked for no second time";
}

TEST_F(NeighborFlood, WhoIsAskedForNowIsStillFoundDuringTheFlood) {
    for (u32 n = 0; n < 6000; ++n) ask(unused(n));
    const Ipv4Address client{10, 0, 1, 1};
    ask(client);
    for (u32 n = 6000; n < 7000; ++n) ask(unused(n));
    answers(client);
    EXPECT_EQ(sent().size(), 1u) << "what waited has left";
}

TEST_F(NeighborFlood, ThoseThatDidNotAnswerLeaveFirst) {
    context.limits.neighbors = 8;
    for (u32 n = 0; n < 4; ++n) ask(unused(n));
    wait(4s);
    EXPECT_EQ(drops(DropReason::NeighborUnreachable), 4u);
    for (u32 n = 10; n < 14; ++n) ask(unused(n));
    for (u8 n = 0; n < 4; ++n) asks_for_us({10, 0, 1, n});
    sent();
    EXPECT_EQ(drops(DropReason::NeighborCacheFull), 0u);
    for (u32 n = 10; n < 14; ++n) {
        answers(unused(n));
        EXPECT_EQ(sent().size(), 1u) << "those that are being asked for have stayed";
    }
}

TEST_F(NeighborFlood, OneThatFailedAndIsAskedForAgainIsNotTheNextToLeave) {
    context.limits.neighbors = 8;
    for (u32 n = 0; n < 8; ++n) ask(unused(n));
    wait(4s);
    ask(unused(7));
    for (u8 n = 0; n < 6; ++n) asks_for_us({10, 0, 1, n});
    sent();
    answers(unused(7));
    EXPECT_EQ(sent().size(), 1u);
}

TEST_F(NeighborFlood, ConfirmedNeighboursStayThoughNobodySendsToThem) {
    for (const bool by_requests : {false, true}) {
        layer->flush_neighbors();
        context.limits.neighbors = 16;
        for (u8 n = 0; n < 12; ++n) confirmed_and_idle({10, 0, 1, n});
        wait(60s);
        for (u32 n = 0; n < 1000; ++n) {
            if (by_requests)
                asks_for_us(unused(n));
            else
                ask(unused(n));
            sent();
        }
        wait(5s);
        sent();
        for (u8 n = 0; n < 12; ++n) EXPECT_TRUE(known({10, 0, 1, n})) << by_requests << int{n};
    }
}

TEST_F(NeighborFlood, IdleOnesMakeRoomForThoseThatAreUsed) {
    context.limits.neighbors = 16;
    for (u8 n = 0; n < 16; ++n) confirmed_and_idle({10, 0, 1, n});
    wait(20s);
    for (u8 n = 1; n < 16; ++n) EXPECT_TRUE(known({10, 0, 1, n}));
    wait(11s);
    const Ipv4Address client{10, 0, 2, 1};
    ask(client);
    answers(client);
    EXPECT_EQ(sent().size(), 1u);
    EXPECT_FALSE(known({10, 0, 1, 0})) << "the one that nobody has used for 31 s";
}

TEST_F(NeighborFlood, WhatWaitsKeepsBelowItsShareOfTheMemory) {
    under_small_ceiling();
    constexpr u64 each = 2048 + sizeof(PacketDescriptor);
    const u64 most = small.limit() / 16 / each;
    for (u32 n = 0; n < 2000; ++n) {
        ask(unused(n));
        ASSERT_LE(pool.packets_in_use(), most);
    }
    EXPECT_EQ(pool.packets_in_use(), most);
    EXPECT_EQ(drops(DropReason::WaitingShareFull), 2000 - most);
    for (u32 n = 2000 - static_cast<u32>(most); n < 2000; ++n) {
        answers(unused(n));
        ASSERT_EQ(sent().size(), 1u) << "the latest are worth most";
    }
}

TEST_F(NeighborFlood, OneNeighbourThatTakesMuchLosesToManyThatTakeLittle) {
    under_small_ceiling();
    const Ipv4Address greedy{10, 0, 1, 1};
    for (u32 n = 0; n < 230; ++n) ask(unused(n));
    for (int n = 0; n < 16; ++n) ask(greedy);
    for (u32 n = 230; n < 244; ++n) ask(unused(n));
    EXPECT_EQ(drops(DropReason::WaitingShareFull), 12u);
    answers(greedy);
    EXPECT_EQ(sent().size(), 4u);
    for (u32 n = 0; n < 244; ++n) {
        answers(unused(n));
        ASSERT_EQ(sent().size(), 1u);
    }
}

// Packets that nobody fetches from an interface's queue have a share as well.
TEST_F(NeighborFlood, AnInterfaceWhoseQueueNobodyEmptiesKeepsBelowItsShare) {
    under_small_ceiling();
    ASSERT_TRUE(layer->add_neighbor(eth, k_peer, k_peer_mac));
    for (u32 n = 0; n < 2000; ++n) send_to(k_peer, pattern(8));
    const u64 most = small.limit() / 8 / (2048 + sizeof(PacketDescriptor));
    EXPECT_EQ(sent().size(), most);
    EXPECT_EQ(drops(DropReason::OutQueueFull), 2000 - most);
}

}  // namespace
}  // namespace tern::test

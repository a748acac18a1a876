// Marks of congestion, and what they may not touch.
#include "core/offload/mark.hh"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/property.hh"
#include "link/frames.hh"

namespace tern {
namespace {

using offload::EcnMark;
using test::FrameSpec;
using test::tcp_frame;
using test::udp_frame;

struct MarkTest : testing::Test {
    MemoryBudget budget{64 << 20};
    PacketPool pool{budget};

    // By hand: the traffic class of IPv6 lies across two bytes.
    static u32 class_of(const Packet& p, Medium medium) {
        const test::Layout at = test::layout_of(p.bytes(), medium);
        return at.v6 ? load16(p.data() + at.ip) >> 4 & 0xff
                     : std::to_integer<u32>(p.data()[at.ip + 1]);
    }
};

TEST_F(MarkTest, WhoSpeaksEcnIsMarkedAndOnlyThat) {
    test::for_each_seed(2000, [&](Random& random) {  // the sum differs with the identification
        const u8 ecn = static_cast<u8>(1 + random.below(2));
        const FrameSpec spec{.medium = random.below(3) != 0 ? Medium::Ethernet : Medium::Ip,
                             .vlan = static_cast<u16>(random.below(2) * 7),
                             .v6 = random.below(2) == 0,
                             .id = static_cast<u16>(random.next32()),
                             .traffic_class = static_cast<u8>(random.below(64) << 2 | ecn),
                             .ip_options = static_cast<u8>(random.below(3) * 8),
                             .payload = 10};
        const bool udp = random.below(2) == 0;
        Packet p = (udp ? udp_frame : tcp_frame)(pool, spec, 1);
        const Packet kept = p.share();
        ASSERT_EQ(offload::mark_congestion(p, spec.medium), EcnMark::Marked);
        EXPECT_EQ(class_of(p, spec.medium), spec.traffic_class | 3u);
        EXPECT_EQ(class_of(kept, spec.medium), spec.traffic_class) << "who else views it saw it";
        const test::Layout at = test::layout_of(p.bytes(), spec.medium);
        EXPECT_TRUE(test::ip_sum_good(p.bytes(), at));
        EXPECT_TRUE(test::transport_sum_good(p.bytes(), at));
        // Nothing but the two bits and the sum of IPv4.
        FrameSpec marked = spec;
        marked.traffic_class |= 3;
        const Packet wanted = (udp ? udp_frame : tcp_frame)(pool, marked, 1);
        EXPECT_TRUE(std::ranges::equal(p.bytes(), wanted.bytes()));
    });
}

TEST_F(MarkTest, WhatWasMarkedBeforeCountsAndIsNotCopied) {
    for (const bool v6 : {false, true}) {
        Packet p = tcp_frame(pool, {.v6 = v6, .traffic_class = 3});
        const Packet other = p.share();
        EXPECT_EQ(offload::mark_congestion(p, Medium::Ethernet), EcnMark::Marked);
        EXPECT_EQ(p->slot, other->slot);
    }
}

TEST_F(MarkTest, WhoDoesNotSpeakItIsNotMarked) {
    for (const bool v6 : {false, true}) {
        Packet plain = tcp_frame(pool, {.v6 = v6, .traffic_class = 0xb8, .payload = 10});
        EXPECT_EQ(offload::mark_congestion(plain, Medium::Ethernet), EcnMark::NotCapable);
        EXPECT_EQ(class_of(plain, Medium::Ethernet), 0xb8u);
    }
    std::byte arp[42] = {};
    store16(arp + 12, u16{0x0806});
    Packet no_ip = pool.copy_of(arp);
    EXPECT_EQ(offload::mark_congestion(no_ip, Medium::Ethernet), EcnMark::NotCapable);
    EXPECT_EQ(std::memcmp(no_ip.data(), arp, sizeof arp), 0);
    const Packet whole = tcp_frame(pool, {.v6 = true, .traffic_class = 2});
    for (u32 n = 0; n < 14 + 40; ++n) {
        Packet cut = pool.copy_of(whole.bytes().first(n));
        EXPECT_EQ(offload::mark_congestion(cut, Medium::Ethernet), EcnMark::NotCapable) << n;
    }
}

// Room for one slab of descriptors and one of small slots; a sixteenth of all is never the pool's.
TEST_F(MarkTest, AnotherViewAndNoMemoryLeaveThePacketAsItIs) {
    MemoryBudget tight{((256 * 64 + 64) + (64 * 2048 + 64)) * 16 / 15 + 16};
    PacketPool poor{tight};
    Packet p = tcp_frame(poor, {.traffic_class = 2});
    const Packet other = p.share();
    std::vector<Packet> all;
    while (Packet more = poor.allocate(0)) all.push_back(std::move(more));
    EXPECT_EQ(offload::mark_congestion(p, Medium::Ethernet), EcnMark::NoMemory);
    EXPECT_EQ(class_of(p, Medium::Ethernet), 2u);
}

}  // namespace
}  // namespace tern

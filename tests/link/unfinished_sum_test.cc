#include "os/link/unfinished_sum.hh"

#include <gtest/gtest.h>

#include <algorithm>

#include "core/packet/gso.hh"
#include "link/frames.hh"

namespace tern {
namespace {

using test::FrameSpec;
using test::read_tcp;
using test::tcp_frame;

struct UnfinishedSumTest : testing::Test {
    MemoryBudget budget{8 << 20};
    PacketPool pool{budget};

    // As it comes from a device: bytes, and nothing known of them.
    Packet arrived(const FrameSpec& spec) {
        const Packet made = tcp_frame(pool, spec);
        Packet p = pool.copy_of(made.bytes());
        recognise_unfinished_sum(*p);
        return p;
    }
    static FrameSpec unfinished(u32 payload) {
        FrameSpec spec;
        spec.payload = payload;
        spec.partial = true;
        return spec;
    }
};

TEST_F(UnfinishedSumTest, WhatASenderLeftToItsDeviceIsPartial) {
    for (const u32 payload : {0u, 1u, 100u, 1448u}) {
        FrameSpec spec = unfinished(payload);
        for (const u16 vlan : {0, 7}) {
            for (const u8 options : {0, 8}) {
                spec.vlan = vlan;
                spec.ip_options = spec.tcp_options = options;
                const Packet p = arrived(spec);
                ASSERT_EQ(p->checksum, ChecksumState::Partial);
                const u32 ip = vlan == 0 ? 14 : 18;
                EXPECT_EQ(p->network - p->begin, ip);
                EXPECT_EQ(p->transport - p->begin, ip + 20u + options);
            }
        }
    }
}

TEST_F(UnfinishedSumTest, ItCanBeFinishedForAnotherDevice) {
    Packet p = arrived(unfinished(1000));
    ASSERT_EQ(p->checksum, ChecksumState::Partial);
    ASSERT_TRUE(complete_checksum(p, Medium::Ethernet));
    EXPECT_TRUE(read_tcp(p.bytes(), Medium::Ethernet).tcp_sum_good);
}

TEST_F(UnfinishedSumTest, FinishedSumsStayUnknown) {
    u32 mistaken = 0;
    constexpr u32 k_frames = 20'000;
    for (u32 i = 0; i < k_frames; ++i) {
        FrameSpec spec;
        spec.seq = i * 7919;
        spec.payload = 64;
        const Packet p = arrived(spec);
        if (p->checksum == ChecksumState::Unknown) continue;
        ++mistaken;
        EXPECT_TRUE(read_tcp(p.bytes(), Medium::Ethernet).tcp_sum_good);
    }
    EXPECT_LT(mistaken, 5u) << "one in 65,535 is chance";
}

// The one in 65,535: a finished packet whose sum is that of its pseudo-header.
TEST_F(UnfinishedSumTest, AGoodPacketThatLooksUnfinishedStaysAsItIs) {
    const Packet made = tcp_frame(pool, unfinished(10));
    Packet p = pool.copy_of(made.bytes());
    std::byte* tcp = p.data() + 34;
    store16(tcp + 20, u16{0});
    const u64 pseudo = test::pseudo_sum(p.bytes(), test::layout_of(p.bytes(), Medium::Ethernet));
    store16(tcp + 20, static_cast<u16>(~test::slow_sum({tcp, 30}, pseudo)));
    ASSERT_TRUE(read_tcp(p.bytes(), Medium::Ethernet).tcp_sum_good);
    const Packet before = pool.copy_of(p.bytes());
    recognise_unfinished_sum(*p);
    EXPECT_EQ(p->checksum, ChecksumState::Partial);
    ASSERT_TRUE(complete_checksum(p, Medium::Ethernet));
    EXPECT_TRUE(std::ranges::equal(p.bytes(), before.bytes()));
}

TEST_F(UnfinishedSumTest, WhatIsCutShortOrNoFlowIsLeftAlone) {
    const Packet whole = tcp_frame(pool, unfinished(4));
    for (u32 n = 0; n < whole.size(); ++n) {
        Packet p = pool.copy_of(whole.bytes().first(n));
        recognise_unfinished_sum(*p);
        EXPECT_EQ(p->checksum, ChecksumState::Unknown) << n << " bytes";
    }
    const auto changed = [&](u32 at, u8 value) {
        Packet p = pool.copy_of(whole.bytes());
        p.data()[at] = std::byte{value};
        recognise_unfinished_sum(*p);
        return p->checksum;
    };
    EXPECT_EQ(changed(13, 6), ChecksumState::Unknown) << "ARP";
    EXPECT_EQ(changed(14, 0x65), ChecksumState::Unknown) << "IPv6";
    EXPECT_EQ(changed(14, 0x44), ChecksumState::Unknown) << "a header of 16 bytes";
    EXPECT_EQ(changed(20, 0x20), ChecksumState::Unknown) << "a fragment";
    EXPECT_EQ(changed(23, 1), ChecksumState::Unknown) << "ICMP";
    EXPECT_EQ(changed(17, 40), ChecksumState::Unknown) << "bytes behind the packet";
    EXPECT_EQ(changed(0, 0xff), ChecksumState::Partial) << "another station is no reason";
}

}  // namespace
}  // namespace tern

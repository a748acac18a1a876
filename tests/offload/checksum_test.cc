// Checksums that a sender left to its link: where they go, that they are completed, and that they
// are recognised.
#include "core/offload/checksum.hh"

#include <gtest/gtest.h>

#include <algorithm>

#include "base/property.hh"
#include "core/packet/copy.hh"
#include "link/frames.hh"

namespace tern {
namespace {

using test::FrameSpec;
using test::read_tcp;
using test::tcp_frame;
using test::udp_frame;

struct CompleteChecksumTest : testing::Test {
    MemoryBudget budget{64 << 20};
    PacketPool pool{budget};
};

TEST_F(CompleteChecksumTest, ThePlaceIsTheTransports) {
    for (const bool v6 : {false, true}) {
        for (const u8 options : {u8{0}, u8{16}}) {
            const FrameSpec spec{.v6 = v6, .ip_options = options, .payload = 4};
            const u32 transport = 14 + (v6 ? 40u : 20u) + options;
            const auto family = v6 ? wire::IpFamily::V6 : wire::IpFamily::V4;
            const Packet tcp = tcp_frame(pool, spec), udp = udp_frame(pool, spec);
            const auto of_tcp = offload::checksum_place(tcp.bytes(), Medium::Ethernet);
            const auto of_udp = offload::checksum_place(udp.bytes(), Medium::Ethernet);
            ASSERT_TRUE(of_tcp && of_udp);
            EXPECT_EQ(of_tcp->transport, transport);
            EXPECT_EQ(of_udp->transport, transport);
            EXPECT_EQ(of_tcp->field, 16u);
            EXPECT_EQ(of_udp->field, 6u);
            EXPECT_EQ(of_tcp->family, family);
            // A frame that ends inside the field has no place.
            for (u32 n = 0; n < udp.size(); ++n)
                EXPECT_EQ(
                    offload::checksum_place(udp.bytes().first(n), Medium::Ethernet).has_value(),
                    n >= transport + 8)
                    << n;
        }
    }
}

TEST_F(CompleteChecksumTest, APartialChecksumIsCompleted) {
    test::for_each_seed(100, [&](Random& random) {
        const Medium medium = random.below(2) == 0 ? Medium::Ethernet : Medium::Ip;
        const u32 payload = random.below(1400);
        const FrameSpec spec{.medium = medium,
                             .v6 = random.below(2) == 0,
                             .ip_options = static_cast<u8>(random.below(3) * 8),
                             .payload = payload,
                             .partial = true};
        const bool udp = random.below(2) == 0;
        Packet p = (udp ? udp_frame : tcp_frame)(pool, spec, random.next64());
        const auto good = [&] {
            return test::transport_sum_good(p.bytes(), test::layout_of(p.bytes(), medium));
        };
        EXPECT_FALSE(good());
        ASSERT_TRUE(offload::complete_checksum(p, medium));
        EXPECT_TRUE(good());
        EXPECT_EQ(p->checksum, ChecksumState::Unknown);
    });
}

TEST_F(CompleteChecksumTest, ACompletedUdpChecksumIsNeverZero) {
    // Two bytes of payload that bring the sum to zero, which RFC 768 sends as ones.
    std::byte frame[20 + 8 + 2] = {};
    frame[0] = std::byte{0x45};
    store16(frame + 2, u16{30});
    frame[9] = std::byte{17};
    store16(frame + 20 + 4, u16{10});
    store16(frame + 20 + 6, u16{17 + 10});  // pseudo-header: addresses are zero
    store16(frame + 28, static_cast<u16>(0xffff - 10 - 27));
    Packet p = pool.copy_of(frame);
    p->transport = static_cast<u16>(p->begin + 20);
    p->checksum = ChecksumState::Partial;
    ASSERT_TRUE(offload::complete_checksum(p, Medium::Ip));
    EXPECT_EQ(load16(p.data() + 26), 0xffff);
}

TEST_F(CompleteChecksumTest, ACompletedPacketLeavesOtherViewsAlone) {
    Packet p = tcp_frame(pool, {.payload = 100, .partial = true});
    Packet other = p.share();
    const std::vector<std::byte> before(other.bytes().begin(), other.bytes().end());
    ASSERT_TRUE(offload::complete_checksum(p, Medium::Ethernet));
    EXPECT_NE(p->slot, other->slot);
    EXPECT_TRUE(std::equal(before.begin(), before.end(), other.bytes().begin()));
    EXPECT_TRUE(read_tcp(p.bytes()).tcp_sum_good);
}

TEST_F(CompleteChecksumTest, AFinishedPacketIsNotTouched) {
    Packet p = tcp_frame(pool, {.payload = 100});
    const std::byte* slot = p->slot;
    Packet other = p.share();
    ASSERT_TRUE(offload::complete_checksum(p, Medium::Ethernet));
    EXPECT_EQ(p->slot, slot);
}

struct UnfinishedSumTest : testing::Test {
    MemoryBudget budget{8 << 20};
    PacketPool pool{budget};

    // As it comes from a device: bytes, and nothing known of them.
    Packet arrived(const FrameSpec& spec) {
        const Packet made = tcp_frame(pool, spec);
        Packet p = pool.copy_of(made.bytes());
        offload::recognise_unfinished_sum(*p, Medium::Ethernet);
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
                for (const bool v6 : {false, true}) {
                    spec.v6 = v6;
                    const Packet p = arrived(spec);
                    ASSERT_EQ(p->checksum, ChecksumState::Partial);
                    const u32 ip = vlan == 0 ? 14 : 18;
                    EXPECT_EQ(p->network - p->begin, ip);
                    EXPECT_EQ(p->transport - p->begin, ip + (v6 ? 40u : 20u) + options);
                    Packet udp = pool.copy_of(udp_frame(pool, spec).bytes());
                    offload::recognise_unfinished_sum(*udp, Medium::Ethernet);
                    EXPECT_EQ(udp->checksum, ChecksumState::Partial);
                }
            }
        }
    }
}

// Its pseudo-header has another address, which the routing header hides.
TEST_F(UnfinishedSumTest, WhatIsSourceRoutedIsLeftAlone) {
    FrameSpec spec = unfinished(100);
    spec.v6 = true;
    spec.ip_options = 24;
    Packet p = tcp_frame(pool, spec);
    p->checksum = ChecksumState::Unknown;
    p.data()[14 + 6] = std::byte{43};      // a routing header instead of options,
    p.data()[14 + 40 + 3] = std::byte{1};  // with a segment left
    offload::recognise_unfinished_sum(*p, Medium::Ethernet);
    EXPECT_EQ(p->checksum, ChecksumState::Unknown);
    p.data()[14 + 40 + 3] = std::byte{0};
    offload::recognise_unfinished_sum(*p, Medium::Ethernet);
    EXPECT_EQ(p->checksum, ChecksumState::Partial) << "it has arrived, and is like any other";
}

TEST_F(UnfinishedSumTest, ItCanBeFinishedForAnotherDevice) {
    Packet p = arrived(unfinished(1000));
    ASSERT_EQ(p->checksum, ChecksumState::Partial);
    ASSERT_TRUE(offload::complete_checksum(p, Medium::Ethernet));
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
    offload::recognise_unfinished_sum(*p, Medium::Ethernet);
    EXPECT_EQ(p->checksum, ChecksumState::Partial);
    ASSERT_TRUE(offload::complete_checksum(p, Medium::Ethernet));
    EXPECT_TRUE(std::ranges::equal(p.bytes(), before.bytes()));
}

TEST_F(UnfinishedSumTest, WhatIsCutShortOrNoFlowIsLeftAlone) {
    const Packet whole = tcp_frame(pool, unfinished(4));
    for (u32 n = 0; n < whole.size(); ++n) {
        Packet p = pool.copy_of(whole.bytes().first(n));
        offload::recognise_unfinished_sum(*p, Medium::Ethernet);
        EXPECT_EQ(p->checksum, ChecksumState::Unknown) << n << " bytes";
    }
    const auto changed = [&](u32 at, u8 value) {
        Packet p = pool.copy_of(whole.bytes());
        p.data()[at] = std::byte{value};
        offload::recognise_unfinished_sum(*p, Medium::Ethernet);
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

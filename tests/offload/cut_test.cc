// Super-packets are cut into the packets that their sender would have sent itself.
#include "core/offload/cut.hh"

#include <gtest/gtest.h>

#include "base/property.hh"
#include "core/offload/checksum.hh"
#include "core/packet/copy.hh"
#include "link/frames.hh"
#include "support/covers.hh"

namespace tern {
namespace {

using test::FrameSpec;
using test::read_tcp;
using test::tcp_frame;
using test::TcpSeen;
using test::udp_frame;

constexpr u8 k_fin = 1, k_psh = 8, k_ack = 16, k_cwr = 128;

struct CutTest : testing::Test {
    MemoryBudget budget{64 << 20};
    PacketPool pool{budget};

    std::vector<TcpSeen> cut(Packet super, Medium medium = Medium::Ethernet) {
        Chain chain;
        EXPECT_EQ(offload::cut_segments(std::move(super), medium, chain), 0u);
        std::vector<TcpSeen> seen;
        while (!chain.empty()) {
            Packet p = chain.pop_front();
            EXPECT_EQ(p->gso_size, 0);
            EXPECT_EQ(p->checksum, ChecksumState::Unknown);
            EXPECT_TRUE(p.exclusive());
            seen.push_back(read_tcp(p.bytes(), medium));
            EXPECT_TRUE(seen.back().ip_sum_good);
            EXPECT_TRUE(seen.back().tcp_sum_good);
        }
        return seen;
    }
};

TEST_F(CutTest, FlagsGoToTheSegmentsTheyBelongTo) {
    test::covers({"VULN:offload-corner"});
    const u8 flags = k_fin | k_psh | k_ack | k_cwr;
    const auto seen =
        cut(tcp_frame(pool, {.flags = flags, .payload = 3000, .gso_size = 1000, .partial = true}));
    ASSERT_EQ(seen.size(), 3u);
    EXPECT_EQ(seen[0].flags, k_ack | k_cwr);
    EXPECT_EQ(seen[1].flags, k_ack);
    EXPECT_EQ(seen[2].flags, k_ack | k_psh | k_fin);
}

TEST_F(CutTest, SequenceNumbersAndIdentificationsRunOnAndWrap) {
    test::covers({"VULN:sequence-wrap"});
    const auto seen = cut(tcp_frame(
        pool,
        {.seq = 0xffffff00, .id = 0xffff, .payload = 2500, .gso_size = 1000, .partial = true}));
    ASSERT_EQ(seen.size(), 3u);
    EXPECT_EQ(seen[1].seq, 0xffffff00u + 1000u);
    EXPECT_EQ(seen[2].seq, 0xffffff00u + 2000u);
    EXPECT_EQ(seen[1].id, 0);
    EXPECT_EQ(seen[2].id, 1);
    EXPECT_EQ(seen[2].payload.size(), 500u);
}

TEST_F(CutTest, AnySuperSegmentIsCutIntoTheSameBytes) {
    test::for_each_seed(200, [&](Random& random) {
        FrameSpec spec{.medium = random.below(4) != 0 ? Medium::Ethernet : Medium::Ip,
                       .v6 = random.below(2) == 0,
                       .seq = random.next32(),
                       .ip_options = static_cast<u8>(random.below(3) * 8),
                       .tcp_options = static_cast<u8>(random.below(4) * 4),
                       .payload = 1 + random.below(60000),
                       .gso_size = static_cast<u16>(200 + random.below(9000)),
                       .partial = random.below(2) == 0};
        if (spec.medium == Medium::Ethernet && random.below(3) == 0) spec.vlan = 42;
        Packet super = tcp_frame(pool, spec, random.next64());
        const TcpSeen whole = read_tcp(super.bytes(), spec.medium);
        std::vector<std::byte> together;
        u32 segments = 0;
        for (const TcpSeen& s : cut(std::move(super), spec.medium)) {
            EXPECT_EQ(s.seq, whole.seq + static_cast<u32>(together.size()));
            EXPECT_EQ(s.ack, whole.ack);
            EXPECT_LE(s.payload.size(), spec.gso_size);
            together.insert(together.end(), s.payload.begin(), s.payload.end());
            ++segments;
        }
        EXPECT_EQ(together, whole.payload);
        EXPECT_EQ(segments, (spec.payload + spec.gso_size - 1) / spec.gso_size);
    });
    EXPECT_EQ(pool.packets_in_use(), 0u);
}

TEST_F(CutTest, TheHeaderOfIpv6IsKeptButForItsLength) {
    const FrameSpec spec{.v6 = true,
                         .traffic_class = 0xba,
                         .ip_options = 16,
                         .payload = 2500,
                         .gso_size = 1000,
                         .partial = true};
    const Packet whole = tcp_frame(pool, spec);
    Chain chain;
    ASSERT_EQ(offload::cut_segments(tcp_frame(pool, spec), Medium::Ethernet, chain), 0u);
    for (const u32 payload : {1000u, 1000u, 500u}) {
        Packet p = chain.pop_front();
        EXPECT_EQ(load16(p.data() + 14 + 4), 16 + 20 + payload) << "the options count as well";
        store16(p.data() + 14 + 4, load16(whole.data() + 14 + 4));
        EXPECT_EQ(std::memcmp(p.data(), whole.data(), 14 + 40 + 16), 0);
        EXPECT_EQ(p->network - p->begin, 14u);
        EXPECT_EQ(p->transport - p->begin, 14u + 40 + 16);
    }
}

TEST_F(CutTest, AnySuperDatagramIsCutIntoTheSameBytes) {
    test::for_each_seed(200, [&](Random& random) {
        FrameSpec spec{.medium = random.below(4) != 0 ? Medium::Ethernet : Medium::Ip,
                       .v6 = random.below(2) == 0,
                       .id = static_cast<u16>(random.next32()),
                       .ip_options = static_cast<u8>(random.below(3) * 8),
                       .payload = 2 + random.below(60000),
                       .partial = true};
        // At least two, or it would be none.
        spec.gso_size = static_cast<u16>(1 + random.below(std::min(spec.payload - 1, 9000u)));
        Packet super = udp_frame(pool, spec, random.next64());
        const test::UdpSeen whole = test::read_udp(super.bytes(), spec.medium);
        ASSERT_TRUE(offload::is_super_datagram(super, spec.medium));
        Chain chain;
        ASSERT_EQ(offload::cut_datagrams(super, spec.medium, chain), 0u);
        ASSERT_EQ(chain.count(), super->gso_segments);
        std::vector<std::byte> together;
        for (u16 ordinal = 0; !chain.empty(); ++ordinal) {
            Packet p = chain.pop_front();
            EXPECT_EQ(p->checksum, ChecksumState::Partial);
            ASSERT_TRUE(offload::complete_checksum(p, spec.medium));
            const test::UdpSeen s = test::read_udp(p.bytes(), spec.medium);
            ASSERT_TRUE(s.ip_sum_good && s.udp_sum_good);
            EXPECT_EQ(s.length, 8 + s.payload.size());
            EXPECT_EQ(s.id, spec.v6 ? 0 : static_cast<u16>(whole.id + ordinal));
            EXPECT_EQ(s.payload.size(),
                      std::min<std::size_t>(spec.gso_size, whole.payload.size() - together.size()));
            together.insert(together.end(), s.payload.begin(), s.payload.end());
        }
        EXPECT_EQ(together, whole.payload);
    });
}

TEST_F(CutTest, TcpIsNoSuperDatagramNorTheOtherWayRound) {
    for (const bool v6 : {false, true}) {
        const FrameSpec spec{.v6 = v6, .payload = 3000, .gso_size = 1000, .partial = true};
        EXPECT_FALSE(offload::is_super_datagram(tcp_frame(pool, spec), Medium::Ethernet));
        Chain chain;
        EXPECT_EQ(offload::cut_segments(udp_frame(pool, spec), Medium::Ethernet, chain), 3u);
        EXPECT_TRUE(chain.empty());
        FrameSpec one = spec;
        one.gso_size = 3000;
        EXPECT_FALSE(offload::is_super_datagram(udp_frame(pool, one), Medium::Ethernet));
    }
}

// Their pseudo-header has an address that the source route hides.
TEST_F(CutTest, WhatIsSourceRoutedIsLostAndSaid) {
    const auto routed = [](Packet p) {
        p.data()[14 + 6] = std::byte{43};      // a routing header instead of options,
        p.data()[14 + 40 + 3] = std::byte{1};  // with a segment left
        return p;
    };
    const FrameSpec spec{
        .v6 = true, .ip_options = 24, .payload = 3000, .gso_size = 1000, .partial = true};
    Chain chain;
    EXPECT_EQ(offload::cut_segments(routed(tcp_frame(pool, spec)), Medium::Ethernet, chain), 3u);
    const Packet datagrams = routed(udp_frame(pool, spec));
    EXPECT_EQ(offload::cut_datagrams(datagrams, Medium::Ethernet, chain), 3u);
    EXPECT_TRUE(chain.empty());
}

TEST_F(CutTest, BytesBehindTheIpPacketAreNoPayload) {
    for (const bool v6 : {false, true}) {
        const u8 flags = k_ack | k_psh | k_fin;
        Packet super = tcp_frame(
            pool, {.v6 = v6, .flags = flags, .payload = 100, .gso_size = 60, .partial = true});
        std::memset(super.append(10), 0xee, 10);
        const auto seen = cut(std::move(super));
        ASSERT_EQ(seen.size(), 2u);
        EXPECT_EQ(seen[1].payload.size(), 40u);
        EXPECT_EQ(seen[0].flags, k_ack);
        EXPECT_EQ(seen[1].flags, flags) << "the last byte is the packet's, not the frame's";
    }
}

TEST_F(CutTest, WhatIsNoTcpIsLostAndSaid) {
    Packet super = tcp_frame(pool, {.payload = 3000, .gso_size = 1000, .partial = true});
    store16(super.data() + 12, u16{0x86dd});
    Chain chain;
    EXPECT_EQ(offload::cut_segments(std::move(super), Medium::Ethernet, chain), 3u);
    EXPECT_TRUE(chain.empty());
    EXPECT_EQ(pool.packets_in_use(), 0u);
}

TEST_F(CutTest, WhatThePoolRefusesIsLostAndSaid) {
    // Room for the super-segment and for one slab of small slots, which is 64 packets; a sixteenth
    // of all is never the pool's.
    const u64 room = (4 * 68096 + 64) + (256 * 64 + 64) + (64 * 2048 + 64);
    MemoryBudget tight{room * 16 / 15 + 16};
    PacketPool poor{tight};
    Packet super = tcp_frame(poor, {.payload = 60000, .gso_size = 600, .partial = true});
    ASSERT_TRUE(super);
    Chain chain;
    EXPECT_EQ(offload::cut_segments(std::move(super), Medium::Ethernet, chain), 100u - 64u);
    EXPECT_EQ(chain.count(), 64u);
}

TEST_F(CutTest, ACopyKeepsTheFactsAtTheirNewPlaces) {
    Packet p = tcp_frame(pool, {.payload = 100, .partial = true});
    p.pull(14);  // the view no longer begins where a fresh one does
    p->note = 9;
    Packet q = copy_with_facts(pool, *p);
    EXPECT_EQ(q->network - q->begin, 0u);
    EXPECT_EQ(q->transport - q->begin, 20u);
    EXPECT_EQ(q->note, 9u);
    EXPECT_EQ(q->checksum, ChecksumState::Partial);
}

}  // namespace
}  // namespace tern

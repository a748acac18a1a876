#include "core/packet/gso.hh"

#include <gtest/gtest.h>

#include "base/property.hh"
#include "core/packet/copy.hh"
#include "link/frames.hh"
#include "support/covers.hh"

namespace tern {
namespace {

using test::FrameSpec;
using test::read_tcp;
using test::tcp_frame;
using test::TcpSeen;

constexpr u8 k_fin = 1, k_psh = 8, k_ack = 16, k_cwr = 128;

struct GsoTest : testing::Test {
    MemoryBudget budget{64 << 20};
    PacketPool pool{budget};

    std::vector<TcpSeen> cut(Packet super, Medium medium = Medium::Ethernet) {
        Chain chain;
        EXPECT_EQ(segment_in_software(std::move(super), medium, chain), 0u);
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

TEST_F(GsoTest, FlagsGoToTheSegmentsTheyBelongTo) {
    test::covers({"VULN:offload-corner"});
    const u8 flags = k_fin | k_psh | k_ack | k_cwr;
    const auto seen =
        cut(tcp_frame(pool, {.flags = flags, .payload = 3000, .gso_size = 1000, .partial = true}));
    ASSERT_EQ(seen.size(), 3u);
    EXPECT_EQ(seen[0].flags, k_ack | k_cwr);
    EXPECT_EQ(seen[1].flags, k_ack);
    EXPECT_EQ(seen[2].flags, k_ack | k_psh | k_fin);
}

TEST_F(GsoTest, SequenceNumbersAndIdentificationsRunOnAndWrap) {
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

TEST_F(GsoTest, AnySuperSegmentIsCutIntoTheSameBytes) {
    test::for_each_seed(200, [&](Random& random) {
        FrameSpec spec{.medium = random.below(4) != 0 ? Medium::Ethernet : Medium::Ip,
                       .seq = random.next32(),
                       .ip_options = static_cast<u8>(random.below(3) * 4),
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

TEST_F(GsoTest, BytesBehindTheIpPacketAreNoPayload) {
    Packet super = tcp_frame(pool, {.payload = 100, .gso_size = 60, .partial = true});
    std::memset(super.append(10), 0xee, 10);
    const auto seen = cut(std::move(super));
    ASSERT_EQ(seen.size(), 2u);
    EXPECT_EQ(seen[1].payload.size(), 40u);
}

TEST_F(GsoTest, WhatIsNoTcpIsLostAndSaid) {
    Packet super = tcp_frame(pool, {.payload = 3000, .gso_size = 1000, .partial = true});
    store16(super.data() + 12, u16{0x86dd});
    Chain chain;
    EXPECT_EQ(segment_in_software(std::move(super), Medium::Ethernet, chain), 3u);
    EXPECT_TRUE(chain.empty());
    EXPECT_EQ(pool.packets_in_use(), 0u);
}

TEST_F(GsoTest, WhatThePoolRefusesIsLostAndSaid) {
    // Room for the super-segment and for one slab of small slots, which is 64 packets; a sixteenth
    // of all is never the pool's.
    const u64 room = (4 * 68096 + 64) + (256 * 64 + 64) + (64 * 2048 + 64);
    MemoryBudget tight{room * 16 / 15 + 16};
    PacketPool poor{tight};
    Packet super = tcp_frame(poor, {.payload = 60000, .gso_size = 600, .partial = true});
    ASSERT_TRUE(super);
    Chain chain;
    EXPECT_EQ(segment_in_software(std::move(super), Medium::Ethernet, chain), 100u - 64u);
    EXPECT_EQ(chain.count(), 64u);
}

TEST_F(GsoTest, APartialChecksumIsCompleted) {
    test::for_each_seed(100, [&](Random& random) {
        const Medium medium = random.below(2) == 0 ? Medium::Ethernet : Medium::Ip;
        const u32 payload = random.below(1400);
        const FrameSpec spec{.medium = medium, .payload = payload, .partial = true};
        Packet p = tcp_frame(pool, spec, random.next64());
        EXPECT_FALSE(read_tcp(p.bytes(), medium).tcp_sum_good);
        ASSERT_TRUE(complete_checksum(p, medium));
        EXPECT_TRUE(read_tcp(p.bytes(), medium).tcp_sum_good);
        EXPECT_EQ(p->checksum, ChecksumState::Unknown);
    });
}

TEST_F(GsoTest, ACompletedUdpChecksumIsNeverZero) {
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
    ASSERT_TRUE(complete_checksum(p, Medium::Ip));
    EXPECT_EQ(load16(p.data() + 26), 0xffff);
}

TEST_F(GsoTest, ACompletedPacketLeavesOtherViewsAlone) {
    Packet p = tcp_frame(pool, {.payload = 100, .partial = true});
    Packet other = p.share();
    const std::vector<std::byte> before(other.bytes().begin(), other.bytes().end());
    ASSERT_TRUE(complete_checksum(p, Medium::Ethernet));
    EXPECT_NE(p->slot, other->slot);
    EXPECT_TRUE(std::equal(before.begin(), before.end(), other.bytes().begin()));
    EXPECT_TRUE(read_tcp(p.bytes()).tcp_sum_good);
}

TEST_F(GsoTest, AFinishedPacketIsNotTouched) {
    Packet p = tcp_frame(pool, {.payload = 100});
    const std::byte* slot = p->slot;
    Packet other = p.share();
    ASSERT_TRUE(complete_checksum(p, Medium::Ethernet));
    EXPECT_EQ(p->slot, slot);
}

TEST_F(GsoTest, ACopyKeepsTheFactsAtTheirNewPlaces) {
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

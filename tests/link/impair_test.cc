#include "os/link/impair.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>

#include "link/impaired_line.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;
using test::at;
using test::expect_share;
using test::FrameSpec;
using test::iota;
using test::Line;
using test::seq_of;
using test::tcp_frame;

TEST(Impair, WithoutOptionsItIsAWire) {
    Line line{{}};
    EXPECT_EQ(line.outcome(500), iota(500));
    EXPECT_EQ(line.bad.outbound().seen, 500u);
    EXPECT_EQ(line.bad.outbound().delayed, 0u);
    EXPECT_EQ(line.bad.next_deadline(), Instant::max());
}

TEST(Impair, LossStrikesAtItsRateAndIsCounted) {
    Line line{{.outbound = {.loss = 0.1}, .seed = 7}};
    const auto got = line.outcome(20000);
    EXPECT_EQ(got.size() + line.bad.outbound().lost, 20000u);
    expect_share(line.bad.outbound().lost, 20000, 0.1);
    EXPECT_TRUE(std::is_sorted(got.begin(), got.end()));
}

TEST(Impair, TheSameSeedGivesTheSameNetwork) {
    const ImpairDirection bad{.loss = 0.1,
                              .duplicate = 0.1,
                              .corrupt = 0.1,
                              .reorder = 0.1,
                              .reorder_by = 50us,
                              .jitter = 20us};
    auto run = [&](u64 seed) {
        Line line{{.outbound = bad, .seed = seed}};
        std::vector<std::vector<std::byte>> frames;
        for (u32 i = 0; i < 500; ++i) line.send(at(1us * i), i);
        line.tick(at(1s));
        for (const Packet& p : line.arrived()) {
            frames.emplace_back(p.bytes().begin(), p.bytes().end());
        }
        return frames;
    };
    const auto first = run(1);
    EXPECT_EQ(first, run(1));
    EXPECT_NE(first, run(2));
}

TEST(Impair, AnotherFaultDoesNotMoveTheLosses) {
    Line alone{{.outbound = {.loss = 0.2}, .seed = 3}};
    Line both{
        {.outbound = {.loss = 0.2, .reorder = 0.3, .reorder_by = 5us, .jitter = 9us}, .seed = 3}};
    auto with = both.outcome(2000);
    std::sort(with.begin(), with.end());
    EXPECT_EQ(alone.outcome(2000), with);
    EXPECT_GT(both.bad.outbound().reordered, 0u);
}

TEST(Impair, DropNthIsExact) {
    Line line{{.outbound = {.drop_nth = {5, 1, 3}}}};
    EXPECT_EQ(line.outcome(8), (std::vector<u32>{1, 3, 5, 6, 7}));
    EXPECT_EQ(line.bad.outbound().lost, 3u);
}

TEST(Impair, AHookDecidesPacketByPacket) {
    ImpairDirection outbound;
    outbound.decide = [](u64 nth, std::span<const std::byte> frame) {
        EXPECT_EQ(test::read_tcp(frame).seq, nth - 1);
        return nth == 2 ? Fate::Drop : nth == 3 ? Fate::Duplicate : Fate::AsOptionsSay;
    };
    Line line{{.outbound = outbound}};
    EXPECT_EQ(line.outcome(4), (std::vector<u32>{0, 2, 2, 3}));
    EXPECT_EQ(line.bad.outbound().lost, 1u);
    EXPECT_EQ(line.bad.outbound().duplicated, 1u);
}

TEST(Impair, DelayIsExactAndTold) {
    Line line{{.outbound = {.delay = 10ms}}};
    line.send(at(3ms), 1);
    EXPECT_EQ(line.bad.next_deadline(), at(13ms));
    line.tick(at(13ms - 1ns));
    EXPECT_TRUE(line.numbers().empty());
    PacketBatch none;
    line.bad.receive(at(13ms), line.pool, none);  // a caller that only receives sends as well
    EXPECT_EQ(line.numbers(), std::vector<u32>{1});
    EXPECT_EQ(line.bad.next_deadline(), Instant::max());
    EXPECT_EQ(line.bad.outbound().delayed, 1u);
}

TEST(Impair, JitterKeepsTheOrderAndItsBounds) {
    Line line{{.outbound = {.delay = 1ms, .jitter = 500us}}};
    std::vector<u32> got;
    bool varied = false;
    for (u32 i = 0; i < 1000; ++i) {
        const Instant now = at(1ms * i);  // apart by more than the jitter: each is its own
        line.send(now, i);
        const Duration took = line.bad.next_deadline() - now;
        EXPECT_GE(took, 1ms);
        EXPECT_LE(took, 1500us);
        varied = varied || took > 1250us;
        line.tick(line.bad.next_deadline());
        for (u32 n : line.numbers()) got.push_back(n);
    }
    EXPECT_EQ(got, iota(1000));
    EXPECT_TRUE(varied);
    Line tight{{.outbound = {.jitter = 500us}}};
    EXPECT_EQ(tight.outcome(1000), iota(1000));
}

TEST(Impair, AReorderedPacketIsOvertaken) {
    Line line{{.outbound = {.reorder = 0.05, .reorder_by = 3500ns}, .seed = 5}};
    const auto got = line.outcome(5000);
    EXPECT_FALSE(std::is_sorted(got.begin(), got.end()));
    expect_share(line.bad.outbound().reordered, 5000, 0.05);
    auto sorted = got;
    std::sort(sorted.begin(), sorted.end());
    EXPECT_EQ(sorted, iota(5000));
    for (std::size_t i = 0; i < got.size(); ++i) {  // by three places at a packet per microsecond
        EXPECT_LE(std::abs(static_cast<i64>(got[i]) - static_cast<i64>(i)), 3 + 3);
    }
}

TEST(Impair, ADuplicateHasItsOwnBytes) {
    Line line{{.outbound = {.duplicate = 1}}};
    line.send(at(0s), 7);
    const auto got = line.arrived();
    ASSERT_EQ(got.size(), 2u);
    EXPECT_NE(got[0]->slot, got[1]->slot);
    EXPECT_EQ(seq_of(*got[0]), seq_of(*got[1]));
    EXPECT_EQ(line.bad.outbound().duplicated, 1u);
}

TEST(Impair, CorruptionFlipsOneBitOfACopy) {
    Line line{{.outbound = {.corrupt = 1}}};
    for (u32 i = 0; i < 300; ++i) {
        Packet p = tcp_frame(line.pool, {.seq = i, .payload = 100}, i);
        Packet kept = p.share();
        line.send(at(1us * i), std::move(p));
        auto got = line.arrived();
        ASSERT_EQ(got.size(), 1u);
        int bits = 0;
        for (u32 k = 0; k < kept.size(); ++k) {
            const u32 difference = std::to_integer<u32>(kept.data()[k] ^ got[0].data()[k]);
            EXPECT_TRUE(difference == 0 || k >= 14) << "the link header was damaged";
            bits += std::popcount(difference);
        }
        EXPECT_EQ(bits, 1);
    }
    EXPECT_EQ(line.bad.outbound().corrupted, 300u);
}

int different_bits(std::span<const std::byte> a, std::span<const std::byte> b) {
    int bits = a.size() == b.size() ? 0 : 1000;
    for (std::size_t i = 0; i < std::min(a.size(), b.size()); ++i) {
        bits += std::popcount(std::to_integer<u32>(a[i] ^ b[i]));
    }
    return bits;
}

// The sender left the sum to the link, so that a receiver would trust the packet: it must not.
TEST(Impair, CorruptionOfAPartialPacketIsDetectable) {
    Line line{{.outbound = {.corrupt = 1, .corrupt_where = CorruptWhere::Transport}}};
    for (u32 i = 0; i < 300; ++i) {
        const Packet complete = tcp_frame(line.pool, {.seq = i, .payload = 1000}, i);
        line.send(at(1us * i),
                  tcp_frame(line.pool, {.seq = i, .payload = 1000, .partial = true}, i));
        auto got = line.arrived();
        ASSERT_EQ(got.size(), 1u);
        EXPECT_EQ(got[0]->checksum, ChecksumState::Unknown);
        EXPECT_EQ(different_bits(got[0].bytes(), complete.bytes()), 1);
        EXPECT_TRUE(test::read_tcp(got[0].bytes()).ip_sum_good);
        EXPECT_FALSE(test::read_tcp(got[0].bytes()).tcp_sum_good);
    }
}

// The device vouched for the sum before we damaged the packet.
TEST(Impair, ACorruptedPacketIsNoLongerVerified) {
    MemoryBudget budget{64 << 20};
    PacketPool pool{budget};
    struct Vouching final : Link {
        LinkFacts about;
        Packet waiting;
        const LinkFacts& facts() const override { return about; }
        void receive(Instant, PacketPool&, PacketBatch& into) override {
            into.push(std::move(waiting));
        }
        void transmit(Instant, PacketBatch&&) override {}
    } inner;
    inner.waiting = tcp_frame(pool, {.payload = 100});
    inner.waiting->checksum = ChecksumState::Verified;
    Impair bad{inner, {.inbound = {.corrupt = 1}}};
    PacketBatch got;
    bad.receive(at(0s), pool, got);
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got.peek(0)->checksum, ChecksumState::Unknown);
    got.clear();
}

TEST(Impair, FramesThatCarryNoIpAreNotCorrupted) {
    Line line{{.outbound = {.corrupt = 1}}};
    std::byte arp[42] = {};
    store16(arp + 12, u16{0x0806});
    line.send(at(0s), line.pool.copy_of(arp));
    const auto got = line.arrived();
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(std::memcmp(got[0].data(), arp, sizeof arp), 0);
    EXPECT_EQ(line.bad.outbound().corrupted, 0u);
}

TEST(Impair, TheRateSpacesPacketsExactly) {
    Line line{{.outbound = {.delay = 1ms, .rate = 1'000'000'000}}};
    for (u32 i = 0; i < 3; ++i) line.send(at(0s), i, 1460);  // 1514 bytes: 12.112 us
    for (u32 i = 1; i <= 3; ++i) {
        EXPECT_EQ(line.bad.next_deadline(), at(1ms + 12112ns * i));
        line.tick(line.bad.next_deadline());
        EXPECT_EQ(line.numbers(), std::vector<u32>{i - 1});
    }
}

TEST(Impair, TheRateLosesNoTimeToRounding) {
    Line line{{.outbound = {.rate = 7'000'003, .overhead = 24}}};
    for (u32 i = 0; i < 1000; ++i) line.send(at(0s), i, 1460);
    Instant last{};
    while (line.bad.next_deadline() != Instant::max()) {
        last = line.bad.next_deadline();
        line.tick(last);
    }
    EXPECT_EQ(line.numbers().size(), 1000u);
    const u64 bits = 1000u * (1514 + 24) * 8;
    EXPECT_EQ(static_cast<u64>(last.time_since_epoch().count()), bits * 1'000'000'000 / 7'000'003);
}

TEST(Impair, TheQueueDropsItsTailByPacketsAndByBytes) {
    Line packets{{.outbound = {.rate = 1'000'000, .queue_packets = 10}}};
    EXPECT_EQ(packets.outcome(25), iota(10));
    EXPECT_EQ(packets.bad.outbound().queue_dropped, 15u);

    Line bytes{{.outbound = {.rate = 1'000'000, .queue_bytes = 64 * 4 + 63}}};
    EXPECT_EQ(bytes.outcome(25), iota(4));
    Line tiny{{.outbound = {.rate = 1'000'000, .queue_bytes = 1}}};
    EXPECT_EQ(tiny.outcome(25), iota(1)) << "an idle line takes a packet whatever the queue is";

    // 64 bytes take 512 us at this rate: then there is room for one more.
    Line refilled{{.outbound = {.rate = 1'000'000, .queue_packets = 2}}};
    for (u32 i = 0; i < 3; ++i) refilled.send(at(0s), i);
    refilled.send(at(512us - 1ns), 3);
    refilled.send(at(512us), 4);
    refilled.tick(at(1s));
    EXPECT_EQ(refilled.numbers(), (std::vector<u32>{0, 1, 4}));
}

TEST(Impair, TheDelayLineIsBounded) {
    Line line{{.outbound = {.delay = 1s}, .in_flight_packets = 100}};
    EXPECT_EQ(line.outcome(150), iota(100));
    EXPECT_EQ(line.bad.outbound().queue_dropped, 50u);
}

TEST(Impair, LossActsOnWireSegmentsNotOnSuperSegments) {
    Line line{{.outbound = {.drop_nth = {2}}}};
    line.send(at(0s),
              tcp_frame(line.pool, {.seq = 0, .payload = 4000, .gso_size = 1000, .partial = true}));
    const auto got = line.arrived();
    ASSERT_EQ(got.size(), 3u);
    EXPECT_EQ(seq_of(*got[0]), 0u);
    EXPECT_EQ(seq_of(*got[1]), 2000u);
    for (const Packet& p : got) {
        EXPECT_TRUE(test::read_tcp(p.bytes()).tcp_sum_good);
        EXPECT_LE(p->gso_segments, 1);
    }
    EXPECT_EQ(line.bad.outbound().seen, 4u);
}

TEST(Impair, PureDelayKeepsASuperSegmentWhole) {
    Line line{{.outbound = {.delay = 1ms}}};
    line.send(at(0s), tcp_frame(line.pool, {.payload = 4000, .gso_size = 1000, .partial = true}));
    line.tick(at(1ms));
    const auto got = line.arrived();
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0]->gso_segments, 4);
    EXPECT_EQ(got[0]->checksum, ChecksumState::Partial);
}

TEST(Impair, TheInboundDirectionIsAnother) {
    Line line{{.outbound = {.loss = 1}, .inbound = {.delay = 2ms, .drop_nth = {1}}}};
    auto receive = [&](Instant now) {
        PacketBatch batch;
        line.bad.receive(now, line.pool, batch);
        return batch.size();
    };
    for (u32 i = 0; i < 5; ++i) {
        PacketBatch batch;
        batch.push(tcp_frame(line.pool, {.seq = i}));
        line.wire.b().transmit(at(0s), std::move(batch));
    }
    EXPECT_EQ(line.bad.next_deadline(), Instant{}) << "the inner link has work";
    EXPECT_EQ(receive(at(1ms)), 0u);
    EXPECT_EQ(line.bad.next_deadline(), at(3ms));
    EXPECT_EQ(receive(at(3ms)), 4u);
    EXPECT_EQ(line.bad.inbound().seen, 5u);
    EXPECT_EQ(line.bad.inbound().lost, 1u);
    line.send(at(4ms), 1);
    EXPECT_TRUE(line.numbers().empty());
    EXPECT_EQ(line.bad.outbound().lost, 1u);
}

TEST(Impair, WhatFindsNoRoomComesLater) {
    Line line{{.inbound = {.delay = 1ms}}};
    PacketBatch batch;
    for (u32 i = 0; i < 20; ++i) batch.push(tcp_frame(line.pool, {.seq = i}));
    line.wire.b().transmit(at(0s), std::move(batch));
    PacketBatch into;
    line.bad.receive(at(0s), line.pool, into);
    for (u32 i = 0; i < 54; ++i) into.push(tcp_frame(line.pool, {}));
    line.bad.receive(at(1ms), line.pool, into);
    EXPECT_TRUE(into.full());
    EXPECT_EQ(line.bad.next_deadline(), at(1ms)) << "ten frames are due and still inside";
    PacketBatch rest;
    line.bad.receive(at(1ms), line.pool, rest);
    ASSERT_EQ(rest.size(), 10u);
    EXPECT_EQ(seq_of(*rest.peek(9)), 19u);
}

TEST(Impair, TheNetworkCanChangeOnItsWay) {
    Line line{{.outbound = {.loss = 1}}};
    line.send(at(0s), 0);
    line.bad.change({.delay = 1ms}, {});
    line.send(at(1s), 1);
    line.bad.change({}, {});
    line.send(at(1s), 2);  // still behind the one before
    EXPECT_TRUE(line.numbers().empty());
    line.tick(at(1s + 1ms));
    EXPECT_EQ(line.numbers(), (std::vector<u32>{1, 2}));
}

TEST(Impair, ItGivesBackWhatNeverLeft) {
    MemoryBudget budget{64 << 20};
    PacketPool pool{budget};
    VirtualWire wire;
    {
        Impair bad{wire.a(), {.outbound = {.duplicate = 0.5, .delay = 1h}}};
        PacketBatch batch;
        for (u32 i = 0; i < 64; ++i) batch.push(tcp_frame(pool, {.seq = i}));
        bad.transmit(at(0s), std::move(batch));
        EXPECT_GT(pool.packets_in_use(), 64u);
    }
    EXPECT_EQ(pool.packets_in_use(), 0u);
}

TEST(Impair, ACableDoesWhatTheOtherEndCannot) {
    MemoryBudget budget{64 << 20};
    PacketPool pool{budget};
    VirtualWire able{{.transmit_checksum = true, .segmentation = true}};
    VirtualWire plain;
    PacketBatch batch;
    batch.push(tcp_frame(pool, {.payload = 60000, .gso_size = 500, .partial = true}));
    batch.push(tcp_frame(pool, {.payload = 100, .partial = true}));
    able.a().transmit(at(0s), std::move(batch));
    EXPECT_EQ(forward(at(0s), able.b(), plain.a(), pool), 2u);
    EXPECT_EQ(forward(at(0s), able.b(), plain.a(), pool), 0u);
    u32 count = 0;
    for (;;) {
        PacketBatch got;
        plain.b().receive(at(0s), pool, got);
        if (got.empty()) break;
        for (u32 i = 0; i < got.size(); ++i) {
            const Packet p = got.take(i);
            EXPECT_TRUE(test::read_tcp(p.bytes()).tcp_sum_good);
            ++count;
        }
    }
    EXPECT_EQ(count, 121u);
}

}  // namespace
}  // namespace tern

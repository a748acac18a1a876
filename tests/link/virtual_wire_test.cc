#include "os/link/virtual_wire.hh"

#include <gtest/gtest.h>

#include "link/frames.hh"

namespace tern {
namespace {

struct VirtualWireTest : testing::Test {
    MemoryBudget budget{64 << 20};
    PacketPool pool{budget};

    Packet numbered(PacketPool& from, u32 number, u32 size = 64) {
        Packet p = from.allocate(size);
        store32(p.append(size), number);
        return p;
    }
    u32 number_of(const PacketDescriptor& d) { return load32(d.slot + d.begin); }
    void send(Link& link, Packet p) {
        PacketBatch batch;
        batch.push(std::move(p));
        link.transmit(Instant{}, std::move(batch));
    }
    PacketBatch receive(Link& link, PacketPool& into) {
        PacketBatch batch;
        link.receive(Instant{}, into, batch);
        return batch;
    }
};

TEST_F(VirtualWireTest, FramesArriveInOrderWithoutACopy) {
    VirtualWire wire;
    PacketBatch batch;
    std::vector<const std::byte*> slots;
    for (u32 i = 0; i < 64; ++i) {
        Packet p = numbered(pool, i);
        slots.push_back(p->slot);
        batch.push(std::move(p));
    }
    wire.a().transmit(Instant{}, std::move(batch));
    PacketBatch got = receive(wire.b(), pool);
    ASSERT_EQ(got.size(), 64u);
    for (u32 i = 0; i < 64; ++i) {
        EXPECT_EQ(number_of(*got.peek(i)), i);
        EXPECT_EQ(got.peek(i)->slot, slots[i]);
    }
    EXPECT_TRUE(receive(wire.a(), pool).empty()) << "a frame came back to its sender";
}

TEST_F(VirtualWireTest, BothDirectionsAreIndependent) {
    VirtualWire wire;
    send(wire.a(), numbered(pool, 1));
    send(wire.b(), numbered(pool, 2));
    EXPECT_EQ(number_of(*receive(wire.a(), pool).peek(0)), 2u);
    EXPECT_EQ(number_of(*receive(wire.b(), pool).peek(0)), 1u);
}

TEST_F(VirtualWireTest, WaitingFramesAreADeadlineThatIsDue) {
    VirtualWire wire;
    EXPECT_EQ(wire.b().next_deadline(), Instant::max());
    send(wire.a(), numbered(pool, 1));
    EXPECT_EQ(wire.b().next_deadline(), Instant{});
    EXPECT_EQ(wire.a().next_deadline(), Instant::max());
    receive(wire.b(), pool);
    EXPECT_EQ(wire.b().next_deadline(), Instant::max());
}

TEST_F(VirtualWireTest, AFullQueueDropsTheTailAndCountsIt) {
    VirtualWire wire{{.queue_packets = 8}};
    for (u32 i = 0; i < 11; ++i) send(wire.a(), numbered(pool, i));
    EXPECT_EQ(wire.a().counters().sent_packets, 8u);
    EXPECT_EQ(wire.a().counters().send_refused, 3u);
    PacketBatch got = receive(wire.b(), pool);
    ASSERT_EQ(got.size(), 8u);
    for (u32 i = 0; i < 8; ++i) EXPECT_EQ(number_of(*got.peek(i)), i);
    EXPECT_EQ(wire.b().counters().received_packets, 8u);
    EXPECT_EQ(wire.b().counters().received_bytes, 8u * 64);
}

TEST_F(VirtualWireTest, AReceiverTakesOnlyWhatItHasRoomFor) {
    VirtualWire wire;
    for (u32 i = 0; i < 10; ++i) send(wire.a(), numbered(pool, i));
    PacketBatch batch;
    for (u32 i = 0; i < 60; ++i) batch.push(numbered(pool, 100 + i));
    wire.b().receive(Instant{}, pool, batch);
    EXPECT_EQ(batch.size(), 64u);
    EXPECT_EQ(number_of(*batch.peek(63)), 3u);
    EXPECT_EQ(receive(wire.b(), pool).size(), 6u);
}

TEST_F(VirtualWireTest, AFrameAboveTheMtuIsRefused) {
    VirtualWire wire{{.mtu = 1500}};
    send(wire.a(), numbered(pool, 1, 1518));
    send(wire.a(), numbered(pool, 2, 1519));
    EXPECT_EQ(receive(wire.b(), pool).size(), 1u);
    EXPECT_EQ(wire.a().counters().send_refused, 1u);
}

TEST_F(VirtualWireTest, AnotherPoolGetsACopyWithTheFacts) {
    MemoryBudget other_budget{64 << 20};
    PacketPool other{other_budget};
    {
        VirtualWire wire{{.transmit_checksum = true, .segmentation = true}};
        Packet p = test::tcp_frame(pool, {.payload = 5000, .gso_size = 1460, .partial = true});
        const std::vector<std::byte> sent(p.bytes().begin(), p.bytes().end());
        const u32 transport = p->transport - p->begin;
        send(wire.a(), std::move(p));
        PacketBatch got = receive(wire.b(), other);
        ASSERT_EQ(got.size(), 1u);
        Packet q = got.take(0);
        EXPECT_EQ(q->pool, &other);
        EXPECT_EQ(pool.packets_in_use(), 0u) << "the sender's packet is still there";
        EXPECT_TRUE(std::equal(sent.begin(), sent.end(), q.bytes().begin(), q.bytes().end()));
        EXPECT_EQ(q->transport - q->begin, transport);
        EXPECT_EQ(q->gso_size, 1460);
        EXPECT_EQ(q->gso_segments, 4);
        EXPECT_EQ(q->checksum, ChecksumState::Partial);
    }
    EXPECT_EQ(other.packets_in_use(), 0u);
}

TEST_F(VirtualWireTest, APoolWithoutMemoryRefusesAndCounts) {
    MemoryBudget none{0};
    PacketPool poor{none};
    VirtualWire wire;
    send(wire.a(), numbered(pool, 1));
    EXPECT_TRUE(receive(wire.b(), poor).empty());
    EXPECT_EQ(wire.b().counters().receive_refused, 1u);
    EXPECT_EQ(pool.packets_in_use(), 0u);
}

TEST_F(VirtualWireTest, TheReceiverDoesNotInheritWhatTheSenderKnew) {
    VirtualWire wire;
    Packet p = numbered(pool, 1);
    p->payload_sum_known = true;
    p->checksum = ChecksumState::Verified;
    p->tag = 5;
    p->note = 6;
    p->link_broadcast = true;
    send(wire.a(), std::move(p));
    PacketBatch got = receive(wire.b(), pool);
    const PacketDescriptor& d = *got.peek(0);
    EXPECT_FALSE(d.payload_sum_known);
    EXPECT_EQ(d.checksum, ChecksumState::Unknown);
    EXPECT_EQ(d.tag, 0u);
    EXPECT_EQ(d.note, 0u);
    EXPECT_FALSE(d.link_broadcast);
}

TEST_F(VirtualWireTest, ASharedViewOfASentPacketSurvivesTheReceiver) {
    VirtualWire wire;
    Packet p = numbered(pool, 7);
    Packet kept = p.share();
    send(wire.a(), std::move(p));
    receive(wire.b(), pool).clear();
    EXPECT_EQ(number_of(*kept), 7u);
    EXPECT_TRUE(kept.exclusive());
}

TEST_F(VirtualWireTest, TheWireGivesBackWhatNobodyReceived) {
    {
        VirtualWire wire;
        for (u32 i = 0; i < 10; ++i) send(wire.a(), numbered(pool, i));
        for (u32 i = 0; i < 10; ++i) send(wire.b(), numbered(pool, i));
        EXPECT_EQ(pool.packets_in_use(), 20u);
        wire.clear();
        EXPECT_EQ(pool.packets_in_use(), 0u);
        send(wire.a(), numbered(pool, 1));
    }
    EXPECT_EQ(pool.packets_in_use(), 0u);
}

TEST_F(VirtualWireTest, TheRingWrapsAround) {
    VirtualWire wire{{.queue_packets = 4}};
    for (u32 i = 0; i < 1000; ++i) {
        send(wire.a(), numbered(pool, i));
        send(wire.a(), numbered(pool, i + 1));
        send(wire.a(), numbered(pool, i + 2));
        PacketBatch got = receive(wire.b(), pool);
        ASSERT_EQ(got.size(), 3u);
        ASSERT_EQ(number_of(*got.peek(2)), i + 2);
    }
}

}  // namespace
}  // namespace tern

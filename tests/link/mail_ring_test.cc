// Frames from one thread to another.
#include "os/link/mail_ring.hh"

#include <gtest/gtest.h>

#include <thread>

namespace tern {
namespace {

struct MailRingTest : testing::Test {
    MemoryBudget sender_budget{64 << 20}, reader_budget{64 << 20};
    PacketPool sender{sender_budget}, reader{reader_budget};
    MailRing ring;
    u64 lost = 0;

    // Bytes that tell their frame and their place in it.
    static std::byte byte_of(u32 frame, u32 i) { return static_cast<std::byte>(frame * 31 + i); }
    Packet frame(u32 number, u32 size) {
        Packet p = sender.allocate(size);
        std::byte* at = p.append(size);
        for (u32 i = 0; i < size; ++i) at[i] = byte_of(number, i);
        return p;
    }
    static bool is_frame(const Packet& p, u32 number, u32 size) {
        if (p.size() != size) return false;
        for (u32 i = 0; i < size; ++i)
            if (p.data()[i] != byte_of(number, i)) return false;
        return true;
    }
};

TEST_F(MailRingTest, WhatIsKnownOfAFrameComesWithIt) {
    Packet p = frame(1, 5000);
    p->network = static_cast<u16>(p->begin + 14);
    p->transport = static_cast<u16>(p->begin + 34);
    p->gso_size = 1448;
    p->gso_segments = 4;
    p->checksum = ChecksumState::Partial;
    p->link_broadcast = true;
    EXPECT_TRUE(ring.empty());
    ASSERT_TRUE(ring.push(*p));
    EXPECT_FALSE(ring.empty());
    const Packet q = ring.pop(reader, lost);
    ASSERT_TRUE(q);
    EXPECT_TRUE(is_frame(q, 1, 5000));
    EXPECT_EQ(q->pool, &reader);
    EXPECT_EQ(q->network, q->begin + 14);
    EXPECT_EQ(q->transport, q->begin + 34);
    EXPECT_EQ(q->gso_size, 1448);
    EXPECT_EQ(q->gso_segments, 4);
    EXPECT_EQ(q->checksum, ChecksumState::Partial);
    EXPECT_TRUE(q->link_broadcast);
    EXPECT_TRUE(ring.empty());
    EXPECT_FALSE(ring.pop(reader, lost));
}

// Sizes that end anywhere, so that frames meet the end of the ring in every way.
TEST_F(MailRingTest, FramesKeepTheirOrderRoundTheRing) {
    u32 in = 0, out = 0;
    const auto size_of = [](u32 n) { return n * 7919 % 60'000; };
    for (u32 turn = 0; turn < 400; ++turn) {
        while (ring.push(*frame(in, size_of(in)))) ++in;
        for (u32 k = 0; k <= turn % 3 && out < in; ++k, ++out)
            ASSERT_TRUE(is_frame(ring.pop(reader, lost), out, size_of(out))) << out;
    }
    while (out < in) {
        ASSERT_TRUE(is_frame(ring.pop(reader, lost), out, size_of(out)));
        ++out;
    }
    EXPECT_GT(in, 400u);
    EXPECT_EQ(lost, 0u);
}

TEST_F(MailRingTest, AFullRingRefusesAndTakesAgainWhenThereIsRoom) {
    u32 taken = 0;
    while (ring.push(*frame(taken, 1000))) ++taken;
    EXPECT_GT(taken, 200u);
    EXPECT_LE(taken * 1000, MailRing::k_bytes);
    EXPECT_TRUE(is_frame(ring.pop(reader, lost), 0, 1000));
    EXPECT_TRUE(ring.push(*frame(taken, 1000)));
}

TEST_F(MailRingTest, AReaderWithoutMemoryLosesTheFrameAndCountsIt) {
    MemoryBudget none{0};
    PacketPool poor{none};
    ASSERT_TRUE(ring.push(*frame(1, 100)));
    EXPECT_FALSE(ring.pop(poor, lost));
    EXPECT_EQ(lost, 1u);
    EXPECT_TRUE(ring.empty());
}

TEST_F(MailRingTest, TwoThreadsNeedNoLock) {
    constexpr u32 count = 20'000;
    std::thread writer{[&] {
        for (u32 n = 0; n < count; ++n) {
            const Packet p = frame(n, n % 3000);
            while (!ring.push(*p)) std::this_thread::yield();
        }
    }};
    u32 good = 0;
    for (u32 n = 0; n < count; ++n) {
        Packet p;
        while (!(p = ring.pop(reader, lost))) std::this_thread::yield();
        good += is_frame(p, n, n % 3000);
    }
    writer.join();
    EXPECT_EQ(good, count);
    EXPECT_EQ(lost, 0u);
}

}  // namespace
}  // namespace tern

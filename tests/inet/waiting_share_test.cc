// What waits for something that may never come keeps below its share, and loses fairly.
#include "core/packet/waiting_share.hh"

#include <gtest/gtest.h>

#include <vector>

#include "core/base/random.hh"

namespace tern {
namespace {

struct WaitingShareTest : testing::Test {
    static constexpr u64 k_small = 2048 + sizeof(PacketDescriptor);
    using Queue = WaitingShare::Queue;

    Packet packet(u32 payload = 100) { return pool.allocate(payload); }
    void put(WaitingShare& share, Queue& queue, u32 payload = 100) {
        share.put(queue, packet(payload),
                  [&](const Packet&, const Queue& of) { lost.push_back(of.tag); });
    }
    void empty(WaitingShare& share, Queue& queue) {
        while (!queue.empty()) share.take(queue);
    }

    MemoryBudget budget{64 << 20};
    PacketPool pool{budget};
    std::vector<u32> lost;  // tags of the queues that lost a packet
};

TEST_F(WaitingShareTest, BelowTheShareNothingIsLost) {
    WaitingShare share{4 * k_small};
    Queue a, b;
    for (int i = 0; i < 2; ++i) {
        put(share, a);
        put(share, b);
    }
    EXPECT_EQ(share.pinned(), 4 * k_small);
    EXPECT_TRUE(lost.empty());
    empty(share, a);
    EXPECT_EQ(share.pinned(), 2 * k_small);
    empty(share, b);
    EXPECT_EQ(share.pinned(), 0u);
}

TEST_F(WaitingShareTest, TheLargestQueueLosesItsOldest) {
    WaitingShare share{10 * k_small};
    Queue large, small;
    large.tag = 1;
    small.tag = 2;
    put(share, small);
    std::vector<const PacketDescriptor*> order;
    for (int i = 0; i < 9; ++i) {
        Packet p = packet();
        order.push_back(&*p);
        share.put(large, std::move(p), [](const Packet&, const Queue&) { FAIL(); });
    }
    put(share, small);
    EXPECT_EQ(lost, std::vector<u32>{1}) << "and not the one for which the packet came";
    EXPECT_EQ(&*share.take(large), order[1]);
    empty(share, large);
    empty(share, small);
}

TEST_F(WaitingShareTest, OfEqualQueuesTheOneThatWaitedLongestLoses) {
    WaitingShare share{3 * k_small};
    Queue queues[6];
    for (u32 i = 0; i < 6; ++i) {
        queues[i].tag = i;
        put(share, queues[i]);
    }
    EXPECT_EQ(lost, (std::vector<u32>{0, 1, 2}));
    EXPECT_EQ(share.pinned(), share.limit());
    for (Queue& q : queues) empty(share, q);
}

TEST_F(WaitingShareTest, BytesCountAndNotPackets) {
    WaitingShare share{195'000};
    Queue jumbo, many;
    jumbo.tag = 1;
    many.tag = 2;
    put(share, jumbo, 60'000);  // pins 68,160 bytes
    for (int i = 0; i < 30; ++i) put(share, many);
    put(share, jumbo, 60'000);
    EXPECT_EQ(lost, std::vector<u32>{1}) << "one packet pins more than thirty";
    empty(share, jumbo);
    empty(share, many);
}

TEST_F(WaitingShareTest, APacketAboveTheShareWaitsAloneOrNotAtAll) {
    WaitingShare share{k_small};
    Queue a, b;
    a.tag = 1;
    b.tag = 2;
    put(share, a, 9000);
    EXPECT_TRUE(lost.empty()) << "or a small share would mean none at all";
    EXPECT_EQ(a.count(), 1u);
    put(share, b, 9000);
    EXPECT_EQ(lost, std::vector<u32>{2});
    empty(share, a);
    put(share, b);
    EXPECT_EQ(b.count(), 1u);
    empty(share, b);
}

// Against a model that knows nothing of lines: whatever is done, the sums hold, the share holds,
// and who loses is within a factor of two of the largest.
TEST_F(WaitingShareTest, AnySequenceKeepsTheShare) {
    Random random{7};
    WaitingShare share{60 * k_small};
    std::vector<Queue> queues(40);
    std::vector<std::vector<u64>> model(40);
    const auto total = [&](u32 i) {
        u64 sum = 0;
        for (const u64 n : model[i]) sum += n;
        return sum;
    };
    for (u32 i = 0; i < 40; ++i) queues[i].tag = i;
    for (int n = 0; n < 20'000; ++n) {
        const u32 i = random.below(random.below(4) == 0 ? 3 : 40);
        if (random.below(3) == 0) {
            if (queues[i].empty()) continue;
            const Packet p = share.take(queues[i]);
            ASSERT_EQ(PacketPool::true_size(*p), model[i].front());
            model[i].erase(model[i].begin());
        } else {
            Packet p = packet(random.below(10) == 0 ? 5000 : 100);
            const u64 size = PacketPool::true_size(*p);
            share.put(queues[i], std::move(p), [&](const Packet& gone, const Queue& of) {
                ASSERT_EQ(PacketPool::true_size(*gone), model[of.tag].front());
                for (u32 k = 0; k < 40; ++k) ASSERT_LE(total(k) / 2, total(of.tag));
                model[of.tag].erase(model[of.tag].begin());
            });
            model[i].push_back(size);
        }
        u64 sum = 0;
        for (u32 k = 0; k < 40; ++k) {
            ASSERT_EQ(queues[k].count(), model[k].size());
            sum += total(k);
        }
        ASSERT_EQ(share.pinned(), sum);
        ASSERT_LE(sum, share.limit());
    }
    for (Queue& q : queues) empty(share, q);
    EXPECT_EQ(pool.packets_in_use(), 0u);
}

}  // namespace
}  // namespace tern

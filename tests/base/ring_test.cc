#include "core/base/ring.hh"

#include <deque>

#include <gtest/gtest.h>

#include "core/base/random.hh"

namespace tern {
namespace {

TEST(Ring, AgreesWithADeque) {
    for (u64 seed = 1; seed <= 50; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        Random random(seed);
        MemoryBudget budget(u64{1} << 20);
        {
            Ring<u64, 2> ring;
            std::deque<u64> deque;
            for (int step = 0; step < 2'000; ++step) {
                if (random.below(100) < 52) {
                    ASSERT_TRUE(ring.make_room(budget));
                    ring.push_back(static_cast<u64>(step));
                    deque.push_back(static_cast<u64>(step));
                } else if (!deque.empty()) {
                    ring.pop_front();
                    deque.pop_front();
                }
                ASSERT_EQ(ring.size(), deque.size());
                if (deque.empty()) continue;
                ASSERT_EQ(ring.front(), deque.front());
                ASSERT_EQ(ring.back(), deque.back());
                const u32 any = static_cast<u32>(random.below(deque.size()));
                ASSERT_EQ(ring[any], deque[any]);
            }
        }
        EXPECT_EQ(budget.used(), 0u);
    }
}

TEST(Ring, StaysAsItIsWhenTheBudgetRefuses) {
    MemoryBudget budget(8 * sizeof(u64));
    Ring<u64, 4> ring;
    for (u64 i = 0; i < 8; ++i) {
        ASSERT_TRUE(ring.make_room(budget));
        ring.push_back(i);
    }
    EXPECT_FALSE(ring.make_room(budget));
    EXPECT_EQ(ring.size(), 8u);
    for (u32 i = 0; i < 8; ++i) EXPECT_EQ(ring[i], i);
}

}  // namespace
}  // namespace tern

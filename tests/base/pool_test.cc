#include "core/base/pool.hh"

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <set>
#include <vector>

#include "property.hh"

namespace tern {
namespace {

struct alignas(64) Large {
    u64 id = 42;
    std::array<u64, 31> rest{};
};
static_assert(sizeof(Large) == 256);

struct Counted {
    static inline i64 alive = 0;
    Counted() { ++alive; }
    ~Counted() { --alive; }
    u64 id = 42;
};

struct Tiny {
    u8 id = 42;
};

TEST(Pool, AnEmptyPoolOwnsNothing) {
    MemoryBudget budget{0};
    Pool<Large> pool{budget};
    EXPECT_EQ(pool.in_use(), 0u);
    EXPECT_EQ(pool.capacity(), 0u);
    EXPECT_FALSE(pool.is_live(0));
    EXPECT_FALSE(pool.is_live(Handle<Large>(1)));
    pool.for_each([](Handle<Large>) { FAIL(); });
    EXPECT_FALSE(pool.allocate());
    EXPECT_EQ(budget.used(), 0u);
}

TEST(Pool, TheLastFreedIsTheNextHandedOutAndIsNewAgain) {
    MemoryBudget budget{1 << 20};
    Pool<Large> pool{budget};
    const auto a = pool.allocate(), b = pool.allocate(), c = pool.allocate();
    EXPECT_TRUE(a != 0 && b != 0 && c != 0 && a != b && b != c && a != c);
    pool[a].id = 1;
    pool[b].rest[7] = 2;
    pool.free(a);
    pool.free(b);
    EXPECT_FALSE(pool.is_live(a));
    EXPECT_TRUE(pool.is_live(c));
    EXPECT_EQ(pool.allocate(), b);
    EXPECT_EQ(pool.allocate(), a);
    EXPECT_EQ(pool[a].id, 42u);
    EXPECT_EQ(pool[b].rest[7], 0u);
}

TEST(Pool, FreeingTwiceStops) {
    MemoryBudget budget{1 << 20};
    Pool<Tiny> pool{budget};
    const auto a = pool.allocate();
    pool.free(a);
    EXPECT_DEATH(pool.free(a), "");
    EXPECT_DEATH(pool.free(0), "");
    EXPECT_DEATH(pool.free(decltype(a)(1u << 20)), "");
}

#ifdef TERN_ADDRESS_SANITIZER
TEST(Pool, AddressSanitizerSeesAReadAfterFree) {
    MemoryBudget budget{1 << 20};
    Pool<Large> pool{budget};
    const auto a = pool.allocate();
    volatile u64* id = &pool[a].id;
    pool.free(a);
    EXPECT_DEATH(static_cast<void>(*id), "use-after-poison");
}
#endif

// The pool against a map from the handle to what was written there.
template <class T>
void agrees_with_a_map(Random& random) {
    MemoryBudget budget{u64{1} << 30};
    {
        Pool<T> pool{budget};
        std::map<u32, std::pair<T*, u8>> model;
        for (int step = 0; step < 3000; ++step) {
            // Long runs of one kind, so that the pool both grows and drains.
            if (model.empty() || random.below(10) < (step / 500 % 2 == 0 ? 8u : 3u)) {
                const Handle<T> i = pool.allocate();
                ASSERT_TRUE(i);
                ASSERT_FALSE(model.contains(i.index));
                ASSERT_EQ(pool[i].id, 42u);
                ASSERT_EQ(reinterpret_cast<std::uintptr_t>(&pool[i]) % alignof(T), 0u);
                const u8 id = static_cast<u8>(random.next32());
                pool[i].id = id;
                model[i.index] = {&pool[i], id};
            } else {
                auto victim = model.lower_bound(random.below(pool.capacity() + 1));
                if (victim == model.end()) victim = model.begin();
                pool.free(Handle<T>(victim->first));
                ASSERT_FALSE(pool.is_live(Handle<T>(victim->first)));
                model.erase(victim);
            }
            ASSERT_EQ(pool.in_use(), model.size());
            ASSERT_LE(pool.in_use(), pool.capacity());
        }
        auto next = model.begin();
        pool.for_each([&](Handle<T> i) {
            ASSERT_NE(next, model.end());
            EXPECT_EQ(i.index, next->first);
            EXPECT_EQ(&pool[i], next->second.first) << "an element has moved";
            EXPECT_EQ(pool[i].id, next->second.second);
            ++next;
        });
        EXPECT_EQ(next, model.end());
    }
    EXPECT_EQ(budget.used(), 0u);
}

TEST(Pool, AgreesWithAMap) {
    test::for_each_seed(10, [](Random& random) {
        agrees_with_a_map<Large>(random);
        agrees_with_a_map<Tiny>(random);
        agrees_with_a_map<Counted>(random);
        EXPECT_EQ(Counted::alive, 0);
    });
}

TEST(Pool, ForEachAllowsFreeingAnyElement) {
    MemoryBudget budget{1 << 20};
    Pool<Counted> pool{budget};
    for (int i = 0; i < 200; ++i) pool.allocate();
    u32 visits = 0;
    pool.for_each([&](Handle<Counted> i) {
        ++visits;
        pool.free(i);
        const Handle<Counted> behind(i.index + 1);
        if (pool.is_live(behind)) pool.free(behind);
    });
    EXPECT_EQ(visits, 100u);
    EXPECT_EQ(pool.in_use(), 0u);
    EXPECT_EQ(Counted::alive, 0);
}

// Every ceiling from nothing to enough: the pool hands out what fits, refuses the rest, keeps what
// it has, and goes on when elements come back.
template <class T>
void survives_every_ceiling(u64 step) {
    constexpr u32 wanted = 700;
    MemoryBudget all{u64{1} << 30};
    Pool<T> unlimited{all};
    for (u32 i = 0; i < wanted; ++i) unlimited.allocate();
    u32 fitted_before = 0;
    for (u64 limit = 0; limit < all.used() + 4096; limit += step) {
        MemoryBudget budget{limit};
        {
            Pool<T> pool{budget};
            std::vector<Handle<T>> got;
            for (u32 i = 0; i < wanted; ++i) {
                if (const Handle<T> at = pool.allocate()) got.push_back(at);
                ASSERT_LE(budget.used(), limit);
            }
            ASSERT_EQ(pool.in_use(), got.size());
            ASSERT_GE(got.size(), fitted_before) << "more memory, fewer elements";
            fitted_before = static_cast<u32>(got.size());
            if (!got.empty()) {
                pool.free(got.back());
                ASSERT_EQ(pool.allocate(), got.back());
            }
            for (const Handle<T> i : got) ASSERT_EQ(pool[i].id, 42u);
        }
        ASSERT_EQ(budget.used(), 0u);
    }
    EXPECT_EQ(fitted_before, wanted);
}

TEST(Pool, SurvivesEveryCeiling) {
    survives_every_ceiling<Tiny>(16);
    survives_every_ceiling<Counted>(16);
    survives_every_ceiling<Large>(512);
}

// A directory of 8,192 entries and more is copied and given back in parts; meanwhile elements come
// and go, and none moves.
TEST(Pool, ALargeDirectoryDoublesInParts) {
    MemoryBudget budget{u64{1} << 30};
    {
        Pool<Tiny> pool{budget};
        Random random{1};
        std::vector<Tiny*> where(1);
        std::vector<bool> lives(1);
        u64 before = 0, steps_down = 0;
        const auto directories = [&] {
            return budget.used() - (u64{pool.capacity()} + 1) * sizeof(u32);
        };
        const auto add = [&] {
            const Handle<Tiny> i = pool.allocate();
            ASSERT_TRUE(i);
            if (i.index == where.size()) {
                where.push_back(&pool[i]);
                lives.push_back(false);
            }
            ASSERT_FALSE(lives[i.index]);
            lives[i.index] = true;
        };
        for (u32 n = 0; n < 1'200'000; ++n) {
            add();
            const u64 after = directories();
            if (after < before) {
                ++steps_down;
                ASSERT_LE(before - after, 64u * 1024) << n;
            }
            before = after;
            if (n % 8 != 0) continue;
            const u32 gone = 1 + random.below(static_cast<u32>(where.size()) - 1);
            if (lives[gone]) pool.free(Handle<Tiny>(gone));
            lives[gone] = false;
        }
        EXPECT_GE(steps_down, 3u) << "two of the directories, at least, went in parts";
        for (u32 i = 1; i < where.size(); ++i) {
            ASSERT_EQ(pool.is_live(Handle<Tiny>(i)), lives[i]) << i;
            if (!lives[i]) continue;
            ASSERT_EQ(&pool[Handle<Tiny>(i)], where[i]) << i;
        }
        u32 count = 0;
        pool.for_each([&](Handle<Tiny> i) {
            ++count;
            ASSERT_TRUE(lives[i.index]);
        });
        EXPECT_EQ(count, pool.in_use());
    }
    EXPECT_EQ(budget.used(), 0u);
}

// The next directory is asked for early. Refused, it is asked for again; and what was there stays.
TEST(Pool, ALargeDirectoryThatIsRefusedComesLater) {
    MemoryBudget budget{u64{1} << 30};
    Pool<Tiny> pool{budget};
    constexpr u32 full = 4096 * 64 - 1;  // elements of a directory with 4,096 entries
    while (pool.in_use() < full / 8 * 5) pool.allocate();
    // Room for most of the slabs that still fit the directory, but not for the next one.
    const u64 taken = budget.limit() - budget.used() - (full / 8 * 3 * 4 - 32 * 1024);
    ASSERT_TRUE(budget.take(taken));
    while (pool.allocate() != 0) continue;
    EXPECT_GE(pool.in_use(), full / 8 * 7);
    EXPECT_LT(pool.in_use(), full);
    budget.give_back(taken);
    while (pool.in_use() < full * 2) ASSERT_TRUE(pool.allocate());
    u32 count = 0;
    pool.for_each([&](Handle<Tiny> i) {
        ++count;
        ASSERT_EQ(pool[i].id, 42u);
    });
    EXPECT_EQ(count, pool.in_use());
}

TEST(Pool, ASmallPoolIsSmall) {
    MemoryBudget budget{1 << 20};
    Pool<Large> pool{budget};
    pool.allocate();
    EXPECT_LE(budget.used(), 64 * sizeof(Large) + 64);
    EXPECT_LE(sizeof(pool), 72u);
}

}  // namespace
}  // namespace tern

// The schedule against a plain sorted list.
#include "lab/sim/schedule.hh"

#include <gtest/gtest.h>

#include <map>

#include "core/base/random.hh"

namespace tern::sim {
namespace {

struct Named final : Actor {
    void wake() override {}
};

Instant at(u32 n) { return Instant{} + Duration(n); }

TEST(Schedule, goes_by_time_and_then_by_the_order_of_set) {
    Schedule schedule;
    Named a, b, c;
    schedule.set(c, at(5));
    schedule.set(a, at(7));
    schedule.set(b, at(5));
    Instant when;
    EXPECT_EQ(schedule.next(at(10), when), &c);
    EXPECT_EQ(schedule.next(at(10), when), &b);
    EXPECT_EQ(schedule.next(at(6), when), nullptr);
    EXPECT_EQ(schedule.next(at(10), when), &a);
    EXPECT_EQ(when, at(7));
    EXPECT_EQ(schedule.next(Instant::max(), when), nullptr);
}

TEST(Schedule, a_time_that_moved_back_counts_as_set_anew) {
    Schedule schedule;
    Named a, b;
    schedule.set(a, at(1));
    schedule.set(b, at(5));
    schedule.set(a, at(5));
    Instant when;
    EXPECT_EQ(schedule.next(at(9), when), &b);
    EXPECT_EQ(schedule.next(at(9), when), &a);
    EXPECT_EQ(when, at(5));
}

TEST(Schedule, what_is_set_to_never_or_forgotten_does_not_come) {
    Schedule schedule;
    Named a, b;
    schedule.set(a, at(1));
    schedule.set(b, at(2));
    schedule.set(a, Instant::max());
    schedule.forget(b);
    Instant when;
    EXPECT_EQ(schedule.next(Instant::max(), when), nullptr);
    schedule.set(b, at(3));
    EXPECT_EQ(schedule.next(at(3), when), &b);
}

TEST(Schedule, agrees_with_a_sorted_list) {
    Schedule schedule;
    std::vector<Named> actors(50);
    std::map<std::pair<u32, u64>, Actor*> sorted;
    std::map<Actor*, std::pair<u32, u64>> place;
    Random dice{7};
    u64 serial = 0;
    u32 now = 0;
    for (int i = 0; i < 20'000; ++i) {
        if (dice.below(3) > 0) {
            Actor* actor = &actors[dice.below(50)];
            const u32 when = now + dice.below(30);
            if (place.contains(actor)) {
                if (place[actor].first == when) continue;
                sorted.erase(place[actor]);
            }
            place[actor] = {when, ++serial};
            sorted[place[actor]] = actor;
            schedule.set(*actor, at(when));
            continue;
        }
        const u32 until = now + dice.below(4);
        Instant when;
        Actor* got = schedule.next(at(until), when);
        if (sorted.empty() || sorted.begin()->first.first > until) {
            ASSERT_EQ(got, nullptr);
            continue;
        }
        ASSERT_EQ(got, sorted.begin()->second);
        now = sorted.begin()->first.first;
        ASSERT_EQ(when, at(now));
        place.erase(got);
        sorted.erase(sorted.begin());
    }
}

}  // namespace
}  // namespace tern::sim

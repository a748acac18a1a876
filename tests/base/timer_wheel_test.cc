#include "core/base/timer_wheel.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <set>
#include <vector>

#include "property.hh"
#include "support/covers.hh"

namespace tern {
namespace {

struct NodeOf {
    std::vector<TimerNode>* nodes;
    struct Id {
        u32 index = 0;
        constexpr Id(u32 i = 0) : index(i) {}
        operator u32() const { return index; }
    };
    TimerNode& operator()(Id i) const { return (*nodes)[i]; }
};
using Wheel = TimerWheel<NodeOf>;

struct Fixture {
    explicit Fixture(u32 now, u32 count = 100) : nodes(count), wheel(NodeOf{&nodes}, now) {}
    std::vector<u32> advance(u32 now) {
        std::vector<u32> order;
        wheel.advance(now, [&](u32 i) { order.push_back(i); });
        return order;
    }
    std::vector<TimerNode> nodes;
    Wheel wheel;
};
using Order = std::vector<u32>;

TEST(TimerWheel, FiresInDeadlineOrderAndEqualsAsTheyWereSet) {
    Fixture f{1000};
    f.wheel.set(1, 1500);
    f.wheel.set(2, 1001);
    f.wheel.set(3, 1500);
    f.wheel.set(4, 100'000);
    EXPECT_EQ(f.wheel.size(), 4u);
    EXPECT_EQ(f.wheel.next_deadline(), 1001u);
    EXPECT_EQ(f.advance(1000), Order{});
    EXPECT_EQ(f.advance(1499), Order{2});
    EXPECT_EQ(f.wheel.next_deadline(), 1500u);
    f.wheel.set(5, 1500);
    EXPECT_EQ(f.advance(1500), (Order{1, 3, 5}));
    EXPECT_FALSE(f.wheel.armed(1));
    EXPECT_TRUE(f.wheel.armed(4));
    EXPECT_EQ(f.advance(200'000), Order{4});
    EXPECT_EQ(f.wheel.next_deadline(), std::nullopt);
    EXPECT_EQ(f.wheel.size(), 0u);
}

TEST(TimerWheel, ADeadlineInThePastFiresAtTheNextAdvance) {
    for (const u32 now : {0u, 5u, 63u, 64u, 0xffffffffu}) {
        Fixture f{now};
        f.wheel.set(1, now);
        f.wheel.set(2, now - 1);
        f.wheel.set(3, now - 0x7fffffff);
        EXPECT_EQ(f.wheel.next_deadline(), now);
        EXPECT_EQ(f.advance(now), (Order{1, 2, 3}));
        f.wheel.set(2, now - 1);  // the clock has not moved since it fired; that is no obstacle
        EXPECT_EQ(f.advance(now), Order{2});
        f.wheel.set(3, now - 1);
        EXPECT_EQ(f.advance(now + 1000), Order{3});
    }
}

TEST(TimerWheel, TimeDoesNotRunBackwards) {
    test::covers({"VULN:clock-jump"});
    Fixture f{1000};
    f.wheel.set(1, 1001);
    EXPECT_EQ(f.advance(900), Order{});
    EXPECT_EQ(f.wheel.now(), 1000u);
    EXPECT_EQ(f.advance(1001), Order{1});
}

// Every distance, from every interesting start, also across the wrap.
TEST(TimerWheel, EveryPowerOfTwoFiresOnTime) {
    for (const u32 now : {0u, 1u, 0x3fffffffu, 0x7fffffffu, 0xc0000000u, 0xffffffc0u, ~0u}) {
        for (u32 power = 0; power < 32; ++power) {
            for (const u32 beside : {~u32{0}, 0u, 1u}) {
                const u32 distance = (u32{1} << power) + beside;
                if (distance == 0 || distance > 0x7fffffff) continue;
                Fixture f{now};
                f.wheel.set(1, now + distance);
                ASSERT_EQ(f.wheel.next_deadline(), now + distance);
                ASSERT_EQ(f.advance(now + distance - 1), Order{}) << now << " + " << distance;
                ASSERT_EQ(f.wheel.next_deadline(), now + distance);
                ASSERT_EQ(f.advance(now + distance), Order{1}) << now << " + " << distance;
            }
        }
    }
}

TEST(TimerWheel, JumpsOverEmptyTime) {
    test::covers({"VULN:clock-jump"});
    Fixture f{0};
    u32 now = 0;
    for (int round = 0; round < 100'000; ++round) {  // 10^14 ticks: walking them would not end
        f.wheel.set(1, now + 0x40000000);
        now += 0x40000000;
        ASSERT_EQ(f.advance(now), Order{1});
    }
}

TEST(TimerWheel, ATimerThatAlwaysAsksForNowEndsTheAdvance) {
    Fixture f{100};
    f.wheel.set(1, 200);
    std::vector<u32> fired_at;
    const auto again = [&](u32 i) {
        fired_at.push_back(f.wheel.now());
        f.wheel.set(i, 100'000);  // being armed and cancelled in between must not hide it
        f.wheel.cancel(i);
        f.wheel.set(i, 0);
    };
    f.wheel.advance(1000, again);
    EXPECT_EQ(fired_at, (std::vector<u32>{200, 1000}));
    EXPECT_EQ(f.wheel.next_deadline(), 1001u);
    f.wheel.advance(1000, again);
    EXPECT_EQ(fired_at.size(), 2u);
    f.wheel.advance(1001, again);
    EXPECT_EQ(fired_at.size(), 3u);
}

TEST(TimerWheel, TwoTimersThatWakeEachOtherEndTheAdvance) {
    Fixture f{0};
    f.wheel.set(1, 10);
    int fires = 0;
    f.wheel.advance(10, [&](u32 i) {
        ++fires;
        f.wheel.set(3 - i, 10);
    });
    EXPECT_EQ(fires, 2);
    EXPECT_EQ(f.wheel.next_deadline(), 11u);
}

TEST(TimerWheel, WhatIsSetForNowDuringAnAdvanceFiresInIt) {
    Fixture f{0};
    f.wheel.set(1, 10);
    f.wheel.set(2, 20);
    Order order;
    f.wheel.advance(20, [&](u32 i) {
        order.push_back(i);
        if (i == 1) f.wheel.set(3, 15);
        if (i == 2) f.wheel.set(4, 20), f.wheel.set(5, 3);
    });
    EXPECT_EQ(order, (Order{1, 3, 2, 4, 5}));
}

// The wheel against a sorted set, with time kept in 64 bits so that the model never wraps.
class Model {
public:
    Model(Random& random, i64 start, u32 nodes, u32 most_armed)
        : random_(random), now_(start), nodes_(nodes), most_armed_(most_armed),
          f_(static_cast<u32>(start), nodes + 1) {}

    void step() {
        switch (random_.below(8)) {
            case 0: advance(now_ + distance()); break;
            case 1:
                if (!sorted_.empty()) advance(sorted_.begin()->first.first);
                break;
            case 2:
                if (const auto d = f_.wheel.next_deadline()) advance(now_ + ahead(*d));
                break;
            case 3: cancel(pick()); break;
            default: set(pick(), now_ + distance() - 8); break;
        }
        check_deadline();
    }

private:
    using Key = std::pair<i64, u64>;  // deadline, order of setting

    u32 pick() { return 1 + random_.below(nodes_); }
    i64 distance() { return random_.next32() >> (1 + random_.below(31)); }
    i64 ahead(u32 tick) const { return static_cast<i32>(tick - static_cast<u32>(now_)); }

    void erase(u32 i) {
        sorted_.erase(at_[i]);
        at_.erase(i);
    }
    void set(u32 i, i64 deadline) {
        if (!at_.contains(i) && at_.size() == most_armed_) return;
        deadline = std::min<i64>(deadline, now_ + 0x7fffffff);
        f_.wheel.set(i, static_cast<u32>(deadline));
        if (deadline <= now_) {
            const bool again = advancing_ && fired_.contains(i);
            deadline = !again ? now_ : now_ == target_ ? now_ + 1 : target_;
        }
        if (at_.contains(i)) {
            if (at_[i].first == deadline) return;
            erase(i);
        }
        at_[i] = {deadline, ++order_};
        sorted_[at_[i]] = i;
    }
    void cancel(u32 i) {
        f_.wheel.cancel(i);
        if (at_.contains(i)) erase(i);
        ASSERT_FALSE(f_.wheel.armed(i));
    }
    // In one call, or in several with little work each; between those anything may be set.
    void advance(i64 target) {
        target_ = std::max(now_, std::min<i64>(target, now_ + 0x7fffffff));
        const u32 most = random_.below(2) == 0 ? ~u32{0} : 1 + random_.below(20);
        in_parts_ = true;
        while (!advance_a_part(most) && !testing::Test::HasFailure()) {
            now_ += ahead(f_.wheel.now());
            ASSERT_LE(now_, target_);
            check_deadline();
            if (random_.below(4) == 0) cancel(pick());
            if (random_.below(4) == 0) set(pick(), now_ + distance() - 8);
        }
        in_parts_ = false;
        now_ = target_;
        ASSERT_TRUE(sorted_.empty() || sorted_.begin()->first.first > now_) << "did not fire";
    }
    bool advance_a_part(u32 most) {
        u32 fires = 0;
        advancing_ = true;
        const auto fire_one = [&](u32 i) { ++fires, fire(i); };
        const bool all = f_.wheel.advance(static_cast<u32>(target_), fire_one, most);
        advancing_ = false;
        fired_.clear();
        EXPECT_LE(fires, most);
        return all;
    }
    void fire(u32 i) {
        ASSERT_FALSE(sorted_.empty());
        const auto [key, expected] = *sorted_.begin();
        ASSERT_EQ(i, expected);
        ASSERT_LE(key.first, target_);
        if (key.first != now_) fired_.clear();
        now_ = key.first;
        ASSERT_EQ(f_.wheel.now(), static_cast<u32>(now_));
        fired_.insert(i);
        erase(i);
        while (random_.below(3) == 0) {
            const u32 whom = random_.below(2) == 0 ? i : pick();
            switch (random_.below(3)) {
                case 0: cancel(whom); break;
                case 1: set(whom, target_); break;
                default: set(whom, now_ + distance() - 8); break;
            }
        }
    }
    void check_deadline() {
        ASSERT_EQ(f_.wheel.size(), at_.size());
        const auto told = f_.wheel.next_deadline();
        ASSERT_EQ(told.has_value(), !sorted_.empty());
        if (!told) return;
        const i64 exact = sorted_.begin()->first.first - now_;
        ASSERT_LE(ahead(*told), exact);
        if (in_parts_) return;
        ASSERT_TRUE(ahead(*told) == exact || most_armed_ > 8);
        // Time moves: after an advance() to a deadline that was early, the answer is another one.
        ASSERT_TRUE(ahead(*told) > 0 || exact == 0);
    }

    Random& random_;
    i64 now_;
    i64 target_ = 0;
    bool advancing_ = false;
    bool in_parts_ = false;  // between two of them
    u32 nodes_;
    u32 most_armed_;
    Fixture f_;
    std::map<u32, Key> at_;
    std::map<Key, u32> sorted_;
    std::set<u32> fired_;  // at now_, in the running advance
    u64 order_ = 0;
};

TEST(TimerWheel, AgreesWithASortedSet) {
    test::for_each_seed(60, [](Random& random) {
        const i64 start = (i64{1} << 32) - random.below(1000);
        Model model{random, start, 200, 200};
        for (int i = 0; i < 3000 && !testing::Test::HasFailure(); ++i) model.step();
    });
}

TEST(TimerWheel, FewTimersHaveAnExactDeadline) {
    test::for_each_seed(60, [](Random& random) {
        Model model{random, random.next32(), 20, 8};
        for (int i = 0; i < 3000 && !testing::Test::HasFailure(); ++i) model.step();
    });
}

// Ten thousand timers of one far slot, all but at once: no call touches more nodes than it may, and
// none fires early, late or out of turn.
TEST(TimerWheel, ACrowdIsMovedAndFiredInPieces) {
    constexpr u32 count = 10'000, most = 100, far = 1 << 20;
    Fixture f{0, count + 1};
    for (u32 i = 1; i <= count; ++i) f.wheel.set(i, far + i % 7);
    u32 calls = 0, in_this_call = 0;
    Order order;
    const auto fire = [&](u32 i) {
        ASSERT_LE(++in_this_call, most);
        ASSERT_EQ(f.wheel.now(), far + i % 7);
        order.push_back(i);
    };
    ASSERT_EQ(f.wheel.next_deadline(), far);
    while (!f.wheel.advance(far + 100, fire, most)) {
        ASSERT_LT(++calls, 7 * count / most);
        const u32 asked = f.wheel.next_deadline().value_or(0);
        ASSERT_LE(asked, far + 7) << "it asks for the rest at once";
        in_this_call = 0;
    }
    EXPECT_EQ(order.size(), count);
    EXPECT_GE(calls, 2 * count / most - 2) << "moved once at least, and fired";
    EXPECT_TRUE(std::is_sorted(order.begin(), order.end(), [](u32 a, u32 b) {
        return std::pair(a % 7, a) < std::pair(b % 7, b);
    }));
    EXPECT_EQ(f.wheel.next_deadline(), std::nullopt);
}

// A crowd in one slot whose earliest leaves: at most one wake-up for nothing.
TEST(TimerWheel, ACancelledTimerOfACrowdCostsOneEarlyWakeup) {
    Fixture f{0, 200};
    for (u32 i = 1; i <= 100; ++i) f.wheel.set(i, 5000 + i);
    f.wheel.cancel(1);
    EXPECT_EQ(f.wheel.next_deadline(), 5001u);
    EXPECT_EQ(f.advance(5001), Order{});
    EXPECT_EQ(f.wheel.next_deadline(), 5002u);
}

}  // namespace
}  // namespace tern

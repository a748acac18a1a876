#include "core/base/flow_table.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <unordered_map>
#include <vector>

#include "core/base/siphash.hh"
#include "property.hh"

namespace tern {
namespace {

// The records of the test: value v stands for key keys[v].
struct Records {
    std::vector<u64> keys = std::vector<u64>(1);
    u64 hash_mask = ~u64{0};  // few bits make collisions
    u64 hash_calls = 0;

    u64 hash_of_key(u64 key) const { return siphash13(SipKey{1, 2}, key) & hash_mask; }
    u32 add(u64 key) {
        keys.push_back(key);
        return static_cast<u32>(keys.size() - 1);
    }
};
struct HashOf {
    Records* records;
    using Value = u32;
    u64 operator()(u32 value) const {
        ++records->hash_calls;
        return records->hash_of_key(records->keys[value]);
    }
};

template <class Group>
struct Keyed {
    Keyed(MemoryBudget& budget, Records& r) : records(r), table(budget, HashOf{&r}) {}
    bool insert(u32 value) { return table.insert(hash(value), value); }
    bool erase(u32 value) { return table.erase(hash(value), value); }
    u32 find(u64 key) const {
        return table.find(records.hash_of_key(key), [&](u32 v) { return records.keys[v] == key; });
    }
    u64 hash(u32 value) const { return records.hash_of_key(records.keys[value]); }
    std::vector<u32> values() const {
        std::vector<u32> all;
        table.for_each([&](u32 v) { all.push_back(v); });
        return all;
    }
    Records& records;
    FlowTable<HashOf, Group> table;
};

constexpr u64 k_plenty = u64{1} << 40;

TEST(FlowTable, AnEmptyTableOwnsNothing) {
    MemoryBudget budget{0};
    Records records;
    Keyed<GroupNative> t{budget, records};
    EXPECT_EQ(t.find(1), 0u);
    const u32 v = records.add(1);
    EXPECT_FALSE(t.erase(v));
    EXPECT_FALSE(t.table.replace(t.hash(v), v, v));
    t.table.prefetch(12345);
    EXPECT_FALSE(t.insert(v));
    EXPECT_EQ(t.table.size(), 0u);
}

TEST(FlowTable, InsertFindReplaceErase) {
    MemoryBudget budget{k_plenty};
    Records records;
    Keyed<GroupNative> t{budget, records};
    const u32 embryo = records.add(77), connection = records.add(77);
    EXPECT_TRUE(t.insert(embryo));
    EXPECT_EQ(budget.used(), 80u) << "sixteen slots of five bytes";
    EXPECT_EQ(t.find(77), embryo);
    EXPECT_EQ(t.find(78), 0u);
    EXPECT_TRUE(t.table.replace(t.hash(embryo), embryo, connection));
    EXPECT_FALSE(t.table.replace(t.hash(embryo), embryo, connection));
    EXPECT_EQ(t.find(77), connection);
    EXPECT_FALSE(t.erase(embryo));
    EXPECT_TRUE(t.erase(connection));
    EXPECT_EQ(t.find(77), 0u);
    EXPECT_EQ(t.table.size(), 0u);
}

TEST(FlowTable, GroupTwinsAgree) {
    test::for_each_seed(2000, [](Random& random) {
        alignas(16) u8 controls[k_group_slots];
        for (u8& c : controls) {
            const u8 any_full = static_cast<u8>(random.next32() | k_full);
            const u8 choices[] = {k_empty, k_tombstone, any_full, 0xff, 0x80};
            c = choices[random.below(5)];
        }
        const GroupPlain plain{controls};
        const GroupNative native{controls};
        EXPECT_EQ(plain.empty(), native.empty());
        EXPECT_EQ(plain.full(), native.full());
        for (const u8 c : controls) EXPECT_EQ(plain.equal_to(c), native.equal_to(c));
        EXPECT_EQ(plain.equal_to(0x90), native.equal_to(0x90));
    });
}

// Both twins against std::unordered_map, with good hashes and with bad ones. The twins must agree
// on the very slots, so their order of iteration is compared too.
void agrees_with_unordered_map(Random& random) {
    MemoryBudget budget{k_plenty};
    Records records;
    constexpr u64 masks[] = {~u64{0}, ~u64{0}, 0xe000'0000'0000'007f, ~u64{0} << 32, 0x7f, 0};
    records.hash_mask = masks[random.below(6)];
    const u32 steps = records.hash_mask == 0 ? 1500 : 8000;
    Keyed<GroupPlain> plain{budget, records};
    Keyed<GroupNative> native{budget, records};
    std::unordered_map<u64, u32> model;
    std::vector<u64> keys;
    const u64 key_range = 100 + random.below(5000);
    for (u32 step = 0; step < steps; ++step) {
        const u64 key = random.below(static_cast<u32>(key_range));
        const auto known = model.find(key);
        const u32 expected = known == model.end() ? 0 : known->second;
        ASSERT_EQ(plain.find(key), expected);
        ASSERT_EQ(native.find(key), expected);
        const bool growing = step / 1000 % 2 == 0;
        if (expected == 0) {
            if (random.below(10) < (growing ? 9u : 3u)) {
                const u32 value = records.add(key);
                ASSERT_TRUE(plain.insert(value));
                ASSERT_TRUE(native.insert(value));
                model[key] = value;
            }
        } else if (random.below(4) == 0) {
            const u32 value = records.add(key);
            ASSERT_TRUE(plain.table.replace(plain.hash(value), expected, value));
            ASSERT_TRUE(native.table.replace(native.hash(value), expected, value));
            model[key] = value;
        } else if (random.below(10) < (growing ? 2u : 9u)) {
            ASSERT_TRUE(plain.erase(expected));
            ASSERT_TRUE(native.erase(expected));
            ASSERT_FALSE(native.erase(expected));
            ASSERT_FALSE(plain.erase(expected));
            model.erase(known);
        }
        ASSERT_EQ(plain.table.size(), model.size());
        ASSERT_EQ(native.table.size(), model.size());
    }
    std::vector<u32> values = native.values();
    EXPECT_EQ(plain.values(), values);
    EXPECT_EQ(values.size(), model.size());
    for (const auto& [key, value] : model) {
        EXPECT_EQ(native.find(key), value);
        EXPECT_EQ(std::count(values.begin(), values.end(), value), 1);
    }
}

TEST(FlowTable, AgreesWithUnorderedMap) { test::for_each_seed(60, agrees_with_unordered_map); }

TEST(FlowTable, NoOperationMovesMoreThanOneGroupOrGivesBackMuch) {
    test::for_each_seed(5, [](Random& random) {
        MemoryBudget budget{k_plenty};
        Records records;
        Keyed<GroupNative> t{budget, records};
        std::vector<u32> live;
        u64 most_moved = 0, most_given_back = 0;
        for (u32 step = 0; step < 130'000; ++step) {
            const u64 calls_before = records.hash_calls, used_before = budget.used();
            // Mostly growth, with long phases of churn at a constant size.
            if (live.empty() || step / 5000 % 2 == 0 || step % 2 == 0) {
                live.push_back(records.add(random.next64()));
                ASSERT_TRUE(t.insert(live.back()));
            } else {
                std::swap(live[random.below(static_cast<u32>(live.size()))], live.back());
                ASSERT_TRUE(t.erase(live.back()));
                live.pop_back();
            }
            most_moved = std::max(most_moved, records.hash_calls - calls_before);
            if (budget.used() < used_before)
                most_given_back = std::max(most_given_back, used_before - budget.used());
        }
        EXPECT_LE(most_moved, k_group_slots);
        EXPECT_GE(budget.used(), 5u * live.size() * 8 / 7);
        EXPECT_LE(budget.used(), 5u * live.size() * 8 / 7 * 4 / 3) << "nothing else is left";
        EXPECT_LE(most_given_back, 64u * 1024) << "to unmap much at once is a stall, too";
        for (const u32 v : live) ASSERT_EQ(t.find(records.keys[v]), v);
    });
}

TEST(FlowTable, ChurnAtAConstantSizeDoesNotGrowForEver) {
    test::for_each_seed(3, [](Random& random) {
        MemoryBudget budget{k_plenty};
        Records records;
        Keyed<GroupNative> t{budget, records};
        std::vector<u32> live;
        const u32 size = 500 + random.below(3000);
        u64 most = 0;
        for (u32 i = 0; i < size; ++i) {
            live.push_back(records.add(random.next64()));
            ASSERT_TRUE(t.insert(live.back()));
        }
        for (u32 step = 0; step < 300'000; ++step) {
            u32& v = live[random.below(size)];
            ASSERT_TRUE(t.erase(v));
            records.keys[v] = random.next64();
            ASSERT_TRUE(t.insert(v));
            most = std::max(most, budget.used());
        }
        // A table of at most four times the size, and for a while the one before it.
        EXPECT_LE(most, u64{size} * 5 * 6);
        u64 eq_calls = 0;
        for (u32 i = 0; i < size; ++i)
            t.table.find(siphash13(SipKey{3, 4}, i), [&](u32) { return ++eq_calls == 0; });
        EXPECT_LT(double(eq_calls) / size, 1.0) << "searches in vain look at few records";
    });
}

// Every ceiling from nothing to enough: what was accepted stays, what was refused is absent, and a
// slot that was given back can be used again.
TEST(FlowTable, SurvivesEveryCeiling) {
    for (u64 limit = 0; limit < 24'000; limit += 40) {
        SCOPED_TRACE(limit);
        MemoryBudget budget{limit};
        {
            Records records;
            Keyed<GroupNative> t{budget, records};
            std::vector<u32> in;
            Random random{limit};
            for (u32 step = 0; step < 1500; ++step) {
                if (in.empty() || random.below(4) != 0) {
                    const u32 v = records.add(random.next64());
                    const bool accepted = t.insert(v);
                    ASSERT_EQ(t.find(records.keys[v]), accepted ? v : 0u);
                    if (accepted) in.push_back(v);
                } else {
                    std::swap(in[random.below(static_cast<u32>(in.size()))], in.back());
                    ASSERT_TRUE(t.erase(in.back()));
                    in.pop_back();
                }
                ASSERT_LE(budget.used(), limit);
                ASSERT_EQ(t.table.size(), in.size());
            }
            for (const u32 v : in) ASSERT_EQ(t.find(records.keys[v]), v);
            if (limit >= 80) {
                ASSERT_FALSE(in.empty());
                for (const u32 v : in) ASSERT_TRUE(t.erase(v));
                ASSERT_TRUE(t.insert(records.add(1))) << "room came back";
            }
        }
        ASSERT_EQ(budget.used(), 0u);
    }
}

TEST(FlowTable, IsSevenEighthsFullBeforeItGrows) {
    MemoryBudget budget{k_plenty};
    Records records;
    Keyed<GroupNative> t{budget, records};
    for (u32 i = 0; i < 14 * 64; ++i) ASSERT_TRUE(t.insert(records.add(i)));
    EXPECT_FALSE(t.table.migrating());
    EXPECT_EQ(budget.used(), 5u * 16 * 64);
    ASSERT_TRUE(t.insert(records.add(14 * 64)));
    EXPECT_TRUE(t.table.migrating());
    EXPECT_EQ(budget.used(), 5u * 16 * (64 + 128));
    // A group per operation, the first one when it grew; then the two arrays go.
    for (u32 i = 0; i < 63 + 2; ++i) ASSERT_TRUE(t.insert(records.add(1000 + i)));
    EXPECT_FALSE(t.table.migrating());
    EXPECT_EQ(budget.used(), 5u * 16 * 128);
}

// A TIME-WAIT record and its share of the table stay below 72 bytes.
TEST(FlowTable, ALargeTableNeverCostsMuchMoreThanAFullOne) {
    MemoryBudget budget{k_plenty};
    Records records;
    Keyed<GroupNative> t{budget, records};
    u64 before = 0;
    u32 at_rest = 0;  // steps since it moved, or gave back memory
    for (u32 i = 1; i <= 400'000; ++i) {
        ASSERT_TRUE(t.insert(records.add(i)));
        at_rest = !t.table.migrating() && budget.used() == before ? at_rest + 1 : 0;
        before = budget.used();
        if (at_rest < 2 || i < 20'000) continue;
        ASSERT_LE(double(budget.used()) / i, 5.0 * 8 / 7 * 4 / 3 + 0.01) << i;
    }
}

TEST(FlowTable, AgreesWithUnorderedMapWhileALargeTableGrows) {
    test::for_each_seed(3, [](Random& random) {
        MemoryBudget budget{k_plenty};
        Records records;
        Keyed<GroupNative> t{budget, records};
        std::unordered_map<u64, u32> model;
        std::vector<u64> keys;
        u32 seen_migrating = 0;
        for (u32 step = 0; step < 120'000; ++step) {
            keys.push_back(random.next64());
            model[keys.back()] = records.add(keys.back());
            ASSERT_TRUE(t.insert(model[keys.back()]));
            const u64 key = keys[random.below(static_cast<u32>(keys.size()))];
            const auto known = model.find(key);
            ASSERT_EQ(t.find(key), known == model.end() ? 0 : known->second);
            ASSERT_EQ(t.find(random.next64()), 0u);
            if (known != model.end() && random.below(4) == 0) {
                ASSERT_TRUE(t.erase(known->second));
                model.erase(known);
            }
            ASSERT_EQ(t.table.size(), model.size());
            seen_migrating += t.table.migrating();
        }
        EXPECT_GT(seen_migrating, 10'000u) << "it was asked while it moved";
        for (const auto& [key, value] : model) ASSERT_EQ(t.find(key), value);
    });
}

TEST(FlowTable, CanEndAtAnyPointOfAMigration) {
    for (u32 count = 14 * 64; count < 14 * 64 + 70; ++count) {
        MemoryBudget budget{k_plenty};
        {
            Records records;
            Keyed<GroupNative> t{budget, records};
            for (u32 i = 0; i < count; ++i) ASSERT_TRUE(t.insert(records.add(i)));
        }
        ASSERT_EQ(budget.used(), 0u);
    }
}

}  // namespace
}  // namespace tern

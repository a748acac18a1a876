// How many groups of a flow table a search looks at: what a hash is worth.
#pragma once

#include <gtest/gtest.h>

#include <vector>

#include "core/base/flow_table.hh"

namespace tern::siege {

inline u64 groups_looked_at = 0;
struct CountingGroup : GroupNative {
    explicit CountingGroup(const u8* controls) : GroupNative(controls) { ++groups_looked_at; }
};

// On the average, in a table of entries with these hashes.
inline double probes_each(const std::vector<u64>& hashes) {
    struct HashOf {
        const std::vector<u64>* hashes;
        using Value = u32;
        u64 operator()(u32 value) const { return (*hashes)[value - 1]; }
    };
    MemoryBudget budget{u64{1} << 30};
    FlowTable<HashOf, CountingGroup> table{budget, HashOf{&hashes}};
    for (u32 v = 1; v <= hashes.size(); ++v) EXPECT_TRUE(table.insert(hashes[v - 1], v));
    groups_looked_at = 0;
    for (u32 v = 1; v <= hashes.size(); ++v)
        EXPECT_EQ(table.find(hashes[v - 1], [&](u32 found) { return found == v; }), v);
    return static_cast<double>(groups_looked_at) / static_cast<double>(hashes.size());
}

}  // namespace tern::siege

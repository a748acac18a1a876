// What does it cost to find a flow among n? Expected: the hash and about 5 ns in cache; with a
// million flows three misses (control bytes, values, record), which the batch form hides behind
// each other. The peer is std::unordered_map over the same keys. `slowest_insert` is the longest
// that one insert took while a table grew to n: no stall, though the operating system's scheduler
// is in it, too.
#include "core/base/flow_table.hh"

#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <unordered_map>
#include <vector>

#include "core/base/random.hh"
#include "core/base/siphash.hh"

namespace tern {
namespace {

constexpr u32 k_steps = 1 << 20;  // random choices, made before the clock starts

struct alignas(64) Record {
    u64 key;
};
u64 hash_of_key(u64 key) { return siphash13(SipKey{1, 2}, key, 3); }
struct HashOf {
    const std::vector<Record>* records;
    using Value = u32;
    u64 operator()(u32 value) const { return hash_of_key((*records)[value].key); }
    [[gnu::always_inline]] void prefetch(u32 value) const {
        __builtin_prefetch(&(*records)[value]);
    }
};

struct Flows {
    explicit Flows(u32 count) : records(count + 1), order(k_steps) {
        Random random{1};
        for (Record& r : records) r.key = random.next64();
        for (u32& o : order) o = 1 + random.below(count);
    }
    std::vector<Record> records;
    std::vector<u32> order;
};

template <class Group>
struct Filled : Flows {
    explicit Filled(u32 count) : Flows(count), table(budget, HashOf{&records}) {
        for (u32 v = 1; v <= count; ++v) table.insert(hash_of_key(records[v].key), v);
        for (const u32 o : order) wanted.push_back(records[o].key);
    }
    u32 find(u64 hash, u64 key) const {
        return table.find(hash, [&](u32 v) { return records[v].key == key; });
    }
    MemoryBudget budget{u64{1} << 40};
    FlowTable<HashOf, Group> table;
    std::vector<u64> wanted;
};

template <class Group>
void find(benchmark::State& state) {
    const Filled<Group> f{static_cast<u32>(state.range(0))};
    u32 step = 0;
    for (auto _ : state) {
        const u64 key = f.wanted[step++ % k_steps];
        benchmark::DoNotOptimize(f.find(hash_of_key(key), key));
    }
}
BENCHMARK(find<GroupNative>)->Arg(1000)->Arg(100'000)->Arg(1'000'000);
BENCHMARK(find<GroupPlain>)->Arg(1000)->Arg(1'000'000);

template <class Group>
void find_nothing(benchmark::State& state) {
    const Filled<Group> f{static_cast<u32>(state.range(0))};
    u64 key = 1;
    for (auto _ : state) {
        ++key;
        benchmark::DoNotOptimize(f.find(hash_of_key(key), key));
    }
}
BENCHMARK(find_nothing<GroupNative>)->Arg(1000)->Arg(1'000'000);

// Time per batch of 32, as a receive burst does it; per_flow is the figure to compare.
void find_batch(benchmark::State& state) {
    const Filled<GroupNative> f{static_cast<u32>(state.range(0))};
    u32 step = 0;
    u64 hashes[32];
    for (auto _ : state) {
        for (u32 i = 0; i < 32; ++i) {
            hashes[i] = hash_of_key(f.wanted[(step + i) % k_steps]);
            f.table.prefetch(hashes[i]);
        }
        for (const u64 hash : hashes) {
            const u32 candidate = f.table.find(hash, [](u32) { return true; });
            __builtin_prefetch(&f.records[candidate]);
        }
        for (u32 i = 0; i < 32; ++i)
            benchmark::DoNotOptimize(f.find(hashes[i], f.wanted[(step + i) % k_steps]));
        step += 32;
    }
    state.counters["per_flow"] =
        benchmark::Counter(static_cast<double>(state.iterations()) * 32,
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(find_batch)->Arg(1000)->Arg(100'000)->Arg(1'000'000);

void find_unordered_map(benchmark::State& state) {
    const Flows f{static_cast<u32>(state.range(0))};
    struct Hash {
        std::size_t operator()(u64 key) const { return hash_of_key(key); }
    };
    std::unordered_map<u64, u32, Hash> map;
    for (u32 v = 1; v < f.records.size(); ++v) map[f.records[v].key] = v;
    std::vector<u64> wanted;
    for (const u32 o : f.order) wanted.push_back(f.records[o].key);
    u32 step = 0;
    u64 sum = 0;
    for (auto _ : state) {
        const u32 v = map.find(wanted[step++ % k_steps])->second;
        benchmark::DoNotOptimize(sum += f.records[v].key);  // the flow table has read it, too
    }
}
BENCHMARK(find_unordered_map)->Arg(1000)->Arg(100'000)->Arg(1'000'000);

// A connection ends and another begins, at a constant number of flows.
void erase_and_insert(benchmark::State& state) {
    Filled<GroupNative> f{static_cast<u32>(state.range(0))};
    Random random{2};
    u32 step = 0;
    for (auto _ : state) {
        const u32 v = f.order[step++ % k_steps];
        f.table.erase(hash_of_key(f.records[v].key), v);
        f.records[v].key = random.next64();
        f.table.insert(hash_of_key(f.records[v].key), v);
    }
}
BENCHMARK(erase_and_insert)->Arg(1000)->Arg(100'000)->Arg(1'000'000);

void grow(benchmark::State& state) {
    const u32 count = static_cast<u32>(state.range(0));
    const Flows f{count};
    using Clock = std::chrono::steady_clock;
    std::chrono::nanoseconds slowest{};
    u64 bytes = 0;
    for (auto _ : state) {
        MemoryBudget budget{u64{1} << 40};
        FlowTable<HashOf> table{budget, HashOf{&f.records}};
        slowest = {};
        Clock::time_point before = Clock::now();
        for (u32 v = 1; v <= count; ++v) {
            table.insert(hash_of_key(f.records[v].key), v);
            const Clock::time_point after = Clock::now();
            slowest = std::max<std::chrono::nanoseconds>(slowest, after - before);
            before = after;
        }
        bytes = budget.used();
    }
    state.counters["slowest_insert"] = static_cast<double>(slowest.count()) * 1e-9;
    state.counters["bytes_per_flow"] = static_cast<double>(bytes) / count;
    state.counters["per_insert"] =
        benchmark::Counter(static_cast<double>(state.iterations()) * count,
                           benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(grow)->Arg(10'000)->Arg(1'000'000)->Unit(benchmark::kMillisecond);

}  // namespace
}  // namespace tern

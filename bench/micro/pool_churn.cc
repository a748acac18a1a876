// What does a record cost? Expected: to free and allocate one of 256 bytes about 25 ns, most of it
// writing its four cache lines; an access no more than a load on top of the record's own.
#include "core/base/pool.hh"

#include <benchmark/benchmark.h>

#include <array>
#include <vector>

#include "core/base/random.hh"

namespace tern {
namespace {

constexpr u32 k_steps = 1 << 20;  // random choices, made before the clock starts

struct alignas(64) Record {
    std::array<u64, 32> words{};
};

void free_and_allocate(benchmark::State& state) {
    const u32 count = static_cast<u32>(state.range(0));
    MemoryBudget budget{u64{1} << 40};
    Pool<Record> pool{budget};
    std::vector<Handle<Record>> live(count);
    for (Handle<Record>& i : live) i = pool.allocate();
    Random random{1};
    std::vector<u32> whom(k_steps);
    for (u32& w : whom) w = random.below(count);
    u32 step = 0;
    for (auto _ : state) {
        Handle<Record>& i = live[whom[step++ % k_steps]];
        pool.free(i);
        i = pool.allocate();
    }
    state.counters["bytes_per_record"] = static_cast<double>(budget.used()) / count;
}
BENCHMARK(free_and_allocate)->Arg(100)->Arg(1'000'000);

void access(benchmark::State& state) {
    const u32 count = static_cast<u32>(state.range(0));
    MemoryBudget budget{u64{1} << 40};
    Pool<Record> pool{budget};
    for (u32 i = 0; i < count; ++i) pool.allocate();
    Random random{1};
    std::vector<u32> whom(k_steps);
    for (u32& w : whom) w = 1 + random.below(count);
    u32 step = 0;
    u64 sum = 0;
    for (auto _ : state)
        benchmark::DoNotOptimize(sum += pool[Handle<Record>(whom[step++ % k_steps])].words[0]);
}
BENCHMARK(access)->Arg(100)->Arg(1'000'000);

}  // namespace
}  // namespace tern

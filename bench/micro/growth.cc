// Does anything stall while a stack grows to n connections? Every single step is timed, and since
// the same steps are made three times, the shortest of the three counts for each: what is left is
// the work itself, not the machine's scheduler. Expected: no step above 1 ms at 10,000,000, and
// 99.99 % of them below 20 us. `total` is the wall time of one round, without the clock's.
#include <benchmark/benchmark.h>

#include <algorithm>
#include <chrono>
#include <vector>

#include "core/base/flow_table.hh"
#include "core/base/pool.hh"
#include "core/base/random.hh"
#include "core/base/siphash.hh"
#include "core/base/timer_wheel.hh"

namespace tern {
namespace {

using Clock = std::chrono::steady_clock;

// Nanoseconds of each step; the shortest of all rounds.
class Steps {
public:
    explicit Steps(u64 most) : shortest_(most, ~u32{0}) {}

    void begin() {
        at_ = 0;
        last_ = Clock::now();
    }
    void step_done() {
        const auto now = Clock::now();
        if (at_ == shortest_.size()) shortest_.push_back(~u32{0});
        u32& s = shortest_[at_++];
        s = std::min(s, static_cast<u32>((now - last_).count()));
        last_ = Clock::now();
    }
    void report(benchmark::State& state) {
        double total = 0;
        for (const u32 ns : shortest_) total += ns;
        const auto longest = std::max_element(shortest_.begin(), shortest_.end());
        state.counters["max_at"] = static_cast<double>(longest - shortest_.begin());
        std::sort(shortest_.begin(), shortest_.end());
        const u64 n = shortest_.size();
        state.counters["steps"] = static_cast<double>(n);
        state.counters["mean_ns"] = total / static_cast<double>(n);
        state.counters["p99_ns"] = shortest_[n - 1 - n / 100];
        state.counters["p99.99_ns"] = shortest_[n - 1 - n / 10'000];
        state.counters["max_ns"] = shortest_.back();
    }

private:
    std::vector<u32> shortest_;
    u64 at_ = 0;
    Clock::time_point last_;
};

u64 hash_of_key(u64 key) { return siphash13(SipKey{1, 2}, key, 3); }

struct alignas(64) Record {
    u64 key = 0;
    TimerNode timer;
};
struct HashOf {
    const std::vector<Record>* records;
    using Value = u32;
    u64 operator()(u32 value) const { return hash_of_key((*records)[value].key); }
    [[gnu::always_inline]] void prefetch(u32 value) const {
        __builtin_prefetch(&(*records)[value]);
    }
};
struct NodeOf {
    std::vector<Record>* records;
    struct Id {
        u32 index = 0;
        constexpr Id(u32 i = 0) : index(i) {}
        operator u32() const { return index; }
    };
    TimerNode& operator()(Id i) const { return (*records)[i].timer; }
};

std::vector<Record> records_of(u32 count) {
    std::vector<Record> records(count + 1);
    Random random{1};
    for (Record& r : records) r.key = random.next64();
    return records;
}

void insert(benchmark::State& state) {
    const u32 count = static_cast<u32>(state.range(0));
    const std::vector<Record> records = records_of(count);
    Steps steps{count};
    for (auto _ : state) {
        MemoryBudget budget{u64{1} << 40};
        FlowTable<HashOf> table{budget, HashOf{&records}};
        steps.begin();
        for (u32 v = 1; v <= count; ++v) {
            table.insert(hash_of_key(records[v].key), v);
            steps.step_done();
        }
        state.counters["bytes_each"] = static_cast<double>(budget.used()) / count;
    }
    steps.report(state);
}

void allocate(benchmark::State& state) {
    const u32 count = static_cast<u32>(state.range(0));
    Steps steps{count};
    for (auto _ : state) {
        MemoryBudget budget{u64{1} << 40};
        Pool<Record> pool{budget};
        steps.begin();
        for (u32 v = 1; v <= count; ++v) {
            benchmark::DoNotOptimize(pool.allocate());
            steps.step_done();
        }
        state.counters["bytes_each"] = static_cast<double>(budget.used()) / count;
    }
    steps.report(state);
}

// Keep-alive timers: all set in a minute, all due two hours later. A step is one call of advance(),
// made whenever next_deadline() says so; the first ones are the settings.
void set_and_fire(benchmark::State& state) {
    const u32 count = static_cast<u32>(state.range(0));
    std::vector<Record> records = records_of(count);
    constexpr u32 minute = 600'000, two_hours = 120 * minute;  // ticks of 0.1 ms
    Steps steps{count};
    u64 fired = 0;
    for (auto _ : state) {
        for (Record& r : records) r.timer = {};
        TimerWheel<NodeOf> wheel{NodeOf{&records}, 1};
        steps.begin();
        for (u32 v = 1; v <= count; ++v) {
            wheel.set(v, two_hours + static_cast<u32>(u64{v} * minute / count));
            steps.step_done();
        }
        while (const auto due = wheel.next_deadline()) {
            wheel.advance(
                *due, [&](u32) { ++fired; }, 1024);
            steps.step_done();
        }
    }
    steps.report(state);
    if (fired != u64{count} * static_cast<u64>(state.iterations()))
        state.SkipWithError("not every timer has fired");
}

BENCHMARK(insert)->Arg(1'000'000)->Arg(10'000'000)->Iterations(3)->Unit(benchmark::kSecond);
BENCHMARK(allocate)->Arg(10'000'000)->Iterations(3)->Unit(benchmark::kSecond);
BENCHMARK(set_and_fire)->Arg(10'000'000)->Iterations(3)->Unit(benchmark::kSecond);

}  // namespace
}  // namespace tern

// What does a timer cost? Expected: to move one, about 10 ns while the nodes fit the cache, and the
// misses of the node and its neighbours when they do not; to set and fire one, a few times that,
// for it goes down two levels on its way; nothing for empty time.
#include "core/base/timer_wheel.hh"

#include <benchmark/benchmark.h>

#include <vector>

#include "core/base/random.hh"

namespace tern {
namespace {

constexpr u32 k_steps = 1 << 20;  // random choices, made before the clock starts

struct alignas(64) Record {
    TimerNode node;
};
struct NodeOf {
    std::vector<Record>* records;
    struct Id {
        u32 index = 0;
        constexpr Id(u32 i = 0) : index(i) {}
        operator u32() const { return index; }
    };
    TimerNode& operator()(Id i) const { return (*records)[i].node; }
};

// A busy connection: its retransmission timer moves on with every ACK and hardly ever fires.
void move(benchmark::State& state) {
    const u32 count = static_cast<u32>(state.range(0));
    std::vector<Record> records(count + 1);
    TimerWheel<NodeOf> wheel{NodeOf{&records}, 0};
    Random random{1};
    std::vector<u32> whom(k_steps);
    for (u32& w : whom) w = 1 + random.below(count);
    u32 now = 0, step = 0;
    for (auto _ : state) {
        wheel.set(whom[step % k_steps], now + 200 + step % 64);
        if (++step % 1024 == 0) wheel.advance(++now, [](u32) {});
    }
}
BENCHMARK(move)->Arg(1000)->Arg(100'000)->Arg(1'000'000);

// Every timer is set for up to a minute, fires, and is set again.
void set_and_fire(benchmark::State& state) {
    const u32 count = static_cast<u32>(state.range(0));
    std::vector<Record> records(count + 1);
    TimerWheel<NodeOf> wheel{NodeOf{&records}, 0};
    Random random{1};
    for (u32 i = 1; i <= count; ++i) wheel.set(i, 1 + random.below(60'000));
    u32 now = 0;
    u64 fired = 0;
    for (auto _ : state) {
        wheel.advance(++now, [&](u32 i) {
            wheel.set(i, now + 1 + random.below(60'000));
            ++fired;
        });
    }
    state.counters["per_timer"] = benchmark::Counter(
        static_cast<double>(fired), benchmark::Counter::kIsRate | benchmark::Counter::kInvert);
}
BENCHMARK(set_and_fire)->Arg(1000)->Arg(100'000)->Arg(1'000'000);

void jump_over_a_day(benchmark::State& state) {
    std::vector<Record> records(2);
    TimerWheel<NodeOf> wheel{NodeOf{&records}, 0};
    u32 now = 0;
    for (auto _ : state) {
        wheel.set(1, now + 86'400'000);
        benchmark::DoNotOptimize(wheel.next_deadline());
        wheel.advance(now += 86'400'000, [](u32) {});
    }
}
BENCHMARK(jump_over_a_day);

}  // namespace
}  // namespace tern

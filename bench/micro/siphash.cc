// What does a hash cost? Expected: 1-3 over a flow key of five words about 15 ns and of two words
// about 10, 2-4 about two thirds more, a random 32-bit number under 10 ns.
#include "core/base/siphash.hh"

#include <benchmark/benchmark.h>

#include "core/base/random.hh"

namespace tern {
namespace {

void siphash13_flow_key(benchmark::State& state) {
    const SipKey key{1, 2};
    u64 word = 3;
    for (auto _ : state) benchmark::DoNotOptimize(word = siphash13(key, word, 4, 5, 6, 7));
}
BENCHMARK(siphash13_flow_key);

void siphash13_two_words(benchmark::State& state) {
    const SipKey key{1, 2};
    u64 word = 3;
    for (auto _ : state) benchmark::DoNotOptimize(word = siphash13(key, word, 4));
}
BENCHMARK(siphash13_two_words);

void siphash24_flow_key(benchmark::State& state) {
    const SipKey key{1, 2};
    u64 word = 3;
    for (auto _ : state) benchmark::DoNotOptimize(word = siphash24_words(key, word, 4, 5, 6, 7));
}
BENCHMARK(siphash24_flow_key);

void random_next32(benchmark::State& state) {
    Random random{1};
    for (auto _ : state) benchmark::DoNotOptimize(random.next32());
}
BENCHMARK(random_next32);

}  // namespace
}  // namespace tern

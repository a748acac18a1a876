// What a frame's payload costs in each twin of core/base/checksum. To be expected from the first
// cache: plain some 10 bytes a nanosecond, AVX2 and AVX-512 as fast as the processor loads.
#include <benchmark/benchmark.h>

#include <vector>

#include "core/base/checksum.hh"

namespace tern {
namespace {

template <u32 (*add)(u32, std::span<const std::byte>), ChecksumTwin needs>
void sum(benchmark::State& state) {
    if (!checksum_has(needs)) return state.SkipWithError("this processor has not what it needs");
    const std::vector<std::byte> from(static_cast<std::size_t>(state.range(0)), std::byte{7});
    for (auto _ : state) benchmark::DoNotOptimize(add(0, from));
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

template <u32 (*copy)(std::byte*, std::span<const std::byte>), ChecksumTwin needs>
void sum_and_copy(benchmark::State& state) {
    if (!checksum_has(needs)) return state.SkipWithError("this processor has not what it needs");
    const std::vector<std::byte> from(static_cast<std::size_t>(state.range(0)), std::byte{7});
    std::vector<std::byte> to(from.size());
    for (auto _ : state) benchmark::DoNotOptimize(copy(to.data(), from));
    state.SetBytesProcessed(state.iterations() * state.range(0));
}

using enum ChecksumTwin;
BENCHMARK(sum<checksum_add_plain, Plain>)->Arg(1448)->Arg(65160);
BENCHMARK(sum<checksum_add_avx2, Avx2>)->Arg(1448)->Arg(65160);
BENCHMARK(sum<checksum_add_avx512, Avx512>)->Arg(1448)->Arg(65160);
BENCHMARK(sum_and_copy<checksum_copy_plain, Plain>)->Arg(1448)->Arg(65160);
BENCHMARK(sum_and_copy<checksum_copy_avx2, Avx2>)->Arg(1448)->Arg(65160);
BENCHMARK(sum_and_copy<checksum_copy_avx512, Avx512>)->Arg(1448)->Arg(65160);

}  // namespace
}  // namespace tern

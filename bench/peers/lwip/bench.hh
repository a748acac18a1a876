// The three benchmarks of the lwIP peer and what they share.
#pragma once

#include <chrono>
#include <cstdint>

namespace lwip_peer {

struct Options {
    double seconds = 3;
    std::uint64_t connections = 0;  // 0: the benchmark's own default
    double opening_seconds = 30;    // the most that `requests` spends on opening connections
    bool json = false;
};

void bench_bulk(const Options& options);
void bench_connections(const Options& options);
void bench_requests(const Options& options);

class Stopwatch {
public:
    double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point begin_ = Clock::now();
};

}  // namespace lwip_peer

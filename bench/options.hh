// The flags that tern's benchmarks share with their peers (bench/peers/README.md), and tern's own.
#pragma once

#include <chrono>
#include <ctime>

#include "tern/int.hh"

namespace tern::bench {

// What the link does for the stacks: nothing, the checksums, or checksums and the cutting.
enum class Offload { Frames, Checksum, Super };

struct Options {
    double seconds = 3;
    u64 connections = 0;          // 0: the benchmark's own default
    double opening_seconds = 30;  // the most that `requests` spends on opening connections
    bool json = false;
    // tern's own
    bool prediction = true;   // --no-prediction: every segment takes the eight steps
    u64 units = 0;            // so many and no more, by a clock of our own: for counting
    u64 concurrent = 1;       // `connections`: how many at a time
    u64 time_waits = 0;       // `connections`: stand from the start; each new one ends an old
    u32 buffer = 128 * 1024;  // `bulk`: bytes of send and of receive buffer
    Offload link = Offload::Frames;
    bool slices = false;  // `bulk`: the same buffers go round, no byte is copied
};

// Ends the program when the command line is wrong.
Options options_of(int argc, char** argv, const char* name);

// Ends the program: a benchmark that does not do its work has no figure.
void require(bool condition, const char* what);

class Stopwatch {
public:
    double seconds() const { return std::chrono::duration<double>(Clock::now() - begin_).count(); }

private:
    using Clock = std::chrono::steady_clock;
    Clock::time_point begin_ = Clock::now();
};

// Seconds of the processor, not of the wall: others work on this machine, too.
class CpuWatch {
public:
    double seconds() const { return now() - begin_; }

private:
    static double now() {
        timespec t{};
        clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
        return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) * 1e-9;
    }
    double begin_ = now();
};

}  // namespace tern::bench

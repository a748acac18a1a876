// What the two ends of bench/loss share, tern's and the kernel's: the command line, the stream that
// one sends and the other checks, and what they print. An end says `ready` when it listens, and one
// JSON object when it is over.
#pragma once

#include <csignal>
#include <cstddef>
#include <span>
#include <string>
#include <vector>

#include "tern/address.hh"
#include "tern/int.hh"
#include "tern/time.hh"

namespace tern::bench {

struct EndOptions {
    bool sends = false;         // "send": connect and write; "receive": listen and read
    std::string link, address;  // of a tern end
    Endpoint peer{};            // of a sender
    u16 port = 5001;            // of a receiver
    Duration lasts = std::chrono::seconds(5);  // of a receiver from its accept; 0: by bytes alone
    u64 bytes = ~u64{0};                       // of the stream
    std::string congestion;                    // of a sender; empty: the stack's own choice
    std::string capture;                       // pcapng file of a tern end
};

// Ends the program when the command line is wrong.
EndOptions end_options_of(int argc, char** argv);
[[noreturn]] void give_up(const std::string& why);

// SIGTERM, which asks a sender for its figures, was sent.
extern volatile std::sig_atomic_t stop_asked;
void listen_for_stop(void (*also)() = nullptr);

// Bytes whose place in the stream shows: the period is a prime, so no segment or page size hides
// that one is missing or doubled.
class Pattern {
public:
    Pattern();
    // The bytes from `offset` on, as many as one piece has.
    std::span<const std::byte> at(u64 offset) const;
    bool equals(u64 offset, std::span<const std::byte> bytes) const;

private:
    static constexpr std::size_t k_period = 65521;
    std::vector<std::byte> twice_;
};

// What a receiver got, and when.
class Arrivals {
public:
    // The stream begins to count, at the accept.
    void begin(Instant now) { began_ = last_ = now; }
    void add(Instant now, std::span<const std::byte> bytes);
    u64 total() const { return total_; }
    Instant began() const { return began_; }
    void print() const;

private:
    static constexpr Duration k_bin = std::chrono::milliseconds(10);
    Pattern pattern_;
    Instant began_{}, last_{};
    u64 total_ = 0;
    std::vector<u64> bins_;  // bytes of each 10 ms
};

// A sender's state every 50 ms, to see what it did.
class Samples {
public:
    bool due(Instant now) const { return now >= next_; }
    void add(Instant now, u64 cwnd, u64 ssthresh, u64 flight, Duration srtt);
    std::string json() const;
    static constexpr Duration k_every = std::chrono::milliseconds(50);

private:
    Instant next_{};
    std::string text_;
};

double seconds_of(Instant t);
// How long this process could have run and did not, because others had the cores.
double waited_for_core();

}  // namespace tern::bench

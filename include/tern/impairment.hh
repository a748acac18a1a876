// A bad network in numbers and in text: what may be asked of an impaired link, and what it did.
#pragma once

#include <expected>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "tern/export.hh"
#include "tern/int.hh"
#include "tern/time.hh"

namespace tern TERN_API {

// Loss in bursts: a chain of two states that takes a step for each packet (Gilbert 1960, Elliott
// 1963). In the long run p / (p + r) of the packets meet the bad state, 1 / r of them in a row.
struct GilbertElliott {
    double p = 0;  // from the good state to the bad one; 0: no such loss
    double r = 1;  // and back
    double loss_bad = 1;
    double loss_good = 0;
    bool operator==(const GilbertElliott&) const = default;
};

// What may leave: `rate` in the long run, `burst` bytes at once after a pause.
struct TokenBucket {
    u64 rate = 0;   // bits per second; 0: no bucket
    u64 burst = 0;  // bytes
    bool operator==(const TokenBucket&) const = default;
};

// RFC 8289: drops while packets have waited for more than `target` during a whole `interval`.
struct CodelOptions {
    Duration target = std::chrono::milliseconds(5);
    Duration interval = std::chrono::milliseconds(100);
    bool operator==(const CodelOptions&) const = default;
};

// A packet of an ECN-capable sender is marked when the queue is above one of these; 0: not asked.
struct MarkThreshold {
    u32 packets = 0;   // found in the queue on arrival, the one on its way out included
    u64 bytes = 0;     // the same in bytes
    Duration delay{};  // waited when it leaves the queue
    bool operator==(const MarkThreshold&) const = default;
};

// What one direction of a network does to packets. Without a change it does nothing.
struct Impairment {
    double loss = 0;  // probabilities from 0 to 1, per packet
    double duplicate = 0;
    double corrupt = 0;
    double reorder = 0;
    Duration reorder_by = std::chrono::milliseconds(5);
    Duration delay{};
    Duration jitter{};
    u64 rate = 0;  // bits per second; 0: no limit
    u32 queue_packets = 1000;
    std::vector<u64> drop_nth{};  // exact: drop these packets, counted from 1
    GilbertElliott bursts{};
    TokenBucket bucket{};
    u64 queue_bytes = ~u64{0};
    double queue_bdp = 0;  // instead of bytes: times the rate and the delay of both directions
    std::optional<CodelOptions> codel{};
    bool ecn = false;  // CoDel marks ECN-capable packets and drops the others
    MarkThreshold mark{};

    // "loss=1%,delay=20ms,jitter=2ms,rate=100mbit,queue=50,reorder=1%,reorder-by=3ms,
    //  duplicate=0.1%,corrupt=0.1%,drop=3+7,loss=ge:1%:30%,bucket=10mbit:64KB,queue=64KB,
    //  queue=1bdp,codel,codel=5ms:100ms,ecn,mark=20,mark=1ms"; the error says what was wrong.
    static std::expected<Impairment, std::string> parse(std::string_view text);
    // One of these, between commas; leaves the rest as it is. The error says what to write.
    std::expected<void, std::string> set(std::string_view item);
    // What is not as in a perfect wire, in the same notation; "" for one.
    std::string text() const;
    // Why these settings cannot work together, and what helps; "" if they can.
    std::string conflict() const;
    bool operator==(const Impairment&) const = default;
};

// "20ms" and "1.5s", as in an Impairment; nothing for anything else.
std::optional<Duration> parse_duration(std::string_view text);

// What it did, in packets as on the wire; a fault that is set and stays at 0 tested nothing.
struct ImpairCounters {
    u64 seen = 0;
    u64 bytes = 0;      // of those
    u64 lost = 0;       // by chance, drop_nth and decide
    u64 in_bursts = 0;  // met the bad state of GilbertElliott
    u64 delayed = 0;    // left later than they came
    u64 reordered = 0;  // chosen to be late
    u64 duplicated = 0;
    u64 corrupted = 0;
    u64 waited = 0;         // found the rate or the bucket busy
    u64 queue_dropped = 0;  // no room in the queue
    u64 codel_dropped = 0;
    u64 codel_marked = 0;      // marked by CoDel instead of dropped
    u64 threshold_marked = 0;  // marked above MarkThreshold
    u64 memory_dropped = 0;    // the pool gave no room for a cut or a copy
    Duration longest_wait{};   // in the queue
};

}  // namespace tern

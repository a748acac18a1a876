// The models of a bad network that have a memory: loss in bursts, the token bucket, CoDel. Numbers
// in, verdicts out; impair_lane.hh has the packets.
#pragma once

#include "core/base/random.hh"
#include "tern/impairment.hh"

namespace tern {

// The chain of GilbertElliott: a step, then the loss of the state that it came to.
class BurstLoss {
public:
    BurstLoss(u64 step_seed, u64 loss_seed) : step_(step_seed), loss_(loss_seed) {}
    // For each packet, once.
    bool strikes(const GilbertElliott& model);
    bool bad() const { return bad_; }

private:
    Random step_, loss_;
    bool bad_ = false;
};

// Works with the instant at which the bucket will be full again, in whole nanoseconds and the
// carry of their division, so that no token is lost to rounding.
class BucketMeter {
public:
    void change(const TokenBucket& bucket) { bucket_ = bucket; }
    bool on() const { return bucket_.rate > 0; }
    // When, from `from` on, a packet may leave; one larger than the bucket waits for a full one.
    Instant ready(Instant from, u32 bytes) const;
    void take(Instant at, u32 bytes);

private:
    u64 work(u64 bytes) const { return bytes * 8 * 1'000'000'000; }
    Duration depth() const {
        return Duration{static_cast<i64>(work(bucket_.burst) / bucket_.rate)};
    }

    TokenBucket bucket_;
    Instant full_at_{};
    u64 carry_ = 0;
};

// RFC 8289 5, with the loops of its dequeue() unrolled to one question for each packet.
class Codel {
public:
    // A packet of this size exists: a queue no longer than the largest is never shortened.
    void saw(u32 bytes) { packet_max_ = std::max(packet_max_, bytes); }
    // Whether the packet at the head, which has waited for `sojourn`, is to be dropped or marked;
    // `backlog`: bytes behind it. When it is dropped, ask about the next with the same `now`.
    bool strikes(const CodelOptions& o, Instant now, Duration sojourn, u64 backlog);
    // The packet was marked: it leaves, and the next one is another dequeue().
    void marked(const CodelOptions& o);
    u32 count() const { return count_; }

private:
    bool above_for_an_interval(const CodelOptions& o, Instant now, Duration sojourn, u64 backlog);
    void begin_dropping(const CodelOptions& o, Instant now);
    Instant control_law(const CodelOptions& o, Instant from) const;
    void pass_on(const CodelOptions& o, bool still_above);

    u32 packet_max_ = 0;
    std::optional<Instant> first_above_;
    Instant drop_next_{};
    u32 count_ = 0, last_count_ = 0;
    bool dropping_ = false;
    bool struck_ = false;  // inside the RFC's inner loop: what came of the next packet is open
};

}  // namespace tern

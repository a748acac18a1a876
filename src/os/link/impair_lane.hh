// One direction of a bad network: faults first, then the queue in front of the rate, then the
// delay line. It works in the time that it is told, so what it does depends on that alone, not on
// how often it is asked.
#pragma once

#include <deque>
#include <vector>

#include "core/base/random.hh"
#include "core/offload/mark.hh"
#include "os/link/impair.hh"
#include "os/link/impair_models.hh"

namespace tern {

class ImpairLane {
public:
    // `bound`: most packets that it holds.
    ImpairLane(ImpairDirection options, u64 seed, u32 bound, Medium medium);
    ~ImpairLane();
    ImpairLane(const ImpairLane&) = delete;
    ImpairLane& operator=(const ImpairLane&) = delete;

    // From the last time that it was told on. Packets in the queue keep their delay.
    void change(ImpairDirection options);
    void put(Instant now, Packet p);
    // What the queue sends up to `now` goes into the delay line. Before due() and take().
    void advance(Instant now);
    bool due(Instant now) const { return !heap_.empty() && heap_.front().due <= now; }
    Instant first_due() const { return heap_.front().due; }
    Packet take();
    // When advance() and due() may bring something new.
    Instant next_deadline() const;
    const ImpairCounters& counters() const { return counters_; }

private:
    // Each fault has its own dice: switching one on does not change where the others strike.
    struct Dice {
        Random loss, duplicate, corrupt, corrupt_bit, reorder, jitter;
        BurstLoss bursts;
        explicit Dice(u64 seed);
    };
    struct Verdict {
        u64 nth;
        Fate fate;     // Pass, unless a fault strikes
        bool certain;  // drop_nth says so
        bool late;
    };
    struct Waiting {
        Packet packet;
        Instant arrived;
        Duration extra;  // delay and jitter, and the lateness of a reordered packet
        bool late;
    };
    struct Entry {
        Instant due;
        u64 serial;  // equal deadlines leave in the order in which they came
        PacketDescriptor* packet;
        // A heap has its greatest on top, and ours the earliest.
        bool operator<(const Entry& o) const {
            return due != o.due ? due > o.due : serial > o.serial;
        }
    };
    struct Sent {
        Instant at;  // the last bit has left the sender
        u64 carry;   // of the division by the rate, so that no time is lost
    };

    bool limited() const { return options_.rate > 0 || bucket_.on(); }
    Verdict throw_dice();
    bool may_pass_whole(u32 segments);
    void put_super(Instant now, Packet p);
    void put_segment(Instant now, Packet p, const Verdict& verdict);
    Fate fate_of(const Packet& p, const Verdict& verdict) const;
    bool damage(Packet& p);
    void enqueue(Instant now, Packet p, bool late);
    bool queue_has_room(Instant now, u32 bytes) const;
    offload::EcnMark mark(Packet& p, u64& counter);
    offload::EcnMark mark_on_arrival(Instant now, Packet& p);
    Instant start_of(const Waiting& w) const;
    Sent sent(Instant start, u32 bytes) const;
    void serve(Instant start);
    bool leaves(Packet& p, Duration sojourn, Instant now);
    void delay(const Waiting& w, Packet p, Instant from);

    ImpairDirection options_;
    ImpairCounters counters_;
    Dice dice_;
    u32 bound_;
    Medium medium_;
    bool cuts_always_ = false;  // some part wants each packet for itself
    std::vector<Verdict> verdicts_;

    std::deque<Waiting> waiting_;  // the queue without the packet that is on its way out
    u64 waiting_bytes_ = 0;
    u32 serving_bytes_ = 0;
    Instant busy_until_{};
    u64 carry_ = 0;
    BucketMeter bucket_;
    Codel codel_;

    std::vector<Entry> heap_;  // the delay line
    u64 serial_ = 0;
    Instant last_due_{};  // of packets in order: jitter may not make them overtake
};

}  // namespace tern

// The one schedule of a world: a binary heap in which every host, every direction of a wire and
// every action has at most one place. Equal times go in the order in which they were set.
#pragma once

#include <vector>

#include "tern/time.hh"

namespace tern::sim {

class Actor {
public:
    virtual ~Actor() = default;
    virtual void wake() = 0;

private:
    friend class Schedule;
    static constexpr u32 k_nowhere = ~u32{0};

    Instant wanted_ = Instant::max();
    u64 serial_ = 0;  // of the set() that asked for wanted_
    u32 place_ = k_nowhere;
};

class Schedule {
public:
    // Wakes the actor then, and no more at what it wanted before; Instant::max(): not at all.
    void set(Actor& actor, Instant when);
    void forget(Actor& actor);
    // The next actor due until then, out of the heap, and its time; null: none.
    Actor* next(Instant until, Instant& when);

private:
    // A time that moved back stays in its place until it comes up, for most do (a timer that every
    // acknowledgement restarts): so `at` is the wanted time or earlier.
    struct Entry {
        Instant at;
        u64 serial;
        Actor* actor;
        bool before(const Entry& o) const { return at != o.at ? at < o.at : serial < o.serial; }
    };
    void put(u32 place, const Entry& entry);
    void rise(u32 place, const Entry& entry);
    void sink(u32 place, const Entry& entry);
    void remove(u32 place);

    std::vector<Entry> heap_;
    u64 last_serial_ = 0;
};

}  // namespace tern::sim

#include "lab/sim/schedule.hh"

#include "core/base/assert.hh"

namespace tern::sim {

void Schedule::put(u32 place, const Entry& entry) {
    heap_[place] = entry;
    entry.actor->place_ = place;
}

void Schedule::rise(u32 place, const Entry& entry) {
    while (place > 0) {
        const u32 above = (place - 1) / 2;
        if (!entry.before(heap_[above])) break;
        put(place, heap_[above]);
        place = above;
    }
    put(place, entry);
}

void Schedule::sink(u32 place, const Entry& entry) {
    const u32 size = static_cast<u32>(heap_.size());
    for (;;) {
        u32 below = 2 * place + 1;
        if (below >= size) break;
        if (below + 1 < size && heap_[below + 1].before(heap_[below])) ++below;
        if (!heap_[below].before(entry)) break;
        put(place, heap_[below]);
        place = below;
    }
    put(place, entry);
}

void Schedule::remove(u32 place) {
    heap_[place].actor->place_ = Actor::k_nowhere;
    const Entry last = heap_.back();
    heap_.pop_back();
    if (place == heap_.size()) return;
    if (place > 0 && last.before(heap_[(place - 1) / 2])) return rise(place, last);
    sink(place, last);
}

void Schedule::set(Actor& actor, Instant when) {
    if (actor.wanted_ == when) return;
    actor.wanted_ = when;
    actor.serial_ = ++last_serial_;
    if (actor.place_ == Actor::k_nowhere) {
        if (when == Instant::max()) return;
        heap_.emplace_back();
        rise(static_cast<u32>(heap_.size()) - 1, {when, actor.serial_, &actor});
    } else if (when < heap_[actor.place_].at) {
        rise(actor.place_, {when, actor.serial_, &actor});
    }
}

void Schedule::forget(Actor& actor) {
    if (actor.place_ != Actor::k_nowhere) remove(actor.place_);
    actor.wanted_ = Instant::max();
}

Actor* Schedule::next(Instant until, Instant& when) {
    while (!heap_.empty()) {
        const Entry top = heap_.front();
        Actor& actor = *top.actor;
        debug_check(top.at <= actor.wanted_);
        if (actor.wanted_ == Instant::max()) {
            remove(0);
        } else if (top.serial != actor.serial_) {
            sink(0, {actor.wanted_, actor.serial_, &actor});
        } else {
            if (top.at > until) return nullptr;
            remove(0);
            actor.wanted_ = Instant::max();
            when = top.at;
            return &actor;
        }
    }
    return nullptr;
}

}  // namespace tern::sim

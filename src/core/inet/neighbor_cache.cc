// RFC 4861 7.3.2 and 7.3.3, with the bounds of RFC 1122 2.3.2.
#include "core/inet/neighbor_cache.hh"

#include <algorithm>

namespace tern::inet {

namespace {

// An entry that carried a packet this recently is in use, and no flood evicts it.
constexpr Duration k_recently = NeighborCache::k_reachable;
// Entries that one search for room looks at; those in use go to the end of the line.
constexpr u32 k_candidates = 32;

// Rounded up, so that no timer fires early.
u32 tick_of(Instant t) { return static_cast<u32>(milliseconds_of(t + Duration{999'999})); }

}  // namespace

NeighborCache::NeighborCache(Context& context)
    : context_(&context), key_(context.random.key()), pool_(*context.budget),
      table_(*context.budget, HashOf{this}), wheel_(NodeOf{this}, 0) {}

Index NeighborCache::find(u8 interface, Ipv4Address address) const {
    return table_.find(hash(interface, address), [&](u32 i) {
        return pool_[i].address == address && pool_[i].interface == interface;
    });
}

Index NeighborCache::find_or_add(u8 interface, Ipv4Address address) {
    if (const Index found = find(interface, address)) return found;
    if (pool_.in_use() >= context_->limits.neighbors && !make_room()) return 0;
    const Index i = pool_.allocate();
    if (i == 0) return 0;
    pool_[i].interface = interface;
    pool_[i].address = address;
    if (!table_.insert(hash(interface, address), i)) {
        pool_.free(i);
        return 0;
    }
    link_newest(i);
    return i;
}

bool NeighborCache::in_use(const Neighbor& n) const {
    return n.permanent || !n.waiting.empty() || context_->now - n.used_at < k_recently;
}

// Second chance: the line is by age, and whoever is in use goes to its end again. So a flood of
// new neighbours that nobody sends to pushes out only itself.
bool NeighborCache::make_room() {
    for (u32 n = std::min(k_candidates, pool_.in_use()); n > 0; --n) {
        const Index i = oldest_;
        if (!in_use(pool_[i])) {
            forget(i);
            ++evictions_;
            return true;
        }
        unlink(i);
        link_newest(i);
    }
    return false;
}

void NeighborCache::link_newest(Index i) {
    pool_[i].older = newest_;
    pool_[i].newer = 0;
    (newest_ != 0 ? pool_[newest_].newer : oldest_) = i;
    newest_ = i;
}

void NeighborCache::unlink(Index i) {
    const Neighbor& n = pool_[i];
    (n.newer != 0 ? pool_[n.newer].older : newest_) = n.older;
    (n.older != 0 ? pool_[n.older].newer : oldest_) = n.newer;
}

void NeighborCache::forget(Index i) {
    wheel_.cancel(i);
    unlink(i);
    table_.erase(hash(pool_[i].interface, pool_[i].address), i);
    pool_.free(i);
}

// An idle wheel may lag behind by more than its horizon; while it is empty it may leap.
void NeighborCache::catch_up() {
    if (wheel_.size() != 0) return;
    while (static_cast<i32>(tick_now() - wheel_.now()) < 0)
        wheel_.advance(wheel_.now() + (1u << 30), [](Index) {});
    wheel_.advance(tick_now(), [](Index) {});
}

void NeighborCache::arm(Index i, Instant at) { wheel_.set(i, tick_of(at)); }

// RFC 1122 2.3.2.1 [RFC1122:20]: however many packets want to go there, one request a second.
Ask NeighborCache::start(Index i) {
    Neighbor& n = pool_[i];
    catch_up();
    n.state = NeighborState::Incomplete;
    n.tries = 0;
    if (context_->now - n.asked_at < k_retransmit) {
        arm(i, n.asked_at + k_retransmit);
        return Ask::Nothing;
    }
    n.tries = 1;
    n.asked_at = context_->now;
    arm(i, context_->now + k_retransmit);
    return Ask::Everybody;
}

bool NeighborCache::use(Index i, Ask& ask) {
    Neighbor& n = pool_[i];
    const Instant now = context_->now;
    n.used_at = now;
    switch (n.state) {
        case NeighborState::Reachable:
            if (now < n.reachable_until) return true;
            [[fallthrough]];
        case NeighborState::Stale:
            // The first packet goes to where the neighbour was; its answer may confirm that.
            n.state = NeighborState::Delay;
            catch_up();
            arm(i, now + k_delay_first_probe);
            return true;
        case NeighborState::Delay:
        case NeighborState::Probe: return true;
        case NeighborState::Incomplete:
            if (n.timer.slot == TimerNode::none) ask = start(i);
            return false;
        case NeighborState::Failed: ask = start(i); return false;
    }
    return false;
}

Ask NeighborCache::expired(Index i) {
    Neighbor& n = pool_[i];
    const Instant now = context_->now;
    const bool asking = n.state == NeighborState::Incomplete || n.state == NeighborState::Probe;
    if (!asking && n.state != NeighborState::Delay) return Ask::Nothing;  // confirmed meanwhile
    if (asking && n.tries >= k_tries) {
        n.state = NeighborState::Failed;
        return Ask::GaveUp;
    }
    if (n.state == NeighborState::Delay) {
        n.state = NeighborState::Probe;
        n.tries = 0;
    }
    if (now - n.asked_at < k_retransmit) {
        arm(i, n.asked_at + k_retransmit);
        return Ask::Nothing;
    }
    ++n.tries;
    n.asked_at = now;
    arm(i, now + k_retransmit);
    return n.state == NeighborState::Probe ? Ask::Itself : Ask::Everybody;
}

// RFC 826 merges whatever a known sender says; RFC 4861 7.2.5 adds that only an answer to our own
// question proves reachability, and that a changed address is to be verified. So a forged
// announcement is found out after the delay, unless the forger answers too.
void NeighborCache::learn(Index i, const MacAddress& mac, bool solicited) {
    Neighbor& n = pool_[i];
    if (n.permanent) return;
    const bool asking = n.state == NeighborState::Incomplete || n.state == NeighborState::Probe;
    const bool same = n.mac == mac;
    n.mac = mac;
    if (solicited && asking) {
        became_reachable(i);
    } else if (!same || n.state == NeighborState::Incomplete || n.state == NeighborState::Failed) {
        n.state = NeighborState::Stale;
        n.tries = 0;
        wheel_.cancel(i);
    }
}

void NeighborCache::confirm(Index i) {
    const Neighbor& n = pool_[i];
    if (!n.permanent && n.known()) became_reachable(i);
}

// A timer that is still armed finds the state changed and does nothing.
void NeighborCache::became_reachable(Index i) {
    Neighbor& n = pool_[i];
    n.state = NeighborState::Reachable;
    n.reachable_until = context_->now + k_reachable;
    n.tries = 0;
}

Ask NeighborCache::suspect(Index i) {
    Neighbor& n = pool_[i];
    if (n.permanent || !n.known() || n.state == NeighborState::Probe) return Ask::Nothing;
    n.state = NeighborState::Delay;
    wheel_.cancel(i);
    catch_up();
    return expired(i);
}

void NeighborCache::make_permanent(Index i, const MacAddress& mac) {
    Neighbor& n = pool_[i];
    n.mac = mac;
    n.permanent = true;
    n.state = NeighborState::Reachable;
    n.reachable_until = Instant::max();
    wheel_.cancel(i);
}

Instant NeighborCache::next_deadline() const {
    const auto tick = wheel_.next_deadline();
    if (!tick) return Instant::max();
    const u64 now = milliseconds_of(context_->now);
    const i64 ahead = static_cast<i32>(*tick - static_cast<u32>(now));
    return Instant{std::chrono::milliseconds(static_cast<i64>(now) + ahead)};
}

}  // namespace tern::inet

// RFC 4861 7.3.2 and 7.3.3, with the bounds of RFC 1122 2.3.2.
#include "core/inet/neighbor/cache.hh"

#include <algorithm>

namespace tern::inet {

namespace {

// An entry that carried a packet this recently is in use, and no flood evicts it.
constexpr Duration k_recently = NeighborCache::k_reachable;
// Entries that one search for room looks at; those in use go to the end of the line.
constexpr u32 k_candidates = 32;
// One part in so many of the cache is for entries that are not resolved, and another one for those
// that were learned and never confirmed; they may have more while nobody else wants it.
constexpr u32 k_unproven_share = 4;

// Rounded up, so that no timer fires early.
u32 tick_of(Instant t) { return static_cast<u32>(milliseconds_of(t + Duration{999'999})); }

}  // namespace

NeighborCache::NeighborCache(Context& context)
    : context_(&context), key_(context.random.key()), pool_(*context.budget),
      table_(*context.budget, HashOf{this}), wheel_(NodeOf{this}, 0) {}

Handle<Neighbor> NeighborCache::find(u8 interface, const IpAddress& address) const {
    return table_.find(hash(interface, address), [&](Handle<Neighbor> i) {
        return pool_[i].address == address && pool_[i].interface == interface;
    });
}

Handle<Neighbor> NeighborCache::add(u8 interface, const IpAddress& address) {
    const Handle<Neighbor> i = pool_.allocate();
    if (i == 0) return 0;
    Neighbor& n = pool_[i];
    n.interface = interface;
    n.address = address;
    n.waiting.tag = interface;
    if (!table_.insert(hash(interface, address), i)) {
        pool_.free(i);
        return 0;
    }
    settle(i);
    return i;
}

bool NeighborCache::in_use(const Neighbor& n) const {
    return context_->now - n.used_at < k_recently;
}

// RFC 6583 7.1: what an attacker can make without end gives way first. Anybody can make us ask for
// addresses that nobody has; these, and those that did not answer, make room for each other as soon
// as they have their share, and for neighbours that are known. Only a station on the link can make
// us learn addresses; beyond their share they push out each other. A neighbour that has proved to
// be there stays for as long as it is used, and after that while others have more than their
// shares.
Handle<Neighbor> NeighborCache::to_evict(bool known) {
    const u32 share = std::max(context_->limits.neighbors / k_unproven_share, 1u);
    const Line& unresolved = line(Neighbor::Line::Unresolved);
    const bool many_learned = line(Neighbor::Line::Learned).count >= share;
    const bool many_unresolved = unresolved.count >= (known ? 1 : share);
    if (many_unresolved && !(known && many_learned)) return unresolved.oldest;
    const Handle<Neighbor> learned = oldest_idle(Neighbor::Line::Learned);
    if (learned != 0) return learned;
    if (many_learned) return line(Neighbor::Line::Learned).oldest;
    const Handle<Neighbor> confirmed = oldest_idle(Neighbor::Line::Confirmed);
    return confirmed != 0 ? confirmed : unresolved.oldest;
}

// Second chance: whoever is in use goes to the end of the line. 0: nobody was idle.
Handle<Neighbor> NeighborCache::oldest_idle(Neighbor::Line of) {
    for (u32 n = std::min(k_candidates, line(of).count); n > 0; --n) {
        const Handle<Neighbor> i = line(of).oldest;
        if (!in_use(pool_[i])) return i;
        unlink(i);
        link_newest(i, of);
    }
    return 0;
}

// Puts an entry into the line that its state calls for. One that has failed is the next to leave.
void NeighborCache::settle(Handle<Neighbor> i) {
    const Neighbor& n = pool_[i];
    const auto wanted = n.permanent   ? Neighbor::Line::None
                        : !n.known()  ? Neighbor::Line::Unresolved
                        : n.confirmed ? Neighbor::Line::Confirmed
                                      : Neighbor::Line::Learned;
    const bool failed = n.state == NeighborState::Failed;
    if (wanted == n.line && !failed) return;
    unlink(i);
    failed ? link_oldest(i, wanted) : link_newest(i, wanted);
}

void NeighborCache::link_newest(Handle<Neighbor> i, Neighbor::Line to) {
    Neighbor& n = pool_[i];
    n.line = to;
    if (to == Neighbor::Line::None) return;
    Line& l = line(to);
    n.older = l.newest;
    n.newer = 0;
    (l.newest != 0 ? pool_[l.newest].newer : l.oldest) = i;
    l.newest = i;
    ++l.count;
}

void NeighborCache::link_oldest(Handle<Neighbor> i, Neighbor::Line to) {
    Neighbor& n = pool_[i];
    n.line = to;
    Line& l = line(to);
    n.newer = l.oldest;
    n.older = 0;
    (l.oldest != 0 ? pool_[l.oldest].older : l.newest) = i;
    l.oldest = i;
    ++l.count;
}

void NeighborCache::unlink(Handle<Neighbor> i) {
    const Neighbor& n = pool_[i];
    if (n.line == Neighbor::Line::None) return;
    Line& l = line(n.line);
    (n.newer != 0 ? pool_[n.newer].older : l.newest) = n.older;
    (n.older != 0 ? pool_[n.older].newer : l.oldest) = n.newer;
    --l.count;
}

void NeighborCache::forget(Handle<Neighbor> i) {
    wheel_.cancel(i);
    unlink(i);
    table_.erase(hash(pool_[i].interface, pool_[i].address), i);
    pool_.free(i);
}

// An idle wheel may lag behind by more than its horizon; while it is empty it may leap.
void NeighborCache::catch_up() {
    if (wheel_.size() != 0) return;
    while (static_cast<i32>(tick_now() - wheel_.now()) < 0)
        wheel_.advance(wheel_.now() + (1u << 30), [](Handle<Neighbor>) {});
    wheel_.advance(tick_now(), [](Handle<Neighbor>) {});
}

void NeighborCache::arm(Handle<Neighbor> i, Instant at) { wheel_.set(i, tick_of(at)); }

// RFC 1122 2.3.2.1 [RFC1122:20]: however many packets want to go there, one request a second.
Ask NeighborCache::start(Handle<Neighbor> i) {
    Neighbor& n = pool_[i];
    catch_up();
    n.state = NeighborState::Incomplete;
    n.tries = 0;
    unlink(i);  // one that had failed is asked for again, and not the next to leave any more
    link_newest(i, Neighbor::Line::Unresolved);
    if (context_->now - n.asked_at < k_retransmit) {
        arm(i, n.asked_at + k_retransmit);
        return Ask::Nothing;
    }
    n.tries = 1;
    n.asked_at = context_->now;
    arm(i, context_->now + k_retransmit);
    return Ask::Everybody;
}

bool NeighborCache::use(Handle<Neighbor> i, Ask& ask) {
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

Ask NeighborCache::expired(Handle<Neighbor> i) {
    Neighbor& n = pool_[i];
    const Instant now = context_->now;
    const bool asking = n.state == NeighborState::Incomplete || n.state == NeighborState::Probe;
    if (!asking && n.state != NeighborState::Delay) return Ask::Nothing;  // confirmed meanwhile
    if (asking && n.tries >= k_tries) {
        n.state = NeighborState::Failed;
        n.confirmed = false;
        settle(i);
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
void NeighborCache::learn(Handle<Neighbor> i, const MacAddress& mac, bool solicited) {
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
        settle(i);
    }
}

void NeighborCache::confirm(Handle<Neighbor> i) {
    const Neighbor& n = pool_[i];
    if (!n.permanent && n.known()) became_reachable(i);
}

// A timer that is still armed finds the state changed and does nothing.
void NeighborCache::became_reachable(Handle<Neighbor> i) {
    Neighbor& n = pool_[i];
    n.state = NeighborState::Reachable;
    n.reachable_until = context_->now + k_reachable;
    n.tries = 0;
    n.confirmed = true;
    if (n.line != Neighbor::Line::Confirmed) settle(i);
}

Ask NeighborCache::suspect(Handle<Neighbor> i) {
    Neighbor& n = pool_[i];
    if (n.permanent || !n.known() || n.state == NeighborState::Probe) return Ask::Nothing;
    n.state = NeighborState::Delay;
    wheel_.cancel(i);
    catch_up();
    return expired(i);
}

void NeighborCache::make_permanent(Handle<Neighbor> i, const MacAddress& mac) {
    Neighbor& n = pool_[i];
    n.mac = mac;
    n.permanent = true;
    n.state = NeighborState::Reachable;
    n.reachable_until = Instant::max();
    wheel_.cancel(i);
    settle(i);
}

Instant NeighborCache::next_deadline() const {
    const auto tick = wheel_.next_deadline();
    if (!tick) return Instant::max();
    const u64 now = milliseconds_of(context_->now);
    const i64 ahead = static_cast<i32>(*tick - static_cast<u32>(now));
    return Instant{std::chrono::milliseconds(static_cast<i64>(now) + ahead)};
}

}  // namespace tern::inet

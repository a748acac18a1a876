#include "core/inet/neighbor/resolver.hh"

#include <algorithm>

namespace tern::inet {

Handle<Neighbor> Resolver::entry_for(u8 interface, const IpAddress& address, bool known) {
    const u64 evictions = cache_.evictions();
    const Handle<Neighbor> found =
        cache_.find_or_add(interface, address, known,
                           [this](Neighbor& n) { drop_waiting(n, DropReason::NeighborCacheFull); });
    if (cache_.evictions() != evictions) surroundings_->slots_changed();
    return found;
}

// RFC 1122 2.3.2.2 [RFC1122:21]: packets wait while the neighbour is asked for; the latest ones
// are worth most.
void Resolver::wait(Handle<Neighbor> i, Packet packet) {
    Neighbor& n = cache_[i];
    if (n.waiting.count() >= std::max<u32>(context_->limits.neighbor_waiting_packets, 1))
        surroundings_->lost(waiting_.take(n.waiting), DropReason::NeighborQueueFull, n.interface);
    waiting_.put(n.waiting, std::move(packet), [this](Packet lost, const WaitingShare::Queue& of) {
        surroundings_->lost(lost, DropReason::WaitingShareFull, static_cast<u8>(of.tag));
    });
}

void Resolver::act(Handle<Neighbor> i, Ask ask) {
    switch (ask) {
        case Ask::Nothing: return;
        case Ask::Everybody: return surroundings_->solicit(cache_[i], MacAddress::broadcast());
        case Ask::Itself: return surroundings_->solicit(cache_[i], cache_[i].mac);
        case Ask::GaveUp: return give_up(i);
    }
}

void Resolver::learn(Handle<Neighbor> i, const MacAddress& mac, bool solicited) {
    cache_.learn(i, mac, solicited);
    release(i);
}

void Resolver::make_permanent(Handle<Neighbor> i, const MacAddress& mac) {
    cache_.make_permanent(i, mac);
    release(i);
}

void Resolver::release(Handle<Neighbor> i) {
    Neighbor& n = cache_[i];
    if (n.waiting.empty()) return;
    Ask ask = Ask::Nothing;
    if (!cache_.use(i, ask)) return;
    while (!n.waiting.empty()) surroundings_->release(n, waiting_.take(n.waiting));
}

void Resolver::give_up(Handle<Neighbor> i) {
    Neighbor& n = cache_[i];
    while (!n.waiting.empty()) {
        const Packet packet = waiting_.take(n.waiting);
        surroundings_->unreachable(packet);
        surroundings_->lost(packet, DropReason::NeighborUnreachable, n.interface);
    }
}

void Resolver::drop_waiting(Neighbor& n, DropReason reason) {
    while (!n.waiting.empty()) surroundings_->lost(waiting_.take(n.waiting), reason, n.interface);
}

// RFC 1122 2.3.2.1 [RFC1122:20]: out-of-date entries can be flushed. Static ones are not of that
// kind.
void Resolver::flush() {
    cache_.flush([this](Neighbor& n) { drop_waiting(n, DropReason::NeighborUnreachable); });
    surroundings_->slots_changed();
}

void Resolver::advance() {
    cache_.advance([this](Handle<Neighbor> i, Ask ask) { act(i, ask); });
}

}  // namespace tern::inet

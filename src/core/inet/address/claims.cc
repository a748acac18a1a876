#include "core/inet/address/claims.hh"

#include <algorithm>
#include <tuple>

namespace tern::inet {

// Each nanosecond of [0, most] with the same chance; most is below four seconds.
Duration Claims::up_to(Duration most) {
    return Duration{random_->below(static_cast<u32>(most.count()) + 1)};
}

std::vector<Claims::Claim>::iterator Claims::place_of(u8 interface, const IpAddress& ip) {
    return std::partition_point(claims_.begin(), claims_.end(), [&](const Claim& c) {
        return std::tie(c.interface, c.ip) < std::tie(interface, ip);
    });
}

Claims::Claim* Claims::find(u8 interface, const IpAddress& ip) {
    const auto at = place_of(interface, ip);
    const bool there = at != claims_.end() && at->interface == interface && at->ip == ip;
    return there ? &*at : nullptr;
}

Claims::Claim& Claims::find_or_add(u8 interface, const IpAddress& ip) {
    if (Claim* found = find(interface, ip)) return *found;
    return *claims_.insert(place_of(interface, ip), {.ip = ip, .interface = interface});
}

void Claims::start(u8 interface, const IpAddress& ip) {
    OfInterface& i = interfaces_[interface - 1u];
    Claim& claim = find_or_add(interface, ip);
    claim = {.ip = ip, .interface = interface, .phase = Phase::Probing, .probed = true};
    // RFC 5227 2.1.1 [RFC5227:1]: the random start keeps hosts apart that are switched on at once.
    claim.next = *now_ + up_to(times_.probe_wait);
    // [RFC5227:2]: after ten conflicts a host tries one address a minute.
    if (i.conflicts >= times_.max_conflicts)
        claim.next = std::max(claim.next, i.claimed_at + times_.rate_limit_interval);
    i.claimed_at = claim.next;
    due_ = std::min(due_, claim.next);
}

void Claims::forget_all(u8 interface) {
    std::erase_if(claims_, [&](const Claim& claim) { return claim.interface == interface; });
    find_due();
}

void Claims::forget(u8 interface, const IpAddress& ip) {
    if (find(interface, ip) == nullptr) return;
    claims_.erase(place_of(interface, ip));
    find_due();
}

// RFC 5227 2.4 [RFC5227:4]: defend once in ten seconds. An address that was found by probing is
// given up when that does not help (b); one that a person has set is not (c), or two forged
// packets would take a server off the network.
void Claims::contested(u8 interface, const IpAddress& ip) {
    Claim& claim = find_or_add(interface, ip);
    if (claim.phase == Phase::Probing) return lose(claim);
    if (*now_ - claim.contested_at >= times_.defend_interval) {
        claim.contested_at = *now_;
        return surroundings_->defend(interface, ip);
    }
    if (claim.probed) lose(claim);
}

bool Claims::probed_for(u8 interface, const IpAddress& ip) {
    const Claim* claim = find(interface, ip);
    if (claim == nullptr || claim->phase != Phase::Probing) return false;
    lose(*claim);
    return true;
}

void Claims::lose(const Claim& claim) {
    const u8 interface = claim.interface;
    const IpAddress ip = claim.ip;
    ++interfaces_[interface - 1u].conflicts;
    forget(interface, ip);
    surroundings_->lost(interface, ip);
}

void Claims::advance(Claim& claim) {
    if (claim.phase == Phase::Probing) {
        if (claim.sent < times_.probes) {
            const bool last = ++claim.sent == times_.probes;
            claim.next =
                *now_ + (last ? times_.announce_wait
                              : times_.probe_min + up_to(times_.probe_max - times_.probe_min));
            return surroundings_->probe(claim.interface, claim.ip);
        }
        claim.phase = Phase::Announcing;
        claim.sent = 0;
        surroundings_->won(claim.interface, claim.ip);
    }
    // RFC 5227 2.3 [RFC5227:3]: twice, so that no cache keeps a former owner of the address.
    const bool tells = claim.sent < times_.announcements;
    if (tells) ++claim.sent;
    const bool done = claim.sent == times_.announcements;
    claim.phase = done ? Phase::Settled : Phase::Announcing;
    claim.next = done ? Instant::max() : *now_ + times_.announce_interval;
    if (tells) surroundings_->announce(claim.interface, claim.ip);
}

// Thousands of addresses are settled most of the time, and then none of them is looked at.
void Claims::advance() {
    if (due_ > *now_) return;
    for (Claim& claim : claims_)
        if (claim.next <= *now_) advance(claim);
    find_due();
}

void Claims::find_due() {
    due_ = Instant::max();
    for (const Claim& claim : claims_) due_ = std::min(due_, claim.next);
}

}  // namespace tern::inet

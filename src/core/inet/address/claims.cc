// RFC 5227: is an address free, and whose is it? Probes, announcements, defence.
#include <algorithm>

#include "core/inet/inside.hh"

namespace tern::inet {

namespace {

using namespace std::chrono_literals;
using Claim = OwnAddress::Claim;
using Operation = wire::ArpPacket::Operation;

// RFC 5227 1.1.
constexpr Duration k_probe_wait = 1s;
constexpr u8 k_probes = 3;
constexpr Duration k_probe_min = 1s;
constexpr Duration k_probe_max = 2s;
constexpr Duration k_announce_wait = 2s;
constexpr u8 k_announcements = 2;
constexpr Duration k_announce_interval = 2s;
constexpr u32 k_max_conflicts = 10;
constexpr Duration k_rate_limit_interval = 60s;
constexpr Duration k_defend_interval = 10s;

// Each nanosecond of [0, most] with the same chance; most is below four seconds.
Duration up_to(Duration most, Random& random) {
    return Duration{random.below(static_cast<u32>(most.count()) + 1)};
}

}  // namespace

void Inet::Inside::start_claim(u8 interface, OwnAddress& address) {
    InterfaceState& i = at(interface);
    address.claim = Claim::Probing;
    address.probed = true;
    // RFC 5227 2.1.1 [RFC5227:1]: the random start keeps hosts apart that are switched on at once.
    address.next = context.now + up_to(k_probe_wait, context.random);
    // [RFC5227:2]: who met ten conflicts tries one address a minute.
    if (i.conflicts >= k_max_conflicts)
        address.next = std::max(address.next, i.claimed_at + k_rate_limit_interval);
    i.claimed_at = address.next;
    claims_due = std::min(claims_due, address.next);
}

bool Inet::Inside::check_conflict(u8 interface, const wire::ArpPacket& arp) {
    InterfaceState& i = at(interface);
    if (OwnAddress* claimed = i.own(arp.sender_ip)) {
        if (claimed->usable())
            contested(interface, *claimed);
        else
            lose_claim(interface, claimed->ip);
        return true;
    }
    // RFC 5227 2.1.1 [RFC5227:2]: somebody wants the address at the same time as we.
    if (!arp.sender_ip.is_any() || arp.operation != Operation::Request) return false;
    const OwnAddress* wanted = i.own(arp.target_ip);
    if (wanted == nullptr || wanted->usable()) return false;
    lose_claim(interface, wanted->ip);
    return true;
}

void Inet::Inside::lose_claim(u8 interface, Ipv4Address ip) {
    ++at(interface).conflicts;
    lose_address(interface, ip);
}

// RFC 5227 2.4 [RFC5227:4]: defend once in ten seconds. An address that was found by probing is
// given up when that does not help (b); one that a person has set is not (c), or two forged
// packets would take a server off the network.
void Inet::Inside::contested(u8 interface, OwnAddress& address) {
    if (context.now - address.contested_at >= k_defend_interval) {
        address.contested_at = context.now;
        return announce(interface, address.ip, SendReason::ArpDefend);
    }
    if (address.probed) lose_claim(interface, address.ip);
}

void Inet::Inside::lose_address(u8 interface, Ipv4Address ip) {
    std::erase_if(at(interface).addresses, [ip](const OwnAddress& a) { return a.ip == ip; });
    addresses_changed(interface);
    find_claims_due();
    tell_address(interface, ip, Error::AddressNotAvailable);
}

void Inet::Inside::tell_address(u8 interface, Ipv4Address ip, Error error) {
    events.push({.kind = Event::Kind::Address,
                 .index = interface,
                 .generation = 0,
                 .bits = 0,
                 .error = error,
                 .user = ip.value});
}

void Inet::Inside::announce(u8 interface, Ipv4Address ip, SendReason reason) {
    send_arp(interface,
             {.operation = Operation::Request,
              .sender_mac = at(interface).config.mac,
              .sender_ip = ip,
              .target_mac = {},
              .target_ip = ip},
             MacAddress::broadcast(), reason);
}

void Inet::Inside::advance_claim(u8 interface, OwnAddress& address) {
    if (address.claim == Claim::Probing) {
        if (address.sent < k_probes) {
            send_arp(interface,
                     {.operation = Operation::Request,
                      .sender_mac = at(interface).config.mac,
                      .sender_ip = {},
                      .target_mac = {},
                      .target_ip = address.ip},
                     MacAddress::broadcast(), SendReason::ArpProbe);
            const bool last = ++address.sent == k_probes;
            address.next = context.now +
                           (last ? k_announce_wait
                                 : k_probe_min + up_to(k_probe_max - k_probe_min, context.random));
            return;
        }
        address.claim = Claim::Announcing;
        address.sent = 0;
        addresses_changed(interface);
        tell_address(interface, address.ip, Error::None);
    }
    // RFC 5227 2.3 [RFC5227:3]: twice, so that no cache keeps a former owner of the address.
    announce(interface, address.ip, SendReason::ArpAnnounce);
    const bool done = ++address.sent == k_announcements;
    address.claim = done ? Claim::Settled : Claim::Announcing;
    address.next = done ? Instant::max() : context.now + k_announce_interval;
}

// Thousands of addresses are settled most of the time, and then none of them is looked at.
void Inet::Inside::advance_claims() {
    if (claims_due > context.now) return;
    for (u32 index = 1; index <= count(); ++index)
        for (OwnAddress& a : at(static_cast<u8>(index)).addresses)
            if (a.next <= context.now) advance_claim(static_cast<u8>(index), a);
    find_claims_due();
}

void Inet::Inside::find_claims_due() {
    claims_due = Instant::max();
    for (const auto& i : interfaces)
        for (const OwnAddress& a : i->addresses) claims_due = std::min(claims_due, a.next);
}

}  // namespace tern::inet

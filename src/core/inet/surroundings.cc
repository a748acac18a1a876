// What the parts of the internet layer ask of their surroundings, which are the other parts.
#include "core/inet/inside.hh"

namespace tern::inet {

// --- OwnAddresses

u8 Inet::Inside::route_bits(const IpAddress& to) const {
    const Route* route = routes.find(to);
    return route == nullptr ? u8{0} : route->to.bits;
}

// --- Claims. A claim on an address of another family is made known by the protocol of that family.

void Inet::Inside::probe(u8 interface, const IpAddress& ip) { arp.probe(interface, ip.v4()); }

void Inet::Inside::announce(u8 interface, const IpAddress& ip) {
    arp.announce(interface, ip.v4(), SendReason::ArpAnnounce);
}

void Inet::Inside::defend(u8 interface, const IpAddress& ip) {
    arp.announce(interface, ip.v4(), SendReason::ArpDefend);
}

void Inet::Inside::won(u8 interface, const IpAddress& ip) {
    addresses.make_usable(interface, ip);
    addresses_changed();
    tell_address(interface, ip, Error::None);
}

void Inet::Inside::lost(u8 interface, const IpAddress& ip) {
    (void)addresses.remove(interface, ip);
    addresses_changed();
    tell_address(interface, ip, Error::AddressNotAvailable);
}

// --- Ways

u8 Inet::Inside::interface_of(const IpAddress& source) const {
    return count() < 2 ? u8{0} : addresses.interface_of(source);
}

std::optional<Path> Inet::Inside::path_to(const IpAddress& to, u8 only) const {
    // Nobody is a neighbour of himself; and no packet of IPv6 is sent yet.
    if (!to.is_v4() || addresses.is_ours(to)) return {};
    std::optional<OnLink> on_link;
    if (const auto subnet = addresses.subnet_of(to, only))
        on_link = OnLink{subnet->interface, subnet->bits};
    const u8 first = interfaces.empty() ? u8{0} : std::max<u8>(only, 1);
    return choose_path(to, routes.find(to, only), on_link, first);
}

std::optional<Handle<Neighbor>> Inet::Inside::neighbor_on(const Path& path) {
    const bool asked = has_neighbors(at(path.interface).config.medium);
    if (!asked || is_group_on(path.interface, path.next_hop)) return Handle<Neighbor>{};
    const Handle<Neighbor> found = resolver.entry_for(path.interface, path.next_hop, false);
    if (found == 0) return {};
    return found;
}

// --- Resolver

void Inet::Inside::solicit(const Neighbor& neighbor, const MacAddress& to) {
    arp.request(neighbor, to);
}

void Inet::Inside::release(const Neighbor& neighbor, Packet packet) {
    transmit(neighbor.interface, std::move(packet), neighbor.mac);
}

void Inet::Inside::lost(const Packet& packet, DropReason reason, u8 interface) {
    drop_outgoing(packet, reason, interface);
}

// RFC 1122 2.4: the link layer says that the destination cannot be reached, as an ICMP host
// unreachable would.
void Inet::Inside::unreachable(const Packet& packet) {
    IcmpError error;
    error.type = 3;
    error.code = 1;
    if (!v4::read_quote(packet.bytes(), error)) return;
    error.reporter = error.local.address;
    undelivered.push(error);
}

// --- Arp

bool Inet::Inside::answers(u8 interface, Ipv4Address ip) const {
    return addresses.answers(interface, ip);
}

// Another link may have the same subnet; this one must lead there directly.
bool Inet::Inside::is_neighbor(u8 interface, Ipv4Address ip) const {
    const auto path = path_to(ip, interface);
    return path && path->next_hop == IpAddress{ip};
}

std::optional<Ipv4Address> Inet::Inside::source_for(u8 interface, Ipv4Address ip) const {
    const auto source = addresses.source(interface, ip, ip);
    if (!source) return {};
    return source->v4();
}

bool Inet::Inside::spoken_with(u8 interface, Ipv4Address ip) {
    if (addresses.find(interface, ip) == nullptr) return false;
    claims.contested(interface, ip);
    return true;
}

bool Inet::Inside::probed_for(u8 interface, Ipv4Address ip) {
    return claims.probed_for(interface, ip);
}

void Inet::Inside::transmit_arp(u8 interface, Packet packet, const MacAddress& to, SendReason why) {
    push_link(interface, packet, to, wire::EtherType::Arp);
    context.sent(packet, why);
    enqueue(interface, std::move(packet));
}

// --- v4::Input

bool Inet::Inside::owns(u8 interface, Ipv4Address ip) const {
    return addresses.owns(interface, ip);
}

bool Inet::Inside::is_ours(Ipv4Address ip) const { return addresses.is_ours(ip); }

bool Inet::Inside::is_subnet_broadcast(u8 interface, Ipv4Address ip) const {
    return addresses.is_subnet_broadcast(interface, ip);
}

}  // namespace tern::inet

// A PACKET LEAVES: route, neighbour, headers, queue. RFC 791, RFC 1122 3.3.1 and 2.3.2.
#include <algorithm>

#include "core/inet/inside.hh"

namespace tern::inet {

namespace {

constexpr u32 k_ipv4_packet_max = 65535;

}  // namespace

MacAddress multicast_mac(Ipv4Address group) {
    return {{0x01, 0x00, 0x5e, static_cast<u8>(group.value >> 16 & 0x7f),
             static_cast<u8>(group.value >> 8), static_cast<u8>(group.value)}};
}

// Four Feistel rounds over two bytes.
u16 PacketIds::next() {
    const u16 n = count_++;
    u8 left = static_cast<u8>(n >> 8);
    u8 right = static_cast<u8>(n);
    for (u64 round = 0; round < 4; ++round) {
        const u8 mixed = static_cast<u8>(left ^ siphash13(key_, round << 8 | right));
        left = std::exchange(right, mixed);
    }
    return static_cast<u16>(left << 8 | right);
}

Result<void> Inet::find_way(const IpAddress& destination, const IpAddress& source, Way& way) {
    if (!destination.is_v4()) return std::unexpected(Error::NoRoute);
    if (way.interface != 0 && way.epoch == inside_->epoch) return {};
    const Ipv4Address from = source.is_v4() ? source.v4() : Ipv4Address::any();
    return inside_->find_way(destination.v4(), from, way);
}

Result<void> Inet::Inside::find_way(Ipv4Address to, Ipv4Address source, Way& way) {
    const u8 only = interface_of(source);
    LatelyFound& lately = lately_found[(to.value * 0x9e3779b1u) >> 26];
    if (lately.to == to && lately.only == only && lately.way.epoch == epoch &&
        lately.way.interface != 0) {
        way = lately.way;
        return {};
    }
    if (auto found = search_way(to, only, way); !found) return found;
    const bool complete = way.neighbor != 0 || !has_neighbors(at(way.interface).config.medium);
    if (complete) lately = {to, only, way};
    return {};
}

Result<void> Inet::Inside::search_way(Ipv4Address to, u8 only, Way& way) {
    const auto hop = next_hop(to, only);
    if (!hop) {
        way = Way{};
        return std::unexpected(Error::NoRoute);
    }
    way.interface = hop->interface;
    way.neighbor = 0;
    const InterfaceState& i = at(hop->interface);
    const bool group =
        hop->next.is_multicast() || hop->next.is_broadcast() || i.is_subnet_broadcast(hop->next);
    // No entry, for the cache is full: whoever sends will try again.
    if (has_neighbors(i.config.medium) && !group)
        way.neighbor = neighbor_for(hop->interface, hop->next, false);
    way.epoch = epoch;
    return {};
}

Handle<Neighbor> Inet::Inside::neighbor_for(u8 interface, Ipv4Address address, bool known) {
    const u64 evictions = neighbors.evictions();
    const Handle<Neighbor> found = neighbors.find_or_add(
        interface, address, known,
        [this](Neighbor& n) { drop_waiting(n, DropReason::NeighborCacheFull); });
    // Somebody's way may lead to a slot that has a new owner now.
    if (neighbors.evictions() != evictions) tables_changed();
    return found;
}

const PacketDescriptor* Inet::send(Packet packet, const Outgoing& outgoing, Way& way) {
    return inside_->send(std::move(packet), outgoing, way);
}

void Inet::send_alike(Packet packet, const PacketDescriptor& like, const Way& way) {
    const u32 headers = like.transport - like.begin;
    packet->transport = static_cast<u16>(packet->begin);
    std::memcpy(packet.push(headers), like.slot + like.begin, headers);
    packet->network = static_cast<u16>(packet->begin + (like.network - like.begin));
    inside_->enqueue(way.interface, std::move(packet));
}

const PacketDescriptor* Inet::Inside::send(Packet packet, const Outgoing& outgoing, Way& way) {
    const Ipv4Address to = outgoing.destination.v4();
    if (way.epoch != epoch || way.interface == 0) [[unlikely]] {
        if (!find_way(to, outgoing.source.v4(), way))
            return drop_outgoing(packet, DropReason::OutNoRoute, 0);
    }
    // RFC 1122 3.2.1.3 [RFC1122:5]: the address may have been taken away since the sender chose it.
    if (!owns(way.interface, outgoing.source.v4())) [[unlikely]]
        return drop_outgoing(packet, DropReason::OutNoRoute, way.interface);
    const InterfaceState& i = at(way.interface);
    const u32 length = packet.size() + wire::k_ipv4_header;
    if (length > i.config.mtu && (packet->gso_size == 0 || length > k_ipv4_packet_max))
        return drop_outgoing(packet, DropReason::OutTooBig, way.interface);
    push_ipv4(packet, outgoing);
    if (!has_neighbors(i.config.medium)) return enqueue(way.interface, std::move(packet));

    Ask ask = Ask::Nothing;
    if (way.neighbor == 0 || !neighbors.is_live(way.neighbor)) [[unlikely]]
        return to_group(std::move(packet), outgoing, way);
    if (neighbors.use(way.neighbor, ask)) [[likely]] {
        push_link(way.interface, packet, neighbors[way.neighbor].mac, wire::EtherType::Ipv4);
        return enqueue(way.interface, std::move(packet));
    }
    wait_for(way.neighbor, std::move(packet));
    act(way.neighbor, ask);
    return nullptr;
}

// To everybody or to a group, or the neighbour cache was full when the way was looked for.
const PacketDescriptor* Inet::Inside::to_group(Packet packet, const Outgoing& outgoing, Way& way) {
    const InterfaceState& i = at(way.interface);
    const Ipv4Address to = outgoing.destination.v4();
    MacAddress mac;
    if (to.is_multicast()) {
        mac = multicast_mac(to);
    } else if (to.is_broadcast() || i.is_subnet_broadcast(to)) {
        mac = MacAddress::broadcast();
    } else {
        const bool found = find_way(to, outgoing.source.v4(), way).has_value() && way.neighbor != 0;
        if (!found) return drop_outgoing(packet, DropReason::NeighborCacheFull, way.interface);
        Ask ask = Ask::Nothing;
        const Handle<Neighbor> n = way.neighbor;
        if (!neighbors.use(n, ask)) {
            wait_for(n, std::move(packet));
            act(n, ask);
            return nullptr;
        }
        mac = neighbors[n].mac;
    }
    push_link(way.interface, packet, mac, wire::EtherType::Ipv4);
    return enqueue(way.interface, std::move(packet));
}

void Inet::Inside::push_ipv4(Packet& packet, const Outgoing& outgoing) {
    const u32 length = packet.size() + wire::k_ipv4_header;
    packet->transport = static_cast<u16>(packet->begin);
    std::byte* to = packet.push(wire::k_ipv4_header);
    packet->network = static_cast<u16>(packet->begin);
    // RFC 6864 4.1 [RFC6864:1]: a packet that nobody may cut needs no ID of its own.
    wire::emit_ipv4({.tos = outgoing.tos,
                     .total_length = static_cast<u16>(length),
                     .id = outgoing.dont_fragment ? u16{0} : ids.next(),
                     .dont_fragment = outgoing.dont_fragment,
                     // RFC 1122 3.2.1.7 [RFC1122:6].
                     .ttl = std::max<u8>(outgoing.ttl, 1),
                     .protocol = outgoing.protocol,
                     .source = outgoing.source.v4(),
                     .destination = outgoing.destination.v4()},
                    to);
}

void Inet::Inside::push_link(u8 interface, Packet& packet, const MacAddress& to,
                             wire::EtherType type) {
    const InterfaceConfig& config = at(interface).config;
    wire::emit_ethernet({.destination = to,
                         .source = config.mac,
                         .ether_type = static_cast<u16>(type),
                         .vlan = config.vlan},
                        packet.push(at(interface).link_header()));
}

const PacketDescriptor* Inet::Inside::enqueue(u8 interface, Packet packet) {
    Chain& queue = at(interface).queue;
    // What one transmit() takes away may always wait; it is long only where nobody transmits.
    const u32 always = std::min(PacketBatch::k_capacity, context.limits.interface_queue_packets);
    if (queue.count() >= always && !may_grow(queue, *packet)) [[unlikely]]
        return drop_outgoing(packet, DropReason::OutQueueFull, interface);
    queue.push_back(std::move(packet));
    return queue.back();
}

// As if all that waits were of this packet's size.
bool Inet::Inside::may_grow(const Chain& queue, const PacketDescriptor& by) const {
    return queue.count() < context.limits.interface_queue_packets &&
           (u64{queue.count()} + 1) * PacketPool::true_size(by) <= queue_share;
}

// The drop is told with the number of the event that sent the packet.
const PacketDescriptor* Inet::Inside::drop_outgoing(const Packet& packet, DropReason reason,
                                                    u8 interface) {
    const u32 note = std::exchange(context.note, packet->note);
    context.drop(reason, interface);
    context.note = note;
    return nullptr;
}

// RFC 1122 2.3.2.2 [RFC1122:21]: packets wait while the neighbour is asked for; the latest ones
// are worth most.
void Inet::Inside::wait_for(Handle<Neighbor> neighbor, Packet packet) {
    Neighbor& n = neighbors[neighbor];
    if (n.waiting.count() >= std::max<u32>(context.limits.neighbor_waiting_packets, 1))
        drop_outgoing(waiting.take(n.waiting), DropReason::NeighborQueueFull, n.interface);
    waiting.put(n.waiting, std::move(packet), [this](Packet lost, const WaitingShare::Queue& of) {
        drop_outgoing(lost, DropReason::WaitingShareFull, static_cast<u8>(of.tag));
    });
}

void Inet::Inside::drop_waiting(Neighbor& n, DropReason reason) {
    while (!n.waiting.empty()) drop_outgoing(waiting.take(n.waiting), reason, n.interface);
}

void Inet::Inside::release_waiting(Handle<Neighbor> neighbor) {
    Neighbor& n = neighbors[neighbor];
    if (n.waiting.empty()) return;
    Ask ask = Ask::Nothing;
    if (!neighbors.use(neighbor, ask)) return;
    while (!n.waiting.empty()) {
        Packet packet = waiting.take(n.waiting);
        push_link(n.interface, packet, n.mac, wire::EtherType::Ipv4);
        enqueue(n.interface, std::move(packet));
    }
}

void Inet::confirm(const Way& way) {
    if (way.epoch == inside_->epoch && inside_->neighbors.is_live(way.neighbor))
        inside_->neighbors.confirm(way.neighbor);
}

void Inet::suspect(const Way& way) {
    if (way.epoch == inside_->epoch && inside_->neighbors.is_live(way.neighbor))
        inside_->act(way.neighbor, inside_->neighbors.suspect(way.neighbor));
}

}  // namespace tern::inet

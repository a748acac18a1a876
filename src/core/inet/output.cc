// A PACKET LEAVES: route, neighbour, headers, queue. RFC 791, RFC 1122 3.3.1 and 2.3.2.
#include <algorithm>

#include "core/inet/inside.hh"

namespace tern::inet {

namespace {

constexpr u32 k_ipv4_packet_max = 65535;

}  // namespace

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
    if (!ways.find(outgoing.destination, outgoing.source, way))
        return drop_outgoing(packet, DropReason::OutNoRoute, 0);
    // RFC 1122 3.2.1.3 [RFC1122:5]: the address may have been taken away since the sender chose it.
    if (!may_leave(way.interface, outgoing.source, outgoing.destination)) [[unlikely]]
        return drop_outgoing(packet, DropReason::OutNoRoute, way.interface);
    const InterfaceConfig& config = at(way.interface).config;
    const u32 length = packet.size() + wire::k_ipv4_header;
    if (length > config.mtu && (packet->gso_size == 0 || length > k_ipv4_packet_max))
        return drop_outgoing(packet, DropReason::OutTooBig, way.interface);
    ipv4_output.push_header(packet, outgoing);
    if (!has_neighbors(config.medium)) return enqueue(way.interface, std::move(packet));
    if (!resolver.is_live(way.neighbor)) [[unlikely]]
        return to_group(std::move(packet), outgoing, way);
    const MacAddress* to = resolver.address_for(way.neighbor, packet);
    if (to == nullptr) return nullptr;
    return transmit(way.interface, std::move(packet), *to);
}

// RFC 1122 3.2.1.3 (a) [RFC1122:5]: 0.0.0.0 is a source for a host that is about to learn its
// address.
bool Inet::Inside::asks_for_address(u8 interface, const IpAddress& source,
                                    const IpAddress& destination) const {
    return source == IpAddress{Ipv4Address::unspecified()} &&
           destination == IpAddress{Ipv4Address::broadcast()} &&
           !addresses.has_usable_ipv4(interface);
}

void Inet::Inside::send(v4::Answer answer) {
    Way way;
    if (answer.packet) send(std::move(answer.packet), answer.outgoing, way);
}

// To everybody or to a group, or the neighbour cache was full when the way was looked for.
const PacketDescriptor* Inet::Inside::to_group(Packet packet, const Outgoing& outgoing, Way& way) {
    const IpAddress& destination = outgoing.destination;
    MacAddress to = MacAddress::broadcast();
    if (destination.v4().is_multicast()) {
        to = v4::multicast_mac(destination.v4());
    } else if (!is_group_on(way.interface, destination)) {
        way = {};
        const bool found = ways.find(destination, outgoing.source, way).has_value();
        if (!found || way.neighbor == 0)
            return drop_outgoing(packet, DropReason::NeighborCacheFull, way.interface);
        const MacAddress* mac = resolver.address_for(way.neighbor, packet);
        if (mac == nullptr) return nullptr;
        to = *mac;
    }
    return transmit(way.interface, std::move(packet), to);
}

// An IPv4 packet goes to a link address.
const PacketDescriptor* Inet::Inside::transmit(u8 interface, Packet packet, const MacAddress& to) {
    push_link(interface, packet, to, wire::EtherType::Ipv4);
    return enqueue(interface, std::move(packet));
}

void Inet::Inside::push_link(u8 interface, Packet& packet, const MacAddress& to,
                             wire::EtherType type) {
    const InterfaceState& i = at(interface);
    wire::emit_ethernet({.destination = to,
                         .source = i.config.mac,
                         .ether_type = static_cast<u16>(type),
                         .vlan = i.config.vlan},
                        packet.push(i.link_header()));
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

}  // namespace tern::inet

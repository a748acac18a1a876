// A PACKET ARRIVES: the link header, then ARP or IPv4, then whose it is. RFC 894, IEEE 802.1Q, RFC
// 1122 2.3.
#include <cstring>

#include "core/inet/inside.hh"

namespace tern::inet {

Arrived Inet::arrives(u8 interface, Packet& packet, Arrival& arrival, IcmpError& error) {
    Inside& in = *inside_;
    Context& context = in.context;
    if (context.observer) [[unlikely]] {
        ++context.note;
        told_frame(interface, packet, false);
    }
    if (has_neighbors(in.at(interface).config.medium))
        return in.link_input(interface, packet, arrival, error);
    packet->link_broadcast = false;
    return in.ip_input(interface, packet, arrival, error);
}

bool Inet::arrives_alike(u8 interface, Packet& packet, const PacketDescriptor& like) const {
    if (inside_->context.observer != nullptr) return false;
    const u32 link = link_header(interface);
    const u32 ip = like.transport - like.network;
    const u32 headers = link + ip;
    if (packet.size() < headers + wire::k_ipv4_header || ip != wire::k_ipv4_header) return false;
    const std::byte* ours = packet.data();
    const std::byte* theirs = like.slot + like.network - link;
    if (!wire::same_ipv4(ours + link, theirs + link)) return false;
    if (link != 0 && std::memcmp(ours, theirs, link) != 0) return false;
    const u32 total = wire::ipv4_total_length(ours + link);
    if (total > packet.size() - link) return false;
    packet->link_broadcast = false;
    packet.trim(packet.size() - link - total);
    packet->network = static_cast<u16>(packet->begin + link);
    packet->transport = static_cast<u16>(packet->begin + headers);
    packet.pull(headers);
    return true;
}

void Inet::told_frame(u8 interface, const Packet& packet, bool outbound) {
    const Context& context = inside_->context;
    if (!context.observer) return;
    context.observer->on_frame({.at = context.now,
                                .outbound = outbound,
                                .interface = interface,
                                .medium = inside_->at(interface).config.medium,
                                .note = outbound ? packet->note : context.note,
                                .bytes = packet.bytes(),
                                .gso_size = packet->gso_size,
                                .checksum_partial = packet->checksum == ChecksumState::Partial});
}

Arrived Inet::Inside::dropped(Packet& packet, DropReason reason, u8 interface) {
    packet.reset();
    context.drop(reason, interface);
    return Arrived::Consumed;
}

Arrived Inet::Inside::link_input(u8 interface, Packet& packet, Arrival& arrival, IcmpError& error) {
    const InterfaceConfig& config = at(interface).config;
    const auto link = wire::parse_ethernet(packet.bytes());
    if (!link) return dropped(packet, link.error(), interface);
    packet->link_broadcast = link->destination.is_group();
    if (link->destination != config.mac && !packet->link_broadcast)
        return dropped(packet, DropReason::LinkNotForUs, interface);
    if (link->source.is_group()) return dropped(packet, DropReason::LinkBadSource, interface);
    if (link->vlan != config.vlan) return dropped(packet, DropReason::VlanNotOurs, interface);

    packet.pull(link->header_length);
    switch (static_cast<wire::EtherType>(link->ether_type)) {
        case wire::EtherType::Ipv4: return ip_input(interface, packet, arrival, error);
        case wire::EtherType::Arp:
            arp.arrives(interface, packet, packet->link_broadcast);
            return Arrived::Consumed;
        default: return dropped(packet, DropReason::LinkUnknownType, interface);
    }
}

Arrived Inet::Inside::ip_input(u8 interface, Packet& packet, Arrival& arrival, IcmpError& error) {
    const v4::Input::Taken taken = ipv4_input.take(interface, packet, arrival);
    if (taken.reason != DropReason::None) [[unlikely]]
        return dropped(packet, taken.reason, interface);
    arrival.note = context.note;
    switch (static_cast<wire::IpProtocol>(taken.protocol)) {
        // RFC 9293 3.9.2 [RFC9293:MUST-50]: IP options stay behind.
        case wire::IpProtocol::Tcp: packet.pull(taken.header_length); return Arrived::Tcp;
        case wire::IpProtocol::Udp: packet.pull(taken.header_length); return Arrived::Udp;
        case wire::IpProtocol::Icmp:
            packet.pull(taken.header_length);
            return icmp_input(packet, arrival, error);
    }
    // The drop is told first: the error gets a note of its own.
    context.drop(DropReason::Ipv4UnknownProtocol, interface);
    // RFC 1122 3.2.2.1 [RFC1122:11]: protocol unreachable.
    send(icmp_errors.make(3, 2, packet, arrival));
    packet.reset();
    return Arrived::Consumed;
}

// RFC 792, RFC 1122 3.2.2.
Arrived Inet::Inside::icmp_input(Packet& packet, const Arrival& arrival, IcmpError& error) {
    ++context.counters.icmp_in;
    const auto message = wire::parse_icmp(packet.bytes());
    if (!message) return dropped(packet, message.error(), arrival.interface);
    DropReason reason = DropReason::None;
    switch (static_cast<wire::IcmpType>(message->type)) {
        case wire::IcmpType::EchoRequest:
            // RFC 1122 3.2.2.6 [RFC1122:12]: to answer would let one packet raise many (Smurf).
            if (arrival.broadcast)
                return dropped(packet, DropReason::IcmpBroadcastEcho, arrival.interface);
            send(echo.answer(std::move(packet), arrival));
            return Arrived::Consumed;
        case wire::IcmpType::EchoReply:
            reason = echo.take_reply(packet, *message, arrival);
            if (reason == DropReason::None) return Arrived::Consumed;
            break;
        case wire::IcmpType::DestinationUnreachable:
        case wire::IcmpType::TimeExceeded:
        case wire::IcmpType::ParameterProblem:
            reason = v4::read_error(*message, arrival, error);
            if (reason != DropReason::None) break;
            packet.reset();
            return Arrived::IcmpError;
        // RFC 9293 3.9.2.2 [RFC9293:MUST-55].
        case wire::IcmpType::SourceQuench: reason = DropReason::IcmpSourceQuench; break;
        default: reason = DropReason::IcmpUnknownType; break;  // RFC 1122 3.2.2 [RFC1122:8]
    }
    return dropped(packet, reason, arrival.interface);
}

}  // namespace tern::inet

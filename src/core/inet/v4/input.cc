#include "core/inet/v4/input.hh"

namespace tern::inet::v4 {

namespace {

// RFC 1112 4: every host is a member of this group.
constexpr Ipv4Address k_all_hosts{224, 0, 0, 1};

// RFC 1122 3.2.1.3 (a), (b): a host that does not know its address yet, or not all of it, may speak
// from network 0, to everybody on its link. Those who do are BOOTP's and DHCP's clients, by UDP
// (RFC 2131 4.1); no other protocol has an answer for such a source.
bool asks_for_address(const wire::Ipv4Header& header) {
    return header.source.value >> 24 == 0 && header.destination.is_broadcast() &&
           header.protocol == static_cast<u8>(wire::IpProtocol::Udp);
}

}  // namespace

Input::Taken Input::take(u8 interface, Packet& packet, Arrival& arrival) {
    // RFC 1122 3.2.1.1, 3.2.1.2 [RFC1122:1, RFC1122:2, RFC791:1]: version, lengths, checksum.
    const auto header = wire::parse_ipv4(packet.bytes());
    if (!header) return {.reason = header.error()};
    // RFC 791 [RFC791:1]: what lies behind the total length is the link's padding.
    packet.trim(packet.size() - header->total_length);
    packet->network = static_cast<u16>(packet->begin);
    packet->transport = static_cast<u16>(packet->begin + header->header_length);

    const DropReason reason = check_addresses(interface, *header, arrival);
    if (reason != DropReason::None) [[unlikely]]
        return {.reason = reason};
    // RFC 1122 3.3.6 [RFC1122:14]: a packet for one host is not for the whole link.
    if (packet->link_broadcast && !arrival.broadcast) [[unlikely]]
        return {.reason = DropReason::Ipv4UnicastInBroadcast};
    // RFC 7126 4.3, 4.4 [RFC7126:1]: a source route gets around filters.
    if (header->has_source_route) [[unlikely]]
        return {.reason = DropReason::Ipv4SourceRoute};
    if (header->is_fragment()) [[unlikely]]
        return {.reason = DropReason::Ipv4Fragment};

    // RFC 1122 3.2.1.7 [RFC1122:6]: the TTL of a packet that has arrived does not matter.
    arrival.source = header->source;
    arrival.destination = header->destination;
    arrival.interface = interface;
    arrival.tos = header->tos;
    arrival.ttl = header->ttl;
    return {.protocol = header->protocol, .header_length = static_cast<u8>(header->header_length)};
}

// Fills arrival.broadcast. Strong host model (RFC 1122 3.3.4.2): the destination must belong to
// the interface that the packet came in by.
DropReason Input::check_addresses(u8 interface, const wire::Ipv4Header& header, Arrival& arrival) {
    const LetIn pair{header.source, header.destination, generation_, interface};
    LetIn& lately = let_in_[(header.source.value ^ header.destination.value) % let_in_.size()];
    if (lately == pair) {
        arrival.broadcast = false;
        return DropReason::None;
    }
    const Surroundings& ask = *surroundings_;
    // RFC 1122 3.2.1.3 [RFC1122:4], RFC 9293 3.9.2.3 [RFC9293:MUST-63]: a source is one host.
    if (!header.source.is_valid_source() || ask.is_subnet_broadcast(interface, header.source)) {
        arrival.broadcast = true;
        return asks_for_address(header) ? DropReason::None : DropReason::Ipv4BadSource;
    }
    // Land (CVE-1999-0016): nobody else speaks with our address.
    if (ask.is_ours(header.source)) return DropReason::Ipv4OwnSource;

    if (ask.owns(interface, header.destination)) {
        arrival.broadcast = false;
        lately = pair;
        return DropReason::None;
    }
    arrival.broadcast = header.destination.is_broadcast() || header.destination == k_all_hosts ||
                        ask.is_subnet_broadcast(interface, header.destination);
    // RFC 1122 3.2.1.3 [RFC1122:3]: a host does not forward.
    return arrival.broadcast ? DropReason::None : DropReason::Ipv4NotForUs;
}

}  // namespace tern::inet::v4

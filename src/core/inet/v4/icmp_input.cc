// ICMP messages arrive (RFC 792, RFC 1122 3.2.2): echo is answered here, errors are taken apart for
// the flow that they quote.
#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "core/inet/inside.hh"
#include "core/packet/copy.hh"

namespace tern::inet {

bool read_quote(std::span<const std::byte> quoted, IcmpError& error) {
    const auto ip = wire::read_ip(quoted);
    if (!ip || ip->family != wire::IpFamily::V4 || ip->fragment_offset != 0) return false;
    // RFC 792: the header and the first 64 bits of its data.
    if (quoted.size() < ip->header_length + 8) return false;
    const std::byte* transport = quoted.data() + ip->header_length;
    error.protocol = ip->protocol;
    error.local = {ip->source, load16(transport)};
    error.remote = {ip->destination, load16(transport + 2)};
    error.seq = load32(transport + 4);
    return true;
}

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
            answer_echo(std::move(packet), arrival);
            return Arrived::Consumed;
        case wire::IcmpType::EchoReply:
            reason = take_echo_reply(packet, *message, arrival);
            if (reason == DropReason::None) return Arrived::Consumed;
            break;
        case wire::IcmpType::DestinationUnreachable:
        case wire::IcmpType::TimeExceeded:
        case wire::IcmpType::ParameterProblem:
            reason = error_input(*message, arrival, error);
            if (reason != DropReason::None) break;
            packet.reset();
            return Arrived::IcmpError;
        // RFC 9293 3.9.2.2 [RFC9293:MUST-55].
        case wire::IcmpType::SourceQuench: reason = DropReason::IcmpSourceQuench; break;
        default: reason = DropReason::IcmpUnknownType; break;  // RFC 1122 3.2.2 [RFC1122:8]
    }
    return dropped(packet, reason, arrival.interface);
}

// The transports check the rest: whether the flow lives, and (RFC 5927 4.1) the sequence number.
DropReason Inet::Inside::error_input(const wire::IcmpMessage& message, const Arrival& arrival,
                                     IcmpError& error) {
    if (arrival.broadcast || !read_quote(message.body, error)) return DropReason::IcmpBadQuote;
    // Whoever quotes a packet of ours sends its error to the address that the packet came from.
    if (error.local.address != arrival.destination) return DropReason::IcmpNoFlow;
    const bool has_flow = error.protocol == static_cast<u8>(wire::IpProtocol::Tcp) ||
                          error.protocol == static_cast<u8>(wire::IpProtocol::Udp);
    if (!has_flow) return DropReason::IcmpNoFlow;
    error.type = message.type;
    error.code = message.code;
    // RFC 1191 4: the low half of the second word; elsewhere it is unused.
    const bool too_big = message.type == 3 && message.code == 4;
    error.next_hop_mtu = too_big ? static_cast<u16>(message.rest) : u16{0};
    error.reporter = arrival.source;
    return DropReason::None;
}

// RFC 1122 3.2.2.6 [RFC1122:12]: the same data, from the address that was asked. The request
// itself becomes the reply: only its first word changes.
void Inet::Inside::answer_echo(Packet packet, const Arrival& arrival) {
    if (!make_exclusive(packet)) return context.drop(DropReason::MemoryCeiling, arrival.interface);
    const bool may_cut = !wire::read_ipv4_fields(packet.network_header()).dont_fragment;
    wire::emit_icmp(static_cast<u8>(wire::IcmpType::EchoReply), 0,
                    load32(packet.transport_header() + 4), packet.bytes());
    packet->checksum = ChecksumState::Unknown;
    packet->link_broadcast = false;
    packet->gso_size = packet->gso_segments = 0;
    context.sent(packet, SendReason::EchoReply);
    ++context.counters.icmp_out;
    constexpr u8 dscp = 0xfc;  // RFC 3168: ECN is for transports that react
    const Outgoing outgoing{.source = arrival.destination,
                            .destination = arrival.source,
                            .protocol = static_cast<u8>(wire::IpProtocol::Icmp),
                            .tos = static_cast<u8>(arrival.tos & dscp),
                            .dont_fragment = !may_cut};
    Way way;
    send(std::move(packet), outgoing, way);
}

}  // namespace tern::inet

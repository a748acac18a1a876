#include "core/inet/v4/output.hh"

#include <algorithm>

#include "core/wire/ipv4.hh"

namespace tern::inet::v4 {

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

void Output::push_header(Packet& packet, const Outgoing& outgoing) {
    const u32 length = packet.size() + wire::k_ipv4_header;
    packet->transport = static_cast<u16>(packet->begin);
    std::byte* to = packet.push(wire::k_ipv4_header);
    packet->network = static_cast<u16>(packet->begin);
    // RFC 6864 4.1 [RFC6864:1]: a packet that nobody may cut needs no ID of its own.
    wire::emit_ipv4({.tos = outgoing.tos,
                     .total_length = static_cast<u16>(length),
                     .id = outgoing.dont_fragment ? u16{0} : ids_.next(),
                     .dont_fragment = outgoing.dont_fragment,
                     // RFC 1122 3.2.1.7 [RFC1122:6].
                     .ttl = std::max<u8>(outgoing.ttl, 1),
                     .protocol = outgoing.protocol,
                     .source = outgoing.source.v4(),
                     .destination = outgoing.destination.v4()},
                    to);
}

MacAddress multicast_mac(Ipv4Address group) {
    return {{0x01, 0x00, 0x5e, static_cast<u8>(group.value >> 16 & 0x7f),
             static_cast<u8>(group.value >> 8), static_cast<u8>(group.value)}};
}

}  // namespace tern::inet::v4

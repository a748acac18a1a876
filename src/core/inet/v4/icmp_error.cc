// ICMP errors that we send: about what (RFC 1122 3.2.2), how much of it (RFC 1812 4.3.2.3), how
// often (CVE-2020-25705).
#include <algorithm>

#include "core/base/endian.hh"
#include "core/inet/inside.hh"

namespace tern::inet {

namespace {

constexpr u32 k_error_max = 576;  // RFC 1812 4.3.2.3: of the whole packet
constexpr u32 k_burst = 50;
// One host may have this share of all errors, so that none can use them up.
constexpr u32 k_share = 4;

// RFC 1122 3.2.2 [RFC1122:9]: no error about an error, about what went to many, about a later
// fragment, nor to a source that is not one host.
bool deserves_error(const Packet& packet, const Arrival& arrival) {
    if (arrival.broadcast || packet->link_broadcast) return false;
    if (!arrival.source.v4().is_valid_source()) return false;
    const auto ip = wire::read_ip(packet.bytes());
    if (!ip || ip->fragment_offset != 0) return false;
    if (!ip->carries(wire::IpProtocol::Icmp)) return true;
    const u32 type = ip->header_length;
    return type < packet.size() &&
           std::to_integer<u8>(packet.data()[type]) == static_cast<u8>(wire::IcmpType::EchoRequest);
}

}  // namespace

void Inet::send_icmp_error(u8 type, u8 code, const Packet& packet, const Arrival& arrival) {
    inside_->send_error(type, code, packet, arrival);
}

void Inet::Inside::send_error(u8 type, u8 code, const Packet& packet, const Arrival& arrival) {
    if (!deserves_error(packet, arrival)) return;
    const u32 rate = context.limits.icmp_errors_per_second;
    const u64 place = siphash13(errors_key, u64{arrival.source.v4().value}) % errors_to.size();
    const u32 share = rate == 0 ? 0 : std::max<u32>(rate / k_share, 1);
    if (!errors_to[place].take(context.now, share, k_burst, context.random) ||
        !errors.take(context.now, rate, k_burst, context.random))
        return context.drop(DropReason::IcmpRateLimited, arrival.interface);

    // RFC 1122 3.2.2 [RFC1122:10]: as much of the packet as fits, unchanged.
    const u32 quoted =
        std::min(packet.size(), k_error_max - wire::k_ipv4_header - wire::k_icmp_header);
    Packet error = context.pool->allocate(wire::k_icmp_header + quoted);
    if (!error) return context.drop(DropReason::MemoryCeiling, arrival.interface);
    std::byte* message = error.append(wire::k_icmp_header + quoted);
    std::memcpy(message + wire::k_icmp_header, packet.data(), quoted);
    wire::emit_icmp(type, code, 0, error.bytes());
    context.sent(error, SendReason::IcmpError);
    ++context.counters.icmp_out;
    const Outgoing outgoing{.source = arrival.destination,
                            .destination = arrival.source,
                            .protocol = static_cast<u8>(wire::IpProtocol::Icmp),
                            .tos = 0xc0,  // RFC 1812 4.3.2.5: internetwork control
                            .dont_fragment = false};
    Way way;
    send(std::move(error), outgoing, way);
}

}  // namespace tern::inet

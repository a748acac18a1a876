#include "core/inet/v4/icmp_error.hh"

#include <algorithm>

#include "core/base/endian.hh"
#include "core/wire/ip.hh"

namespace tern::inet::v4 {

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

bool IcmpErrors::may_send_to(const IpAddress& whom) {
    const u32 rate = context_->limits.icmp_errors_per_second;
    const u64 place = siphash13(key_, whom.high(), whom.low()) % by_host_.size();
    const u32 share = rate == 0 ? 0 : std::max<u32>(rate / k_share, 1);
    return by_host_[place].take(context_->now, share, k_burst, context_->random) &&
           all_.take(context_->now, rate, k_burst, context_->random);
}

Answer IcmpErrors::make(u8 type, u8 code, const Packet& packet, const Arrival& arrival) {
    if (!deserves_error(packet, arrival)) return {};
    if (!may_send_to(arrival.source)) {
        context_->drop(DropReason::IcmpRateLimited, arrival.interface);
        return {};
    }
    // RFC 1122 3.2.2 [RFC1122:10]: as much of the packet as fits, unchanged.
    const u32 quoted =
        std::min(packet.size(), k_error_max - wire::k_ipv4_header - wire::k_icmp_header);
    Packet error = context_->pool->allocate(wire::k_icmp_header + quoted);
    if (!error) {
        context_->drop(DropReason::MemoryCeiling, arrival.interface);
        return {};
    }
    std::byte* message = error.append(wire::k_icmp_header + quoted);
    std::memcpy(message + wire::k_icmp_header, packet.data(), quoted);
    wire::emit_icmp(type, code, 0, error.bytes());
    context_->sent(error, SendReason::IcmpError);
    ++context_->counters.icmp_out;
    return {.packet = std::move(error),
            .outgoing = {.source = arrival.destination,
                         .destination = arrival.source,
                         .protocol = static_cast<u8>(wire::IpProtocol::Icmp),
                         .tos = 0xc0,  // RFC 1812 4.3.2.5: internetwork control
                         .dont_fragment = false}};
}

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

DropReason read_error(const wire::IcmpMessage& message, const Arrival& arrival, IcmpError& error) {
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

}  // namespace tern::inet::v4

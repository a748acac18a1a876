// A router of the laboratory: forwards IPv4 (RFC 1812 5.2 and 5.3), and tells senders by ICMP what
// it could not (4.3). The queue of each outgoing wire is the wire's. It does not fragment and
// answers no echo.
#include <algorithm>

#include "core/packet/copy.hh"
#include "core/wire/icmpv4.hh"
#include "core/wire/ip.hh"
#include "lab/sim/router_inside.hh"

namespace tern::sim {

namespace {

constexpr u8 k_network_unreachable = 0, k_fragmentation_needed = 4, k_ttl_in_transit = 0;
constexpr u8 k_ttl = 64;
constexpr u32 k_error_max = 576;  // RFC 1812 4.3.2.3: of the whole packet

// RFC 1812 4.3.2.7: no error about an ICMP error, a later fragment, or what went to many.
bool deserves_error(const Packet& about, const wire::Ipv4Header& header) {
    if (header.fragment_offset != 0 || !header.source.is_valid_source()) return false;
    if (header.destination.is_multicast() || header.destination.is_broadcast()) return false;
    if (header.protocol != static_cast<u8>(wire::IpProtocol::Icmp)) return true;
    if (about.size() <= header.header_length) return false;
    const u8 type = std::to_integer<u8>(about.data()[header.header_length]);
    return type == static_cast<u8>(wire::IcmpType::EchoRequest) ||
           type == static_cast<u8>(wire::IcmpType::EchoReply);
}

}  // namespace

Router::Router(WorldInside& world, std::string name, Ipv4Address address)
    : Node(std::move(name)), inside_(std::make_unique<Inside>(world, address)) {}

Router::~Router() = default;

Ipv4Address Router::address() const { return inside_->address; }
const RouterCounters& Router::counters() const { return inside_->counters; }

u32 Router::attach(Lane& out) {
    inside_->ports.push_back(&out);
    return static_cast<u32>(inside_->ports.size()) - 1;
}

void Router::route(std::string_view destination, const Wire& wire) {
    const auto cidr = Cidr::parse(destination);
    if (!cidr || !cidr->address.is_v4())
        throw std::invalid_argument("route \"" + std::string{destination} + "\" of router " +
                                    name() + ": write a network, as in 10.1.0.0/16");
    const auto& ports = inside_->ports;
    const auto port = std::ranges::find_if(ports, [&](const Lane* lane) {
        return lane == wire.inside_->lanes[0].get() || lane == wire.inside_->lanes[1].get();
    });
    if (port == ports.end())
        throw std::invalid_argument("wire " + wire.name() + " does not end at router " + name());
    auto& routes = inside_->routes;
    const auto shorter = std::ranges::find_if(routes, [&](const Inside::Route& r) {
        return r.destination.prefix_length < cidr->prefix_length;
    });
    routes.insert(shorter, {*cidr, static_cast<u32>(port - ports.begin())});
}

void Router::arrive(u32, PacketBatch&& batch) {
    for (u32 i = 0; i < batch.size(); ++i) inside_->forward(batch.take(i));
    batch.clear();
    inside_->flush();
}

std::optional<u32> Router::Inside::port_for(Ipv4Address destination) const {
    for (const Route& route : routes)
        if (route.destination.contains(destination)) return route.port;
    const auto found = hosts.find(destination.value);
    return found == hosts.end() ? std::nullopt : std::optional{found->second};
}

void Router::Inside::forward(Packet packet) {
    const auto header = wire::parse_ipv4(packet.bytes());
    if (!header) {
        ++counters.malformed;
        return;
    }
    if (header->ttl <= 1) {
        ++counters.ttl_exceeded;
        return send_error(static_cast<u8>(wire::IcmpType::TimeExceeded), k_ttl_in_transit, 0,
                          packet, *header);
    }
    constexpr u8 unreachable = static_cast<u8>(wire::IcmpType::DestinationUnreachable);
    const auto port = port_for(header->destination);
    if (!port) {
        ++counters.no_route;
        return send_error(unreachable, k_network_unreachable, 0, packet, *header);
    }
    if (!ports[*port]->fits(packet)) {
        ++counters.too_big;
        if (!header->dont_fragment) return;
        return send_error(unreachable, k_fragmentation_needed, ports[*port]->mtu(), packet,
                          *header);
    }
    if (!make_exclusive(packet)) return;
    wire::decrement_hop_limit(packet.data());
    ++counters.forwarded;
    leave(*port, std::move(packet));
}

void Router::Inside::send_error(u8 type, u8 code, u32 rest, const Packet& about,
                                const wire::Ipv4Header& header) {
    const auto port = port_for(header.source);
    if (!port || !deserves_error(about, header)) return;
    constexpr u32 headers = wire::k_ipv4_header + wire::k_icmp_header;
    const u32 quoted = std::min<u32>(about.size(), k_error_max - headers);
    Packet error = world.pool.allocate(headers + quoted);
    if (!error) return;
    std::byte* ip = error.append(headers + quoted);
    std::memcpy(ip + headers, about.data(), quoted);
    wire::emit_icmp(type, code, rest,
                    {ip + wire::k_ipv4_header, std::size_t{wire::k_icmp_header + quoted}});
    wire::emit_ipv4({.tos = 0xc0,  // RFC 1812 4.3.2.5: internetwork control
                     .total_length = static_cast<u16>(headers + quoted),
                     .ttl = k_ttl,
                     .protocol = static_cast<u8>(wire::IpProtocol::Icmp),
                     .source = address,
                     .destination = header.source},
                    ip);
    ++counters.icmp_sent;
    leave(*port, std::move(error));
}

void Router::Inside::leave(u32 port, Packet packet) {
    if (port != leaving_port || leaving.full()) flush();
    leaving_port = port;
    leaving.push(std::move(packet));
}

void Router::Inside::flush() {
    if (!leaving.empty()) ports[leaving_port]->enter(std::move(leaving));
}

}  // namespace tern::sim

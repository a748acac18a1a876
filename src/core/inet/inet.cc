// Configuration of the internet layer, and the timers and events of all its parts.
#include "core/inet/inet.hh"

#include <algorithm>

#include "core/inet/inside.hh"

namespace tern::inet {

namespace {

// Of the memory ceiling: docs/memory.md.
constexpr u64 k_waiting_share = 16;
constexpr u64 k_queue_share = 8;
constexpr std::size_t k_interfaces_max = 255;  // an index has eight bits, and 0 is none

}  // namespace

Inet::Inside::Inside(Context& c)
    : context(c), queue_share(c.budget->limit() / k_queue_share), addresses(*this),
      claims(c.now, c.random, *this), ways(*this),
      resolver(c, c.budget->limit() / k_waiting_share, *this), arp(c, resolver, *this),
      ipv4_input(*this), ipv4_output(c.random.key()), icmp_errors(c), echo(c) {}

void Inet::Inside::addresses_changed() {
    ways.tables_changed();
    ipv4_input.addresses_changed();
}

void Inet::Inside::tell_address(u8 interface, const IpAddress& ip, Error error) {
    events.push({.kind = Event::Kind::Address,
                 .index = interface,
                 .generation = 0,
                 .bits = 0,
                 .error = error,
                 .user = 0,
                 .address = ip});
}

bool Inet::Inside::is_group(const IpAddress& to) const {
    return is_everybody(to) || addresses.is_subnet_broadcast(to);
}

bool Inet::Inside::is_group_on(u8 interface, const IpAddress& to) const {
    return is_everybody(to) || addresses.is_subnet_broadcast(interface, to);
}

Inet::Inet(Context& context) : inside_(new Inside(context)) {}

Inet::~Inet() { delete inside_; }

Result<u8> Inet::add_interface(const InterfaceConfig& config) {
    // RFC 791 3.2: every module must be able to forward 68 octets without fragmentation.
    constexpr u32 mtu_min = 68, mtu_max = 65535;
    constexpr u16 vlan_max = 4094;  // IEEE 802.1Q: 4095 is reserved
    if (config.mtu < mtu_min || config.mtu > mtu_max || config.vlan > vlan_max ||
        config.mac.is_group())
        return std::unexpected(Error::InvalidArgument);
    if (inside_->interfaces.size() >= k_interfaces_max) return std::unexpected(Error::NotSupported);
    auto interface = std::make_unique<InterfaceState>();
    interface->config = config;
    inside_->interfaces.push_back(std::move(interface));
    inside_->by_index[inside_->count()] = inside_->interfaces.back().get();
    inside_->addresses.add_interface();
    inside_->claims.add_interface();
    return inside_->count();
}

const InterfaceConfig& Inet::interface(u8 index) const { return inside_->at(index).config; }

u8 Inet::interface_count() const { return inside_->count(); }
bool Inet::has_interface(u8 index) const { return inside_->has(index); }
u32 Inet::link_header(u8 interface) const { return inside_->at(interface).link_header(); }

Chain& Inet::queue(u8 interface) { return inside_->at(interface).queue; }

// No address of IPv6 is taken before there is an IPv6 that uses it.
Result<void> Inet::add_address(u8 interface, Cidr address, bool probe) {
    Inside& in = *inside_;
    if (!in.has(interface)) return std::unexpected(Error::NoSuchInterface);
    const IpAddress& ip = address.address;
    if (!ip.is_v4()) return std::unexpected(Error::InvalidAddress);
    const bool asks = probe && has_neighbors(in.at(interface).config.medium);
    if (auto added = in.addresses.add(interface, address, !asks); !added) return added;
    if (asks) in.claims.start(interface, ip);
    in.addresses_changed();
    // Where nobody can be asked, the address is free.
    if (probe && !asks) in.tell_address(interface, ip, Error::None);
    return {};
}

Result<void> Inet::remove_address(u8 interface, IpAddress address) {
    Inside& in = *inside_;
    if (!in.has(interface)) return std::unexpected(Error::NoSuchInterface);
    if (auto removed = in.addresses.remove(interface, address); !removed) return removed;
    in.claims.forget(interface, address);
    in.addresses_changed();
    return {};
}

Result<void> Inet::add_prefix(u8 interface, Cidr prefix, bool answer_arp) {
    Inside& in = *inside_;
    if (!in.has(interface)) return std::unexpected(Error::NoSuchInterface);
    if (!prefix.address.is_v4()) return std::unexpected(Error::InvalidAddress);
    if (auto added = in.addresses.add_prefix(interface, prefix, answer_arp); !added) return added;
    in.addresses_changed();
    return {};
}

Result<void> Inet::remove_prefix(u8 interface, Cidr prefix) {
    Inside& in = *inside_;
    if (!in.has(interface)) return std::unexpected(Error::NoSuchInterface);
    if (auto removed = in.addresses.remove_prefix(interface, prefix); !removed) return removed;
    in.addresses_changed();
    return {};
}

Result<void> Inet::add_route(Cidr destination, u8 interface, std::optional<IpAddress> gateway) {
    Inside& in = *inside_;
    if (!in.has(interface)) return std::unexpected(Error::NoSuchInterface);
    if (!destination.address.is_v4() || !is_valid(destination))
        return std::unexpected(Error::InvalidAddress);
    if (gateway && (!gateway->is_v4() || !is_host(*gateway)))
        return std::unexpected(Error::InvalidAddress);
    in.routes.add({.to = prefix_of(destination), .interface = interface, .gateway = gateway});
    in.addresses.routes_changed();
    in.addresses_changed();
    return {};
}

Result<void> Inet::clear_interface(u8 interface) {
    Inside& in = *inside_;
    if (!in.has(interface)) return std::unexpected(Error::NoSuchInterface);
    in.addresses.clear(interface);
    in.claims.forget_all(interface);
    in.routes.remove_all(interface);
    in.addresses_changed();
    return {};
}

Result<void> Inet::add_neighbor(u8 interface, IpAddress address, MacAddress mac) {
    Inside& in = *inside_;
    if (!in.has(interface)) return std::unexpected(Error::NoSuchInterface);
    if (!address.is_v4() || !is_host(address) || mac.is_group() || mac.is_zero())
        return std::unexpected(Error::InvalidAddress);
    const Handle<Neighbor> n = in.resolver.entry_for(interface, address, true);
    if (n == 0) return std::unexpected(Error::OutOfMemory);
    in.resolver.make_permanent(n, mac);
    return {};
}

void Inet::flush_neighbors() { inside_->resolver.flush(); }

Result<IpAddress> Inet::source_for(const IpAddress& destination) const {
    const auto path = inside_->path_to(destination, 0);
    if (!path) return std::unexpected(Error::NoRoute);
    const auto source = inside_->addresses.source(path->interface, destination, path->next_hop);
    if (!source) return std::unexpected(Error::NoRoute);
    return *source;
}

bool Inet::is_local_address(const IpAddress& address) const {
    return inside_->addresses.is_ours(address);
}

bool Inet::is_source_on(const Way& way, const IpAddress& source) const {
    return inside_->has(way.interface) && inside_->addresses.owns(way.interface, source);
}

bool Inet::may_leave(const Way& way, const IpAddress& source, const IpAddress& destination) const {
    return inside_->has(way.interface) && inside_->may_leave(way.interface, source, destination);
}

bool Inet::is_broadcast_address(const IpAddress& address) const {
    return address.is_v4() && !address.v4().is_multicast() && inside_->is_group(address);
}

Result<void> Inet::find_way(const IpAddress& destination, const IpAddress& source, Way& way) {
    return inside_->ways.find(destination, source, way);
}

u32 Inet::mtu(const Way& way) const { return inside_->ways.mtu(way); }

void Inet::confirm(const Way& way) {
    if (inside_->ways.is_current(way)) inside_->resolver.confirm(way.neighbor);
}

void Inet::suspect(const Way& way) {
    if (inside_->ways.is_current(way)) inside_->resolver.suspect(way.neighbor);
}

void Inet::send_icmp_error(u8 type, u8 code, const Packet& packet, const Arrival& arrival) {
    inside_->send(inside_->icmp_errors.make(type, code, packet, arrival));
}

Result<void> Inet::send_echo(const IpAddress& to, u16 identifier, u16 sequence,
                             std::span<const std::byte> data) {
    Inside& in = *inside_;
    Way way;
    TERN_TRY(const IpAddress source, source_for(to));
    if (const auto found = find_way(to, source, way); !found) return found;
    const std::size_t overhead = wire::k_icmp_header + wire::k_ipv4_header;
    if (data.size() + overhead > mtu(way)) return std::unexpected(Error::MessageTooLong);
    TERN_TRY(v4::Answer question, in.echo.ask({.source = source,
                                               .to = to,
                                               .identifier = identifier,
                                               .sequence = sequence,
                                               .data = data,
                                               .to_group = in.is_group(to)}));
    in.send(std::move(question.packet), question.outgoing, way);
    return {};
}

std::optional<EchoReply> Inet::next_echo_reply() { return inside_->echo.next_reply(); }

void Inet::advance() {
    inside_->resolver.advance();
    inside_->claims.advance();
}

Instant Inet::next_deadline() const {
    return std::min(inside_->resolver.next_deadline(), inside_->claims.next_deadline());
}

std::optional<Event> Inet::next_event() {
    if (const auto event = inside_->events.pop()) return event;
    if (!inside_->echo.tell()) return {};
    return Event{.kind = Event::Kind::Echo,
                 .index = 0,
                 .generation = 0,
                 .bits = 0,
                 .error = Error::None,
                 .user = 0};
}

std::optional<IcmpError> Inet::next_undelivered() { return inside_->undelivered.pop(); }

}  // namespace tern::inet

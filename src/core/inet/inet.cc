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

// What may stand in front of a host on a network of ours.
bool is_host_address(Ipv4Address ip) { return ip.is_valid_source(); }

}  // namespace

Inet::Inside::Inside(Context& c)
    : context(c), waiting(c.budget->limit() / k_waiting_share),
      queue_share(c.budget->limit() / k_queue_share), neighbors(c), ids(c.random.key()),
      errors_key(c.random.key()) {}

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
    return inside_->count();
}

const InterfaceConfig& Inet::interface(u8 index) const { return inside_->at(index).config; }

u8 Inet::interface_count() const { return inside_->count(); }
bool Inet::has_interface(u8 index) const { return inside_->has(index); }
u32 Inet::link_header(u8 interface) const { return inside_->at(interface).link_header(); }

Chain& Inet::queue(u8 interface) { return inside_->at(interface).queue; }

Result<void> Inet::add_address(u8 interface, Cidr address, bool probe) {
    Inside& in = *inside_;
    if (!in.has(interface)) return std::unexpected(Error::NoSuchInterface);
    if (!address.address.is_v4() || address.prefix_length > 32)
        return std::unexpected(Error::InvalidAddress);
    OwnAddress own{.ip = address.address.v4(), .prefix_length = address.prefix_length};
    if (!is_host_address(own.ip) || own.is_subnet_broadcast(own.ip))
        return std::unexpected(Error::InvalidAddress);
    for (const auto& i : in.interfaces)
        if (i->own(own.ip) != nullptr) return std::unexpected(Error::AlreadyExists);

    InterfaceState& i = in.at(interface);
    if (probe && has_neighbors(i.config.medium)) in.start_claim(interface, own);
    i.addresses.push_back(own);
    in.addresses_changed(interface);
    // Where nobody can be asked, the address is free.
    if (probe && !has_neighbors(i.config.medium)) in.tell_address(interface, own.ip, Error::None);
    return {};
}

Result<void> Inet::remove_address(u8 interface, IpAddress address) {
    Inside& in = *inside_;
    if (!in.has(interface)) return std::unexpected(Error::NoSuchInterface);
    const bool ours = address.is_v4() && in.at(interface).own(address.v4()) != nullptr;
    if (!ours) return std::unexpected(Error::AddressNotAvailable);
    std::erase_if(in.at(interface).addresses,
                  [&](const OwnAddress& a) { return a.ip == address.v4(); });
    in.addresses_changed(interface);
    in.find_claims_due();
    return {};
}

Result<void> Inet::add_route(Cidr destination, u8 interface, std::optional<IpAddress> gateway) {
    Inside& in = *inside_;
    if (!in.has(interface)) return std::unexpected(Error::NoSuchInterface);
    if (!destination.address.is_v4() || destination.prefix_length > 32)
        return std::unexpected(Error::InvalidAddress);
    if (gateway && (!gateway->is_v4() || !is_host_address(gateway->v4())))
        return std::unexpected(Error::InvalidAddress);
    in.routes.add({.network = destination.address.v4().value & mask_of(destination.prefix_length),
                   .prefix_length = destination.prefix_length,
                   .interface = interface,
                   .gateway = gateway ? gateway->v4() : Ipv4Address::any()});
    in.tables_changed();
    return {};
}

Result<void> Inet::add_neighbor(u8 interface, IpAddress address, MacAddress mac) {
    Inside& in = *inside_;
    if (!in.has(interface)) return std::unexpected(Error::NoSuchInterface);
    if (!address.is_v4() || !is_host_address(address.v4()) || mac.is_group() || mac.is_zero())
        return std::unexpected(Error::InvalidAddress);
    const Handle<Neighbor> n = in.neighbor_for(interface, address.v4(), true);
    if (n == 0) return std::unexpected(Error::OutOfMemory);
    in.neighbors.make_permanent(n, mac);
    in.release_waiting(n);
    return {};
}

// RFC 1122 2.3.2.1 [RFC1122:20]: out-of-date entries can be flushed. Static ones are not of that
// kind.
void Inet::flush_neighbors() {
    inside_->neighbors.flush(
        [this](Neighbor& n) { inside_->drop_waiting(n, DropReason::NeighborUnreachable); });
    inside_->tables_changed();
}

void Inet::advance() {
    Inside& in = *inside_;
    in.neighbors.advance([&in](Handle<Neighbor> i, Ask ask) { in.act(i, ask); });
    in.advance_claims();
}

Instant Inet::next_deadline() const {
    return std::min(inside_->neighbors.next_deadline(), inside_->claims_due);
}

std::optional<Event> Inet::next_event() {
    const auto event = inside_->events.pop();
    if (event && event->kind == Event::Kind::Echo) inside_->echo_event_waits = false;
    return event;
}

std::optional<IcmpError> Inet::next_undelivered() { return inside_->undelivered.pop(); }

}  // namespace tern::inet

// The one object behind Inet: it holds the parts and answers what they ask of their surroundings.
#pragma once

#include <array>
#include <memory>
#include <vector>

#include "core/inet/address/claims.hh"
#include "core/inet/address/own_addresses.hh"
#include "core/inet/inet.hh"
#include "core/inet/neighbor/arp.hh"
#include "core/inet/neighbor/resolver.hh"
#include "core/inet/ring.hh"
#include "core/inet/route/table.hh"
#include "core/inet/route/way.hh"
#include "core/inet/v4/echo.hh"
#include "core/inet/v4/icmp_error.hh"
#include "core/inet/v4/input.hh"
#include "core/inet/v4/output.hh"
#include "core/wire/frame.hh"

namespace tern::inet {

struct InterfaceState {
    InterfaceConfig config;
    Chain queue;

    u32 link_header() const { return wire::link_header_length(config.medium, config.vlan); }
};

struct Inet::Inside final : private OwnAddresses::Surroundings,
                            private Claims::Surroundings,
                            private Ways::Surroundings,
                            private Resolver::Surroundings,
                            private Arp::Surroundings,
                            private v4::Input::Surroundings {
    explicit Inside(Context& c);

    Context& context;
    std::vector<std::unique_ptr<InterfaceState>> interfaces;  // Index - 1
    std::array<InterfaceState*, 256> by_index{};              // the same, without arithmetic
    u64 queue_share;  // bytes that the queue of an interface may hold
    OwnAddresses addresses;
    Claims claims;
    RouteTable routes;
    Ways ways;
    Resolver resolver;
    Arp arp;
    v4::Input ipv4_input;
    v4::Output ipv4_output;
    v4::IcmpErrors icmp_errors;
    v4::Echo echo;
    Ring<Event, 64> events;
    Ring<IcmpError, 64> undelivered;

    InterfaceState& at(u8 interface) const {
        InterfaceState* const found = by_index[interface];
        check(found != nullptr);
        return *found;
    }
    bool has(u8 interface) const { return by_index[interface] != nullptr; }
    u8 count() const { return static_cast<u8>(interfaces.size()); }
    void addresses_changed();
    void tell_address(u8 interface, const IpAddress& ip, Error error);
    bool is_group(const IpAddress& to) const;  // more than one host, on any link
    bool is_group_on(u8 interface, const IpAddress& to) const;

    // input.cc
    Arrived link_input(u8 interface, Packet& packet, Arrival& arrival, IcmpError& error);
    Arrived ip_input(u8 interface, Packet& packet, Arrival& arrival, IcmpError& error);
    Arrived icmp_input(Packet& packet, const Arrival& arrival, IcmpError& error);
    Arrived dropped(Packet& packet, DropReason reason, u8 interface);

    // output.cc
    const PacketDescriptor* send(Packet packet, const Outgoing& outgoing, Way& way);
    bool may_leave(u8 interface, const IpAddress& source, const IpAddress& destination) const {
        return addresses.owns(interface, source) ||
               asks_for_address(interface, source, destination);
    }
    bool asks_for_address(u8 interface, const IpAddress& source,
                          const IpAddress& destination) const;
    void send(v4::Answer answer);  // if there is one
    const PacketDescriptor* to_group(Packet packet, const Outgoing& outgoing, Way& way);
    void push_link(u8 interface, Packet& packet, const MacAddress& to, wire::EtherType type);
    const PacketDescriptor* transmit(u8 interface, Packet packet, const MacAddress& to);
    bool may_grow(const Chain& queue, const PacketDescriptor& by) const;
    const PacketDescriptor* enqueue(u8 interface, Packet packet);
    const PacketDescriptor* drop_outgoing(const Packet& packet, DropReason reason, u8 interface);

    // surroundings.cc: what the parts ask
    // OwnAddresses
    u8 route_bits(const IpAddress& to) const override;
    // Claims
    void probe(u8 interface, const IpAddress& ip) override;
    void announce(u8 interface, const IpAddress& ip) override;
    void defend(u8 interface, const IpAddress& ip) override;
    void won(u8 interface, const IpAddress& ip) override;
    void lost(u8 interface, const IpAddress& ip) override;
    // Ways
    u8 interface_of(const IpAddress& source) const override;
    std::optional<Path> path_to(const IpAddress& to, u8 only) const override;
    std::optional<Handle<Neighbor>> neighbor_on(const Path& path) override;
    u32 mtu_of(u8 interface) const override { return at(interface).config.mtu; }
    // Resolver
    void solicit(const Neighbor& neighbor, const MacAddress& to) override;
    void release(const Neighbor& neighbor, Packet packet) override;
    void lost(const Packet& packet, DropReason reason, u8 interface) override;
    void unreachable(const Packet& packet) override;
    void slots_changed() override { ways.tables_changed(); }
    // Arp
    MacAddress mac(u8 interface) const override { return at(interface).config.mac; }
    bool answers(u8 interface, Ipv4Address ip) const override;
    bool is_neighbor(u8 interface, Ipv4Address ip) const override;
    std::optional<Ipv4Address> source_for(u8 interface, Ipv4Address ip) const override;
    bool spoken_with(u8 interface, Ipv4Address ip) override;
    bool probed_for(u8 interface, Ipv4Address ip) override;
    void transmit_arp(u8 interface, Packet packet, const MacAddress& to, SendReason why) override;
    // v4::Input
    bool owns(u8 interface, Ipv4Address ip) const override;
    bool is_ours(Ipv4Address ip) const override;
    bool is_subnet_broadcast(u8 interface, Ipv4Address ip) const override;
};

}  // namespace tern::inet

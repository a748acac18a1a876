// Routes of one stack, longest prefix first (RFC 1122 3.3.1), and which way a packet goes. A host
// has few routes: a sorted list. Asks nothing of anybody.
#pragma once

#include <optional>
#include <vector>

#include "core/base/prefix.hh"

namespace tern::inet {

struct Route {
    Prefix to;
    u8 interface = 0;
    std::optional<IpAddress> gateway;  // none: the destination is on the link itself
};

class RouteTable {
public:
    // A route to the same network replaces nothing: the first one added wins.
    void add(const Route& route);
    void remove_all(u8 interface);
    // The longest matching prefix, of the routes by `only` unless that is 0; null: none.
    const Route* find(const IpAddress& to, u8 only = 0) const;

private:
    std::vector<Route> routes_;  // by falling prefix length
};

// The longest of the subnets of our own addresses that a destination is in.
struct OnLink {
    u8 interface = 0;
    u8 bits = 0;  // of its prefix, as in Prefix
};

// The first step to a destination.
struct Path {
    u8 interface = 0;
    IpAddress next_hop;  // the destination, or a gateway
};

// A limited broadcast, or a multicast group.
bool is_everybody(const IpAddress& to);

// The subnets of our addresses are routes too, and of two equal ones they are preferred. A limited
// broadcast and a group take no gateway, and where nobody else knows a way `first_interface`; 0:
// there is none. `to` is none of our own addresses.
std::optional<Path> choose_path(const IpAddress& to, const Route* route,
                                const std::optional<OnLink>& on_link, u8 first_interface);

}  // namespace tern::inet

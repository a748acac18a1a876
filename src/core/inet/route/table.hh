// Routes of one stack, longest prefix first (RFC 1122 3.3.1). A host has few: a sorted list.
#pragma once

#include <optional>
#include <vector>

#include "tern/address.hh"

namespace tern::inet {

// The ones of a netmask; 0..32.
constexpr u32 mask_of(u8 prefix_length) {
    return prefix_length == 0 ? 0 : ~u32{0} << (32 - prefix_length);
}

struct Route {
    u32 network = 0;
    u8 prefix_length = 0;
    u8 interface = 0;
    Ipv4Address gateway;  // any: the destination is on the link itself

    bool matches(Ipv4Address to) const { return (to.value & mask_of(prefix_length)) == network; }
    friend bool operator==(const Route&, const Route&) = default;
};

class RouteTable {
public:
    // A route to the same network replaces nothing: the first one added wins.
    void add(const Route& route);
    void remove(const Route& route);
    // The longest matching prefix, of the routes by `only` unless that is 0; null: none.
    const Route* find(Ipv4Address to, u8 only = 0) const;

private:
    std::vector<Route> routes_;  // by falling prefix length
};

}  // namespace tern::inet

// RFC 1122 3.3.1.1: on-link or through a gateway, by the longest prefix.
#include "core/inet/route/table.hh"

#include <algorithm>

namespace tern::inet {

void RouteTable::add(const Route& route) {
    const auto shorter = std::find_if(routes_.begin(), routes_.end(), [&](const Route& r) {
        return r.prefix_length < route.prefix_length;
    });
    routes_.insert(shorter, route);
}

void RouteTable::remove(const Route& route) {
    const auto found = std::find(routes_.begin(), routes_.end(), route);
    if (found != routes_.end()) routes_.erase(found);
}

// RFC 1122 3.3.1 [RFC1122:15]: the longest prefix comes first; what is on-link has no gateway.
const Route* RouteTable::find(Ipv4Address to, u8 only) const {
    for (const Route& route : routes_)
        if (route.matches(to) && (only == 0 || route.interface == only)) return &route;
    return nullptr;
}

}  // namespace tern::inet

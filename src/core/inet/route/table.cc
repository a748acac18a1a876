// RFC 1122 3.3.1.1: on-link or through a gateway, by the longest prefix.
#include "core/inet/route/table.hh"

#include <algorithm>

namespace tern::inet {

namespace {

// RFC 1122 3.2.1.3 (a), (g) [RFC1122:5], RFC 4291 2.5.2, 2.5.3: appears on no link.
bool stays_inside(const IpAddress& to) {
    if (to.is_v4()) return to.v4().is_loopback() || to.v4().value >> 24 == 0;
    const AddressNumber number = to;
    return number.high == 0 && number.low <= 1;
}

}  // namespace

bool is_everybody(const IpAddress& to) {
    if (!to.is_v4()) return to.bytes[0] == 0xff;  // RFC 4291 2.7
    return to.v4().is_broadcast() || to.v4().is_multicast();
}

void RouteTable::add(const Route& route) {
    const auto shorter = std::find_if(routes_.begin(), routes_.end(),
                                      [&](const Route& r) { return r.to.bits < route.to.bits; });
    routes_.insert(shorter, route);
}

void RouteTable::remove_all(u8 interface) {
    std::erase_if(routes_, [&](const Route& r) { return r.interface == interface; });
}

// RFC 1122 3.3.1 [RFC1122:15]: the longest prefix comes first; what is on-link has no gateway.
const Route* RouteTable::find(const IpAddress& to, u8 only) const {
    for (const Route& route : routes_)
        if (route.to.contains(to) && (only == 0 || route.interface == only)) return &route;
    return nullptr;
}

std::optional<Path> choose_path(const IpAddress& to, const Route* route,
                                const std::optional<OnLink>& on_link, u8 first_interface) {
    if (stays_inside(to)) return {};
    const bool everybody = is_everybody(to);
    if (route != nullptr && (!on_link || route->to.bits > on_link->bits)) {
        const bool direct = !route->gateway || everybody;
        return Path{route->interface, direct ? to : *route->gateway};
    }
    if (on_link) return Path{on_link->interface, to};
    if (everybody && first_interface != 0) return Path{first_interface, to};
    return {};
}

}  // namespace tern::inet

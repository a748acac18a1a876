// Which way, and from which address of ours: RFC 1122 3.3.1.1 and 3.3.4.3, RFC 6724 5.
#include <algorithm>
#include <bit>

#include "core/inet/inside.hh"

namespace tern::inet {

// RFC 1122 3.3.4.2, the strong host model: what has an address of ours as source leaves by the
// interface of that address, or not at all. 0: nobody has chosen a source yet, or one that is not
// ours, or there is only one interface.
u8 Inet::Inside::interface_of(Ipv4Address source) const {
    if (count() < 2) return 0;
    for (u32 index = 1; index <= count(); ++index)
        if (owns(static_cast<u8>(index), source)) return static_cast<u8>(index);
    return 0;
}

// The subnets of our addresses are routes too. A limited broadcast and a group take the default
// route, or else the first interface there is. `only` (0: any) restricts the search to an
// interface.
std::optional<Inet::Inside::Hop> Inet::Inside::next_hop(Ipv4Address to, u8 only) const {
    int best = -1;
    u8 best_interface = 0;
    // RFC 1122 3.2.1.3 (g) [RFC1122:5]: such a destination must not appear outside a host.
    if (to.is_loopback() || to.value >> 24 == 0) return {};
    if (is_ours(to)) return {};  // nobody is a neighbour of himself
    for (u32 index = 1; index <= count(); ++index) {
        if (only != 0 && index != only) continue;
        for (const OwnAddress& a : interfaces[index - 1u]->subnets) {
            if (!a.usable() || !a.same_subnet(to) || a.prefix_length <= best) continue;
            best = a.prefix_length;
            best_interface = static_cast<u8>(index);
        }
    }
    const Route* route = routes.find(to, only);
    const bool everybody = to.is_broadcast() || to.is_multicast();
    if (route != nullptr && route->prefix_length > best) {
        const bool direct = route->gateway.is_any() || everybody;
        return Hop{route->interface, direct ? to : route->gateway};
    }
    if (best_interface != 0) return Hop{best_interface, to};
    if (everybody && !interfaces.empty()) return Hop{std::max<u8>(only, 1), to};
    return {};
}

// RFC 6724 5, as far as IPv4 has it: an address of the hop's subnet (rule 5.5's aim), the scope of
// the destination (rule 2), the longest common prefix (rule 8), the first one that was added.
const OwnAddress* Inet::Inside::source_on(u8 interface, Ipv4Address to, Ipv4Address hop) const {
    const OwnAddress* best = nullptr;
    int best_score = -1;
    for (const OwnAddress& a : interfaces[interface - 1u]->addresses) {
        if (!a.usable()) continue;
        const int score = (a.same_subnet(hop) ? 128 : 0) +
                          (a.ip.is_link_local() == to.is_link_local() ? 64 : 0) +
                          std::countl_zero(a.ip.value ^ to.value);
        if (score <= best_score) continue;
        best = &a;
        best_score = score;
    }
    return best;
}

Result<IpAddress> Inet::source_for(const IpAddress& destination) const {
    if (!destination.is_v4()) return std::unexpected(Error::NoRoute);
    const auto hop = inside_->next_hop(destination.v4());
    if (!hop) return std::unexpected(Error::NoRoute);
    const OwnAddress* source = inside_->source_on(hop->interface, destination.v4(), hop->next);
    if (source == nullptr) return std::unexpected(Error::NoRoute);
    return IpAddress{source->ip};
}

bool Inet::is_broadcast_address(const IpAddress& address) const {
    return address.is_v4() && !address.v4().is_multicast() && inside_->is_group(address.v4());
}

bool Inet::Inside::is_group(Ipv4Address to) const {
    if (to.is_broadcast() || to.is_multicast()) return true;
    for (const auto& i : interfaces)
        if (i->is_subnet_broadcast(to)) return true;
    return false;
}

}  // namespace tern::inet

// Which addresses are ours: single ones, and all of a prefix.
#include <algorithm>
#include <utility>

#include "core/inet/inside.hh"

namespace tern::inet {

void InterfaceState::addresses_changed() {
    by_ip.resize(addresses.size());
    for (u32 i = 0; i < by_ip.size(); ++i) by_ip[i] = i;
    std::sort(by_ip.begin(), by_ip.end(),
              [this](u32 a, u32 b) { return addresses[a].ip < addresses[b].ip; });
    subnets.clear();
    for (const u32 place : by_ip) {  // in this order all of a subnet stand together
        const OwnAddress& a = addresses[place];
        const bool same = !subnets.empty() && subnets.back().prefix_length == a.prefix_length &&
                          subnets.back().same_subnet(a.ip);
        if (!same)
            subnets.push_back(a);
        else if (a.usable())
            subnets.back() = a;
    }
}

const OwnAddress* InterfaceState::own(Ipv4Address ip) const {
    const auto at = std::partition_point(by_ip.begin(), by_ip.end(),
                                         [&](u32 place) { return addresses[place].ip < ip; });
    return at != by_ip.end() && addresses[*at].ip == ip ? &addresses[*at] : nullptr;
}

OwnAddress* InterfaceState::own(Ipv4Address ip) {
    return const_cast<OwnAddress*>(std::as_const(*this).own(ip));
}

const OwnPrefix* InterfaceState::prefix_of(Ipv4Address ip) const {
    const auto behind =
        std::partition_point(prefixes.begin(), prefixes.end(),
                             [&](const OwnPrefix& p) { return p.network <= ip.value; });
    return behind != prefixes.begin() && (behind - 1)->contains(ip) ? &*(behind - 1) : nullptr;
}

Result<void> Inet::add_prefix(u8 interface, Cidr prefix, bool answer_arp) {
    Inside& in = *inside_;
    if (!in.has(interface)) return std::unexpected(Error::NoSuchInterface);
    if (!prefix.address.is_v4() || prefix.prefix_length > 32)
        return std::unexpected(Error::InvalidAddress);
    const OwnPrefix own{prefix.address.v4().value, prefix.prefix_length, answer_arp};
    if ((own.network & ~mask_of(own.length)) != 0) return std::unexpected(Error::InvalidAddress);
    for (const auto& i : in.interfaces)
        for (const OwnPrefix& p : i->prefixes)
            if (p.network <= own.last() && own.network <= p.last())
                return std::unexpected(Error::AlreadyExists);
    std::vector<OwnPrefix>& all = in.at(interface).prefixes;
    const auto behind = std::find_if(all.begin(), all.end(),
                                     [&](const OwnPrefix& p) { return p.network > own.network; });
    all.insert(behind, own);
    in.tables_changed();
    return {};
}

Result<void> Inet::remove_prefix(u8 interface, Cidr prefix) {
    Inside& in = *inside_;
    if (!in.has(interface)) return std::unexpected(Error::NoSuchInterface);
    const auto gone = std::erase_if(in.at(interface).prefixes, [&](const OwnPrefix& p) {
        return prefix.address == IpAddress{Ipv4Address{p.network}} &&
               prefix.prefix_length == p.length;
    });
    if (gone == 0) return std::unexpected(Error::AddressNotAvailable);
    in.tables_changed();
    return {};
}

// The longest prefix decides, as in a routing table: a neighbour's subnet within a prefix of ours
// is the neighbours'.
bool Inet::Inside::owns_by_prefix(u8 interface, Ipv4Address ip) const {
    const OwnPrefix* prefix = at(interface).prefix_of(ip);
    if (prefix == nullptr || !ip.is_valid_source()) return false;
    const Route* route = routes.find(ip);
    if (route != nullptr && route->prefix_length > prefix->length) return false;
    for (const auto& i : interfaces) {
        for (const OwnAddress& a : i->subnets)
            if (a.is_subnet_broadcast(ip) ||
                (a.usable() && a.same_subnet(ip) && a.prefix_length > prefix->length))
                return false;
    }
    return true;
}

bool Inet::Inside::owns(u8 interface, Ipv4Address ip) const {
    const OwnAddress* own = at(interface).own(ip);
    return own != nullptr ? own->usable() : owns_by_prefix(interface, ip);
}

bool Inet::Inside::is_ours(Ipv4Address ip) const {
    for (u32 index = 1; index <= count(); ++index)
        if (owns(static_cast<u8>(index), ip)) return true;
    return false;
}

bool Inet::is_source_on(const Way& way, const IpAddress& source) const {
    return source.is_v4() && inside_->has(way.interface) &&
           inside_->owns(way.interface, source.v4());
}

bool Inet::is_local_address(const IpAddress& address) const {
    return address.is_v4() && inside_->is_ours(address.v4());
}

}  // namespace tern::inet

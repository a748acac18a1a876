// Which addresses are ours. A packet asks in logarithmic time, except for routes and subnets, which
// are few.
#include "core/inet/address/own_addresses.hh"

#include <algorithm>

namespace tern::inet {

namespace {

constexpr u32 k_longest = 128;

auto place_in(const std::vector<OwnAddress>& all, const IpAddress& ip) {
    const AddressNumber number = ip;
    return std::partition_point(all.begin(), all.end(),
                                [&](const OwnAddress& a) { return AddressNumber{a.ip} < number; });
}

// The first of these prefixes that begins behind `number`. ::/0 has the numbers of all IPv4
// addresses in it, so that each family has an order of its own.
auto behind_in(const auto& all, bool v4, const AddressNumber& number) {
    return std::partition_point(all.begin(), all.end(), [&](const auto& p) {
        return p.prefix.v4 != v4 ? v4 : p.prefix.first <= number;
    });
}

}  // namespace

// RFC 3021: with 31 or 32 bits there is no broadcast address; IPv6 has none at all.
bool OwnAddresses::Subnet::has_broadcast(const IpAddress& ip) const {
    return prefix.v4 && prefix.bits < k_longest - 1 && AddressNumber{ip} == prefix.last();
}

Result<void> OwnAddresses::add(u8 interface, const Cidr& address, bool usable) {
    if (!is_valid(address) || !is_host(address.address))
        return std::unexpected(Error::InvalidAddress);
    OwnAddress own{.ip = address.address, .subnet = prefix_of(address), .usable = usable};
    if (Subnet{.prefix = own.subnet}.has_broadcast(own.ip))
        return std::unexpected(Error::InvalidAddress);
    if (is_single_anywhere(own.ip)) return std::unexpected(Error::AlreadyExists);
    OfInterface& i = at(interface);
    own.order = ++orders_;
    i.addresses.insert(place_in(i.addresses, own.ip), own);
    count_in_subnet(i, own, 1, usable ? 1 : 0);
    if (usable) i.sources.add(own.ip, own.subnet.bits, own.order);
    ++generation_;
    return {};
}

Result<void> OwnAddresses::remove(u8 interface, const IpAddress& ip) {
    const OwnAddress* own = find(interface, ip);
    if (own == nullptr) return std::unexpected(Error::AddressNotAvailable);
    OfInterface& i = at(interface);
    count_in_subnet(i, *own, -1, own->usable ? -1 : 0);
    i.sources.remove(ip);
    i.addresses.erase(i.addresses.begin() + (own - i.addresses.data()));
    ++generation_;
    return {};
}

void OwnAddresses::clear(u8 interface) {
    at(interface) = {};
    ++generation_;
}

void OwnAddresses::make_usable(u8 interface, const IpAddress& ip) {
    OfInterface& i = at(interface);
    OwnAddress* own = const_cast<OwnAddress*>(find(interface, ip));
    if (own == nullptr || own->usable) return;
    own->usable = true;
    count_in_subnet(i, *own, 0, 1);
    i.sources.add(own->ip, own->subnet.bits, own->order);
    ++generation_;
}

// A subnet of one address has nobody else in it.
void OwnAddresses::count_in_subnet(OfInterface& i, const OwnAddress& own, int addresses,
                                   int usable) {
    if (own.subnet.bits == k_longest) return;
    auto found = std::find_if(i.subnets.begin(), i.subnets.end(),
                              [&](const Subnet& s) { return s.prefix == own.subnet; });
    if (found == i.subnets.end()) found = i.subnets.insert(found, {.prefix = own.subnet});
    found->addresses += static_cast<u32>(addresses);
    found->usable += static_cast<u32>(usable);
    if (found->addresses == 0) i.subnets.erase(found);
}

Result<void> OwnAddresses::add_prefix(u8 interface, const Cidr& prefix, bool answer) {
    if (!is_valid(prefix)) return std::unexpected(Error::InvalidAddress);
    const OwnPrefix own{prefix_of(prefix), answer};
    if (AddressNumber{prefix.address} != own.prefix.first)
        return std::unexpected(Error::InvalidAddress);
    for (const OfInterface& i : interfaces_)
        for (const OwnPrefix& p : i.prefixes)
            if (p.prefix.overlaps(own.prefix)) return std::unexpected(Error::AlreadyExists);
    std::vector<OwnPrefix>& all = at(interface).prefixes;
    all.insert(behind_in(all, own.prefix.v4, own.prefix.first), own);
    ++generation_;
    return {};
}

Result<void> OwnAddresses::remove_prefix(u8 interface, const Cidr& prefix) {
    if (!is_valid(prefix)) return std::unexpected(Error::AddressNotAvailable);
    const Prefix wanted = prefix_of(prefix);
    const bool exact = AddressNumber{prefix.address} == wanted.first;
    const auto gone = std::erase_if(
        at(interface).prefixes, [&](const OwnPrefix& p) { return exact && p.prefix == wanted; });
    if (gone == 0) return std::unexpected(Error::AddressNotAvailable);
    ++generation_;
    return {};
}

const OwnAddress* OwnAddresses::find(u8 interface, const IpAddress& ip) const {
    const std::vector<OwnAddress>& all = at(interface).addresses;
    const auto place = place_in(all, ip);
    return place != all.end() && place->ip == ip ? &*place : nullptr;
}

bool OwnAddresses::is_single_anywhere(const IpAddress& ip) const {
    for (u32 n = 1; n <= interfaces_.size(); ++n)
        if (find(static_cast<u8>(n), ip) != nullptr) return true;
    return false;
}

bool OwnAddresses::look_up(u8 interface, const IpAddress& ip) const {
    const OwnAddress* own = find(interface, ip);
    const bool owned = own != nullptr ? own->usable : owns_by_prefix(interface, ip);
    if (owned) lately_[place_of(ip)] = {ip, generation_, interface};
    return owned;
}

const OwnAddresses::OwnPrefix* OwnAddresses::prefix_with(u8 interface, const IpAddress& ip) const {
    const std::vector<OwnPrefix>& all = at(interface).prefixes;
    const auto behind = behind_in(all, ip.is_v4(), ip);
    return behind != all.begin() && (behind - 1)->prefix.contains(ip) ? &*(behind - 1) : nullptr;
}

// The longest prefix decides, as in a routing table: a neighbour's subnet within a prefix of ours
// is the neighbours'.
bool OwnAddresses::owns_by_prefix(u8 interface, const IpAddress& ip) const {
    const OwnPrefix* own = prefix_with(interface, ip);
    if (own == nullptr || !is_host(ip)) return false;
    if (surroundings_->route_bits(ip) > own->prefix.bits || is_single_anywhere(ip)) return false;
    if (is_subnet_broadcast(ip)) return false;
    const auto subnet = subnet_of(ip);
    return !subnet || subnet->bits <= own->prefix.bits;
}

u8 OwnAddresses::interface_of(const IpAddress& ip) const {
    for (u32 n = 1; n <= interfaces_.size(); ++n)
        if (owns(static_cast<u8>(n), ip)) return static_cast<u8>(n);
    return 0;
}

bool OwnAddresses::answers(u8 interface, const IpAddress& ip) const {
    if (!owns(interface, ip)) return false;
    if (find(interface, ip) != nullptr) return true;
    const OwnPrefix* own = prefix_with(interface, ip);
    return own != nullptr && own->answer;
}

bool OwnAddresses::has_usable_ipv4(u8 interface) const {
    const std::vector<OwnAddress>& all = at(interface).addresses;
    return std::any_of(all.begin(), all.end(),
                       [](const OwnAddress& a) { return a.usable && a.ip.is_v4(); });
}

bool OwnAddresses::is_subnet_broadcast(u8 interface, const IpAddress& ip) const {
    const std::vector<Subnet>& all = at(interface).subnets;
    return std::any_of(all.begin(), all.end(),
                       [&](const Subnet& s) { return s.has_broadcast(ip); });
}

bool OwnAddresses::is_subnet_broadcast(const IpAddress& ip) const {
    for (u32 n = 1; n <= interfaces_.size(); ++n)
        if (is_subnet_broadcast(static_cast<u8>(n), ip)) return true;
    return false;
}

std::optional<OwnAddresses::Place> OwnAddresses::subnet_of(const IpAddress& to, u8 only) const {
    std::optional<Place> best;
    for (u32 n = 1; n <= interfaces_.size(); ++n) {
        if (only != 0 && n != only) continue;
        for (const Subnet& s : interfaces_[n - 1].subnets)
            if (s.usable != 0 && s.prefix.contains(to) && (!best || s.prefix.bits > best->bits))
                best = Place{static_cast<u8>(n), s.prefix.bits};
    }
    return best;
}

}  // namespace tern::inet

#include "os/link/ecn_mark.hh"

#include "core/base/endian.hh"
#include "core/packet/copy.hh"
#include "core/packet/gso.hh"
#include "core/wire/ethernet.hh"
#include "core/wire/ipv4.hh"

namespace tern {

namespace {

constexpr u32 k_ipv6_header = 40;  // RFC 8200 3
constexpr u32 k_ipv4_checksum = 10;
constexpr u32 k_ecn_bits = 3;  // RFC 3168 5: 0 not capable, 1 and 2 capable, 3 congestion met

u32 version_at(const Packet& p, u32 ip) { return std::to_integer<u32>(p.data()[ip]) >> 4; }

// RFC 1624 3: the sum of the header after one of its 16-bit words has changed.
u16 updated_sum(u16 sum, u16 before, u16 after) {
    u32 s = u16(~sum) + u32{u16(~before)} + after;
    s = (s & 0xffff) + (s >> 16);
    s = (s & 0xffff) + (s >> 16);
    return static_cast<u16>(~s);
}

void set_ipv4(std::byte* ip) {
    const u16 before = load16(ip);
    const u16 after = static_cast<u16>(before | k_ecn_bits);
    store16(ip, after);
    store16(ip + k_ipv4_checksum, updated_sum(load16(ip + k_ipv4_checksum), before, after));
}

}  // namespace

std::optional<u32> find_ip(const Packet& p, Medium medium) {
    if (medium == Medium::Ethernet && p.size() < wire::k_ethernet_header + wire::k_vlan_tag)
        return {};
    const u32 ip = ip_offset(p.data(), medium);
    if (p.size() < ip + wire::k_ipv4_header) return {};
    if (medium == Medium::Ethernet) {
        const u16 type = load16(p.data() + ip - 2);
        if (type != static_cast<u16>(wire::EtherType::Ipv4) &&
            type != static_cast<u16>(wire::EtherType::Ipv6)) {
            return {};
        }
    }
    if (version_at(p, ip) == 6 && p.size() < ip + k_ipv6_header) return {};
    return ip;
}

EcnMark mark_congestion(Packet& p, Medium medium) {
    const auto ip = find_ip(p, medium);
    if (!ip) return EcnMark::NotCapable;
    const u32 version = version_at(p, *ip);
    if (version != 4 && version != 6) return EcnMark::NotCapable;
    const u32 second = std::to_integer<u32>(p.data()[*ip + 1]);
    // The traffic class of IPv6 lies across two bytes.
    const u32 ecn = (version == 6 ? second >> 4 : second) & k_ecn_bits;
    if (ecn == 0) return EcnMark::NotCapable;
    if (ecn == k_ecn_bits) return EcnMark::Marked;
    if (!make_exclusive(p)) return EcnMark::NoMemory;
    std::byte* header = p.data() + *ip;
    if (version == 6) {
        header[1] |= std::byte{k_ecn_bits << 4};
    } else {
        set_ipv4(header);
    }
    return EcnMark::Marked;
}

}  // namespace tern

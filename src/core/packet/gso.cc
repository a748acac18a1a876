// Cutting and completing. See RFC 9293 3.1 for the fields, and Linux Documentation/networking/
// segmentation-offloads.rst for what a cut must keep.
#include "core/packet/gso.hh"

#include <algorithm>

#include "core/base/assert.hh"
#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "core/packet/copy.hh"
#include "core/wire/ethernet.hh"
#include "core/wire/ipv4.hh"
#include "core/wire/tcp.hh"

namespace tern {

namespace {

constexpr u32 k_ip_total_length = 2, k_ip_id = 4, k_ip_checksum = 10;
constexpr u32 k_tcp_seq = 4, k_tcp_flags = 13, k_tcp_checksum = 16;
constexpr u32 k_udp_checksum = 6;
constexpr u32 k_ip_fragment = 6, k_ip_protocol = 9;
constexpr u32 k_ip6_header = 40, k_ip6_next = 6;

// The parts of a TCP/IPv4 frame, as offsets from its first byte.
struct Parts {
    u32 ip, tcp, payload, end;
    wire::Ipv4Header header;
    u16 flags;
    Seq seq;
};

std::optional<Parts> parts_of(const Packet& p, Medium medium) {
    Parts parts{};
    const auto frame = p.bytes();
    if (medium == Medium::Ethernet) {
        const auto link = wire::parse_ethernet(frame);
        if (!link || link->ether_type != static_cast<u16>(wire::EtherType::Ipv4)) return {};
        parts.ip = link->header_length;
    }
    const auto ip = wire::parse_ipv4(frame.subspan(parts.ip));
    if (!ip || ip->protocol != static_cast<u8>(wire::IpProtocol::Tcp)) return {};
    parts.header = *ip;
    parts.tcp = parts.ip + ip->header_length;
    parts.end = parts.ip + ip->total_length;
    const auto tcp = wire::parse_tcp(frame.subspan(parts.tcp, parts.end - parts.tcp));
    if (!tcp) return {};
    parts.payload = parts.tcp + tcp->header_length;
    parts.flags = tcp->flags;
    parts.seq = tcp->seq;
    return parts;
}

void store_checksum(std::byte* field, u32 sum) {
    const u16 value = checksum_finish(sum);
    std::memcpy(field, &value, sizeof value);
}

// RFC 3168 6.1.2: CWR is said once, on the first segment. FIN and PSH follow the last byte.
u8 flags_of(u16 flags, bool first, bool last) {
    if (!first) flags = static_cast<u16>(flags & ~wire::Cwr);
    if (!last) flags = static_cast<u16>(flags & ~(wire::Fin | wire::Psh));
    return static_cast<u8>(flags);
}

void describe(const PacketDescriptor& super, const Parts& at, Packet& p) {
    p->network = static_cast<u16>(p->begin + at.ip);
    p->transport = static_cast<u16>(p->begin + at.tcp);
    p->tag = super.tag;
    p->note = super.note;
    p->link_broadcast = super.link_broadcast;
}

// The segment with payload bytes [from, from + n) of the super-segment; empty: refused.
Packet cut(const Packet& super, const Parts& at, u32 from, u32 n) {
    Packet p = super->pool->allocate(at.payload + n);
    if (!p) return p;
    std::byte* frame = p.append(at.payload + n);
    std::memcpy(frame, super.data(), at.payload);
    const auto payload = std::span<const std::byte>(super.bytes()).subspan(at.payload + from, n);
    u32 sum = checksum_copy(frame + at.payload, payload);

    std::byte* ip = frame + at.ip;
    const u32 ordinal = from / super->gso_size;
    store16(ip + k_ip_total_length, static_cast<u16>(at.payload - at.ip + n));
    store16(ip + k_ip_id, static_cast<u16>(at.header.id + ordinal));
    store16(ip + k_ip_checksum, u16{0});
    store_checksum(ip + k_ip_checksum, checksum_add(0, {ip, at.tcp - at.ip}));

    std::byte* tcp = frame + at.tcp;
    const bool last = at.payload + from + n == at.end;
    store32(tcp + k_tcp_seq, (at.seq + from).value);
    tcp[k_tcp_flags] = std::byte{flags_of(at.flags, from == 0, last)};
    store16(tcp + k_tcp_checksum, u16{0});
    const u32 length = at.payload - at.tcp + n;
    sum += checksum_pseudo(at.header.source, at.header.destination, at.header.protocol, length);
    store_checksum(tcp + k_tcp_checksum, checksum_add(sum, {tcp, at.payload - at.tcp}));
    describe(*super, at, p);
    return p;
}

u32 byte_at(std::span<const std::byte> bytes, u32 at) { return std::to_integer<u32>(bytes[at]); }

// Where the header behind all of IP's begins, counted from the first IP header.
struct Transport {
    u32 at;
    u8 protocol;
};

std::optional<Transport> transport_of_ipv4(std::span<const std::byte> packet) {
    const u32 header = (byte_at(packet, 0) & 15) * 4;
    if (header < wire::k_ipv4_header || packet.size() < header) return {};
    constexpr u16 more_and_offset = 0x3fff;
    if ((load16(packet.data() + k_ip_fragment) & more_and_offset) != 0) return {};
    return Transport{header, static_cast<u8>(byte_at(packet, k_ip_protocol))};
}

// RFC 8200 4: hop-by-hop options, routing and destination options may stand before the transport.
std::optional<Transport> transport_of_ipv6(std::span<const std::byte> packet) {
    constexpr u32 k_hop_by_hop = 0, k_routing = 43, k_destination = 60;
    if (packet.size() < k_ip6_header) return {};
    u32 next = byte_at(packet, k_ip6_next), at = k_ip6_header;
    while (next == k_hop_by_hop || next == k_routing || next == k_destination) {
        if (at + 2 > packet.size()) return {};
        next = byte_at(packet, at);
        at += (byte_at(packet, at + 1) + 1) * 8;
    }
    return Transport{at, static_cast<u8>(next)};
}

}  // namespace

u32 ip_offset(const std::byte* frame, Medium medium) {
    if (medium == Medium::Ip) return 0;
    const bool tagged = load16(frame + 12) == static_cast<u16>(wire::EtherType::Vlan);
    return wire::k_ethernet_header + (tagged ? wire::k_vlan_tag : 0);
}

std::optional<ChecksumPlace> checksum_place(std::span<const std::byte> frame, Medium medium) {
    u32 ip = 0;
    if (medium == Medium::Ethernet) {
        const auto link = wire::parse_ethernet(frame);
        if (!link) return {};
        ip = link->header_length;
        const auto type = static_cast<wire::EtherType>(link->ether_type);
        if (type != wire::EtherType::Ipv4 && type != wire::EtherType::Ipv6) return {};
    }
    const auto packet = frame.subspan(ip);
    if (packet.empty()) return {};
    const u32 version = byte_at(packet, 0) >> 4;
    const auto next = version == 4   ? transport_of_ipv4(packet)
                      : version == 6 ? transport_of_ipv6(packet)
                                     : std::nullopt;
    if (!next) return {};
    const bool tcp = next->protocol == static_cast<u8>(wire::IpProtocol::Tcp);
    if (!tcp && next->protocol != static_cast<u8>(wire::IpProtocol::Udp)) return {};
    const ChecksumPlace place{ip + next->at, tcp ? k_tcp_checksum : k_udp_checksum};
    if (place.transport + place.field + 2 > frame.size()) return {};
    return place;
}

u32 segment_in_software(Packet super, Medium medium, Chain& to) {
    check(super->gso_size != 0);
    const auto at = parts_of(super, medium);
    if (!at) return std::max<u32>(super->gso_segments, 1);
    const u32 size = at->end - at->payload;
    u32 lost = 0;
    u32 from = 0;
    do {  // a packet without payload is one segment
        const u32 n = std::min<u32>(super->gso_size, size - from);
        Packet p = cut(super, *at, from, n);
        if (p) {
            to.push_back(std::move(p));
        } else {
            ++lost;
        }
        from += n;
    } while (from < size);
    return lost;
}

bool complete_checksum(Packet& packet, Medium medium) {
    if (packet->checksum != ChecksumState::Partial) return true;
    check(packet->gso_segments <= 1);
    const auto place = checksum_place(packet.bytes(), medium);
    check(place && packet->begin + place->transport == packet->transport);
    if (!make_exclusive(packet)) return false;
    const u32 offset = place->field;
    std::byte* transport = packet.transport_header();
    const u32 length = packet->end - packet->transport;
    // The field holds the pseudo-header's sum, so that summing over it adds that in.
    u16 value = checksum_finish(checksum_add(0, {transport, length}));
    // RFC 768: a sum of zero goes as its other form, for zero says that there is none.
    if (value == 0 && offset == k_udp_checksum) value = 0xffff;
    std::memcpy(transport + offset, &value, sizeof value);
    packet->checksum = ChecksumState::Unknown;
    return true;
}

}  // namespace tern

// Reads RFC 894 frames, RFC 791 headers and what lies behind them.
#include "lab/trace/frame_view.hh"

#include <algorithm>
#include <cstdio>

#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "core/wire/frame.hh"
#include "core/wire/icmpv4.hh"
#include "core/wire/udp.hh"

namespace tern::trace {

namespace {

constexpr u8 k_icmp = 1, k_tcp = 6, k_udp = 17;

void read_transport(FrameView& v, std::span<const std::byte> bytes) {
    if ((v.protocol == k_tcp || v.protocol == k_udp) && bytes.size() >= 4) {
        const std::byte* ports = bytes.data();
        v.source.port = load16(ports);
        v.destination.port = load16(ports + 2);
    }
    if (v.protocol == k_tcp) {
        const auto header = wire::parse_tcp(bytes);
        if (!header) return;
        v.kind = FrameView::Kind::Tcp;
        v.tcp = *header;
        v.options_error = wire::parse_tcp_options(
            bytes.subspan(wire::k_tcp_header, header->header_length - wire::k_tcp_header),
            v.options);
        v.payload = bytes.subspan(header->header_length);
    } else if (v.protocol == k_udp && bytes.size() >= wire::k_udp_header) {
        v.kind = FrameView::Kind::Udp;
        v.payload = bytes.subspan(wire::k_udp_header);
    } else if (v.protocol == k_icmp && bytes.size() >= wire::k_icmp_header) {
        v.kind = FrameView::Kind::Icmp;
        v.icmp_type = std::to_integer<u8>(bytes[0]);
        v.icmp_code = std::to_integer<u8>(bytes[1]);
        v.payload = bytes.subspan(wire::k_icmp_header);
    }
}

void read_ipv4(FrameView& v, std::span<const std::byte> bytes) {
    const auto ip = wire::read_ip(bytes);
    if (!ip || ip->family != wire::IpFamily::V4) return;
    // What lies behind the packet is padding of the link.
    v.network = bytes.first(std::min<std::size_t>(ip->total_length, bytes.size()));
    v.transport = ip->header_length;
    v.protocol = ip->protocol;
    v.ecn = ip->ecn();
    v.source.address = ip->source;
    v.destination.address = ip->destination;
    if (ip->fragment_offset == 0) read_transport(v, v.network.subspan(v.transport));
}

}  // namespace

FrameView view_of(std::span<const std::byte> frame, Medium medium) {
    FrameView v;
    v.network = frame;
    const auto link = wire::parse_link(medium, frame);
    if (!link) return v;
    v.network = frame.subspan(link->length);
    v.ether_type = link->ether_type;
    if (link->ether_type == static_cast<u16>(wire::EtherType::Ipv4)) {
        read_ipv4(v, v.network);
    } else if (link->ether_type == static_cast<u16>(wire::EtherType::Arp) &&
               v.network.size() >= 8) {
        v.kind = FrameView::Kind::Arp;
        const std::byte* arp = v.network.data();
        v.arp_operation = load16(arp + 6);
    }
    return v;
}

bool checksums_hold(const FrameView& v) {
    if (v.transport == 0) return true;
    if (checksum_finish(checksum_add(0, v.network.first(v.transport))) != 0) return false;
    const auto bytes = v.network.subspan(v.transport);
    if (v.kind == FrameView::Kind::Icmp) return checksum_finish(checksum_add(0, bytes)) == 0;
    if (v.kind == FrameView::Kind::Udp && load16(bytes.data() + wire::k_udp_checksum_at) == 0)
        return true;
    if (v.kind != FrameView::Kind::Tcp && v.kind != FrameView::Kind::Udp) return true;
    const u32 pseudo = checksum_pseudo(v.source.address, v.destination.address, v.protocol,
                                       static_cast<u32>(bytes.size()));
    return checksum_finish(checksum_add(pseudo, bytes)) == 0;
}

namespace {

// What neither IPv4 nor ARP is, by the type in front of it (RFC 9542, IEEE 802.3 3.2.6).
std::string describe_other(const FrameView& v) {
    const std::string size = " (" + std::to_string(v.network.size()) + " bytes)";
    constexpr u16 k_least_type = 1536;
    struct Named {
        u16 type;
        const char* name;
    };
    constexpr Named names[] = {{0x0800, "cut off or malformed IPv4"},
                               {0x0806, "ARP, cut off"},
                               {0x8100, "a VLAN tag inside another"},
                               {0x86dd, "IPv6"},
                               {0x8863, "PPPoE discovery"},
                               {0x8864, "PPPoE session"},
                               {0x888e, "802.1X"},
                               {0x88a8, "802.1ad"},
                               {0x88cc, "LLDP"}};
    for (const Named& n : names)
        if (n.type == v.ether_type) return n.name + size;
    char type[8];
    std::snprintf(type, sizeof type, "0x%04x", v.ether_type);
    if (v.ether_type >= k_least_type) return std::string{"EtherType "} + type + size;
    if (v.ether_type != 0) return "802.3 frame with LLC" + size;
    return std::to_string(v.network.size()) + " bytes that are no packet";
}

}  // namespace

std::string describe(const FrameView& v) {
    const std::string size = std::to_string(v.payload.size()) + " bytes";
    switch (v.kind) {
        case FrameView::Kind::Arp:
            return v.arp_operation == 1   ? "ARP request"
                   : v.arp_operation == 2 ? "ARP reply"
                                          : "ARP " + std::to_string(v.arp_operation);
        case FrameView::Kind::Icmp:
            return v.icmp_type == 8 ? "ICMP echo request (" + size + ")"
                   : v.icmp_type == 0
                       ? "ICMP echo reply (" + size + ")"
                       : "ICMP " + std::to_string(v.icmp_type) + "/" + std::to_string(v.icmp_code);
        case FrameView::Kind::Udp:
            return "UDP " + std::to_string(v.source.port) + " > " +
                   std::to_string(v.destination.port) + " (" + size + ")";
        case FrameView::Kind::Tcp:
        case FrameView::Kind::Other: break;
    }
    if (v.transport != 0)
        return "IPv4 protocol " + std::to_string(v.protocol) + " (" +
               std::to_string(v.network.size()) + " bytes)";
    return describe_other(v);
}

}  // namespace tern::trace

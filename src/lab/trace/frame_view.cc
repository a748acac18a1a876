// Reads RFC 894 frames, RFC 791 headers and what lies behind them.
#include "lab/trace/frame_view.hh"

#include <algorithm>
#include <cstdio>

#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "core/wire/ethernet.hh"
#include "core/wire/icmpv4.hh"
#include "core/wire/ipv4.hh"
#include "core/wire/udp.hh"

namespace tern::trace {

namespace {

constexpr u8 k_icmp = 1, k_tcp = 6, k_udp = 17;

void read_transport(FrameView& v, std::span<const std::byte> bytes) {
    if ((v.protocol == k_tcp || v.protocol == k_udp) && bytes.size() >= 4) {
        v.source.port = load16(bytes.data());
        v.destination.port = load16(bytes.data() + 2);
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
    if (bytes.size() < wire::k_ipv4_header || std::to_integer<u8>(bytes[0]) >> 4 != 4) return;
    const std::size_t header = (std::to_integer<std::size_t>(bytes[0]) & 15) * 4;
    const std::size_t total = std::min<std::size_t>(load16(bytes.data() + 2), bytes.size());
    if (header < wire::k_ipv4_header || header > total) return;
    v.network = bytes.first(total);  // what lies behind it is padding of the link
    v.transport = static_cast<u32>(header);
    v.protocol = std::to_integer<u8>(bytes[9]);
    v.source.address = Ipv4Address{load32(bytes.data() + 12)};
    v.destination.address = Ipv4Address{load32(bytes.data() + 16)};
    const bool later_fragment = (load16(bytes.data() + 6) & 0x1fff) != 0;
    if (!later_fragment) read_transport(v, v.network.subspan(header));
}

}  // namespace

FrameView view_of(std::span<const std::byte> frame, Medium medium) {
    FrameView v;
    v.network = frame;
    if (medium == Medium::Ip) {
        read_ipv4(v, frame);
        return v;
    }
    const auto link = wire::parse_ethernet(frame);
    if (!link) return v;
    v.network = frame.subspan(link->header_length);
    v.ether_type = link->ether_type;
    if (link->ether_type == static_cast<u16>(wire::EtherType::Ipv4)) {
        read_ipv4(v, v.network);
    } else if (link->ether_type == static_cast<u16>(wire::EtherType::Arp) &&
               v.network.size() >= 8) {
        v.kind = FrameView::Kind::Arp;
        v.arp_operation = load16(v.network.data() + 6);
    }
    return v;
}

bool checksums_hold(const FrameView& v) {
    if (v.transport == 0) return true;
    if (checksum_finish(checksum_add(0, v.network.first(v.transport))) != 0) return false;
    const auto bytes = v.network.subspan(v.transport);
    if (v.kind == FrameView::Kind::Icmp) return checksum_finish(checksum_add(0, bytes)) == 0;
    if (v.kind == FrameView::Kind::Udp && load16(bytes.data() + 6) == 0) return true;
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
    const bool v6 = !v.network.empty() && std::to_integer<u8>(v.network[0]) >> 4 == 6;
    return v6 ? "IPv6" + size : std::to_string(v.network.size()) + " bytes that are no packet";
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

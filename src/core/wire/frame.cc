// Ethernet II and 802.1Q, or nothing in front of the packet.
#include "core/wire/frame.hh"

namespace tern::wire {

namespace {

u32 version_of(std::byte first) { return static_cast<u32>(first) >> 4; }

u16 ether_type_of_version(u32 version) {
    if (version == 4) return static_cast<u16>(EtherType::Ipv4);
    return version == 6 ? static_cast<u16>(EtherType::Ipv6) : u16{0};
}

// Where the packet begins whose version is the one that the link header says.
std::optional<u32> agreed_offset(Medium medium, std::span<const std::byte> frame) {
    const auto link = parse_link(medium, frame);
    if (!link || link->ether_type == 0 || frame.size() <= link->length) return {};
    if (ether_type_of_version(version_of(frame[link->length])) != link->ether_type) return {};
    return link->length;
}

}  // namespace

std::expected<LinkHeader, DropReason> parse_link(Medium medium, std::span<const std::byte> frame) {
    switch (medium) {
        case Medium::Ethernet: {
            const auto header = parse_ethernet(frame);
            if (!header) return std::unexpected(header.error());
            return LinkHeader{header->header_length, header->ether_type};
        }
        case Medium::Ip:
            if (frame.empty()) return std::unexpected(DropReason::LinkTooShort);
            return LinkHeader{0, ether_type_of_version(version_of(frame[0]))};
    }
    return std::unexpected(DropReason::LinkUnknownType);
}

std::optional<u32> ip_offset(Medium medium, std::span<const std::byte> frame) {
    const auto link = parse_link(medium, frame);
    if (!link || frame.size() <= link->length) return {};
    const bool ip = medium == Medium::Ip || link->ether_type == static_cast<u16>(EtherType::Ipv4) ||
                    link->ether_type == static_cast<u16>(EtherType::Ipv6);
    if (!ip) return {};
    return link->length;
}

std::optional<FramedIp> find_ip(Medium medium, std::span<const std::byte> frame) {
    const auto at = agreed_offset(medium, frame);
    if (!at) return {};
    const auto ip = read_ip(frame.subspan(*at));
    if (!ip) return {};
    return FramedIp{*at, *ip};
}

std::optional<FramedIp> find_whole_ip(Medium medium, std::span<const std::byte> frame) {
    const auto at = agreed_offset(medium, frame);
    if (!at) return {};
    const auto ip = parse_ip(frame.subspan(*at));
    if (!ip) return {};
    return FramedIp{*at, *ip};
}

}  // namespace tern::wire

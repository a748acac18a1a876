// The header in front of a packet, for any Medium: the one place that knows how long it is, and
// where the family of what follows is told.
#pragma once

#include <expected>
#include <optional>
#include <span>

#include "core/wire/ethernet.hh"
#include "core/wire/ip.hh"
#include "tern/drop_reason.hh"
#include "tern/medium.hh"

namespace tern::wire {

// Bytes in front of the packets that we send; `vlan` as in InterfaceConfig.
constexpr u32 link_header_length(Medium medium, u16 vlan) {
    switch (medium) {
        case Medium::Ethernet: return k_ethernet_header + (vlan != 0 ? k_vlan_tag : 0);
        case Medium::Ip: return 0;
    }
    return 0;
}

// The most that can stand in front of a packet.
constexpr u32 link_header_most(Medium medium) { return link_header_length(medium, 1); }

struct LinkHeader {
    u32 length = 0;
    u16 ether_type = 0;  // EtherType; 0: a frame of Medium::Ip that has another version than 4 or 6
};
// LinkTooShort, VlanTooShort.
std::expected<LinkHeader, DropReason> parse_link(Medium medium, std::span<const std::byte> frame);

// Where the IP packet of a frame begins, by what the link header says; empty: the frame carries
// none (ARP), or nothing behind the header.
std::optional<u32> ip_offset(Medium medium, std::span<const std::byte> frame);

// The IP packet of a frame; all places are counted from the first byte of the frame.
struct FramedIp {
    u32 at = 0;
    IpView ip;

    u32 payload() const { return at + ip.header_length; }
    u32 end() const { return at + ip.total_length; }
};
// As read_ip(); empty also if the version is not the one that the link header says.
std::optional<FramedIp> find_ip(Medium medium, std::span<const std::byte> frame);
// The same, as parse_ip().
std::optional<FramedIp> find_whole_ip(Medium medium, std::span<const std::byte> frame);

}  // namespace tern::wire

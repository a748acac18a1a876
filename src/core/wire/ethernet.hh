// Ethernet II frames and 802.1Q tags: parse and emit, no state.
#pragma once

#include <expected>
#include <span>

#include "tern/address.hh"
#include "tern/drop_reason.hh"

namespace tern::wire {

inline constexpr u32 k_ethernet_header = 14;
inline constexpr u32 k_vlan_tag = 4;

enum class EtherType : u16 { Ipv4 = 0x0800, Arp = 0x0806, Vlan = 0x8100, Ipv6 = 0x86dd };

struct EthernetHeader {
    MacAddress destination;
    MacAddress source;
    u16 ether_type = 0;  // of the payload, behind the tag if there is one
    u16 vlan = 0;        // VLAN id 1..4094; 0: untagged (or priority-tagged)
    u8 header_length = k_ethernet_header;
};

// LinkTooShort, VlanTooShort.
std::expected<EthernetHeader, DropReason> parse_ethernet(std::span<const std::byte> frame);
// Writes 14 bytes, or 18 when header.vlan is not 0; returns how many.
u32 emit_ethernet(const EthernetHeader& header, std::byte* to);

}  // namespace tern::wire

// Ethernet II and 802.1Q.
#include "core/wire/ethernet.hh"

#include "core/base/endian.hh"

namespace tern::wire {

std::expected<EthernetHeader, DropReason> parse_ethernet(std::span<const std::byte> frame) {
    if (frame.size() < k_ethernet_header) return std::unexpected(DropReason::LinkTooShort);
    EthernetHeader header;
    std::memcpy(header.destination.bytes.data(), frame.data(), 6);
    std::memcpy(header.source.bytes.data(), frame.data() + 6, 6);
    header.ether_type = load16(frame.data() + 12);
    if (header.ether_type != static_cast<u16>(EtherType::Vlan)) return header;

    if (frame.size() < k_ethernet_header + k_vlan_tag)
        return std::unexpected(DropReason::VlanTooShort);
    header.vlan = load16(frame.data() + 14) & 0x0fff;  // without priority and DEI
    header.ether_type = load16(frame.data() + 16);
    header.header_length = k_ethernet_header + k_vlan_tag;
    return header;
}

u32 emit_ethernet(const EthernetHeader& header, std::byte* to) {
    std::memcpy(to, header.destination.bytes.data(), 6);
    std::memcpy(to + 6, header.source.bytes.data(), 6);
    if (header.vlan == 0) {
        store16(to + 12, header.ether_type);
        return k_ethernet_header;
    }
    store16(to + 12, static_cast<u16>(EtherType::Vlan));
    store16(to + 14, header.vlan & 0x0fff);
    store16(to + 16, header.ether_type);
    return k_ethernet_header + k_vlan_tag;
}

}  // namespace tern::wire

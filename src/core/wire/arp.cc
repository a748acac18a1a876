// RFC 826, "Packet Generation" and "Packet Reception".
#include "core/wire/arp.hh"

#include "core/base/endian.hh"

namespace tern::wire {

namespace {

// ar$hrd, ar$pro, ar$hln and ar$pln of IPv4 over Ethernet.
constexpr u64 k_ethernet_ipv4 = 0x0001'0800'06'04;

// 0.0.0.0 is fine: an address probe (RFC 5227 2.1.1) has no sender address yet.
bool may_send(const MacAddress& mac, Ipv4Address ip) {
    return !mac.is_group() && !mac.is_zero() && !ip.is_multicast() && !ip.is_loopback() &&
           !ip.is_broadcast();
}

MacAddress load_mac(const std::byte* from) {
    MacAddress mac;
    std::memcpy(mac.bytes.data(), from, 6);
    return mac;
}

}  // namespace

// RFC 826 [RFC826:2]: hardware, protocol and both lengths are checked before anything is believed.
std::expected<ArpPacket, DropReason> parse_arp(std::span<const std::byte> bytes) {
    if (bytes.size() < k_arp_length) return std::unexpected(DropReason::ArpTooShort);
    const std::byte* p = bytes.data();
    if (load_big<u64>(p) >> 16 != k_ethernet_ipv4) return std::unexpected(DropReason::ArpMalformed);
    const u16 operation = load16(p + 6);
    if (operation != 1 && operation != 2) return std::unexpected(DropReason::ArpBadOperation);

    ArpPacket packet;
    packet.operation = static_cast<ArpPacket::Operation>(operation);
    packet.sender_mac = load_mac(p + 8);
    packet.sender_ip = Ipv4Address{load32(p + 14)};
    packet.target_mac = load_mac(p + 18);
    packet.target_ip = Ipv4Address{load32(p + 24)};
    if (!may_send(packet.sender_mac, packet.sender_ip))
        return std::unexpected(DropReason::ArpBadSender);
    return packet;
}

void emit_arp(const ArpPacket& packet, std::byte* to) {
    store_big<u64>(to, k_ethernet_ipv4 << 16 | static_cast<u16>(packet.operation));
    std::memcpy(to + 8, packet.sender_mac.bytes.data(), 6);
    store32(to + 14, packet.sender_ip.value);
    std::memcpy(to + 18, packet.target_mac.bytes.data(), 6);
    store32(to + 24, packet.target_ip.value);
}

}  // namespace tern::wire

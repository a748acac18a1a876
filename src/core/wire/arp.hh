// RFC 826 for IPv4 over Ethernet, the only pair in use.
#pragma once

#include <expected>
#include <span>

#include "tern/address.hh"
#include "tern/drop_reason.hh"

namespace tern::wire {

inline constexpr u32 k_arp_length = 28;

struct ArpPacket {
    enum class Operation : u16 { Request = 1, Reply = 2 };
    Operation operation = Operation::Request;
    MacAddress sender_mac;
    Ipv4Address sender_ip;
    MacAddress target_mac;
    Ipv4Address target_ip;
};

// ArpTooShort, ArpMalformed (ar$hrd, ar$pro, ar$hln, ar$pln), ArpBadOperation,
// ArpBadSender (group or zero MAC; multicast, loopback or broadcast IP).
std::expected<ArpPacket, DropReason> parse_arp(std::span<const std::byte> bytes);
void emit_arp(const ArpPacket& packet, std::byte* to);

}  // namespace tern::wire

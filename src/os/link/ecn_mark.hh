// Congestion experienced, said in a packet on its way: RFC 3168 5, for IPv4 and IPv6.
#pragma once

#include <optional>

#include "tern/medium.hh"
#include "tern/packet_batch.hh"

namespace tern {

// Where the IP header of a frame begins; nothing when it carries no whole one (an ARP packet).
std::optional<u32> find_ip(const Packet& p, Medium medium);

// NotCapable: its sender does not speak ECN, or it is no IP. NoMemory: others view the bytes, and
// the pool refuses a copy. A packet that was marked before counts as Marked.
enum class EcnMark : u8 { Marked, NotCapable, NoMemory };
EcnMark mark_congestion(Packet& p, Medium medium);

}  // namespace tern

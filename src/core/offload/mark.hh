// Congestion experienced, written into a packet on its way: RFC 3168 5, for IPv4 and IPv6.
#pragma once

#include "tern/medium.hh"
#include "tern/packet_batch.hh"

namespace tern::offload {

// NotCapable: its sender does not speak ECN, or it is no IP. NoMemory: others view the bytes, and
// the pool refuses a copy. A packet that was marked before counts as Marked.
enum class EcnMark : u8 { Marked, NotCapable, NoMemory };
EcnMark mark_congestion(Packet& p, Medium medium);

}  // namespace tern::offload

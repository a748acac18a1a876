// UDP super-datagrams: many datagrams of one flow and one size behind one header, so that one call
// moves them (Linux: UDP_SEGMENT, virtio-net: USO). The stack knows single datagrams only.
#pragma once

#include "tern/medium.hh"
#include "tern/packet_batch.hh"

namespace tern {

// A super-segment that is UDP's; `p` has its offload facts.
bool is_super_datagram(const Packet& p, Medium medium);
// Its datagrams with headers of their own, their checksums Partial. Returns how many the pool
// refused.
u32 cut_datagrams(const Packet& super, Medium medium, Chain& to);

// The most that the kernel takes in one.
inline constexpr u32 k_datagrams_most = 64;
// Ethernet with a tag, IPv4, UDP.
inline constexpr u32 k_datagram_headers_most = 18 + 20 + 8;

// How many packets of `batch`, from `first` on, could leave as one super-datagram; 1: it goes
// alone.
u32 datagrams_together(const PacketBatch& batch, u32 first, Medium medium);
// The headers of these together, for the first one's; returns their length.
u32 join_headers(const PacketDescriptor& first, u32 payload_of_all, Medium medium, std::byte* to);

}  // namespace tern

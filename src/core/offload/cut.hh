// Super-packets cut in software (generic segmentation offload, GSO), for links that take none, and
// for readers who want each packet.
#pragma once

#include "tern/medium.hh"
#include "tern/packet_batch.hh"

namespace tern::offload {

// Cuts a TCP super-segment of either family into packets of at most gso_size bytes of payload, with
// their own lengths, identifications, sequence numbers, flags and complete checksums, and appends
// them to `to`. Returns how many segments are lost: the pool refused, or this is no whole TCP
// packet, or one whose source route hides where it goes.
u32 cut_segments(Packet super, Medium medium, Chain& to);

// Of UDP, many datagrams of one flow and one size stand behind one header (Linux: UDP_SEGMENT,
// virtio-net: USO), so that one call moves them. Whether `p` is such a one; it has its offload
// facts.
bool is_super_datagram(const Packet& p, Medium medium);
// Its datagrams with headers of their own, their checksums Partial. Returns how many are lost, as
// above.
u32 cut_datagrams(const Packet& super, Medium medium, Chain& to);

}  // namespace tern::offload

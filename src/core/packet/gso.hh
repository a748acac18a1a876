// What a sender left to the link, done in software where the link cannot: cutting super-segments
// (generic segmentation offload) and completing checksums. The contract of the facts is Linux's:
// the checksum field of a Partial packet holds the sum of the pseudo-header, folded and not
// complemented, with the length of the whole packet as it is, super-segment or not.
#pragma once

#include <optional>

#include "tern/medium.hh"
#include "tern/packet_batch.hh"

namespace tern {

// Where the IP header begins, counted from the start of the frame. `frame` has a whole link header.
u32 ip_offset(const std::byte* frame, Medium medium);

// Where a frame has its transport header, and behind that header's first byte its checksum.
struct ChecksumPlace {
    u32 transport;  // bytes from the start of the frame
    u32 field;      // bytes from the start of the transport header
};
// What the frame's own headers say: TCP or UDP in a whole IPv4 packet, or in IPv6 with any
// extension headers but a fragment's. Empty when it is something else, or when the frame ends
// before the checksum does; so the two bytes of the field always lie in the frame.
std::optional<ChecksumPlace> checksum_place(std::span<const std::byte> frame, Medium medium);

// Cuts a TCP/IPv4 super-segment into packets of at most gso_size bytes of payload, with their own
// lengths, identifications, sequence numbers, flags and complete checksums, and appends them to
// `to`. Returns how many segments are lost: the pool refused, or this is no TCP/IPv4.
u32 segment_in_software(Packet super, Medium medium, Chain& to);

// Fills in the checksum of a Partial packet that is no super-segment; others stay as they are. A
// packet may only be marked Partial where checksum_place() finds the place at its transport header.
// False when the pool refuses a copy of bytes that others view too.
bool complete_checksum(Packet& packet, Medium medium);

}  // namespace tern

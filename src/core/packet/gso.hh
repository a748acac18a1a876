// What a sender left to the link, done in software where the link cannot: cutting super-segments
// (generic segmentation offload) and completing checksums. The contract of the facts is Linux's:
// the checksum field of a Partial packet holds the sum of the pseudo-header, folded and not
// complemented, with the length of the whole packet as it is, super-segment or not.
#pragma once

#include "tern/packet_batch.hh"

namespace tern {

// Where the IP header begins, counted from the start of the frame. `frame` has a whole link header.
u32 ip_offset(const std::byte* frame, bool ethernet);
// Where the checksum lies in the transport header of an IP packet without IPv6 extensions.
u32 checksum_field_offset(const std::byte* ip);

// Cuts a TCP/IPv4 super-segment into packets of at most gso_size bytes of payload, with their own
// lengths, identifications, sequence numbers, flags and complete checksums, and appends them to
// `to`. Returns how many segments are lost: the pool refused, or this is no TCP/IPv4.
u32 segment_in_software(Packet super, bool ethernet, Chain& to);

// Fills in the checksum of a Partial packet that is no super-segment; others stay as they are.
// False when the pool refuses a copy of bytes that others view too.
bool complete_checksum(Packet& packet, bool ethernet);

}  // namespace tern

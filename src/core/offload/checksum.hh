// Transport checksums that a sender left to its link, done in software where the link cannot. The
// contract is Linux's: the checksum field of a Partial packet holds the sum of the pseudo-header,
// folded and not complemented, with the length of the whole packet as it is, super-segment or not.
#pragma once

#include <optional>

#include "core/wire/ip.hh"
#include "tern/medium.hh"
#include "tern/packet_batch.hh"

namespace tern::offload {

// Where a frame has its transport header, and behind that header's first byte its checksum.
struct ChecksumPlace {
    u32 transport;  // bytes from the start of the frame
    u32 field;      // bytes from the start of the transport header
    wire::IpFamily family;
};
// What the frame's own headers say: TCP or UDP in a whole packet of either family. Empty when it is
// something else, or when the frame ends before the checksum does; so the two bytes of the field
// always lie in the frame.
std::optional<ChecksumPlace> checksum_place(std::span<const std::byte> frame, Medium medium);

// Fills in the checksum of a Partial packet that is no super-segment; others stay as they are. A
// packet may only be marked Partial where checksum_place() finds the place at its transport header.
// False when the pool refuses a copy of bytes that others view too.
bool complete_checksum(Packet& packet, Medium medium);

// Makes a TCP or UDP packet Partial whose checksum field holds the sum of its pseudo-header alone:
// its sender left the checksum to a device which does not finish it. Others stay as they are. One
// finished packet in 65,535 looks the same: it then counts as good without its sum being looked at,
// and stays as it is when it is finished again.
void recognise_unfinished_sum(PacketDescriptor& d, Medium medium);

}  // namespace tern::offload

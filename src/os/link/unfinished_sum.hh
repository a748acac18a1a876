// Frames of a kernel that left their checksums to a device which does not finish them.
#pragma once

#include "tern/packet_batch.hh"

namespace tern {

// Makes a TCP or UDP packet in an Ethernet frame, over IPv4, Partial whose checksum field holds the
// sum of its pseudo-header alone; others stay as they are. One finished packet in 65,535 looks the
// same: it then counts as good without its sum being looked at, and stays as it is when it is
// finished again.
void recognise_unfinished_sum(PacketDescriptor& d);

}  // namespace tern

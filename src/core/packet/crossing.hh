// A packet that goes from one stack to another within a process.
#pragma once

#include "tern/packet_batch.hh"

namespace tern {

// What a sender knows about its packet and a receiver must find out for itself. Only a checksum
// that was left out stays marked, because its field cannot be verified.
inline void forget_sender_facts(PacketDescriptor& d) {
    d.next = nullptr;
    d.tag = 0;
    d.note = 0;
    d.payload_sum_known = false;
    d.link_broadcast = false;
    if (d.checksum != ChecksumState::Partial) d.checksum = ChecksumState::Unknown;
}

}  // namespace tern

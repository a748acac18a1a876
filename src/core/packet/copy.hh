// A packet's bytes in another slot, when sharing will not do: the bytes are to change, or the
// reader lives on another pool.
#pragma once

#include "tern/packet_batch.hh"

namespace tern {

// A copy with the facts that describe the bytes (offsets, segmentation, checksum, note, tag).
// Empty when the pool refuses.
Packet copy_with_facts(PacketPool& to, const PacketDescriptor& from);

// Afterwards nobody else views the bytes of `packet`; false when the pool refuses the copy.
bool make_exclusive(Packet& packet);

}  // namespace tern

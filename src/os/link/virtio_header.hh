// The virtio-net header in front of a frame: it carries a packet's offload facts to the kernel
// and back (virtio specification 5.1.6). Native byte order, which is what a TAP speaks.
#pragma once

#include "tern/medium.hh"
#include "tern/packet_batch.hh"

namespace tern {

inline constexpr u32 k_virtio_header_max = 12;

// Writes the first 10 bytes; the caller has zeroed what follows.
void write_virtio_header(std::byte* header, const PacketDescriptor& d, Medium medium);

// The same for a UDP super-datagram: UDP's header begins `transport` bytes into the frame, and each
// datagram but the last has `size` bytes of payload.
void write_datagrams_header(std::byte* header, u32 transport, u32 size);

// Sets the offload facts of a packet that was just read. A TCP or UDP checksum that the kernel has
// not completed stays Partial, so that the frame may go out on another link as it came. Whoever
// wrote the header may have written anything: what contradicts the packet's own headers is
// completed as the header says, or not believed, and the packet is then like one without a header.
void read_virtio_header(const std::byte* header, Packet& p, Medium medium);

}  // namespace tern

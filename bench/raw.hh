// A bare link for a stack, and TCP segments that no stack has made, as a flood has them.
#pragma once

#include "tern/address.hh"
#include "tern/packet_batch.hh"
#include "tern/stack.hh"

namespace tern::bench {

// Without Ethernet; the address is in a network of 8 bits.
Interface add_link(Stack& stack, Ipv4Address address);

struct RawSegment {
    Ipv4Address from, to;
    u16 from_port = 0, to_port = 0;
    u32 seq = 0, ack = 0;
    u8 flags = 0;     // FIN 1, SYN 2, RST 4, ACK 16
    u32 payload = 0;  // bytes, zeros
};
// An IPv4 packet with a right header checksum; the link vouches for the sum of the segment.
Packet raw_segment(PacketPool& pool, const RawSegment& s);
// What a stack has sent, without its options.
RawSegment read_segment(const Packet& packet);
// The ACK of all of it.
RawSegment answer_to(const RawSegment& s);

}  // namespace tern::bench

// What the builders of segments share: build_segment.cc, output.cc, bare.cc.
#pragma once

#include "core/tcp/room.hh"

namespace tern::tcp {

// The text of a segment: a second view of the send queue's buffer, or a copy. Empty: no memory.
Packet payload_of(Room& room, Tcb& tcb, Seq seq, u32 len);
// Pushes the TCP header and settles the checksum: left to the link, or computed here.
void push_header(Room& room, Packet& packet, const FlowKey& key, wire::TcpHeader& header,
                 const std::byte* options, u32 options_length, const inet::Way& way);
void tell_sent(Room& room, Packet& packet, const FlowKey& key, const wire::TcpHeader& header,
               u32 payload, const SegmentSentEvent& extra);
// A segment on its way, without what that means for the connection. Not `built`: no memory, or no
// route. The frame in the interface's queue, if it is there already.
const PacketDescriptor* build_frame(Room& room, Tcb& tcb, const Plan& plan, bool& built);
// The segments of a plan have left: what that means for the sender's variables and timers.
void commit(Room& room, Tcb& tcb, const Plan& plan);

}  // namespace tern::tcp

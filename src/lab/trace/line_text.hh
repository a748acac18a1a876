// A frame as one line of the packet notation (docs/packet-line.md), without time and direction.
#pragma once

#include "lab/trace/numbers.hh"

namespace tern::trace {

// A TCP segment in relative numbers; anything else by describe().
std::string line_text(const FrameView& view, Numbers& numbers);
// Flags, range, ack and window, without options, in the notation.
std::string segment_text(wire::PacketLine line);
// "<mss 1460,nop,wscale 7>", or nothing.
std::string options_text(const wire::PacketLine& line);
// "S.", "FP.", "-"
std::string flags_text(u16 flags);

}  // namespace tern::trace

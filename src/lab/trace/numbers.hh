// Relative numbers: what people read instead of initial sequence numbers. Each direction of a flow
// counts from its SYN, or, where that was not seen, so that its first byte is number 1.
#pragma once

#include <array>
#include <map>
#include <utility>

#include "lab/trace/frame_view.hh"

namespace tern::trace {

class Numbers {
public:
    // One direction of a flow: what `source` sends to `destination`.
    struct Direction {
        bool known = false;
        u32 initial = 0;  // sequence number of the SYN
        bool time_known = false;
        u32 first_time = 0;  // timestamp value that is printed as 0
        bool fixed = false;  // set from outside: a SYN does not change `initial`
    };

    // The segment in relative numbers; learns from it on the way.
    wire::PacketLine line_of(const FrameView& view);
    Direction& direction(const Endpoint& source, const Endpoint& destination);

private:
    // Source and destination.
    std::map<std::array<std::pair<IpAddress, u16>, 2>, Direction> directions_;
};

}  // namespace tern::trace

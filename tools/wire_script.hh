// A script of a wire: what changes when. One change a line, in order of time:
//     10s loss=5% delay=50ms          both directions
//     12s a-to-b loss=0 rate=5mbit    one of them
//     # to the end of the line is a comment
#pragma once

#include <expected>
#include <string>
#include <string_view>
#include <vector>

#include "tern/impairment.hh"

namespace tern::tools {

// The settings of a wire, direction by direction.
struct WireSettings {
    Impairment a_to_b{}, b_to_a{};
};

struct WireChange {
    Duration at{};  // since the wire began
    WireSettings settings{};
};

// The settings after each change, which begin with `start`. The error is "FILE:LINE:COLUMN: what
// was expected"; `name` is the file's.
std::expected<std::vector<WireChange>, std::string> parse_wire_script(std::string_view text,
                                                                      std::string_view name,
                                                                      const WireSettings& start);

}  // namespace tern::tools

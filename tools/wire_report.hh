// What `tern wire` says at its end: for people or as JSON, and which faults never struck.
#pragma once

#include <string>
#include <vector>

#include "tern/impaired_wire.hh"
#include "wire_script.hh"

namespace tern::tools {

// Follows the faults that are asked for in one direction, over all changes of a script.
class FaultWatch {
public:
    // From now on these are asked for; `so_far`: what was counted up to now.
    void ask(const Impairment& settings, const ImpairCounters& so_far, Duration at);
    // Those that were asked for and never struck while they were: "loss=5% (from 10 s on)".
    std::vector<std::string> never_struck(const ImpairCounters& at_end) const;

private:
    struct Asked {
        std::string setting;
        u64 struck_before;
        Duration since;
        std::size_t kind;
    };
    void close(const Asked& asked, const ImpairCounters& now, std::vector<std::string>& to) const;

    std::vector<Asked> open_;
    std::vector<std::string> missed_;
};

struct WireSide {
    std::string way;  // "tap:a -> tap:b"
    WireWay record;
    std::vector<std::string> never_struck;
};

std::string wire_report_text(const WireSide& side, Duration took, Duration tolerance);
std::string wire_report_json(const WireSide& side);

}  // namespace tern::tools

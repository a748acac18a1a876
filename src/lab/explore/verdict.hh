// What must hold at the end of every run.
#pragma once

#include "lab/explore/side.hh"

namespace tern::explore {

struct Outcome {
    Side& a;
    Side& b;
    bool endless;
    bool reset_lost;  // a reset, or what was sent after it
    bool gave_up;
    Instant departed;  // the last departure, or call
};

// What is wrong, or "".
std::string verdict(const Outcome& outcome);

}  // namespace tern::explore

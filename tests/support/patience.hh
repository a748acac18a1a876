// How long a test waits for what must come: the machine's speed decides when it does, so the limit
// is one that only a hang reaches.
#pragma once

#include <chrono>

#include "tern/time.hh"

namespace tern::test {

inline constexpr std::chrono::seconds k_patience{240};

// Repeats `step` until `holds()`; false: it never did.
template <class Holds, class Step>
bool repeat_until(Holds holds, Step step) {
    const auto end = std::chrono::steady_clock::now() + k_patience;
    while (!holds()) {
        if (std::chrono::steady_clock::now() > end) return false;
        step();
    }
    return true;
}

}  // namespace tern::test

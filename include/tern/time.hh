// Time is an argument: the stack's clock has no now(), so core cannot read one by accident.
#pragma once

#include <chrono>

#include "tern/export.hh"
#include "tern/int.hh"

namespace tern TERN_API {

// A clock for the type of its time points alone: it cannot be read.
struct StackClock {
    using rep = i64;
    using period = std::nano;
    using duration = std::chrono::nanoseconds;
    using time_point = std::chrono::time_point<StackClock>;
    static constexpr bool is_steady = true;
};

// Nanoseconds since a start that the caller chooses; it must never run backwards.
using Instant = StackClock::time_point;
using Duration = std::chrono::nanoseconds;

namespace literals = std::chrono_literals;

// Rounded down.
constexpr u64 milliseconds_of(Instant t) {
    return static_cast<u64>(t.time_since_epoch().count()) / 1'000'000;
}

}  // namespace tern

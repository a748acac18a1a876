// The only door to time and chance of the operating system.
#pragma once

#include "tern/time.hh"

namespace tern {

// CLOCK_MONOTONIC, so that a timerfd understands the same numbers.
Instant steady_now();
// 64 unpredictable bits.
u64 entropy();

}  // namespace tern

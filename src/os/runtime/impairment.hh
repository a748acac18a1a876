// From what was asked for, to what a lane is told.
#pragma once

#include "os/link/impair.hh"
#include "tern/impairment.hh"

namespace tern {

// `round_trip`: the delays of both directions, for a queue that is given in bandwidth times delay.
ImpairDirection direction_of(const Impairment& from, Duration round_trip);

}  // namespace tern

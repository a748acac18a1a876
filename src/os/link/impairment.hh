// From what people ask for to what a link does.
#pragma once

#include "os/link/impair.hh"
#include "tern/impairment.hh"

namespace tern {

// `round_trip`: the delays of both directions, for a queue that is given in bandwidth times delay.
// `overhead`: bytes that each packet costs on the wire beside its own; Ethernet's preamble, check
// sequence and gap.
ImpairDirection direction_of(const Impairment& from, Duration round_trip, u32 overhead = 24);

}  // namespace tern

// From what people ask for (tern/runtime.hh) to what a link does.
#pragma once

#include "os/link/impair.hh"
#include "tern/runtime.hh"

namespace tern {

// `overhead`: bytes that each packet costs on the wire beside its own.
ImpairDirection direction_of(const Impairment& from, u32 overhead);

}  // namespace tern

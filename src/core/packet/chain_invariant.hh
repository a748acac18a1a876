#pragma once

#include <string_view>

#include "tern/packet_batch.hh"

namespace tern {

// The first thing that does not hold of a queue of buffers that all have bytes; empty: everything.
std::string_view broken_chain(const Chain& chain);

}  // namespace tern

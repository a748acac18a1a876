// The links that a configuration asks for, whether it describes one or several.
#pragma once

#include <vector>

#include "tern/runtime.hh"

namespace tern {

// Takes them out of `config`: `links`, or the one that its other fields describe. Throws
// RuntimeError: both at once, or a device named twice.
std::vector<LinkConfig> take_links(RuntimeConfig& config);

}  // namespace tern

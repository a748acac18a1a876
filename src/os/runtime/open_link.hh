// A device by its text: "tap:tern0", "tun:tern0", "tap:eth0@blue" in the namespace blue.
#pragma once

#include <memory>
#include <string>

#include "os/link/tun_tap.hh"
#include "tern/runtime.hh"

namespace tern {

// Takes name, kind and namespace from the text, the rest from `options`. Throws RuntimeError.
std::unique_ptr<Link> open_link(const std::string& text, TapOptions options);
// What a runtime's configuration asks for; one queue of several with `multi_queue`.
std::unique_ptr<Link> open_device(const RuntimeConfig& config, bool multi_queue);

}  // namespace tern

// Ctrl-C for commands without an io_context: ends the wait of a runtime.
#pragma once

#include "tern/runtime.hh"

namespace tern::tools {

class StopFlag {
public:
    explicit StopFlag(Runtime& runtime);
    ~StopFlag();
    StopFlag(const StopFlag&) = delete;
    StopFlag& operator=(const StopFlag&) = delete;
    bool stopped() const;
};

}  // namespace tern::tools

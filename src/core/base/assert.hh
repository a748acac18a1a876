// check() guards what only a bug of ours can break, and stays in release builds.
#pragma once

#include <cassert>

namespace tern {

[[noreturn]] inline void check_failed() { __builtin_trap(); }

inline void check(bool holds) {
    if (!holds) [[unlikely]]
        check_failed();
}

}  // namespace tern

// For hot loops: only where NDEBUG is not set.
#define debug_check(condition) assert(condition)

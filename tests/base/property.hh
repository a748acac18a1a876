// Properties with printed seeds: a failure names the seed, and TERN_SEED=n runs that one alone.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <string>

#include "core/base/random.hh"

namespace tern::test {

// f(Random&) once per seed; stops at the first seed that fails.
template <class F>
void for_each_seed(u64 count, F&& f) {
    const char* only = std::getenv("TERN_SEED");
    const u64 first = only != nullptr ? std::strtoull(only, nullptr, 0) : 1;
    const u64 last = only != nullptr ? first : count;
    for (u64 seed = first; seed <= last; ++seed) {
        SCOPED_TRACE("TERN_SEED=" + std::to_string(seed));
        Random random{seed};
        f(random);
        if (testing::Test::HasFailure()) return;
    }
}

}  // namespace tern::test

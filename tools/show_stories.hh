// The stories of `tern show`: what a pair of stacks does, and the sentences around it.
#pragma once

#include <span>
#include <vector>

#include "show_pair.hh"

namespace tern::tools {

struct Story {
    const char* name;
    const char* help;
    const char* opening;
    const char* lesson;
    std::vector<u64> drop;  // when the user says nothing
    bool (*play)(Pair&);    // false: it did not come to its end
};

std::span<const Story> stories();

}  // namespace tern::tools

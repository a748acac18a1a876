// What was asked for to go wrong, and whether it did.
#pragma once

#include <string>

namespace tern::sim {

struct Fault {
    std::string what;
    bool struck = false;
};

}  // namespace tern::sim

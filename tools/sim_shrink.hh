// From a scenario that fails to the smallest one that fails the same way.
#pragma once

#include <functional>

#include "sim_run.hh"

namespace tern::tools {

struct Shrunk {
    Scenario scenario{};
    SimResult result{};
    u32 runs = 0;
};

// Removes faults and flows one by one, and halves loads, as long as the first failure of the run
// that was found stays. When that is none of a fault which never struck, faults may miss in what
// is smaller. `told` hears of each attempt.
Shrunk shrink(const Scenario& scenario, const SimResult& failed,
              const std::function<void(u32 runs, std::size_t faults)>& told = {});

}  // namespace tern::tools

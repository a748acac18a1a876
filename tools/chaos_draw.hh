// A random world from a seed, as a scenario: hosts, wires, loads, faults, and what must hold.
#pragma once

#include "sim_scenario.hh"

namespace tern::tools {

Scenario draw_chaos(u64 seed);

}  // namespace tern::tools

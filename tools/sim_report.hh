// What a run of `tern sim` prints and draws.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "plot.hh"
#include "sim_run.hh"

namespace tern::tools {

std::string sim_table(const SimResult& result);
std::string sim_json(const SimResult& result);  // one object
// File names and what to draw in each.
std::vector<std::pair<std::string, Plot>> sim_plots(const SimResult& result);

}  // namespace tern::tools

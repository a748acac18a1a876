// One function for each subcommand: it registers options and, as callback, the command itself.
// A callback ends with `throw CLI::RuntimeError(code)` when its exit code is not 0.
#pragma once

#include <CLI/CLI.hpp>

namespace tern::tools {

void add_serve(CLI::App& app);
void add_get(CLI::App& app);
void add_ping(CLI::App& app);
void add_udp(CLI::App& app);
void add_demo(CLI::App& app);
void add_wire(CLI::App& app);
void add_sim(CLI::App& app);
void add_chaos(CLI::App& app);

}  // namespace tern::tools

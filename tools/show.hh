// `tern show STORY`: two stacks in this process, and every segment between them with its reason.
#pragma once

#include <CLI/CLI.hpp>

namespace tern::tools {

void add_show(CLI::App& app);

}  // namespace tern::tools

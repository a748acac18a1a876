// The options that every command with links of its own takes.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

#include "link_options.hh"
#include "observe.hh"
#include "tern/runtime.hh"

namespace tern::tools {

struct NetOptions {
    LinkList links;
    std::string wait = "sleep";
    std::string congestion = "cubic";
    std::string ecn = "accept";
    u64 seed = 0;
    u64 memory = u64{256} << 20;
    u32 buffer = 0;  // each connection's send and receive buffer; 0: they find their size
    bool no_sack = false, no_timestamps = false, no_window_scale = false;
    ObserveOptions observe;

    void add_to(CLI::App& app);
    RuntimeConfig config(Observer* observer) const;
    TcpOptions tcp() const;
};

}  // namespace tern::tools

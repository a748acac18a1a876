// The options that every command with a link of its own takes.
#pragma once

#include <CLI/CLI.hpp>

#include <memory>
#include <string>
#include <vector>

#include "observe.hh"
#include "tern/runtime.hh"

namespace tern::tools {

struct NetOptions {
    std::string link = "tap:tern0";
    std::vector<std::string> addresses = {"10.0.0.2/24"};
    std::vector<std::string> prefixes;
    std::string gateway;
    std::vector<std::string> routes;
    u32 mtu = 1500;
    u16 vlan = 0;
    std::string name_space;
    std::string wait = "sleep";
    std::string congestion = "cubic";
    std::string ecn = "accept";
    std::string impair_in, impair_out;
    u64 seed = 0;
    u64 memory = u64{256} << 20;
    bool no_offloads = false;
    u32 buffer = 0;  // each connection's send and receive buffer; 0: they find their size
    bool no_sack = false, no_timestamps = false, no_window_scale = false;
    ObserveOptions observe;

    void add_to(CLI::App& app);
    RuntimeConfig config(Observer* observer) const;
    TcpOptions tcp() const;
};

}  // namespace tern::tools

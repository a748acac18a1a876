// A scenario of `tern sim`: a network, loads, faults, and what must hold in the end.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tern/runtime.hh"

namespace tern::tools {

// "file.toml:7:12: ... expected ..."
class ScenarioError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

struct SimHost {
    std::string name, address;
};

struct SimWire {
    std::string name, a, b;
    std::string there, back;  // as Impairment::parse reads them
    u32 mtu = 1500;
};

struct SimFlow {
    enum class Kind { Bulk, Requests } kind = Kind::Bulk;
    std::string name, from, to;
    u16 port = 80;
    Duration start{};
    u32 buffer = 0;  // of either side; 0: the stack's own
    std::string congestion;
    u64 size = 0;  // Bulk
    bool retry = false;
    u64 count = 0;  // Requests
    u32 request = 0, response = 0;
    Duration interval{};
};

struct SimFault {
    enum class Kind { Partition, Impair, Restart, ClockJump } kind = Kind::Partition;
    std::string target;  // a wire, or a host
    bool there = true, back = true;
    Duration at{};
    Duration length{};   // how long it lasts; Restart: how long the host is down; ClockJump: by
    std::string impair;  // Impair
};

// What must hold for a flow; what is not set is not asked for.
struct SimCheck {
    std::string flow;
    std::optional<bool> exact{};
    std::optional<u64> goodput{};  // bits per second, at least
    std::optional<Duration> finished_by{};
    std::optional<u64> retransmissions{};  // at most
};

struct Scenario {
    u64 seed = 1;
    Duration duration = std::chrono::seconds(10);
    std::vector<SimHost> hosts{};
    std::vector<std::string> routers{};
    std::vector<SimWire> wires{};
    std::vector<SimFlow> flows{};
    std::vector<SimFault> faults{};
    std::vector<SimCheck> checks{};
};

// `file` is for messages. Throws ScenarioError.
Scenario read_scenario(std::string_view text, const std::string& file);
// Reads back as the same scenario. `remark`: comment lines in front.
std::string write_scenario(const Scenario& scenario, std::string_view remark);

}  // namespace tern::tools

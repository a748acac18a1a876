// A scenario of `tern sim`: a network, loads, faults, and what must hold in the end.
#pragma once

#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <vector>

#include "tern/runtime.hh"
#include "tern/sim.hh"

namespace tern::tools {

// "file.toml:7:12: ... expected ..."
class ScenarioError : public std::runtime_error {
public:
    using std::runtime_error::runtime_error;
};

struct SimHost {
    std::string name, address;
    u64 memory = 0;  // the stack's memory_limit; 0: HostOptions'
};

struct SimWire {
    std::string name, a, b;
    std::string there{}, back{};  // as Impairment::parse reads them
    u32 mtu = 1500;
};

struct SimFlow {
    enum class Kind : u8 { Bulk, Requests, Exchange, Datagrams } kind = Kind::Bulk;
    std::string name, from, to;
    u16 port = 80;
    Duration start{};
    u32 buffer = 0;  // of either side; 0: the stack's own
    std::string congestion, ecn;
    Duration keep_alive{};  // idle time and interval; 0: none
    u64 size = 0;           // Bulk; Datagrams: of each
    bool retry = false;     // Bulk, Exchange
    u64 count = 0;          // all but Bulk
    u32 request = 0, response = 0;
    Duration interval{};
    u64 sends = 0, gets = 0;  // Exchange: by `from`, and by `to`
    bool simultaneous = false;
    u32 abort_every = 0;
    Duration pause{};
};

struct SimFault {
    enum class Kind : u8 { Partition, Impair, Mtu, Restart, ClockJump, Odd };
    Kind kind = Kind::Partition;
    std::string target;  // a wire, or a host
    bool there = true, back = true;
    Duration at{};
    Duration length{};   // how long it lasts; Restart: how long the host is down; ClockJump: by
    std::string impair;  // Impair
    u32 mtu = 0;         // Mtu
    sim::Oddity odd{};   // Odd
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
    u64 memory = 0;       // of all packets; 0: WorldOptions'
    bool judged = false;  // by sim::Judge, and nothing may be left in the end
    bool faults_may_miss = false;
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

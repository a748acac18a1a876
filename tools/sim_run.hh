// Runs a scenario, looks at it while it runs, and judges it.
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "sim_scenario.hh"
#include "tern/ladder.hh"
#include "tern/sim_flow.hh"

namespace tern::tools {

struct FlowResult {
    std::string name;
    SimFlow::Kind kind{};
    u64 bytes = 0, expected = 0;  // that arrived; requests: responses
    double bits_per_second = 0;
    bool exact = false, done = false;
    Error error{};
    std::optional<Duration> finished{};  // since the world began
    u32 attempts = 1;
    u32 retransmissions = 0;
    Duration srtt{};
    u32 cwnd = 0;
    std::optional<Duration> median_latency{}, worst_latency{};  // requests
};

struct LaneResult {
    std::string name;
    sim::LaneCounters counters{};
};

// What was seen at one moment; per flow and per lane in their order.
struct SimSample {
    Duration at{};
    std::vector<double> goodput;  // bits per second since the sample before
    std::vector<double> cwnd;     // bytes
    std::vector<double> queue;    // bytes, from the worst delay since the sample before
    std::vector<double> delay;    // seconds, of a packet on its way through the wire
};

// `what` names the thing that must hold, the same in every run; `text` says how it failed.
struct SimFailure {
    std::string what, text;
};

struct SimResult {
    u64 seed = 0;
    u64 digest = 0, events = 0;
    u64 segments = 0;  // that TCP sent, of all hosts
    sim::World::FaultCount faults{};
    std::vector<FlowResult> flows{};
    std::vector<LaneResult> lanes{};
    std::vector<SimSample> samples{};
    std::vector<SimFailure> failures{};
};

// What to watch in a run; watching does not change it.
struct SimWatch {
    u32 samples = 0;           // how many times to look, evenly spaced
    Ladder* ladder = nullptr;  // of what the hosts of `flow` say to each other
    std::string flow{};
    // Called now and then with the virtual time that has passed.
    std::function<void(Duration)> progress{};
};

// What read_scenario() let pass can be built.
SimResult run_scenario(const Scenario& scenario, u64 seed, const SimWatch& watch = {});

}  // namespace tern::tools

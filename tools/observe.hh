// What a command shows of its stack's event log: a capture file, a ladder, counters.
#pragma once

#include <CLI/CLI.hpp>

#include <cstdio>
#include <memory>
#include <optional>
#include <string>

#include "tern/fanout.hh"
#include "tern/ladder.hh"
#include "tern/pcapng.hh"
#include "tern/runtime.hh"

namespace tern::tools {

struct ObserveOptions {
    std::string capture;
    u32 snap = 0;
    u64 capture_most = u64{4} << 30;
    bool ladder = false, counters = false;
    std::string ladder_file;

    void add_to(CLI::App& app);
};

// Lives as long as the stack that it observes.
class Observation {
public:
    // The ladder has our stack on the left when it is the client. Throws RuntimeError when the
    // capture file cannot be written.
    enum class Side { Client, Server };
    Observation(const ObserveOptions& options, Side side);
    ~Observation();
    Observation(const Observation&) = delete;
    Observation& operator=(const Observation&) = delete;

    // The capture then calls the links by their names. Before the runtime's first turn.
    void name_links(const Runtime& runtime);
    Observer* observer() { return fanout_.empty() ? nullptr : &fanout_; }
    // The other end's stack, when it lives in this process too.
    Observer* peer() { return ladder_ ? &ladder_->right() : nullptr; }
    // At the end: the ladder, the counters, and where the capture lies. As JSON a line each, after
    // those of the command: {"event": "ladder", "rows": [...]} and {"event": "counters", ...}.
    void tell(const Stack* stack, bool json);

private:
    void tell_ladder(bool json);
    void write_ladder();
    void tell_capture();

    const ObserveOptions& options_;
    std::FILE* file_ = nullptr;
    std::optional<PcapngWriter> capture_;
    std::optional<Ladder> ladder_;
    Fanout fanout_;
};

}  // namespace tern::tools

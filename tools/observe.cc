#include "observe.hh"

#include <cerrno>

#include <fmt/core.h>
#include <unistd.h>

#include "tern/counter_report.hh"
#include "tern/runtime.hh"
#include "text.hh"

namespace tern::tools {

void ObserveOptions::add_to(CLI::App& app) {
    const std::string group = "Watching";
    app.add_option("--capture", capture,
                   "pcapng file; each packet carries the stack's reason as its comment")
        ->group(group);
    app.add_option("--capture-snap", snap, "bytes kept of each packet; 0: all")->group(group);
    app.add_option("--capture-limit", capture_most, "size at which the capture ends")
        ->transform(CLI::AsSizeValue(false))
        ->group(group);
    app.add_flag("--ladder", ladder, "draw the conversation at the end: states, segments, reasons")
        ->group(group);
    app.add_option("--ladder-file", ladder_file, "draw it into this file")->group(group);
    app.add_flag("--counters", counters, "the stack's counters at the end")->group(group);
}

Observation::Observation(const ObserveOptions& options, Side side) : options_(options) {
    if (!options.capture.empty()) {
        file_ = std::fopen(options.capture.c_str(), "wb");
        if (file_ == nullptr) {
            throw RuntimeError(Error::InvalidArgument,
                               "--capture " + options.capture + ": " + file_trouble(errno));
        }
        PcapngOptions o;
        o.snap_length = options.snap;
        o.bytes_max = options.capture_most;
        o.epoch_ns = wall_clock_now() - monotonic_now().time_since_epoch().count();
        capture_.emplace(file_, o);
        fanout_.add(&*capture_);
    }
    if (options.ladder || !options.ladder_file.empty()) {
        LadderOptions o;
        o.colour = options.ladder && ::isatty(STDOUT_FILENO) == 1;
        ladder_.emplace(o);
        fanout_.add(side == Side::Client ? &ladder_->left() : &ladder_->right());
    }
}

Observation::~Observation() {
    capture_.reset();  // writes its last packets
    if (file_ != nullptr) std::fclose(file_);
}

void Observation::tell(const Stack* stack) {
    if (ladder_ && options_.ladder) fmt::print("{}", ladder_->text());
    if (ladder_ && !options_.ladder_file.empty()) {
        std::FILE* file = std::fopen(options_.ladder_file.c_str(), "w");
        if (file == nullptr) {
            fmt::print(stderr, "tern: {}: {}\n", options_.ladder_file, file_trouble(errno));
        } else {
            fmt::print(file, "{}", ladder_->text());
            std::fclose(file);
        }
    }
    if (stack != nullptr && options_.counters) {
        fmt::print("{}", counter_table(stack->counters()));
    }
    if (capture_) {
        capture_->flush();
        if (!capture_->good()) {
            fmt::print(stderr, "tern: {}: not all could be written\n", options_.capture);
        }
        fmt::print(
            stderr, "{}: {} packets{}\n", options_.capture, capture_->packets_written(),
            capture_->packets_left_out() == 0
                ? ""
                : fmt::format(", {} left out (--capture-limit)", capture_->packets_left_out()));
    }
    std::fflush(stdout);
}

}  // namespace tern::tools

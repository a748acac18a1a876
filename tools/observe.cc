#include "observe.hh"

#include <cerrno>

#include <fmt/core.h>
#include <unistd.h>

#include "json.hh"
#include "output.hh"
#include "tern/counter_report.hh"
#include "text.hh"

namespace tern::tools {

void ObserveOptions::add_to(CLI::App& app) {
    const std::string group = "Watching";
    app.add_option("--capture", capture,
                   "pcapng file; each packet names its link, and carries the stack's reason as its "
                   "comment")
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
        o.colour = options.ladder && options.ladder_file.empty() && ::isatty(STDOUT_FILENO) == 1;
        o.width = drawing_width();
        ladder_.emplace(o);
        fanout_.add(side == Side::Client ? &ladder_->left() : &ladder_->right());
    }
}

Observation::~Observation() {
    capture_.reset();  // writes its last packets
    if (file_ != nullptr) std::fclose(file_);
}

void Observation::name_links(const Runtime& runtime) {
    for (std::size_t link = 0; capture_ && link < runtime.link_count(); ++link)
        capture_->name_interface(runtime.interface(link).index, runtime.link_facts(link).name);
}

void Observation::tell_ladder(bool json) {
    if (!ladder_ || !options_.ladder) return;
    if (json)
        print_json({{"event", "ladder"}, {"rows", Json::parse(ladder_->json())}});
    else
        fmt::print("{}", ladder_->text());
}

void Observation::write_ladder() {
    if (!ladder_ || options_.ladder_file.empty()) return;
    std::FILE* file = std::fopen(options_.ladder_file.c_str(), "w");
    if (file == nullptr) return output_failed(options_.ladder_file, errno);
    const bool put = std::fputs(ladder_->text().c_str(), file) >= 0;
    int trouble = put ? 0 : errno;
    if (std::fclose(file) != 0 && trouble == 0) trouble = errno;
    if (trouble != 0) output_failed(options_.ladder_file, trouble);
}

void Observation::tell_capture() {
    if (!capture_) return;
    errno = 0;
    capture_->flush();
    if (!capture_->good()) output_failed(options_.capture, errno);
    fmt::print(stderr, "{}: {} packets{}\n", options_.capture, capture_->packets_written(),
               capture_->packets_left_out() == 0
                   ? ""
                   : fmt::format(", {} left out (--capture-limit)", capture_->packets_left_out()));
}

void Observation::tell(const Stack* stack, bool json) {
    tell_ladder(json);
    write_ladder();
    if (stack != nullptr && options_.counters) {
        if (json) {
            Json counters{{"event", "counters"}};
            counters.update(Json::parse(counter_json(stack->counters())));
            print_json(counters);
        } else {
            fmt::print("{}", counter_table(stack->counters()));
        }
    }
    tell_capture();
    std::fflush(stdout);
}

}  // namespace tern::tools

// The command line of the three benchmarks.
#include "options.hh"

#include <cstdio>
#include <cstdlib>
#include <string_view>

namespace tern::bench {

namespace {

const char* program = "";

[[noreturn]] void usage() {
    std::fprintf(stderr,
                 "usage: %s [--seconds S] [--connections N] [--opening-seconds S] [--json]\n"
                 "          [--no-prediction] [--concurrent N] [--time-waits N] [--buffer BYTES]\n"
                 "          [--link frames|checksum|super] [--slices] [--units N]\n",
                 program);
    std::exit(2);
}

Offload link_of(std::string_view name) {
    if (name == "frames") return Offload::Frames;
    if (name == "checksum") return Offload::Checksum;
    if (name == "super") return Offload::Super;
    usage();
}

}  // namespace

void require(bool condition, const char* what) {
    if (condition) return;
    std::fprintf(stderr, "%s: %s\n", program, what);
    std::exit(1);
}

Options options_of(int argc, char** argv, const char* name) {
    program = name;
    Options o;
    for (int i = 1; i < argc; ++i) {
        const std::string_view flag = argv[i];
        if (flag == "--json") {
            o.json = true;
            continue;
        }
        if (flag == "--no-prediction") {
            o.prediction = false;
            continue;
        }
        if (flag == "--slices") {
            o.slices = true;
            continue;
        }
        if (i + 1 == argc) usage();
        const char* value = argv[++i];
        if (flag == "--seconds")
            o.seconds = std::atof(value);
        else if (flag == "--opening-seconds")
            o.opening_seconds = std::atof(value);
        else if (flag == "--connections")
            o.connections = std::strtoull(value, nullptr, 10);
        else if (flag == "--concurrent")
            o.concurrent = std::strtoull(value, nullptr, 10);
        else if (flag == "--time-waits")
            o.time_waits = std::strtoull(value, nullptr, 10);
        else if (flag == "--buffer")
            o.buffer = static_cast<u32>(std::strtoul(value, nullptr, 10));
        else if (flag == "--units")
            o.units = std::strtoull(value, nullptr, 10);
        else if (flag == "--link")
            o.link = link_of(value);
        else
            usage();
    }
    if (o.seconds <= 0 || o.concurrent == 0 || o.buffer < 8192) usage();
    return o;
}

}  // namespace tern::bench

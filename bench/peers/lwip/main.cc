// lwip_peer: lwIP's half of the benchmarks S1, S7 and S8.
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "bench.hh"

namespace {

int usage() {
    std::fputs(
        "usage: lwip_peer bulk|connections|requests [--seconds S] [--connections N] "
        "[--opening-seconds S] [--json]\n",
        stderr);
    return 2;
}

}  // namespace

int main(int argc, char** argv) {
    if (argc < 2) return usage();
    lwip_peer::Options options;
    for (int i = 2; i < argc; ++i) {
        const std::string_view name = argv[i];
        if (name == "--json") {
            options.json = true;
        } else if (i + 1 == argc) {
            return usage();
        } else if (name == "--seconds") {
            options.seconds = std::atof(argv[++i]);
        } else if (name == "--opening-seconds") {
            options.opening_seconds = std::atof(argv[++i]);
        } else if (name == "--connections") {
            options.connections = std::strtoull(argv[++i], nullptr, 10);
        } else {
            return usage();
        }
    }
    if (options.seconds <= 0) return usage();

    const std::string_view bench = argv[1];
    if (bench == "bulk") {
        lwip_peer::bench_bulk(options);
    } else if (bench == "connections") {
        lwip_peer::bench_connections(options);
    } else if (bench == "requests") {
        lwip_peer::bench_requests(options);
    } else {
        return usage();
    }
    return 0;
}

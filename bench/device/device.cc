// S4, S5, S6, S9: one question, one peer, one line of figures.
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "world.hh"

namespace tern::bench {

namespace {

using Question = DeviceOptions::Question;
using Peer = DeviceOptions::Peer;

[[noreturn]] void usage() {
    std::fprintf(
        stderr,
        "usage: device send|receive|round-trip tern|raw|kernel [--plain [--xdp]] [--slices]\n"
        "           [--spin | --adaptive] [--buffer BYTES] [--ring CALLS]\n"
        "           [--seconds S] [--json]\n");
    std::exit(2);
}

DeviceOptions device_options_of(int argc, char** argv) {
    DeviceOptions o;
    if (argc < 3) usage();
    const std::string_view question = argv[1], peer = argv[2];
    if (question == "round-trip")
        o.question = Question::RoundTrip;
    else if (question == "receive")
        o.question = Question::Receive;
    else if (question != "send")
        usage();
    if (peer == "raw")
        o.peer = Peer::Raw;
    else if (peer == "kernel")
        o.peer = Peer::Kernel;
    else if (peer != "tern")
        usage();
    for (int i = 3; i < argc; ++i) {
        const std::string_view flag = argv[i];
        if (flag == "--plain")
            o.offloads = false;
        else if (flag == "--xdp")
            o.xdp = true;
        else if (flag == "--slices")
            o.slices = true;
        else if (flag == "--spin")
            o.spin = true;
        else if (flag == "--adaptive")
            o.adaptive = true;
        else if (flag == "--json")
            o.json = true;
        else if (flag == "--ring" && i + 1 < argc)
            o.ring = static_cast<u32>(std::strtoul(argv[++i], nullptr, 10));
        else if (flag == "--buffer" && i + 1 < argc)
            o.buffer = static_cast<u32>(std::strtoul(argv[++i], nullptr, 10));
        else if (flag == "--seconds" && i + 1 < argc)
            o.seconds = std::atof(argv[++i]);
        else
            usage();
    }
    if (o.seconds <= 0 || (o.xdp && (o.offloads || o.peer == Peer::Kernel))) usage();
    return o;
}

void print(const DeviceOptions& o, const char* question, const char* peer, const Figures& f) {
    const double gb = static_cast<double>(f.bytes) / 1e9;
    const double processor = f.usage.user + f.usage.system;
    std::printf(o.json ? "{\"peer\":\"%s\",\"bench\":\"device-%s\",\"gbit_per_s\":%.3f,"
                         "\"cpu_s_per_gb\":%.4f,\"user_s_per_gb\":%.4f,\"kernel_cpu_s_per_gb\":"
                         "%.4f,\"calls_per_mb\":%.2f,\"round_trips\":%ju,\"p50_us\":%.2f,"
                         "\"p99_us\":%.2f,\"share\":%.3f}\n"
                       : "%s %s: %.2f Gbit/s, %.4f CPU-s/GB (%.4f of it user; the other end "
                         "%.4f), %.2f system calls a MB; %ju round trips, p50 %.2f us, p99 %.2f "
                         "us; %.2f of a core\n",
                peer, question, gb * 8 / f.usage.wall, processor / gb, f.usage.user / gb,
                f.kernel_seconds / gb, static_cast<double>(f.system_calls) / gb / 1e3,
                std::uintmax_t{f.round_trips}, f.p50_us, f.p99_us, processor / f.usage.wall);
}

Figures figures(const DeviceOptions& o) {
    switch (o.peer) {
        case Peer::Raw: return o.xdp ? measure_raw_xdp(o) : measure_raw(o);
        case Peer::Kernel: return measure_kernel(o);
        case Peer::Tern: break;
    }
    return measure_tern(o);
}

}  // namespace

}  // namespace tern::bench

int main(int argc, char** argv) {
    using namespace tern::bench;
    const DeviceOptions o = device_options_of(argc, argv);
    print(o, argv[1], argv[2], figures(o));
    return 0;
}

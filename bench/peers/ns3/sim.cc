// ns-3's half of S10: one CUBIC flow over 1 Gbit/s with a round trip of 10 ms.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "two_nodes.hh"

namespace {

struct Options {
    double seconds = 10;
    bool json = false;
};

Options parse(int argc, char** argv) {
    Options o;
    // The first word names the benchmark, as for the other peers.
    for (int i = 2; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--json") {
            o.json = true;
        } else if (word == "--seconds" && i + 1 < argc && std::atof(argv[i + 1]) > 0) {
            o.seconds = std::atof(argv[++i]);
        } else {
            std::fprintf(stderr, "usage: ns3_peer sim [--seconds SIMULATED] [--json]\n");
            std::exit(2);
        }
    }
    return o;
}

}  // namespace

int main(int argc, char** argv) {
    using namespace ns3;
    const Options o = parse(argc, argv);
    // As on tern's side: enough to keep the line busy, too little to overflow its queue.
    const TwoNodes two = send_in_bulk({"1Gbps", "5ms", "1000p", 1600u << 10, 2u << 20});

    Simulator::Stop(Seconds(o.seconds));
    const auto start = std::chrono::steady_clock::now();
    Simulator::Run();
    const std::chrono::duration<double> wall = std::chrono::steady_clock::now() - start;
    const auto received = DynamicCast<PacketSink>(two.sinks.Get(0))->GetTotalRx();
    Simulator::Destroy();

    const double packets = static_cast<double>(received) / k_mss;
    const double gbit = static_cast<double>(received) * 8 / o.seconds / 1e9;
    std::printf(o.json ? "{\"peer\":\"ns-3\",\"bench\":\"sim\",\"wall_s\":%.4f,\"data_per_s\":%.0f,"
                         "\"ns_per_data_packet\":%.1f,\"gbit_per_s\":%.4f}\n"
                       : "ns-3 sim: %.4f s wall, %.0f data packets per second, %.1f ns each, %.4f "
                         "Gbit/s\n",
                wall.count(), packets / wall.count(), wall.count() * 1e9 / packets, gbit);
    return received > 0 ? 0 : 1;
}

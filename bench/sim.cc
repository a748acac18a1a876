// S10: one flow over 1 Gbit/s with a round trip of 10 ms, 10 simulated seconds: how long does that
// take by the wall clock? Every packet goes into the digest, and with --events into a log besides.
// Its peer is ns-3 on the same scenario.
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <string_view>

#include "options.hh"
#include "tern/sim_flow.hh"

namespace tern::bench {

namespace {

using namespace std::chrono_literals;

// Every event of both stacks, as a fixed record: what a trace in memory costs.
class Log final : public Observer {
public:
    explicit Log(std::size_t room) { records_.reserve(room); }
    void on_segment_sent(const SegmentSentEvent& e) override {
        add(e.at, 's', e.seq, e.ack, e.length, e.cwnd);
    }
    void on_segment_arrived(const SegmentArrivedEvent& e) override {
        add(e.at, 'a', e.seq, e.ack, e.length, e.window);
    }
    void on_window(const WindowEvent& e) override {
        add(e.at, 'w', e.cwnd, e.ssthresh, e.snd_wnd, e.flight);
    }
    void on_drop(const DropEvent& e) override {
        add(e.at, 'd', static_cast<u32>(e.reason), e.note, 0, 0);
    }
    void on_state(const StateEvent& e) override {
        add(e.at, 'c', static_cast<u32>(e.from), static_cast<u32>(e.to), 0, 0);
    }
    void on_timer(const TimerEvent& e) override {
        add(e.at, 't', static_cast<u32>(e.timer), static_cast<u32>(e.what), 0, 0);
    }
    std::size_t size() const { return records_.size(); }

private:
    struct Record {
        Instant at;
        u32 kind, a, b, c, d;
    };
    void add(Instant at, char kind, u32 a, u32 b, u32 c, u32 d) {
        records_.push_back(
            {.at = at, .kind = static_cast<u32>(kind), .a = a, .b = b, .c = c, .d = d});
    }
    std::vector<Record> records_;
};

struct Figures {
    double wall = 0;
    u64 segments = 0, packets = 0, bytes = 0, events = 0, recorded = 0, digest = 0, resent = 0;
};

Figures run(Duration simulated, bool record) {
    Log log(record ? 8'000'000 : 0);
    sim::World world{{.seed = 1}};
    sim::Host& a = world.host("a", "10.0.0.1/24");
    sim::Host& b = world.host("b", "10.0.0.2/24");
    sim::Wire& wire =
        world.wire(a, b, {.delay = 5ms, .rate = 1'000'000'000, .queue_packets = 1000});
    TcpOptions buffers;
    // Enough to keep the line busy, too little to overflow its queue.
    buffers.send_buffer = 1600u << 10;
    buffers.receive_buffer = 2u << 20;
    sim::Bulk bulk(world, a, b, {.bytes = ~u64{0} >> 1, .tcp = buffers});
    if (record) {
        a.observe(&log);
        b.observe(&log);
    }
    const Stopwatch watch;
    world.run_for(simulated);
    Figures f;
    f.wall = watch.seconds();
    require(bulk.intact() && bulk.received() > 0, "the stream is damaged");
    f.packets = wire.counters(sim::Way::There).delivered;
    f.segments = f.packets + wire.counters(sim::Way::Back).delivered;
    f.bytes = bulk.received();
    f.events = world.events();
    f.recorded = log.size();
    f.digest = world.digest();
    f.resent = a.counters().tcp_retransmissions;
    return f;
}

}  // namespace

}  // namespace tern::bench

int main(int argc, char** argv) {
    using namespace tern::bench;
    bool json = false, events = false;
    double seconds = 10;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--json") {
            json = true;
        } else if (word == "--events") {
            events = true;
        } else if (word == "--seconds" && i + 1 < argc && std::atof(argv[i + 1]) > 0) {
            seconds = std::atof(argv[++i]);
        } else {
            std::fprintf(stderr, "usage: sim [--seconds SIMULATED] [--events] [--json]\n");
            return 2;
        }
    }
    const auto f = run(tern::Duration{static_cast<tern::i64>(seconds * 1e9)}, events);
    const double per_second = static_cast<double>(f.packets) / f.wall;
    const double gbit = static_cast<double>(f.bytes) * 8 / seconds / 1e9;
    std::printf(json
                    ? "{\"peer\":\"tern\",\"bench\":\"sim\",\"wall_s\":%.4f,\"data_per_s\":%.0f,"
                      "\"ns_per_data_packet\":%.1f,\"data_packets\":%ju,\"packets\":%ju,"
                      "\"events\":%ju,\"recorded\":%ju,\"resent\":%ju,\"gbit_per_s\":%.4f,"
                      "\"digest\":\"%016jx\"}\n"
                    : "tern sim: %.4f s wall, %.0f data packets per second, %.1f ns each (%ju data "
                      "packets, %ju packets, %ju events, %ju recorded, %ju sent again, %.4f "
                      "Gbit/s, digest %016jx)\n",
                f.wall, per_second, 1e9 / per_second, std::uintmax_t{f.packets},
                std::uintmax_t{f.segments}, std::uintmax_t{f.events}, std::uintmax_t{f.recorded},
                std::uintmax_t{f.resent}, gbit, std::uintmax_t{f.digest});
    return 0;
}

#include "sim_report.hh"

#include <algorithm>

#include <fmt/format.h>

#include "json.hh"
#include "text.hh"

namespace tern::tools {

namespace {

std::string finish_of(const FlowResult& f) {
    if (f.finished) return human_time(*f.finished);
    return f.error == Error::None ? "not" : std::string{message_of(f.error)};
}

std::string flow_table(const SimResult& r) {
    std::size_t width = 4;
    for (const FlowResult& f : r.flows) width = std::max(width, f.name.size());
    std::string out = fmt::format("{:<{}}  {:>9}  {:>12}  {:>5}  {:>8}  {:>9}  {}\n", "flow", width,
                                  "bytes", "goodput", "again", "RTT", "cwnd", "finished");
    for (const FlowResult& f : r.flows) {
        out += fmt::format("{:<{}}  {:>9}  {:>12}  {:>5}  {:>8}  {:>9}  {}", f.name, width,
                           human_bytes(f.bytes), human_bits(f.bits_per_second), f.retransmissions,
                           human_time(f.srtt), human_bytes(f.cwnd), finish_of(f));
        if (f.attempts > 1) out += fmt::format(", {} attempts", f.attempts);
        if (f.median_latency)
            out += fmt::format(", answers in {} (median), {} (worst)",
                               human_time(*f.median_latency), human_time(*f.worst_latency));
        out += "\n";
    }
    return out;
}

std::string lane_table(const SimResult& r) {
    std::size_t width = 4;
    for (const LaneResult& l : r.lanes) width = std::max(width, l.name.size());
    std::string out =
        fmt::format("{:<{}}  {:>9}  {:>7}  {:>7}  {:>7}  {:>7}  {:>9}  {:>9}\n", "wire", width,
                    "packets", "lost", "cut", "queue", "twice", "corrupted", "reordered");
    for (const LaneResult& l : r.lanes) {
        const sim::LaneCounters& c = l.counters;
        out += fmt::format("{:<{}}  {:>9}  {:>7}  {:>7}  {:>7}  {:>7}  {:>9}  {:>9}\n", l.name,
                           width, c.delivered, c.lost, c.cut, c.queue_dropped, c.duplicated,
                           c.corrupted, c.reordered);
    }
    return out;
}

Json json_of(const FlowResult& f) {
    Json o{{"name", f.name},
           {"bytes", f.bytes},
           {"expected_bytes", f.expected},
           {"goodput_bit_per_s", rounded(f.bits_per_second, 0)},
           {"retransmissions", f.retransmissions},
           {"srtt_s", seconds_of(f.srtt)},
           {"cwnd_bytes", f.cwnd},
           {"exact", f.exact},
           {"attempts", f.attempts}};
    if (f.finished) o["finished_s"] = seconds_of(*f.finished);
    if (f.error != Error::None) o["error"] = message_of(f.error);
    if (f.median_latency) {
        o["median_latency_s"] = seconds_of(*f.median_latency);
        o["worst_latency_s"] = seconds_of(*f.worst_latency);
    }
    return o;
}

Json json_of(const LaneResult& l) {
    const sim::LaneCounters& c = l.counters;
    return {{"name", l.name},
            {"delivered", c.delivered},
            {"delivered_bytes", c.delivered_bytes},
            {"lost", c.lost},
            {"cut", c.cut},
            {"queue_dropped", c.queue_dropped},
            {"duplicated", c.duplicated},
            {"corrupted", c.corrupted},
            {"reordered", c.reordered}};
}

Json json_of(const SimFailure& f) { return f.text; }

template <class T>
Json json_list(const std::vector<T>& all) {
    Json out = Json::array();
    for (const T& each : all) out.push_back(json_of(each));
    return out;
}

Plot plot_of(const SimResult& r, std::string title, std::string unit, double scale,
             std::vector<double> SimSample::*values, bool of_flows) {
    Plot plot{std::move(title), std::move(unit)};
    const std::size_t count = of_flows ? r.flows.size() : r.lanes.size();
    for (std::size_t i = 0; i < count; ++i) {
        PlotLine line{of_flows ? r.flows[i].name : r.lanes[i].name, {}};
        for (const SimSample& s : r.samples)
            line.points.emplace_back(seconds_of(s.at), (s.*values)[i] * scale);
        plot.lines.push_back(std::move(line));
    }
    return plot;
}

}  // namespace

std::string sim_table(const SimResult& r) {
    std::string out = flow_table(r) + "\n" + lane_table(r);
    out += fmt::format("\nseed {}, {} events, digest {:016x}\n", r.seed, r.events, r.digest);
    for (const SimFailure& f : r.failures) out += "FAILED " + f.text + "\n";
    return out;
}

std::string sim_json(const SimResult& r) {
    return json_text({{"seed", r.seed},
                      {"passed", r.failures.empty()},
                      {"digest", fmt::format("{:016x}", r.digest)},
                      {"events", r.events},
                      {"flows", json_list(r.flows)},
                      {"wires", json_list(r.lanes)},
                      {"failures", json_list(r.failures)}}) +
           "\n";
}

std::vector<std::pair<std::string, Plot>> sim_plots(const SimResult& r) {
    std::vector<std::pair<std::string, Plot>> all;
    all.emplace_back("goodput.svg",
                     plot_of(r, "Goodput", "Mbit/s", 1e-6, &SimSample::goodput, true));
    all.emplace_back("cwnd.svg",
                     plot_of(r, "Congestion window", "kB", 1e-3, &SimSample::cwnd, true));
    all.emplace_back("queue.svg", plot_of(r, "Queue in front of the wire, largest in the interval",
                                          "kB", 1e-3, &SimSample::queue, false));
    all.emplace_back("delay.svg", plot_of(r, "One-way delay, largest in the interval", "ms", 1e3,
                                          &SimSample::delay, false));
    return all;
}

}  // namespace tern::tools

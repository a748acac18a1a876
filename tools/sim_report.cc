#include "sim_report.hh"

#include <algorithm>

#include <fmt/format.h>

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

std::string json_of(const FlowResult& f) {
    std::string out = fmt::format(
        "{{\"name\": {}, \"bytes\": {}, \"expected_bytes\": {}, \"goodput_bit_per_s\": {:.0f}, "
        "\"retransmissions\": {}, \"srtt_s\": {:.6f}, \"cwnd_bytes\": {}, \"exact\": {}, "
        "\"attempts\": {}",
        json_string(f.name), f.bytes, f.expected, f.bits_per_second, f.retransmissions,
        seconds_of(f.srtt), f.cwnd, f.exact, f.attempts);
    if (f.finished) out += fmt::format(", \"finished_s\": {:.6f}", seconds_of(*f.finished));
    if (f.error != Error::None)
        out += fmt::format(", \"error\": {}", json_string(message_of(f.error)));
    if (f.median_latency)
        out += fmt::format(", \"median_latency_s\": {:.6f}, \"worst_latency_s\": {:.6f}",
                           seconds_of(*f.median_latency), seconds_of(*f.worst_latency));
    return out + "}";
}

std::string json_of(const LaneResult& l) {
    const sim::LaneCounters& c = l.counters;
    return fmt::format(
        "{{\"name\": {}, \"delivered\": {}, \"delivered_bytes\": {}, \"lost\": {}, \"cut\": {}, "
        "\"queue_dropped\": {}, \"duplicated\": {}, \"corrupted\": {}, \"reordered\": {}}}",
        json_string(l.name), c.delivered, c.delivered_bytes, c.lost, c.cut, c.queue_dropped,
        c.duplicated, c.corrupted, c.reordered);
}

std::string json_of(const SimFailure& f) { return json_string(f.text); }

template <class T>
std::string json_list(const std::vector<T>& all) {
    std::string out;
    for (const T& each : all) out += (out.empty() ? "" : ", ") + json_of(each);
    return "[" + out + "]";
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
    return fmt::format(
        "{{\"seed\": {}, \"passed\": {}, \"digest\": \"{:016x}\", \"events\": {},\n"
        " \"flows\": {},\n \"wires\": {},\n \"failures\": {}}}\n",
        r.seed, r.failures.empty(), r.digest, r.events, json_list(r.flows), json_list(r.lanes),
        json_list(r.failures));
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

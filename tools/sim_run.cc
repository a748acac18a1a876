#include "sim_run.hh"

#include <algorithm>
#include <deque>
#include <map>

#include <fmt/format.h>

#include "text.hh"

namespace tern::tools {

namespace {

Impairment impairment_of(const std::string& text) { return *Impairment::parse(text); }

class Run {
public:
    Run(const Scenario& scenario, u64 seed) : scenario_(scenario), world_({.seed = seed}) {
        build();
        load();
        for (const SimFault& fault : scenario.faults) schedule(fault);
    }
    SimResult go(u32 samples);

private:
    struct Flow {
        const SimFlow* wanted;
        std::unique_ptr<sim::Bulk> bulk;
        std::unique_ptr<sim::Requests> requests;
        u64 bytes_before = 0;

        u64 bytes() const {
            return bulk ? bulk->received() : requests->completed() * wanted->response;
        }
        const TcpStatus& status() { return bulk ? bulk->status() : requests->status(); }
    };

    void build();
    void load();
    void schedule(const SimFault& fault);
    void look(Duration every, u32 left);
    FlowResult result_of(Flow& flow);
    void judge(const SimCheck& check, const FlowResult& flow);
    void fail(const std::string& what, const std::string& text) {
        result_.failures.push_back({what, text});
    }

    const Scenario& scenario_;
    sim::World world_;
    std::map<std::string, sim::Node*> nodes_;
    std::map<std::string, sim::Wire*> wires_;
    std::vector<sim::Wire*> wires_in_order_;
    std::deque<Flow> flows_;
    SimResult result_;
};

void Run::build() {
    for (const SimHost& h : scenario_.hosts) nodes_[h.name] = &world_.host(h.name, h.address);
    for (const std::string& r : scenario_.routers) nodes_[r] = &world_.router(r);
    for (const SimWire& w : scenario_.wires) {
        sim::Wire& wire = world_.wire(*nodes_.at(w.a), *nodes_.at(w.b), impairment_of(w.there),
                                      impairment_of(w.back), w.mtu);
        wires_[w.name] = &wire;
        wires_in_order_.push_back(&wire);
    }
}

void Run::load() {
    for (const SimFlow& f : scenario_.flows) {
        sim::Host& from = *world_.find_host(f.from);
        sim::Host& to = *world_.find_host(f.to);
        TcpOptions tcp;
        tcp.send_buffer = tcp.receive_buffer = f.buffer;
        tcp.congestion = f.congestion;
        Flow& flow = flows_.emplace_back(Flow{&f, {}, {}});
        if (f.kind == SimFlow::Kind::Bulk) {
            flow.bulk = std::make_unique<sim::Bulk>(world_, from, to,
                                                    sim::BulkOptions{.bytes = f.size,
                                                                     .port = f.port,
                                                                     .start = f.start,
                                                                     .retry = f.retry,
                                                                     .tcp = tcp});
        } else {
            flow.requests =
                std::make_unique<sim::Requests>(world_, from, to,
                                                sim::RequestOptions{.count = f.count,
                                                                    .request = f.request,
                                                                    .response = f.response,
                                                                    .port = f.port,
                                                                    .start = f.start,
                                                                    .interval = f.interval,
                                                                    .tcp = tcp});
        }
    }
}

void Run::schedule(const SimFault& f) {
    const Instant from = Instant{} + f.at;
    const Instant until = from + f.length;
    switch (f.kind) {
        case SimFault::Kind::Partition:
        case SimFault::Kind::Impair: {
            sim::Wire& wire = *wires_.at(f.target);
            if (f.kind == SimFault::Kind::Partition && f.there && f.back)
                return world_.partition(wire, from, until);
            for (const sim::Way way : {sim::Way::There, sim::Way::Back}) {
                if (!(way == sim::Way::There ? f.there : f.back)) continue;
                if (f.kind == SimFault::Kind::Partition) {
                    world_.partition(wire, way, from, until);
                } else {
                    world_.change(wire, way, from, impairment_of(f.impair));
                    world_.at(until, [&wire, way, before = wire.impairment(way)] {
                        wire.change(way, before);
                    });
                }
            }
            return;
        }
        case SimFault::Kind::Restart:
            return world_.restart(*world_.find_host(f.target), from, f.length);
        case SimFault::Kind::ClockJump:
            return world_.jump_clock(*world_.find_host(f.target), from, f.length);
    }
}

void Run::look(Duration every, u32 left) {
    SimSample sample;
    sample.at = world_.now().time_since_epoch();
    for (Flow& flow : flows_) {
        const u64 bytes = flow.bytes();
        const u64 more = bytes - std::min(flow.bytes_before, bytes);  // a retry begins at 0
        flow.bytes_before = bytes;
        sample.goodput.push_back(static_cast<double>(more) * 8 / seconds_of(every));
        sample.cwnd.push_back(flow.status().cwnd);
    }
    for (sim::Wire* wire : wires_in_order_) {
        for (const sim::Way way : {sim::Way::There, sim::Way::Back}) {
            const Impairment& now = wire->impairment(way);
            const Duration delay = wire->worst_delay(way);
            const Duration queued = std::max(delay - now.delay, Duration{});
            sample.delay.push_back(seconds_of(delay));
            // Time in the queue and on the sender's bits, at the wire's rate.
            sample.queue.push_back(seconds_of(queued) * static_cast<double>(now.rate) / 8);
        }
    }
    result_.samples.push_back(std::move(sample));
    if (left > 1) world_.after(every, [this, every, left] { look(every, left - 1); });
}

FlowResult Run::result_of(Flow& flow) {
    const SimFlow& wanted = *flow.wanted;
    const TcpStatus& status = flow.status();
    FlowResult r{.name = wanted.name, .kind = wanted.kind, .bytes = flow.bytes()};
    r.retransmissions = status.retransmissions;
    r.srtt = status.srtt;
    r.cwnd = status.cwnd;
    std::optional<Instant> finished;
    if (flow.bulk) {
        const sim::Bulk& bulk = *flow.bulk;
        finished = bulk.finished();
        r.expected = wanted.size;
        r.bits_per_second = bulk.bits_per_second();
        r.exact = bulk.intact() && bulk.done();
        r.done = bulk.done();
        r.error = bulk.error();
        r.attempts = bulk.attempts();
    } else {
        const sim::Requests& requests = *flow.requests;
        finished = requests.finished();
        r.expected = wanted.count * wanted.response;
        r.exact = requests.intact() && requests.done();
        r.done = requests.done();
        r.error = requests.error();
        std::vector<Duration> times = requests.latencies();
        if (!times.empty()) {
            std::ranges::sort(times);
            r.median_latency = times[times.size() / 2];
            r.worst_latency = times.back();
        }
        const Duration took = finished.value_or(world_.now()) - (Instant{} + wanted.start);
        if (took > Duration{})
            r.bits_per_second = static_cast<double>(r.bytes) * 8 / seconds_of(took);
    }
    if (finished) r.finished = finished->time_since_epoch();
    return r;
}

void Run::judge(const SimCheck& check, const FlowResult& flow) {
    if (check.exact && !flow.exact) {
        const std::string why = flow.error != Error::None
                                    ? fmt::format(" ({})", message_of(flow.error))
                                : flow.done ? ""
                                            : " (the end of the stream did not come)";
        fail("exact " + flow.name, fmt::format("{}: {} of {} bytes arrived in order{}", flow.name,
                                               flow.bytes, flow.expected, why));
    }
    if (check.goodput && flow.bits_per_second < static_cast<double>(*check.goodput))
        fail("goodput " + flow.name, fmt::format("{}: goodput {}, at least {} was asked for",
                                                 flow.name, human_bits(flow.bits_per_second),
                                                 human_bits(static_cast<double>(*check.goodput))));
    if (check.finished_by && (!flow.finished || *flow.finished > *check.finished_by))
        fail("finished " + flow.name,
             fmt::format(
                 "{}: {}, should be finished by {}", flow.name,
                 flow.finished ? "finished at " + human_time(*flow.finished) : "did not finish",
                 human_time(*check.finished_by)));
    if (check.retransmissions && flow.retransmissions > *check.retransmissions)
        fail("retransmissions " + flow.name,
             fmt::format("{}: {} retransmissions, at most {} were asked for", flow.name,
                         flow.retransmissions, *check.retransmissions));
}

SimResult Run::go(u32 samples) {
    const Duration every = samples > 0 ? scenario_.duration / samples : Duration{};
    if (every > Duration{}) world_.after(every, [=, this] { look(every, samples); });
    world_.run_for(scenario_.duration);
    result_.seed = world_.seed();
    result_.digest = world_.digest();
    result_.events = world_.events();
    for (Flow& flow : flows_) result_.flows.push_back(result_of(flow));
    for (const sim::Wire* wire : wires_in_order_) {
        const std::string there = wire->a().name() + " > " + wire->b().name();
        const std::string back = wire->b().name() + " > " + wire->a().name();
        result_.lanes.push_back({there, wire->counters(sim::Way::There)});
        result_.lanes.push_back({back, wire->counters(sim::Way::Back)});
    }
    for (const SimCheck& check : scenario_.checks)
        for (const FlowResult& flow : result_.flows)
            if (flow.name == check.flow) judge(check, flow);
    for (const std::string& what : world_.never_struck())
        fail("fault " + what, "never struck, so this run did not test it: " + what);
    return std::move(result_);
}

}  // namespace

SimResult run_scenario(const Scenario& scenario, u64 seed, u32 samples) {
    return Run(scenario, seed).go(samples);
}

}  // namespace tern::tools

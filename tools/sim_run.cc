#include "sim_run.hh"

#include <algorithm>
#include <deque>
#include <map>
#include <optional>

#include <fmt/format.h>

#include "tern/fanout.hh"
#include "tern/sim_judge.hh"
#include "text.hh"

namespace tern::tools {

namespace {

Impairment impairment_of(const std::string& text) { return *Impairment::parse(text); }

class Run {
public:
    Run(const Scenario& scenario, u64 seed)
        : scenario_(scenario), world_(world_options(scenario, seed)) {
        build();
        if (scenario.judged) judge_.emplace(world_);
        load();
        for (const SimFault& fault : scenario.faults) schedule(fault);
    }
    void draw(const SimWatch& watch);
    SimResult go(const SimWatch& watch);

private:
    struct Flow {
        const SimFlow* wanted;
        std::unique_ptr<sim::Bulk> bulk{};
        std::unique_ptr<sim::Requests> requests{};
        std::unique_ptr<sim::Exchange> exchange{};
        std::unique_ptr<sim::Datagrams> datagrams{};
        u64 bytes_before = 0;

        u64 bytes() const {
            if (bulk) return bulk->received();
            if (requests) return requests->completed() * wanted->response;
            return exchange ? exchange->received() : datagrams->received() * wanted->size;
        }
        TcpStatus status() {
            if (bulk) return bulk->status();
            if (requests) return requests->status();
            return exchange ? exchange->status() : TcpStatus{};
        }
    };

    static sim::WorldOptions world_options(const Scenario& scenario, u64 seed) {
        sim::WorldOptions o{.seed = seed};
        if (scenario.memory != 0) o.memory_limit = scenario.memory;
        return o;
    }
    void build();
    void load();
    void load(Flow& flow, sim::Host& from, sim::Host& to, const TcpOptions& tcp);
    void schedule(const SimFault& fault);
    void look(Duration every, u32 left);
    FlowResult result_of(Flow& flow);
    void add_result(const sim::Exchange& exchange, const SimFlow& wanted, FlowResult& r);
    void run_in_parts(const std::function<void(Duration)>& progress);
    void judge_world();
    void judge(const SimCheck& check, const FlowResult& flow);
    void fail(const std::string& what, const std::string& text) {
        result_.failures.push_back({what, text});
    }

    const Scenario& scenario_;
    std::deque<Fanout> watchers_;
    sim::World world_;
    std::map<std::string, sim::Node*> nodes_;
    std::map<std::string, sim::Wire*> wires_;
    std::vector<sim::Wire*> wires_in_order_;
    std::deque<Flow> flows_;
    std::optional<sim::Judge> judge_;
    SimResult result_;
};

void Run::build() {
    for (const SimHost& h : scenario_.hosts) {
        sim::HostOptions options;
        if (h.memory != 0) options.memory_limit = h.memory;
        nodes_[h.name] = &world_.host(h.name, h.address, options);
    }
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
        tcp.ecn = ecn_of(f.ecn);
        if (f.keep_alive > Duration{}) {
            tcp.keep_alive = true;
            tcp.keep_alive_idle = tcp.keep_alive_interval = f.keep_alive;
        }
        load(flows_.emplace_back(Flow{&f}), from, to, tcp);
    }
}

void Run::load(Flow& flow, sim::Host& from, sim::Host& to, const TcpOptions& tcp) {
    const SimFlow& f = *flow.wanted;
    const u32 count = static_cast<u32>(f.count);
    switch (f.kind) {
        case SimFlow::Kind::Bulk: {
            const sim::BulkOptions o{
                .bytes = f.size, .port = f.port, .start = f.start, .retry = f.retry, .tcp = tcp};
            flow.bulk = std::make_unique<sim::Bulk>(world_, from, to, o);
            return;
        }
        case SimFlow::Kind::Requests: {
            const sim::RequestOptions o{.count = f.count,
                                        .request = f.request,
                                        .response = f.response,
                                        .port = f.port,
                                        .start = f.start,
                                        .interval = f.interval,
                                        .tcp = tcp};
            flow.requests = std::make_unique<sim::Requests>(world_, from, to, o);
            return;
        }
        case SimFlow::Kind::Exchange: {
            const sim::ExchangeOptions o{.count = count,
                                         .interval = f.interval,
                                         .there = f.sends,
                                         .back = f.gets,
                                         .port = f.port,
                                         .start = f.start,
                                         .simultaneous = f.simultaneous,
                                         .abort_every = f.abort_every,
                                         .pause = f.pause,
                                         .retry = f.retry,
                                         .tcp = tcp};
            flow.exchange = std::make_unique<sim::Exchange>(world_, from, to, o);
            return;
        }
        case SimFlow::Kind::Datagrams: {
            const sim::DatagramOptions o{.count = count,
                                         .size = static_cast<u32>(f.size),
                                         .port = f.port,
                                         .start = f.start,
                                         .interval = f.interval};
            flow.datagrams = std::make_unique<sim::Datagrams>(world_, from, to, o);
            return;
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
        case SimFault::Kind::Mtu:
            return world_.shrink_mtu(*wires_.at(f.target), f.mtu, from, until);
        case SimFault::Kind::Odd:
            return world_.make_odd(*world_.find_host(f.target), f.odd, from, until);
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
    const TcpStatus status = flow.status();
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
    } else if (flow.exchange) {
        add_result(*flow.exchange, wanted, r);
        finished = flow.exchange->finished();
    } else if (flow.datagrams) {
        r.expected = wanted.count * wanted.size;
        r.exact = flow.datagrams->intact();
        r.done = flow.datagrams->sent() == wanted.count;
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

void Run::add_result(const sim::Exchange& exchange, const SimFlow& wanted, FlowResult& r) {
    r.expected = wanted.count * (wanted.sends + wanted.gets);
    r.done = exchange.done();
    r.exact = exchange.intact() && r.done;
    r.error = exchange.error();
    r.attempts = exchange.attempts();
    // A restart, or a clock that jumps beyond R2, takes with it what was acknowledged and not
    // read; nothing else may. At the other end as well: a host without TIME-WAIT answers the FIN
    // that comes again by RST, which flushes what waits there (RFC 9293 3.10.7.4).
    const bool may_forget = std::ranges::any_of(scenario_.faults, [&](const SimFault& f) {
        const bool forgets =
            f.kind == SimFault::Kind::Restart || f.kind == SimFault::Kind::ClockJump;
        return forgets && (f.target == wanted.to || f.target == wanted.from);
    });
    if (exchange.lost_any() && !may_forget)
        fail("acknowledged " + wanted.name,
             wanted.name + ": bytes were acknowledged that the application never got");
}

void Run::draw(const SimWatch& watch) {
    if (watch.ladder == nullptr) return;
    for (const SimFlow& f : scenario_.flows) {
        if (f.name != watch.flow) continue;
        sim::Host &from = *world_.find_host(f.from), &to = *world_.find_host(f.to);
        from.observe(&watchers_.emplace_back(Fanout{from.observer(), &watch.ladder->left()}));
        to.observe(&watchers_.emplace_back(Fanout{to.observer(), &watch.ladder->right()}));
    }
}

// Whatever the checks ask for: no damage, and the rules of sim::Judge.
// Without " (12 packets entered while it was on)", which is of this run alone.
std::string name_of_fault(const std::string& what) {
    if (!what.ends_with(" packets entered while it was on)")) return what;
    return what.substr(0, what.rfind(" ("));
}

// Which rule a complaint is about: without the host, the moment and the figures, which differ from
// run to run.
std::string rule_of(const std::string& complaint) {
    const std::size_t colon = complaint.find(": ");
    std::string rule = complaint.substr(colon == std::string::npos ? 0 : colon + 2);
    rule.resize(std::min(rule.find(" ("), rule.size()));
    std::erase_if(rule, [](char c) { return c >= '0' && c <= '9'; });
    return rule;
}

void Run::judge_world() {
    for (const Flow& flow : flows_) {
        const bool intact = flow.bulk       ? flow.bulk->intact()
                            : flow.requests ? flow.requests->intact()
                            : flow.exchange ? flow.exchange->intact()
                                            : flow.datagrams->intact();
        if (!intact) fail("bytes of " + flow.wanted->name, flow.wanted->name + ": wrong bytes");
    }
    for (const std::string& what : judge_->complaints()) fail("rule: " + rule_of(what), what);
    for (const std::string& what : judge_->leftovers()) fail("leftover: " + rule_of(what), what);
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

// A part is what a second of the virtual time, or a hundredth of all of it, holds: no event of the
// world's own, so that watching changes nothing.
void Run::run_in_parts(const std::function<void(Duration)>& progress) {
    if (!progress) return world_.run_for(scenario_.duration);
    const Duration part = std::clamp<Duration>(
        scenario_.duration / 100, std::chrono::milliseconds(1), std::chrono::seconds(1));
    for (Duration at{}; at < scenario_.duration;) {
        const Duration next = std::min(at + part, scenario_.duration);
        world_.run_for(next - at);
        progress(at = next);
    }
}

SimResult Run::go(const SimWatch& watch) {
    const u32 samples = watch.samples;
    const Duration every = samples > 0 ? scenario_.duration / samples : Duration{};
    if (every > Duration{}) world_.after(every, [=, this] { look(every, samples); });
    run_in_parts(watch.progress);
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
    if (judge_) judge_world();
    for (const sim::Host* host : world_.hosts())
        result_.segments += host->counters().tcp_segments_out;
    result_.faults = world_.faults();
    if (!scenario_.faults_may_miss)
        for (const std::string& what : world_.never_struck())
            fail("fault " + name_of_fault(what),
                 "never struck, so this run did not test it: " + what);
    return std::move(result_);
}

}  // namespace

SimResult run_scenario(const Scenario& scenario, u64 seed, const SimWatch& watch) {
    Run run(scenario, seed);
    run.draw(watch);
    return run.go(watch);
}

}  // namespace tern::tools

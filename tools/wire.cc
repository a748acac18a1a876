// tern wire A B: a cable between two devices that is a bad network.
#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <fstream>
#include <iterator>

#include <fmt/core.h>
#include <sched.h>

#include "commands.hh"
#include "exit_code.hh"
#include "json.hh"
#include "stop_flag.hh"
#include "text.hh"
#include "wire_report.hh"
#include "wire_script.hh"

namespace tern::tools {

namespace {

// An option that is a word of an Impairment: --loss 1% is loss=1%.
struct Setting {
    const char* word;
    const char* help;
    std::string value{};
};

struct WireCommand {
    std::string a, b;
    std::vector<Setting> settings = {
        {"rate", "100mbit: what passes a second; with a queue in front"},
        {"bucket", "10mbit:64KB: what passes in the long run, and at once after a pause"},
        {"delay", "20ms, each way"},
        {"jitter", "2ms: evenly between 0 and this on top of the delay; keeps the order"},
        {"loss", "1%, or bursts as ge:1%:30% (Gilbert-Elliott: good to bad, bad to good)"},
        {"reorder", "1%,5ms: so many packets are late by that"},
        {"duplicate", "1%"},
        {"corrupt", "1%: one bit of so many packets"},
        {"queue", "100p, 64KB or 1bdp: room in front of the rate; then the tail is dropped"},
        {"mark", "20p, 30KB or 1ms: above this, ECN-capable packets are marked (DCTCP)"}};
    std::string codel;
    bool ecn = false;
    std::string a_to_b, b_to_a;
    std::string script, duration;
    u64 seed = 1;
    u32 mtu = 1500;
    bool no_offloads = false, no_realtime = false, json = false;
    std::string wait = "adaptive";
    u64 memory = u64{1} << 30;
};

[[noreturn]] void refuse(const std::string& message) {
    throw RuntimeError(Error::InvalidArgument, message);
}

void set(Impairment& to, const std::string& option, std::string_view item) {
    if (auto done = to.set(item); !done) {
        refuse(fmt::format("{} \"{}\": {}", option, item, done.error()));
    }
}

// What one direction alone is told, over what both are.
void set_list(Impairment& to, const std::string& option, std::string_view text) {
    while (!text.empty()) {
        const std::size_t end = std::min(text.find(','), text.size());
        set(to, option, text.substr(0, end));
        text.remove_prefix(std::min(end + 1, text.size()));
    }
}

WireSettings settings_of(const WireCommand& o) {
    Impairment both;
    for (const Setting& setting : o.settings) {
        if (setting.value.empty()) continue;
        std::string value = setting.value;
        std::ranges::replace(value, ',', ':');
        set(both, fmt::format("--{}", setting.word), fmt::format("{}={}", setting.word, value));
    }
    if (!o.codel.empty()) set(both, "--codel", "codel=" + o.codel);
    both.ecn = o.ecn;
    WireSettings all{.a_to_b = both, .b_to_a = both};
    set_list(all.a_to_b, "--a-to-b", o.a_to_b);
    set_list(all.b_to_a, "--b-to-a", o.b_to_a);
    return all;
}

std::vector<WireChange> script_of(const WireCommand& o, const WireSettings& start) {
    if (o.script.empty()) return {};
    std::ifstream file{o.script, std::ios::binary};
    if (!file) refuse(fmt::format("--script {}: {}", o.script, file_trouble(errno)));
    const std::string text{std::istreambuf_iterator<char>{file}, {}};
    auto changes = parse_wire_script(text, o.script, start);
    if (!changes) refuse(changes.error());
    return std::move(*changes);
}

Duration duration_of(const WireCommand& o) {
    if (o.duration.empty()) return Duration::max();
    const auto duration = parse_duration(o.duration);
    if (!duration) refuse(fmt::format("--duration \"{}\": write a time, as in 10s", o.duration));
    return *duration;
}

// Goes before other programs, so that packets leave on time while these compute. Not with a
// thread that never sleeps: see src/os/runtime/README.md. False: the system does not allow it.
bool take_precedence(const WireCommand& o) {
    if (o.no_realtime || o.wait == "spin") return false;
    sched_param parameters{};
    parameters.sched_priority = 1;
    return ::sched_setscheduler(0, SCHED_RR | SCHED_RESET_ON_FORK, &parameters) == 0;
}

// The wire and what was asked of it, from the first packet to the report.
class Run {
public:
    Run(const WireCommand& o, const WireSettings& start, std::vector<WireChange> script)
        : o_(o), script_(std::move(script)), settings_(start), wire_(config(o, start)) {}

    void run(Duration duration);
    void report() const;

private:
    static ImpairedWireConfig config(const WireCommand& o, const WireSettings& start) {
        return {.a = o.a,
                .b = o.b,
                .a_to_b = start.a_to_b,
                .b_to_a = start.b_to_a,
                .seed = o.seed,
                .mtu = o.mtu,
                .offloads = !o.no_offloads,
                .wait = o.wait == "spin"    ? Wait::Spin
                        : o.wait == "sleep" ? Wait::Sleep
                                            : Wait::Adaptive,
                .memory_limit = o.memory};
    }
    void watch(Duration at) {
        forth_.ask(settings_.a_to_b, wire_.a_to_b().impaired, at);
        back_.ask(settings_.b_to_a, wire_.b_to_a().impaired, at);
    }
    void tell_settings(std::string_view event, Duration at) const;

    const WireCommand& o_;
    std::vector<WireChange> script_;
    WireSettings settings_;
    ImpairedWire wire_;
    FaultWatch forth_, back_;
    bool realtime_ = false;
    Instant began_{};
    std::size_t changes_ = 0;  // of the script, so far
};

std::string in_words(const Impairment& i) {
    const std::string text = i.text();
    return text.empty() ? "as it comes" : text;
}

void Run::tell_settings(std::string_view event, Duration at) const {
    const std::string forth = settings_.a_to_b.text(), back = settings_.b_to_a.text();
    if (o_.json) {
        return print_json({{"event", event},
                           {"at_s", rounded(seconds_of(at), 3)},
                           {"a", wire_.name_a()},
                           {"b", wire_.name_b()},
                           {"a_to_b", forth},
                           {"b_to_a", back},
                           {"realtime", realtime_}});
    }
    if (event == "ready") {
        fmt::print("{} and {} are joined{}; Ctrl-C ends it and reports\n", wire_.name_a(),
                   wire_.name_b(), realtime_ ? ", with real-time priority" : "");
    }
    if (forth == back) {
        fmt::print("{:8.3f} s  both ways: {}\n", seconds_of(at), in_words(settings_.a_to_b));
    } else {
        fmt::print("{:8.3f} s  a-to-b: {}; b-to-a: {}\n", seconds_of(at),
                   in_words(settings_.a_to_b), in_words(settings_.b_to_a));
    }
    std::fflush(stdout);
}

void Run::run(Duration duration) {
    const StopFlag stop{wire_};
    realtime_ = take_precedence(o_);
    began_ = monotonic_now();
    const Instant end = duration == Duration::max() ? Instant::max() : began_ + duration;
    watch({});
    tell_settings("ready", {});
    bool going = true;
    for (const WireChange& change : script_) {
        const Instant at = began_ + change.at;
        going = going && at < end && wire_.run_until(at) && !stop.stopped();
        if (!going) break;
        ++changes_;
        settings_ = change.settings;
        wire_.change(settings_.a_to_b, settings_.b_to_a);
        watch(change.at);
        tell_settings("change", change.at);
    }
    while (!stop.stopped() && monotonic_now() < end) wire_.run_until(end);
}

void Run::report() const {
    const Duration took = monotonic_now() - began_;
    const auto side = [](const std::string& from, const std::string& to, WireWay way,
                         const FaultWatch& faults) {
        auto missed = faults.never_struck(way.impaired);
        return WireSide{from + " -> " + to, std::move(way), std::move(missed)};
    };
    const std::string &a = wire_.name_a(), &b = wire_.name_b();
    const Duration tolerance = ImpairedWireConfig{}.tolerance;
    for (const WireSide& one :
         {side(a, b, wire_.a_to_b(), forth_), side(b, a, wire_.b_to_a(), back_)}) {
        fmt::print("{}", o_.json ? wire_report_json(one) : wire_report_text(one, took, tolerance));
    }
    const std::size_t left = script_.size() - changes_;
    if (o_.json) {
        print_json({{"event", "end"},
                    {"seconds", rounded(seconds_of(took), 3)},
                    {"changes_not_reached", left}});
    } else if (left > 0) {
        fmt::print("it ended before {} of {} changes of the script: the next was due at {}\n", left,
                   script_.size(), human_time(script_[changes_].at));
    }
    std::fflush(stdout);
}

void wire(const WireCommand& o) {
    const WireSettings start = settings_of(o);
    const Duration duration = duration_of(o);
    Run run{o, start, script_of(o, start)};
    try {
        run.run(duration);
    } catch (const RuntimeError&) {
        run.report();  // what it did until then
        throw;
    }
    run.report();
}

void add_rest(CLI::App& c, WireCommand& o) {
    c.add_option("--a-to-b", o.a_to_b, "for this direction alone, as in loss=1%,delay=3ms");
    c.add_option("--b-to-a", o.b_to_a, "for the other one");
    c.add_option("--script", o.script, "file of changes: lines as \"10s loss=5% delay=50ms\"");
    c.add_option("--duration", o.duration, "ends by itself after this, as in 10s");
    c.add_option("--seed", o.seed, "repeats all chance")
        ->check(whole_number())
        ->capture_default_str();
    c.add_flag("--json", o.json, "one JSON object a line");
    const std::string group = "Devices";
    c.add_option("--mtu", o.mtu, "largest IP packet of a device that is made here")
        ->capture_default_str()
        ->check(CLI::Range(68, 65535))
        ->group(group);
    c.add_flag("--no-offloads", o.no_offloads, "real segments and checksums on both devices")
        ->group(group);
    c.add_option("--wait", o.wait, "sleep, spin (one core, lowest latency) or adaptive")
        ->capture_default_str()
        ->check(CLI::IsMember({"sleep", "spin", "adaptive"}))
        ->group(group);
    c.add_flag("--no-realtime", o.no_realtime,
               "do not go before other programs; packets may then leave late while these compute")
        ->group(group);
    c.add_option("--memory", o.memory, "most that packets on their way take")
        ->capture_default_str()
        ->transform(CLI::AsSizeValue(false))
        ->check(CLI::Range(u64{4} << 20, u64{1} << 40))
        ->group(group);
}

}  // namespace

void add_wire(CLI::App& app) {
    auto o = std::make_shared<WireCommand>();
    CLI::App* c = app.add_subcommand("wire", "join two devices through a bad network");
    c->add_option("A", o->a,
                  "tap:NAME or tun:NAME, or tap:NAME@NETNS; made if it is not there; or xdp:NAME, "
                  "a device that is there")
        ->required();
    c->add_option("B", o->b, "the other end")->required();
    for (Setting& setting : o->settings) {
        c->add_option(fmt::format("--{}", setting.word), setting.value, setting.help);
    }
    c->add_flag("--codel{5ms:100ms}", o->codel,
                "RFC 8289 manages the queue; --codel=TARGET:INTERVAL, or 5ms:100ms");
    c->add_flag("--ecn", o->ecn, "CoDel marks ECN-capable packets instead of dropping them");
    add_rest(*c, *o);
    c->footer(
        "Examples, between two namespaces that `ip netns add` made:\n"
        "  tern wire tap:a@left tap:b@right --delay 20ms --rate 100mbit --queue 1bdp\n"
        "  tern wire tap:a@left tap:b@right --rate 50mbit --delay 10ms --codel --ecn\n"
        "  tern wire tap:a@left tap:b@right --loss ge:0.5%:20% --a-to-b delay=30ms,jitter=5ms\n"
        "  ip -n left addr add 10.0.0.1/24 dev a; ip -n right addr add 10.0.0.2/24 dev b\n"
        "A script changes it on the way, one line each; lines begin with the time:\n"
        "  10s loss=5% delay=50ms\n"
        "  20s a-to-b rate=5mbit queue=20\n"
        "The report tells how exact it was, and which fault was asked for and never struck.");
    c->callback([o] { wire(*o); });
}

}  // namespace tern::tools

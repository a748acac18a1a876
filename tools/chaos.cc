// tern chaos: random worlds, one for each seed, until one of them breaks a rule; then the smallest
// world that still breaks it.
#include <chrono>
#include <cstdio>
#include <memory>

#include <fmt/format.h>

#include "chaos_draw.hh"
#include "commands.hh"
#include "exit_code.hh"
#include "progress.hh"
#include "sim_report.hh"
#include "sim_shrink.hh"
#include "text.hh"

namespace tern::tools {

namespace {

constexpr u64 k_worlds = 1000;  // when nothing is said
constexpr u64 k_most = 1'000'000'000'000;

struct ChaosOptions {
    u64 from = 1, seeds = 0, segments = 0;
    std::optional<u64> seed;
    bool keep_going = false;
    std::string smallest = "smallest.toml";
};

struct Totals {
    u64 worlds = 0, segments = 0, asked = 0, struck = 0, failed = 0;
};

std::string failures_of(const SimResult& result) {
    std::string text;
    for (const SimFailure& f : result.failures) text += "FAILED " + f.text + "\n";
    return text;
}

void report(const Scenario& scenario, const SimResult& failed, const ChaosOptions& o) {
    fmt::print("not ok seed {}\n{}", failed.seed, failures_of(failed));
    std::fflush(stdout);
    if (o.keep_going) return;
    ProgressLine line;
    const Shrunk small = shrink(scenario, failed, [&line](u32 runs, std::size_t faults) {
        line.update(
            [&] { return fmt::format("shrinking: {} runs, {} faults left", runs, faults); });
    });
    line.clear();
    const std::string remark = fmt::format(
        "The smallest world that fails as seed {} of `tern chaos` does.\n{}Repeat it: tern sim {}",
        failed.seed, failures_of(small.result), o.smallest);
    write_file(o.smallest, write_scenario(small.scenario, remark));
    fmt::print(
        "{} of {} faults and {} of {} loads are enough for it ({} runs to find out). Written "
        "to {}:\n    tern sim {}\n",
        small.scenario.faults.size(), scenario.faults.size(), small.scenario.flows.size(),
        scenario.flows.size(), small.runs, o.smallest, o.smallest);
}

// One world in full: the file, and what became of it.
int one(u64 seed) {
    const Scenario scenario = draw_chaos(seed);
    const SimResult result = run_scenario(scenario, seed);
    fmt::print("{}\n{}{} segments, {} of {} faults struck\n", write_scenario(scenario, {}),
               sim_table(result), result.segments, result.faults.struck, result.faults.asked);
    return result.failures.empty() ? k_ok : k_failed;
}

std::string so_far(const Totals& t, const ChaosOptions& o) {
    const u64 worlds = o.seeds == 0 && o.segments == 0 ? k_worlds : o.seeds;
    std::string text =
        fmt::format("{}{} worlds", t.worlds, worlds == 0 ? "" : fmt::format(" of {}", worlds));
    text += fmt::format(", {}{} segments", t.segments,
                        o.segments == 0 ? "" : fmt::format(" of {}", o.segments));
    return text + (t.failed == 0 ? "" : fmt::format(", {} failed", t.failed));
}

bool enough(const Totals& t, const ChaosOptions& o) {
    if (o.seeds == 0 && o.segments == 0) return t.worlds >= k_worlds;
    return (o.seeds == 0 || t.worlds >= o.seeds) && (o.segments == 0 || t.segments >= o.segments);
}

int many(const ChaosOptions& o) {
    Totals t;
    ProgressLine line;
    const auto begin = std::chrono::steady_clock::now();
    for (u64 seed = o.from; !enough(t, o); ++seed) {
        const Scenario scenario = draw_chaos(seed);
        const SimResult result = run_scenario(scenario, seed);
        ++t.worlds;
        t.segments += result.segments;
        t.asked += result.faults.asked;
        t.struck += result.faults.struck;
        line.update([&] { return so_far(t, o); });
        if (result.failures.empty()) continue;
        ++t.failed;
        line.clear();
        report(scenario, result, o);
        if (!o.keep_going) break;
    }
    line.clear();
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    fmt::print(
        "{} worlds from seed {} on, {} segments, {} of {} faults struck: {} failed. {:.1f} s, "
        "{:.0f} segments per second.\n",
        t.worlds, o.from, t.segments, t.struck, t.asked, t.failed, took.count(),
        static_cast<double>(t.segments) / took.count());
    return t.failed == 0 ? k_ok : k_failed;
}

}  // namespace

void add_chaos(CLI::App& app) {
    auto* chaos = app.add_subcommand("chaos", "Random worlds in virtual time, and what must hold");
    auto o = std::make_shared<ChaosOptions>();
    chaos->add_option("--from", o->from, "The first seed")
        ->check(whole_number())
        ->capture_default_str();
    chaos->add_option("--seeds", o->seeds, "So many worlds (1000 without --segments)")
        ->check(CLI::Range(u64{1}, k_most));
    chaos->add_option("--segments", o->segments, "At least so many TCP segments")
        ->check(CLI::Range(u64{1}, k_most));
    chaos->add_option("--seed", o->seed, "This world alone: its file, tables, what it broke")
        ->check(whole_number());
    chaos->add_flag("--keep-going", o->keep_going, "Name all seeds that fail, and shrink none");
    chaos->add_option("--smallest", o->smallest, "Where the smallest failing world is written")
        ->capture_default_str();
    chaos->footer(
        "Examples:\n"
        "  tern chaos --seeds 10000\n"
        "  tern chaos --segments 1000000000\n"
        "  tern chaos --seed 4711\n"
        "Exit code 1: a world broke a rule; the smallest one that does is then a file for `tern\n"
        "sim`. The same seed gives the same world, packet by packet.");
    chaos->callback([o] {
        if (const int code = o->seed ? one(*o->seed) : many(*o); code != k_ok)
            throw CLI::RuntimeError(code);
    });
}

}  // namespace tern::tools

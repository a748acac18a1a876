// tern sim: a whole network in virtual time, from a file and a seed. On failure with --seeds, the
// smallest scenario that still fails.
#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <memory>
#include <sstream>

#include <fmt/format.h>

#include "commands.hh"
#include "exit_code.hh"
#include "json.hh"
#include "output.hh"
#include "progress.hh"
#include "sim_report.hh"
#include "sim_shrink.hh"
#include "tern/runtime.hh"
#include "text.hh"

namespace tern::tools {

namespace {

constexpr u32 k_samples = 400;

struct SimOptions {
    std::string file, svg, ladder, smallest = "smallest.toml";
    std::optional<u64> seed;
    u64 seeds = 1;
    bool json = false;
};

std::string contents_of(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    std::ostringstream text;
    if (in) text << in.rdbuf();
    if (!in || !text)
        throw RuntimeError(Error::InvalidArgument, file + ": cannot be read: is the name right?");
    return text.str();
}

void draw(const SimResult& result, const std::string& directory) {
    std::error_code error;
    std::filesystem::create_directories(directory, error);
    if (error) throw std::runtime_error(directory + ": " + file_trouble(error.value()));
    for (const auto& [name, plot] : sim_plots(result))
        write_file((std::filesystem::path(directory) / name).string(), svg_of(plot));
}

void tell(const SimResult& result, const SimOptions& o) {
    std::fputs((o.json ? sim_json(result) : sim_table(result)).c_str(), stdout);
}

void shrink_and_write(const Scenario& scenario, const SimResult& failed, const SimOptions& o) {
    ProgressLine line;
    const Shrunk small = shrink(scenario, failed, [&line](u32 runs, std::size_t faults) {
        line.update(
            [&] { return fmt::format("shrinking: {} runs, {} faults left", runs, faults); });
    });
    line.clear();
    std::string remark = fmt::format("The smallest scenario that fails as {} does with seed {}.\n",
                                     o.file, failed.seed);
    for (const SimFailure& f : small.result.failures) remark += f.text + "\n";
    remark += fmt::format("Repeat it: tern sim {}", o.smallest);
    write_file(o.smallest, write_scenario(small.scenario, remark));
    fmt::print(stderr,
               "seed {} fails; {} of {} faults are enough for it ({} runs to find out). Written to "
               "{}:\n    tern sim {}\n",
               failed.seed, small.scenario.faults.size(), scenario.faults.size(), small.runs,
               o.smallest, o.smallest);
}

int many(const Scenario& scenario, const SimOptions& o) {
    ProgressLine line;
    for (u64 i = 0; i < o.seeds; ++i) {
        const SimWatch watch{.progress = [&](Duration at) {
            line.update([&] {
                return fmt::format("seed {}, {} of {}: {:.0f} of {:.0f} s", scenario.seed + i,
                                   i + 1, o.seeds, seconds_of(at), seconds_of(scenario.duration));
            });
        }};
        const SimResult result = run_scenario(scenario, scenario.seed + i, watch);
        if (result.failures.empty()) continue;
        line.clear();
        tell(result, o);
        shrink_and_write(scenario, result, o);
        return k_failed;
    }
    line.clear();
    if (o.json)
        print_json({{"passed", true}, {"seeds", o.seeds}, {"first_seed", scenario.seed}});
    else
        fmt::print("{} seeds from {} on: every check held, every fault struck\n", o.seeds,
                   scenario.seed);
    return k_ok;
}

int once(const Scenario& scenario, const SimOptions& o) {
    Ladder ladder({.width = drawing_width(), .left = "from", .right = "to"});
    ProgressLine line;
    const bool draws = !o.ladder.empty();
    if (draws &&
        std::ranges::none_of(scenario.flows, [&](const SimFlow& f) { return f.name == o.ladder; }))
        throw ScenarioError(
            fmt::format("--ladder {}: {} has no flow of this name", o.ladder, o.file));
    const SimResult result =
        run_scenario(scenario, scenario.seed,
                     {.samples = o.svg.empty() ? 0 : k_samples,
                      .ladder = draws ? &ladder : nullptr,
                      .flow = o.ladder,
                      .progress = [&](Duration at) {
                          line.update([&] {
                              return fmt::format("{:.0f} of {:.0f} s", seconds_of(at),
                                                 seconds_of(scenario.duration));
                          });
                      }});
    line.clear();
    if (draws) std::fputs(ladder.text().c_str(), stdout);
    tell(result, o);
    if (!o.svg.empty()) draw(result, o.svg);
    return result.failures.empty() ? k_ok : k_failed;
}

int sim_main(const SimOptions& o) {
    Scenario scenario;
    try {
        scenario = read_scenario(contents_of(o.file), o.file);
        if (o.seed) scenario.seed = *o.seed;
        if (o.seeds > 1) return many(scenario, o);
        return once(scenario, o);
    } catch (const ScenarioError& e) {
        fmt::print(stderr, "tern: {}\n", e.what());
        return k_usage;
    }
}

}  // namespace

void add_sim(CLI::App& app) {
    auto* sim =
        app.add_subcommand("sim", "A whole network in virtual time, from a file and a seed");
    auto o = std::make_shared<SimOptions>();
    sim->add_option("file", o->file, "Scenario: network, loads, faults, checks")->required();
    sim->add_option("--seed", o->seed, "Instead of the file's")->check(whole_number());
    auto* seeds =
        sim->add_option("--seeds", o->seeds, "Run this many seeds; shrink the first one that fails")
            ->check(CLI::Range(u64{1}, u64{1'000'000'000}));
    sim->add_option("--smallest", o->smallest, "Where --seeds writes the smallest failing scenario")
        ->capture_default_str();
    sim->add_option("--svg", o->svg, "Folder for plots of goodput, cwnd, queue and delay");
    auto* json = sim->add_flag("--json", o->json, "One object");
    sim->add_option("--ladder", o->ladder,
                    "What the two hosts of this flow say to each other, and why")
        ->excludes(json, seeds);
    sim->footer(
        "Examples:\n"
        "  tern sim examples/sim/bulk.toml --svg plots\n"
        "  tern sim examples/sim/faults.toml --seeds 100\n"
        "  tern sim smallest.toml --ladder web\n"
        "Exit code 1: a check did not hold, or a fault never struck; 2: the file is wrong. The\n"
        "same file and seed give the same digest, on any machine. docs/simulator.md tells how to\n"
        "write a file.");
    sim->callback([o] {
        if (const int code = sim_main(*o); code != k_ok) throw CLI::RuntimeError(code);
    });
}

}  // namespace tern::tools

// tern_explore: every placement of up to K departures, for each case or for one.
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string_view>

#include "lab/explore/explore.hh"

namespace tern::explore {

namespace {

struct Wanted {
    Options options;
    std::string only;  // cases whose name contains it
};

u32 explore_all(const Wanted& wanted) {
    Tally all;
    const auto begin = std::chrono::steady_clock::now();
    for (const Case& c : all_cases()) {
        if (c.name.find(wanted.only) == std::string::npos) continue;
        const Tally t = explore(c, wanted.options);
        all.runs += t.runs;
        all.states += t.states;
        all.segments += t.segments;
        all.longest = std::max(all.longest, t.longest);
        for (const Finding& f : t.findings) {
            std::printf("not ok %s: %s (%s)\n%s", c.name.c_str(), f.what.c_str(),
                        text_of(f.decisions).c_str(), f.story.c_str());
            all.findings.push_back(f);
        }
        if (t.findings.empty())
            std::printf("ok %s (%ju runs, %ju states, at most %u segments)\n", c.name.c_str(),
                        std::uintmax_t{t.runs}, std::uintmax_t{t.states}, t.longest);
        std::fflush(stdout);
    }
    const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
    std::printf(
        "explored up to %u departures: %ju runs, %ju states, %ju segments, at most %u in a "
        "run, %zu findings, %.1f s\n",
        wanted.options.departures, std::uintmax_t{all.runs}, std::uintmax_t{all.states},
        std::uintmax_t{all.segments}, all.longest, all.findings.size(), took.count());
    return static_cast<u32>(all.findings.size());
}

}  // namespace

}  // namespace tern::explore

int main(int argc, char** argv) {
    tern::explore::Wanted wanted;
    for (int i = 1; i < argc; ++i) {
        const std::string_view word = argv[i];
        if (word == "--departures" && i + 1 < argc) {
            wanted.options.departures = static_cast<tern::u32>(std::atoi(argv[++i]));
        } else if (word == "--case" && i + 1 < argc) {
            wanted.only = argv[++i];
        } else {
            std::fprintf(stderr, "usage: tern_explore [--departures K] [--case PART-OF-NAME]\n");
            return 2;
        }
    }
    return tern::explore::explore_all(wanted) == 0 ? 0 : 1;
}

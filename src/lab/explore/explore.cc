// Breadth-first: level d holds the lists with d departures, each ending in one.
#include "lab/explore/explore.hh"

#include <utility>

namespace tern::explore {

namespace {

// The lists with one departure more, behind the last one: each list has one parent.
void add_children(const Decisions& parent, const Decisions& widths, std::vector<Decisions>& to) {
    for (std::size_t at = parent.size(); at < widths.size(); ++at) {
        for (u8 choice = 1; choice < widths[at]; ++choice) {
            Decisions child = parent;
            child.resize(at, 0);
            child.push_back(choice);
            to.push_back(std::move(child));
        }
    }
}

}  // namespace

Tally explore(const Case& c, const Options& options) {
    Tally tally;
    std::unordered_set<u64> states;
    MemoryBudget budget{u64{64} << 20};
    PacketPool pool{budget};
    std::vector<Decisions> level{{}};
    for (u32 departures = 0; !level.empty(); ++departures) {
        std::vector<Decisions> next;
        for (const Decisions& decisions : level) {
            const Trail trail = follow(c, decisions, pool, {options.plant, &states});
            ++tally.runs;
            tally.segments += trail.segments;
            tally.longest = std::max(tally.longest, trail.segments);
            if (!trail.wrong.empty()) {
                const Trail again = follow(c, decisions, pool, {options.plant, nullptr, true});
                tally.findings.push_back({trail.wrong, decisions, again.story});
                if (tally.findings.size() >= options.most_findings) next.clear();
                if (tally.findings.size() >= options.most_findings) break;
            }
            if (departures < options.departures) add_children(decisions, trail.widths, next);
        }
        level = std::move(next);
    }
    tally.states = states.size();
    return tally;
}

std::string text_of(const Decisions& decisions) {
    std::string text;
    for (const u8 d : decisions) text += static_cast<char>('0' + d);
    return text.empty() ? "plain" : text;
}

}  // namespace tern::explore

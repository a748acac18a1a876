#include "sim_shrink.hh"

#include <algorithm>

namespace tern::tools {

namespace {

constexpr u64 k_least_bytes = 1000;

using Change = std::function<bool(Scenario&)>;  // false: there is nothing to make smaller

bool drop_fault(Scenario& s, std::size_t i) {
    if (i >= s.faults.size()) return false;
    s.faults.erase(s.faults.begin() + static_cast<std::ptrdiff_t>(i));
    return true;
}

bool drop_flow(Scenario& s, std::size_t i) {
    if (i >= s.flows.size() || s.flows.size() == 1) return false;
    const std::string name = s.flows[i].name;
    s.flows.erase(s.flows.begin() + static_cast<std::ptrdiff_t>(i));
    std::erase_if(s.checks, [&](const SimCheck& c) { return c.flow == name; });
    return true;
}

bool halve_load(Scenario& s, std::size_t i) {
    SimFlow& f = s.flows[i];
    if (f.kind != SimFlow::Kind::Bulk && f.count > 1) {
        f.count /= 2;
        return true;
    }
    if (f.kind == SimFlow::Kind::Exchange && f.sends + f.gets >= k_least_bytes) {
        f.sends /= 2;
        f.gets /= 2;
        return true;
    }
    if (f.kind != SimFlow::Kind::Bulk) return false;
    if (f.size < 2 * k_least_bytes) return false;
    f.size /= 2;
    return true;
}

class Shrinker {
public:
    Shrinker(const Scenario& scenario, const SimResult& failed,
             const std::function<void(u32, std::size_t)>& told)
        : best_{.scenario = scenario, .result = failed}, told_(told) {
        best_.scenario.seed = failed.seed;
        wanted_ = failed.failures.front().what;
        if (!wanted_.starts_with("fault ")) best_.scenario.faults_may_miss = true;
    }

    Shrunk run() {
        while (pass()) {}
        return std::move(best_);
    }

private:
    // Every change once; a change that helped is tried at the same place again.
    bool pass() {
        bool helped = false;
        for (std::size_t i = 0; i < best_.scenario.faults.size();)
            if (attempt([i](Scenario& s) { return drop_fault(s, i); }))
                helped = true;
            else
                ++i;
        for (std::size_t i = 0; i < best_.scenario.flows.size();)
            if (attempt([i](Scenario& s) { return drop_flow(s, i); }))
                helped = true;
            else
                ++i;
        for (std::size_t i = 0; i < best_.scenario.flows.size(); ++i)
            while (attempt([i](Scenario& s) { return halve_load(s, i); })) helped = true;
        return helped;
    }

    bool attempt(const Change& change) {
        Scenario smaller = best_.scenario;
        if (!change(smaller)) return false;
        if (told_) told_(best_.runs, best_.scenario.faults.size());
        ++best_.runs;
        SimResult result = run_scenario(smaller, smaller.seed);
        const bool same = std::ranges::any_of(
            result.failures, [&](const SimFailure& f) { return f.what == wanted_; });
        if (!same) return false;
        best_.scenario = std::move(smaller);
        best_.result = std::move(result);
        return true;
    }

    Shrunk best_;
    std::string wanted_;  // SimFailure::what
    const std::function<void(u32, std::size_t)>& told_;
};

}  // namespace

Shrunk shrink(const Scenario& scenario, const SimResult& failed,
              const std::function<void(u32 runs, std::size_t faults)>& told) {
    return Shrinker(scenario, failed, told).run();
}

}  // namespace tern::tools

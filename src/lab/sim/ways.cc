// Every router's route to every host: fewest hops, and among equals the wire that was laid first.
#include <deque>
#include <unordered_map>

#include "lab/sim/router_inside.hh"

namespace tern::sim {

namespace {

struct Reached {
    const Node* node;
    u32 first_port;  // at the router where the walk began
};

using Lanes = std::unordered_map<const Node*, std::vector<const Lane*>>;

}  // namespace

void WorldInside::find_ways() {
    Lanes leaving;
    for (const auto& wire : wires)
        for (const auto& lane : wire->inside_->lanes) leaving[&lane->from()].push_back(lane.get());
    std::unordered_map<const Node*, u32> address_of;
    for (const auto& host : hosts) address_of[host.get()] = host->address().v4().value;

    for (const auto& router : routers) {
        auto& known = router->inside_->hosts;
        known.clear();
        std::unordered_map<const Node*, bool> seen{{router.get(), true}};
        std::deque<Reached> walk;
        const auto look_around = [&](const Node* from, std::optional<u32> first_port) {
            for (const Lane* lane : leaving[from]) {
                if (!seen.emplace(&lane->to(), true).second) continue;
                walk.push_back({&lane->to(), first_port.value_or(lane->from_port())});
            }
        };
        for (look_around(router.get(), {}); !walk.empty(); walk.pop_front()) {
            const Reached at = walk.front();
            const auto host = address_of.find(at.node);
            if (host == address_of.end())
                look_around(at.node, at.first_port);
            else
                known[host->second] = at.first_port;  // hosts do not forward
        }
    }
    ways_known = true;
}

}  // namespace tern::sim

// The replicated log in a bad world: five hosts around a router, partitions and restarts drawn from
// the seed, and a judge who knows what must never happen.
#pragma once

#include "replicated_log.hh"

struct Outcome {
    std::string trouble;  // empty: none
    std::uint64_t committed = 0, leaders = 0;
};

class Judge {
public:
    // Whatever one replica calls committed, all others must have at the same place, for ever.
    void look(const Replica& replica, unsigned number) {
        for (std::uint64_t i = 0; i < replica.committed(); ++i) {
            if (i == agreed_.size()) agreed_.push_back(replica.log()[i]);
            if (agreed_[i] == replica.log()[i] || !trouble.empty()) continue;
            trouble = "entry " + std::to_string(i + 1) + ": replica " + std::to_string(number) +
                      " has \"" + replica.log()[i].text + "\", another has \"" + agreed_[i].text +
                      "\"";
        }
    }
    const std::vector<Replica::Entry>& agreed() const { return agreed_; }
    std::string trouble;

private:
    std::vector<Replica::Entry> agreed_;
};

inline Outcome run_replicated_log(std::uint64_t seed, unsigned quorum = 3) {
    using namespace std::chrono_literals;
    constexpr unsigned count = 5;
    tern::sim::World world{{.seed = seed}};
    std::mt19937_64 dice(world.seed_for("faults"));
    tern::sim::Router& hub = world.router("hub");
    std::vector<tern::sim::Host*> hosts;
    std::vector<tern::sim::Wire*> wires;
    for (unsigned i = 0; i < count; ++i) {
        const std::string n = std::to_string(i + 1);
        hosts.push_back(&world.host("r" + n, "10.0.0." + n + "/24"));
        wires.push_back(&world.wire(*hosts[i], hub, {.loss = 0.01, .delay = 2ms, .jitter = 1ms}));
    }
    std::vector<std::unique_ptr<Replica>> replicas;
    for (unsigned i = 0; i < count; ++i)
        replicas.push_back(std::make_unique<Replica>(world, hosts, i, quorum));

    for (unsigned round = 0; round < 6; ++round) {
        const tern::Instant at = tern::Instant{} + 1s + round * 1500ms;
        const unsigned first = dice() % count, second = dice() % count;
        world.partition(*wires[first], at, at + 1s);
        if (second != first) world.partition(*wires[second], at + 200ms, at + 1200ms);
        world.restart(*hosts[dice() % count], at + 500ms, 100ms);
    }
    Judge judge;
    std::uint64_t proposals = 0;
    for (int ms = 20; ms < 10'000; ms += 20)
        world.at(tern::Instant{} + ms * 1ms, [&] {
            for (unsigned i = 0; i < count; ++i) judge.look(*replicas[i], i + 1);
            for (const auto& replica : replicas)
                if (replica->is_leader()) replica->propose("p" + std::to_string(++proposals));
        });
    world.run_for(20s);
    world.finish();
    for (unsigned i = 0; i < count; ++i) {
        judge.look(*replicas[i], i + 1);
        // All is healed for ten seconds: everybody must have caught up by now.
        if (judge.trouble.empty() && replicas[i]->committed() != judge.agreed().size())
            judge.trouble = "replica " + std::to_string(i + 1) + " did not catch up";
    }
    Outcome outcome{judge.trouble, judge.agreed().size()};
    for (const Replica::Entry& e : judge.agreed()) outcome.leaders += e.text.starts_with("leader");
    return outcome;
}

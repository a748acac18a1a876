// What a World is made of.
#pragma once

#include <deque>
#include <map>

#include "lab/sim/digest.hh"
#include "lab/sim/fault.hh"
#include "lab/sim/lane.hh"
#include "lab/sim/odd_peer.hh"
#include "lab/sim/schedule.hh"
#include "tern/sim.hh"

namespace tern::sim {

class Action final : public Actor {
public:
    explicit Action(WorldInside& world) : world_(world) {}
    void wake() override;

    std::function<void()> run;

private:
    WorldInside& world_;
};

struct Wire::Inside {
    std::string name;
    Node* a = nullptr;
    Node* b = nullptr;
    WorldInside* world = nullptr;
    std::unique_ptr<Lane> lanes[2];  // by Way

    Lane& lane(Way way) const { return *lanes[static_cast<u8>(way)]; }
};

struct WorldInside {
    explicit WorldInside(const WorldOptions& options)
        : budget(options.memory_limit), pool(budget), seed(options.seed) {}

    MemoryBudget budget;
    PacketPool pool;  // every packet of the world, so it goes last
    u64 seed;
    Instant now{};
    u64 happened = 0;
    Schedule schedule;
    Digest digest;
    std::deque<Fault> faults;
    std::deque<OddPeer> odd_peers;

    std::deque<Action> actions;
    std::vector<Action*> idle_actions;
    std::vector<std::unique_ptr<Router>> routers;
    std::vector<std::unique_ptr<Host>> hosts;
    std::vector<std::unique_ptr<Wire>> wires;
    std::map<std::string, Node*, std::less<>> names;
    std::map<Ipv4Address, Node*> addresses;
    bool ways_known = true;

    std::deque<Lane*> arrivals;  // lanes out of which something came
    std::deque<Host*> touched;   // hosts on which something was called

    // Chance for one purpose, whatever else there is in the world.
    u64 derive(std::string_view purpose, u64 n = 0) const;
    void at(Instant when, std::function<void()> action);
    Fault& fault(std::string what);
    void partition(const std::string& name, const std::vector<Lane*>& lanes, Instant from,
                   Instant until);
    void note(std::string_view what);  // into the digest, with the time

    void find_ways();
    void settle();             // until nothing more happens now
    bool step(Instant until);  // the next thing; false: nothing until then
    void prepare();
};

// "2.5 s", for messages.
std::string text_of(Instant when);
std::string text_of(Duration d);

}  // namespace tern::sim

// Faults by time. A fault that could not strike in its time is told by name.
#include "lab/sim/host_inside.hh"

namespace tern::sim {

void WorldInside::partition(const std::string& name, const std::vector<Lane*>& lanes, Instant from,
                            Instant until) {
    Fault& cause =
        fault("the partition of " + name + " from " + text_of(from) + " to " + text_of(until));
    at(from, [this, lanes, &cause] {
        note(cause.what);
        for (Lane* lane : lanes) lane->cut(cause);
    });
    at(until, [this, lanes, &cause] {
        note("end of " + cause.what);
        for (Lane* lane : lanes) lane->heal(cause);
    });
}

void World::partition(Wire& wire, Instant from, Instant until) {
    const auto& lanes = wire.inside_->lanes;
    inside_->partition(wire.name(), {lanes[0].get(), lanes[1].get()}, from, until);
}

void World::partition(Wire& wire, Way way, Instant from, Instant until) {
    Lane& lane = wire.inside_->lane(way);
    inside_->partition(lane.name() + " (one way)", {&lane}, from, until);
}

void World::change(Wire& wire, Way way, Instant when, const Impairment& impairment) {
    WorldInside& in = *inside_;
    Fault& fault =
        in.fault("the change of " + wire.inside_->lane(way).name() + " at " + text_of(when));
    in.at(when, [&wire, way, impairment, &fault] {
        fault.struck = true;  // what the impairment itself strikes, its lane watches
        wire.change(way, impairment);
    });
}

void World::restart(Host& host, Instant when, Duration down) {
    WorldInside& in = *inside_;
    Fault& fault = in.fault("the restart of " + host.name() + " at " + text_of(when));
    in.at(when, [&host, &fault] {
        fault.struck |= host.is_up();
        host.stop();
    });
    in.at(when + down, [&host] { host.start(); });
}

void World::jump_clock(Host& host, Instant when, Duration ahead) {
    WorldInside& in = *inside_;
    if (ahead <= Duration{})
        throw std::invalid_argument("the clock of " + host.name() + " can only jump ahead");
    Fault& fault = in.fault("the clock jump of " + host.name() + " at " + text_of(when));
    in.at(when, [&in, &host, &fault, ahead] {
        in.note(fault.what);
        host.inside_->ahead += ahead;
        if (!host.is_up()) return;
        fault.struck = true;
        host.stack();  // it learns the new time, and does what has become due
    });
}

void World::shrink_mtu(Wire& wire, u32 mtu, Instant from, Instant until) {
    WorldInside& in = *inside_;
    Fault& fault = in.fault("the MTU of " + std::to_string(mtu) + " on " + wire.name() + " from " +
                            text_of(from) + " to " + text_of(until));
    in.at(from, [&in, &wire, &fault, mtu] {
        in.note(fault.what);
        for (const auto& lane : wire.inside_->lanes) lane->shrink_mtu(mtu, fault);
    });
    in.at(until, [&in, &wire, &fault] {
        in.note("end of " + fault.what);
        for (const auto& lane : wire.inside_->lanes) lane->restore_mtu();
    });
}

void World::make_odd(Host& host, Oddity oddity, Instant from, Instant until) {
    WorldInside& in = *inside_;
    Fault& fault = in.fault("the oddity " + std::string{name_of(oddity)} + " of " + host.name() +
                            " from " + text_of(from) + " to " + text_of(until));
    const u64 seed = in.derive("odd " + host.name(), in.odd_peers.size());
    OddPeer& peer = in.odd_peers.emplace_back(oddity, seed, fault);
    host.add_door(peer);
    in.at(from, [&in, &peer, &fault] {
        in.note(fault.what);
        peer.be_odd(true);
    });
    in.at(until, [&in, &peer, &fault] {
        in.note("end of " + fault.what);
        peer.be_odd(false);
    });
}

std::vector<std::string> World::never_struck() const {
    std::vector<std::string> missed;
    for (const Fault& fault : inside_->faults)
        if (!fault.struck) missed.push_back(fault.what);
    for (const auto& wire : inside_->wires)
        for (const auto& lane : wire->inside_->lanes) lane->never_struck(missed);
    return missed;
}

World::FaultCount World::faults() const {
    FaultCount count{static_cast<u32>(inside_->faults.size())};
    for (const Fault& fault : inside_->faults) count.struck += fault.struck;
    return count;
}

void World::finish() const {
    const auto missed = never_struck();
    if (missed.empty()) return;
    std::string text = "a fault that was asked for never struck, so this run did not test it:";
    for (const std::string& what : missed) text += "\n  " + what;
    throw FaultNeverStruck(text + "\nMove it to where there is traffic, or leave it out (seed " +
                           std::to_string(inside_->seed) + ").");
}

}  // namespace tern::sim

// The public face of two lanes.
#include "lab/sim/inside.hh"

namespace tern::sim {

Wire::Wire(std::unique_ptr<Inside> inside) : inside_(std::move(inside)) {}
Wire::~Wire() = default;

const std::string& Wire::name() const { return inside_->name; }
Node& Wire::a() const { return *inside_->a; }
Node& Wire::b() const { return *inside_->b; }
u32 Wire::mtu() const { return inside_->lane(Way::There).full_mtu(); }

void Wire::cut(Way way) {
    Lane& lane = inside_->lane(way);
    WorldInside& world = *inside_->world;
    Fault& fault = world.fault("the cut of " + lane.name() + " at " + text_of(world.now));
    lane.cut(fault);
    world.note(fault.what);
}

void Wire::heal(Way way) {
    inside_->lane(way).heal();
    inside_->world->note("heal " + inside_->lane(way).name());
}

void Wire::change(Way way, const Impairment& impairment) {
    inside_->lane(way).change(impairment);
    inside_->world->note("change " + inside_->lane(way).name());
}

const Impairment& Wire::impairment(Way way) const { return inside_->lane(way).impairment(); }
LaneCounters Wire::counters(Way way) const { return inside_->lane(way).count(); }
Duration Wire::last_delay(Way way) const { return inside_->lane(way).last_delay(); }
Duration Wire::worst_delay(Way way) { return inside_->lane(way).worst_delay(); }

}  // namespace tern::sim

// Building a world, and its clockwork.
#include <charconv>

#include "core/base/siphash.hh"
#include "lab/sim/host_inside.hh"
#include "lab/sim/router_inside.hh"

namespace tern::sim {

namespace {

constexpr u32 k_router_network = u32{100} << 24 | u32{64} << 16;  // 100.64.0.0/10 (RFC 6598)

u64 count_of(Instant t) { return static_cast<u64>(t.time_since_epoch().count()); }

}  // namespace

std::string text_of(Duration d) {
    char text[48];
    const double seconds = static_cast<double>(d.count()) / 1e9;
    return std::string(text, std::to_chars(text, text + sizeof text, seconds).ptr) + " s";
}

std::string text_of(Instant when) { return text_of(when.time_since_epoch()); }

void Action::wake() {
    const auto now = std::exchange(run, {});
    world_.idle_actions.push_back(this);
    now();
}

u64 WorldInside::derive(std::string_view purpose, u64 n) const {
    return siphash24({seed, n}, std::as_bytes(std::span{purpose}));
}

void WorldInside::at(Instant when, std::function<void()> run) {
    if (idle_actions.empty()) idle_actions.push_back(&actions.emplace_back(*this));
    Action& action = *idle_actions.back();
    idle_actions.pop_back();
    action.run = std::move(run);
    schedule.set(action, std::max(when, now));
}

Fault& WorldInside::fault(std::string what) { return faults.emplace_back(Fault{std::move(what)}); }

void WorldInside::note(std::string_view what) {
    digest.add(count_of(now));
    digest.add(what);
}

// Nodes run one after the other and never within each other, however short the wires are.
void WorldInside::settle() {
    while (!arrivals.empty() || !touched.empty()) {
        if (!arrivals.empty()) {
            Lane* lane = arrivals.front();
            arrivals.pop_front();
            lane->deliver();
        } else {
            Host* host = touched.front();
            touched.pop_front();
            host->inside_->turn();
        }
    }
}

void WorldInside::prepare() {
    if (!ways_known) find_ways();
    settle();
}

bool WorldInside::step(Instant until) {
    Instant when = now;
    Actor* actor = schedule.next(until, when);
    if (actor == nullptr) return false;
    now = std::max(now, when);
    ++happened;
    actor->wake();
    settle();
    return true;
}

World::World(const WorldOptions& options) : inside_(std::make_unique<WorldInside>(options)) {}
World::~World() = default;

Host& World::host(const std::string& name, std::string_view address, const HostOptions& options) {
    WorldInside& in = *inside_;
    const auto cidr = Cidr::parse(address);
    if (!cidr || !cidr->address.is_v4())
        throw std::invalid_argument("host " + name + ": address \"" + std::string{address} +
                                    "\": write it with its prefix, as in 10.0.0.1/24");
    const Ipv4Address ip = cidr->address.v4();
    const bool broadcast = cidr->prefix_length < 31 && ip == cidr->v4_broadcast();
    if (!ip.is_valid_source() || broadcast)
        throw std::invalid_argument("host " + name + ": " + cidr->to_string() +
                                    " is no address for a host");
    if (in.names.contains(name)) throw std::invalid_argument("there are two nodes named " + name);
    if (in.addresses.contains(ip))
        throw std::invalid_argument("host " + name + ": " + in.addresses[ip]->name() +
                                    " has its address already");
    auto* host = new Host(in, name, *cidr, options);
    in.hosts.emplace_back(host);
    in.names[name] = in.addresses[ip] = host;
    return *host;
}

Router& World::router(const std::string& name) {
    WorldInside& in = *inside_;
    if (in.names.contains(name)) throw std::invalid_argument("there are two nodes named " + name);
    const Ipv4Address address{k_router_network + static_cast<u32>(in.routers.size()) + 1};
    auto* router = new Router(in, name, address);
    in.routers.emplace_back(router);
    in.names[name] = router;
    return *router;
}

Host* World::find_host(std::string_view name) const {
    const auto found = inside_->names.find(name);
    return found == inside_->names.end() ? nullptr : dynamic_cast<Host*>(found->second);
}

Wire& World::wire(Node& a, Node& b, const Impairment& both, u32 mtu) {
    return wire(a, b, both, both, mtu);
}

Wire& World::wire(Node& a, Node& b, const Impairment& there, const Impairment& back, u32 mtu) {
    WorldInside& in = *inside_;
    for (Node* node : {&a, &b}) {
        auto* host = dynamic_cast<Host*>(node);
        if (host != nullptr && host->inside_->out != nullptr)
            throw std::invalid_argument("host " + host->name() +
                                        " has its wire already: join several hosts by a router");
    }
    if (&a == &b) throw std::invalid_argument("a wire from " + a.name() + " to itself");
    if (mtu < 68 || mtu > 65535)
        throw std::invalid_argument("an MTU is at least 68 and at most 65535 bytes");
    auto parts = std::make_unique<Wire::Inside>();
    parts->name = a.name() + "-" + b.name();
    parts->a = &a;
    parts->b = &b;
    parts->world = &in;
    const u32 number = 2 * static_cast<u32>(in.wires.size());
    for (const u32 way : {0, 1}) {
        const std::string name = way == 0 ? parts->name : b.name() + "-" + a.name();
        parts->lanes[way] = std::make_unique<Lane>(
            in, number + way, name, LinkFacts{.name = name, .medium = Medium::Ip, .mtu = mtu},
            in.derive("wire " + name, number));
    }
    for (const u32 way : {0, 1}) {
        parts->lanes[way]->join(way == 0 ? a : b, way == 0 ? b : a);
        parts->lanes[way]->change(way == 0 ? there : back);
    }
    // What enters at one end is what the node at the other gets as from its own lane.
    parts->lanes[0]->arrives_at(parts->lanes[1]->from_port());
    parts->lanes[1]->arrives_at(parts->lanes[0]->from_port());
    in.ways_known = false;
    in.wires.emplace_back(new Wire(std::move(parts)));
    return *in.wires.back();
}

Instant World::now() const { return inside_->now; }
u64 World::seed() const { return inside_->seed; }
u64 World::seed_for(std::string_view purpose) const {
    return inside_->derive("user " + std::string{purpose});
}
u64 World::digest() const { return inside_->digest.value(); }
u64 World::events() const { return inside_->happened; }
u64 World::memory_used() const { return inside_->budget.used(); }
u64 World::packets() const { return inside_->pool.packets_in_use(); }

std::vector<Host*> World::hosts() const {
    std::vector<Host*> all;
    for (const auto& host : inside_->hosts) all.push_back(host.get());
    return all;
}

std::vector<Wire*> World::wires() const {
    std::vector<Wire*> all;
    for (const auto& wire : inside_->wires) all.push_back(wire.get());
    return all;
}

void World::at(Instant when, std::function<void()> action) { inside_->at(when, std::move(action)); }

void World::run_until(Instant when) {
    inside_->prepare();
    while (inside_->step(when)) {}
    inside_->now = std::max(inside_->now, when);
}

bool World::run_until(const std::function<bool()>& done, Duration at_most) {
    const Instant until = now() + at_most;
    inside_->prepare();
    while (!done()) {
        if (inside_->step(until)) continue;
        inside_->now = until;
        return done();
    }
    return true;
}

}  // namespace tern::sim

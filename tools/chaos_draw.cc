#include "chaos_draw.hh"

#include <algorithm>
#include <random>

#include <fmt/format.h>

namespace tern::tools {

namespace {

using namespace std::chrono_literals;

// Loads and faults begin within k_busy and faults are over by k_healed. From then on a wire may
// still lose some packets in a hundred.
constexpr Duration k_busy = 10s, k_healed = 20s;
// What a partition or a closed window has put off goes on after one long timer (the persist timer
// and RTO are at most 120 s); then comes the rest of the load. TIME-WAITs and keep-alives end last.
constexpr Duration k_finished = k_healed + 600s, k_end = k_finished + 600s;

class Draw {
public:
    explicit Draw(u64 seed) : dice_(seed * 2'862'933'555'777'941'757u + 3'037'000'493u) {
        s_.seed = seed;
    }
    Scenario scenario();

private:
    u64 below(u64 n) { return dice_() % n; }
    u64 between(u64 low, u64 high) { return low + below(high - low + 1); }
    bool one_in(u64 n) { return below(n) == 0; }
    // Small ones as often as large ones.
    u64 spread(u64 low, u64 high) {
        u32 doublings = 0;
        while (low << doublings < high) ++doublings;
        const u64 top = low << below(doublings + 1);
        return std::min(between(top, 2 * top - 1), high);
    }
    Duration time(Duration low, Duration high) {
        return std::chrono::microseconds(
            between(static_cast<u64>(low.count()) / 1000, static_cast<u64>(high.count()) / 1000));
    }
    const std::string& a_host() { return s_.hosts[below(s_.hosts.size())].name; }
    const std::string& a_wire() { return s_.wires[below(s_.wires.size())].name; }

    void network();
    std::string impairment(bool bad, bool may_corrupt);
    void flow(u16 number);
    void exchange(SimFlow& f);
    void fault();
    void fault_of_wire(SimFault& f);
    void fault_of_host(SimFault& f);
    void protect();

    std::mt19937_64 dice_;
    Scenario s_;
    // No packet may be damaged twice: two bits can make up for each other in the sum (RFC 1071),
    // and then no stack can know.
    u64 corrupting_ = 0;  // the wire that may
    u64 packets_ = 0;     // about how many data segments the loads have so far
};

std::string Draw::impairment(bool bad, bool may_corrupt) {
    std::string text = fmt::format("rate={}kbit,delay={}us", spread(500, 200'000),
                                   one_in(4) ? between(0, 500) : between(500, 80'000));
    const auto tenths = [&](const char* what, u64 most) {
        if (one_in(bad ? 2 : 4))
            text += fmt::format(",{}={}%", what, static_cast<double>(between(1, most)) / 10);
    };
    tenths("loss", bad ? 200 : 30);
    tenths("duplicate", bad ? 100 : 20);
    if (may_corrupt) tenths("corrupt", bad ? 50 : 10);
    tenths("reorder", bad ? 300 : 50);
    if (one_in(4)) text += fmt::format(",reorder-by={}us", between(100, 60'000));
    if (one_in(4)) text += fmt::format(",jitter={}us", between(10, 30'000));
    if (one_in(3)) text += fmt::format(",queue={}", spread(3, 1000));
    if (one_in(12)) text += ",codel";
    return text;
}

// Two hosts and a wire, or some hosts around one router or two.
void Draw::network() {
    const bool direct = one_in(3);
    const u64 hosts = direct ? 2 : between(2, 4), routers = direct ? 0 : between(1, 2);
    for (u64 i = 0; i < hosts; ++i) {
        SimHost host{fmt::format("h{}", i + 1), fmt::format("10.0.0.{}/24", i + 1)};
        if (one_in(10)) host.memory = spread(u64{256} << 10, u64{8} << 20);
        s_.hosts.push_back(host);
    }
    for (u64 i = 0; i < routers; ++i) s_.routers.push_back(fmt::format("r{}", i + 1));
    const auto wire = [&](const std::string& a, const std::string& b, u32 mtu) {
        SimWire w{.name = a + "-" + b, .a = a, .b = b, .mtu = mtu};
        const bool corrupts = s_.wires.size() == corrupting_;
        w.there = impairment(false, corrupts);
        w.back = one_in(2) ? w.there : impairment(false, corrupts);
        s_.wires.push_back(w);
    };
    // The hosts' MTU is their wire's, and what lies behind it takes the largest of them.
    const auto mtu = [&] { return static_cast<u32>(one_in(5) ? between(576, 1500) : 1500); };
    corrupting_ = below(direct ? 1 : hosts);
    if (direct) wire("h1", "h2", mtu());
    for (u64 i = 0; !direct && i < hosts; ++i)
        wire(s_.hosts[i].name, s_.routers[i % routers], mtu());
    if (routers == 2) wire("r1", "r2", 1500);
    if (one_in(12)) s_.memory = spread(u64{2} << 20, u64{32} << 20);
}

void Draw::exchange(SimFlow& f) {
    const u64 shape = below(4);
    if (shape == 0) {  // many short ones
        f.count = spread(5, 60);
        f.sends = spread(1, 3000);
        f.gets = spread(1, 6000);
        f.interval = time(0s, 200ms);
        if (one_in(2)) f.abort_every = static_cast<u32>(between(2, 5));
    } else {
        f.count = between(1, 2);
        f.sends = one_in(4) ? 0 : spread(1, 600'000);
        f.gets = one_in(4) ? 0 : spread(1, 600'000);
        f.interval = time(0s, 1s);
        if (one_in(6)) f.abort_every = 1;
        if (one_in(4)) f.pause = time(1ms, 500ms);
        // What is read in small pieces with pauses must not last for ever.
        if (f.pause > Duration{}) f.sends /= 8, f.gets /= 8;
    }
    if (shape == 3) f.count = 1, f.simultaneous = true, f.abort_every = 0;
    f.retry = !f.simultaneous;
    packets_ += f.count * ((f.sends + f.gets) / 1400 + 8);
}

void Draw::flow(u16 number) {
    SimFlow f;
    f.name = fmt::format("f{}", number);
    f.from = a_host();
    do f.to = a_host();
    while (f.to == f.from);
    f.port = static_cast<u16>(1000 + number);
    f.start = one_in(2) ? Duration{} : time(0s, k_busy / 2);
    if (one_in(3)) f.buffer = static_cast<u32>(spread(2000, 300'000));
    const u64 kind = below(8);
    if (kind == 0) {
        f.kind = SimFlow::Kind::Datagrams;
        f.count = spread(3, 100);
        f.size = spread(8, 500);
        f.interval = time(1ms, 100ms);
        f.buffer = 0;
    } else if (kind == 1) {
        f.kind = SimFlow::Kind::Requests;
        f.count = spread(2, 60);
        f.request = static_cast<u32>(spread(1, 2000));
        f.response = static_cast<u32>(spread(1, 10'000));
        f.interval = time(0s, 200ms);
        packets_ += f.count * (2 + f.response / 1400);
    } else if (kind <= 3) {
        f.kind = SimFlow::Kind::Bulk;
        f.size = spread(1, 1'000'000);
        f.retry = true;
        packets_ += f.size / 1400;
    } else {
        f.kind = SimFlow::Kind::Exchange;
        exchange(f);
    }
    constexpr const char* algorithms[] = {"cubic", "reno", "bbr", "dctcp"};
    if (kind != 0) f.congestion = algorithms[below(4)];
    s_.flows.push_back(f);
}

void Draw::fault_of_wire(SimFault& f) {
    f.target = a_wire();
    f.there = one_in(2);
    f.back = !f.there || one_in(2);
    if (f.kind == SimFault::Kind::Impair)
        f.impair = impairment(true, f.target == s_.wires[corrupting_ % s_.wires.size()].name);
    if (f.kind == SimFault::Kind::Mtu) f.there = f.back = true;
    if (f.kind == SimFault::Kind::Mtu) f.mtu = static_cast<u32>(between(300, 1400));
}

void Draw::fault_of_host(SimFault& f) {
    f.target = a_host();
    if (f.kind == SimFault::Kind::Restart) f.length = time(0s, 3s);
    if (f.kind == SimFault::Kind::ClockJump) f.length = one_in(3) ? time(1s, 3600s) : time(1us, 3s);
    if (f.kind == SimFault::Kind::Odd) f.odd = sim::k_oddities[below(std::size(sim::k_oddities))];
}

void Draw::fault() {
    using Kind = SimFault::Kind;
    constexpr Kind kinds[] = {Kind::Partition, Kind::Partition, Kind::Impair, Kind::Impair,
                              Kind::Mtu,       Kind::Odd,       Kind::Odd,    Kind::Odd,
                              Kind::Restart,   Kind::ClockJump};
    SimFault f;
    f.kind = kinds[below(std::size(kinds))];
    f.at = one_in(2) ? time(0s, 1s) : time(0s, k_busy);
    f.length = time(1ms, one_in(3) ? k_healed - f.at : std::min<Duration>(2s, k_healed - f.at));
    f.kind <= Kind::Mtu ? fault_of_wire(f) : fault_of_host(f);
    s_.faults.push_back(f);
}

// Where a peer may forget a connection, only keep-alive tells the other side; and a load that is
// not begun again cannot be asked to finish.
void Draw::protect() {
    const auto forgets = [](const SimFault& f) {
        return f.kind == SimFault::Kind::Restart || f.kind == SimFault::Kind::ClockJump;
    };
    const bool little_memory =
        s_.memory != 0 || std::ranges::any_of(s_.hosts, [](const SimHost& h) { return h.memory; });
    const bool breaks = little_memory || std::ranges::any_of(s_.faults, forgets);
    for (SimFlow& f : s_.flows) {
        const bool aborts = f.abort_every != 0;
        const bool connected = f.kind != SimFlow::Kind::Datagrams;
        if ((breaks || aborts) && connected) f.keep_alive = 20s;
        const bool once = f.kind == SimFlow::Kind::Requests || f.simultaneous || !connected;
        if (breaks && once) continue;
        if (connected)
            s_.checks.push_back({.flow = f.name, .exact = true, .finished_by = k_finished});
    }
}

Scenario Draw::scenario() {
    s_.duration = k_end;
    s_.judged = s_.faults_may_miss = true;
    network();
    const u64 flows = between(1, 5);
    for (u16 i = 1; i <= flows && packets_ < 1500; ++i) flow(i);
    for (u64 i = below(6); i > 0; --i) fault();
    std::ranges::stable_sort(s_.flows, {}, &SimFlow::kind);  // as a file has them
    protect();
    return std::move(s_);
}

}  // namespace

Scenario draw_chaos(u64 seed) { return Draw(seed).scenario(); }

}  // namespace tern::tools

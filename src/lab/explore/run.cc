// One run: virtual time, a wire of 10 ms each way, and a decision for each packet on it.
#include <algorithm>
#include <deque>
#include <optional>

#include "core/packet/crossing.hh"
#include "core/wire/ipv4.hh"
#include "core/wire/packet_line.hh"
#include "lab/explore/side.hh"
#include "lab/explore/verdict.hh"

namespace tern::explore {

namespace {

using namespace std::chrono_literals;

constexpr Duration k_delay = 10ms;
// What is overtaken waits for the next packet of its way, or for this long: beyond any RTO.
constexpr Duration k_longest_wait = 4s;
// Nothing moved for that long: calls that were put off to an arrival that will not come are made.
constexpr Duration k_idle = 8s;
constexpr u32 k_most_segments = 100;
constexpr u8 k_points = 7;  // a call can be put off to the arrival 0..6

struct Flying {
    Packet packet;
    Instant due;
    u32 number;
    bool waits;  // for one with a higher number to arrive
};

struct Segment {
    wire::TcpHeader tcp;
    u32 length = 0;
};

Segment segment_of(const Packet& packet) {
    const std::span<const std::byte> bytes = packet.bytes();
    const auto ip = wire::parse_ipv4(bytes);
    const auto rest = bytes.subspan(ip->header_length);
    Segment s{*wire::parse_tcp(rest)};
    s.length = ip->total_length - ip->header_length - s.tcp.header_length;
    return s;
}

class Run {
public:
    Run(const Case& c, const Decisions& decisions, PacketPool& pool, const Follow& how)
        : decisions_(decisions), plant_(how.plant), states_(how.states), tell_(how.tell),
          pool_(pool), sides_{Side("a", pool, 11, "10.0.0.1/24", c.a, false),
                              Side("b", pool, 12, "10.0.0.2/24", c.b, c.b_listens)} {
        sides_[0].peer = IpAddress(Ipv4Address(10, 0, 0, 2));
        sides_[1].peer = IpAddress(Ipv4Address(10, 0, 0, 1));
        for (Side& side : sides_) {
            for (std::size_t i = 0; i < side.steps.size(); ++i) {
                // The first call of all has no point but the beginning.
                const bool first = c.b_listens && side.steps[i].call == Call::Connect;
                side.put_off[i] = choose(first ? 1 : k_points + 1);
            }
        }
    }

    Trail go();

private:
    u8 choose(u8 choices) {
        const std::size_t at = trail_.widths.size();
        trail_.widths.push_back(choices);
        return at < decisions_.size() ? decisions_[at] : 0;
    }
    bool moving() const { return !flying_[0].empty() || !flying_[1].empty(); }
    bool deaf(const Side& side) const {
        return plant_ == Plant::NoTimerInClosing && &side == &sides_[1] &&
               side.seen.state == State::Closing;
    }
    Instant next_deadline(const Side& side) const {
        return deaf(side) ? Instant::max() : side.stack.next_deadline();
    }
    bool would_act() const { return sides_[0].would_act() || sides_[1].would_act(); }

    // Plant::SilentTimeWait: all but the first ACK out of TIME-WAIT.
    bool silenced(u32 from) {
        return plant_ == Plant::SilentTimeWait && from == 1 &&
               sides_[1].seen.state == State::TimeWait && std::exchange(waited_once_, true);
    }

    void settle(bool idle);
    bool transmit(u32 from);
    void enter(u32 from, Packet packet);
    bool step();
    void arrive(u32 from, std::size_t at);
    void release_overtaken(u32 from, u32 number);
    void give_up();
    void note_state();
    void examine();
    void say(const std::string& text);
    std::string line_of(u32 from, const Packet& packet) const;

    const Decisions& decisions_;
    Plant plant_;
    std::unordered_set<u64>* states_;
    bool tell_;
    PacketPool& pool_;
    Side sides_[2];
    std::vector<Flying> flying_[2];  // by sender
    u32 numbers_ = 0;
    std::optional<Seq> base_[2];  // the first SYN of each way
    u32 trimmed_to_ = 0;          // Plant::NotTrimmed: what b has had
    Instant now_ = Instant{} + 1s, moved_ = now_;
    Instant departed_ = now_;   // the last departure, or call
    bool waited_once_ = false;  // Plant::SilentTimeWait
    bool gave_up_ = false, after_reset_ = false, reset_lost_ = false;
    std::string broken_;  // the first invariant that did not hold
    Trail trail_;
};

void Run::say(const std::string& text) {
    if (!tell_) return;
    const auto ms = (now_ - Instant{}).count() / 1'000'000 - 1000;
    trail_.story += std::to_string(ms) + " ms  " + text + "\n";
}

std::string Run::line_of(u32 from, const Packet& packet) const {
    const Segment s = segment_of(packet);
    return sides_[from].name + " sends " +
           wire::print_line(s.tcp, {}, s.length, base_[from].value_or(s.tcp.seq),
                            base_[1 - from].value_or(s.tcp.ack - 1));
}

// Until nothing more happens at this instant.
void Run::settle(bool idle) {
    for (bool more = true; more;) {
        more = false;
        for (u32 i : {0u, 1u}) {
            Side& side = sides_[i];
            side.hear(now_, i == 1 ? plant_ : Plant::None);
            const std::size_t before = side.next;
            more |= side.act(idle);
            if (before != side.next) {
                departed_ = now_;
                say(side.name + " calls");
            }
            more |= transmit(i);
        }
    }
    examine();
    note_state();
}

void Run::examine() {
    for (const Side& side : sides_) {
        const auto broken = side.stack.broken_invariant();
        if (!broken || !broken_.empty()) continue;
        broken_ = side.name + ": an invariant does not hold: " + std::string{broken->what};
        say(broken_);
    }
}

bool Run::transmit(u32 from) {
    Side& side = sides_[from];
    PacketBatch batch = side.stack.transmit(now_, side.interface);
    if (batch.empty()) return false;
    for (u32 i = 0; i < batch.size(); ++i) enter(from, batch.take(i));
    batch.clear();
    return true;
}

void Run::enter(u32 from, Packet packet) {
    ++trail_.segments;
    moved_ = now_;
    const Segment s = segment_of(packet);
    if (s.tcp.has(wire::Syn) && !base_[from]) base_[from] = s.tcp.seq;
    if (silenced(from)) return;
    const u8 fate = choose(k_fates);
    if (tell_) {
        constexpr const char* words[] = {"", " (lost)", " (twice)", " (twice, the second late)",
                                         " (overtaken)"};
        say(line_of(from, packet) + words[fate]);
    }
    forget_sender_facts(*packet);
    after_reset_ |= s.tcp.has(wire::Rst);
    if (fate != Delivered) departed_ = now_;
    if (fate != Delivered && after_reset_) reset_lost_ = true;
    if (fate == Lost) return;
    const u32 number = ++numbers_;
    const bool twice = fate == Doubled || fate == DoubledLate;
    if (twice)
        flying_[from].push_back({pool_.copy_of(packet.bytes()),
                                 now_ + (fate == Doubled ? k_delay : k_longest_wait), number,
                                 fate == DoubledLate});
    flying_[from].push_back({std::move(packet),
                             now_ + (fate == Overtaken ? k_longest_wait : k_delay), number,
                             fate == Overtaken});
}

// The packets that wait until one behind them has arrived.
void Run::release_overtaken(u32 from, u32 number) {
    for (Flying& f : flying_[from])
        if (f.waits && f.number < number) f.due = std::min(f.due, now_ + 1us);
}

void Run::arrive(u32 from, std::size_t at) {
    Flying f = std::move(flying_[from][at]);
    flying_[from].erase(flying_[from].begin() + static_cast<std::ptrdiff_t>(at));
    Side& side = sides_[1 - from];
    if (plant_ == Plant::NotTrimmed && from == 0) {
        const Segment s = segment_of(f.packet);
        const u32 end = s.tcp.seq + s.length - *base_[0];
        if (s.length > 0 && end <= trimmed_to_ && side.connection) side.received += s.length;
        if (s.length > 0) trimmed_to_ = std::max(trimmed_to_, end);
    }
    if (!f.waits) release_overtaken(from, f.number);
    moved_ = now_;
    ++side.arrivals;
    PacketBatch batch;
    batch.push(std::move(f.packet));
    side.stack.receive(now_, side.interface, std::move(batch));
    examine();
}

// The next thing that happens; false: nothing will.
bool Run::step() {
    Instant when = Instant::max();
    u32 from = 2;
    std::size_t which = 0;
    for (u32 i : {0u, 1u}) {
        for (std::size_t n = 0; n < flying_[i].size(); ++n)
            if (flying_[i][n].due < when) when = flying_[i][n].due, from = i, which = n;
    }
    const Instant timers = std::min(next_deadline(sides_[0]), next_deadline(sides_[1]));
    const Instant idle = !moving() && would_act() ? moved_ + k_idle : Instant::max();
    if (std::min({when, timers, idle}) == Instant::max()) return false;
    now_ = std::max(now_, std::min({when, timers, idle}));
    if (when <= timers && when <= idle) {
        arrive(from, which);
        settle(false);
        return true;
    }
    for (Side& side : sides_)
        if (!deaf(side)) side.stack.advance(now_);
    settle(idle <= timers);
    return true;
}

void Run::note_state() {
    if (states_ == nullptr) return;
    u64 h = 1469598103934665603u;
    const auto add = [&](u64 word) { h = (h ^ word) * 1099511628211u, h ^= h >> 29; };
    for (u32 i : {0u, 1u}) {
        Side& s = sides_[i];
        add(static_cast<u64>(s.seen.state) << 32 | s.next << 8 | u64{s.at_end} << 1 |
            u64{s.closed > 0});
        add(u64{s.sent} << 32 | s.received);
        const auto status = s.connection ? s.stack.tcp().status(s.connection)
                                         : std::unexpected(Error::NotConnected);
        if (status)
            add(u64{status->snd_una - status->iss} << 40 |
                u64{status->snd_nxt - status->iss} << 20 | (status->rcv_nxt - status->irs));
        for (const Flying& f : flying_[i]) {
            const Segment seg = segment_of(f.packet);
            add(u64{seg.tcp.flags} << 48 | u64{f.waits} << 47 | u64{seg.length} << 32 |
                (seg.tcp.seq - base_[i].value_or(seg.tcp.seq)));
            add(seg.tcp.ack - base_[1 - i].value_or(seg.tcp.ack));
        }
    }
    states_->insert(h);
}

// Applications that hold a connection on which nothing will ever happen: a half-open one. They
// abort it, so that the rest can be looked at.
void Run::give_up() {
    for (Side& side : sides_) {
        if (!side.connection || side.over()) continue;
        const auto status = side.stack.tcp().status(side.connection);
        if (!status || status->state == State::Closed) continue;  // it was not told
        gave_up_ = side.gave_up = true;
        say(side.name + " gives up");
        (void)side.stack.tcp().abort(side.connection);
    }
}

Trail Run::go() {
    const auto run_out = [this] {
        while (trail_.segments <= k_most_segments && step()) {}
    };
    settle(false);
    run_out();
    const bool had_enough = trail_.segments > k_most_segments;
    give_up();
    if (gave_up_ && !had_enough) {
        settle(false);
        run_out();
    }
    flying_[0].clear();
    flying_[1].clear();
    trail_.wrong = !broken_.empty() ? broken_
                                    : verdict({.a = sides_[0],
                                               .b = sides_[1],
                                               .endless = had_enough,
                                               .reset_lost = reset_lost_,
                                               .gave_up = gave_up_,
                                               .departed = departed_});
    say(trail_.wrong.empty() ? "all is well" : trail_.wrong);
    return std::move(trail_);
}

}  // namespace

Trail follow(const Case& c, const Decisions& decisions, PacketPool& pool, const Follow& how) {
    Trail trail = Run(c, decisions, pool, how).go();
    if (trail.wrong.empty() && pool.packets_in_use() > 0) trail.wrong = "a packet was not released";
    return trail;
}

}  // namespace tern::explore

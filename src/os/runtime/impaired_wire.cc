// The loop of a wire between two devices: what arrives goes into the lane of its direction, what is
// due leaves it, and in between there is a wait that is over a little before the next deadline.
#include "tern/impaired_wire.hh"

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdlib>
#include <cstring>
#include <ctime>

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include "core/offload/checksum.hh"
#include "core/offload/join.hh"
#include "os/link/impair_lane.hh"
#include "os/link/impairment.hh"
#include "os/runtime/clock.hh"
#include "os/runtime/open_link.hh"
#include "os/runtime/wait.hh"

namespace tern {

namespace {

// A sleeper is woken up late. So it wakes up this long before a deadline and spins from there on;
// and it spins after work, because more packets mostly follow.
struct Spin {
    Duration before, after;
};
using std::chrono::microseconds;
constexpr Spin k_spin = {microseconds(150), microseconds(100)};
// With a real-time priority others do not delay it; what a virtual machine's timer takes remains.
constexpr Spin k_spin_realtime = {microseconds(120), microseconds(20)};
// But the kernel takes the core away from a thread that never sleeps, for 50 ms of a second if
// others want it. A thread that gives up a little more than that in small parts never loses so much
// at once.
constexpr Duration k_awake_most = std::chrono::milliseconds(1);
constexpr Duration k_nap = microseconds(60);

bool has_realtime_priority() {
    const int policy = ::sched_getscheduler(0) & ~SCHED_RESET_ON_FORK;
    return policy == SCHED_FIFO || policy == SCHED_RR;
}

// What leaves in one go is bounded, so that the packets behind it and the other direction need not
// wait for longer than some ten microseconds.
constexpr u32 k_burst_packets = PacketBatch::k_capacity, k_burst_bytes = 64 * 1024;
constexpr int k_bursts = 2;
// A read of so much may have left some behind.
constexpr u32 k_much = 192 * 1024;
constexpr u32 k_in_flight = 1 << 18;

// One sequence of random numbers for both directions would tie their losses together.
constexpr u64 k_other_seed = 0x9e3779b97f4a7c15;

// How long this thread has waited for a core though it could have run; asked by the thread that
// made it. Zero where the kernel does not tell.
class CoreWait {
public:
    CoreWait() : fd_(::open("/proc/thread-self/schedstat", O_RDONLY | O_CLOEXEC)) {}
    ~CoreWait() {
        if (fd_ >= 0) ::close(fd_);
    }
    CoreWait(const CoreWait&) = delete;
    CoreWait& operator=(const CoreWait&) = delete;

    Duration total() const {
        std::array<char, 96> text{};  // nanoseconds that it ran, that it waited, and a count
        if (::pread(fd_, text.data(), text.size() - 1, 0) <= 0) return {};
        const char* waited = std::strchr(text.data(), ' ');
        return Duration{waited == nullptr ? 0 : std::strtoll(waited, nullptr, 10)};
    }

private:
    int fd_;
};

struct Way {
    Way(Link& near, Link& far, ImpairDirection options, u64 seed)
        : from(&near), to(&far), lane(std::move(options), seed, k_in_flight, near.facts().medium),
          joins(far.facts().segmentation && far.facts().transmit_checksum) {}

    bool take_in(PacketPool& pool, Duration tolerance);
    bool send_out(Duration tolerance);
    WireWay report() const;

    Link* from;
    Link* to;
    ImpairLane lane;
    bool joins;        // segments that leave together may leave as one
    Instant looked{};  // when `from` last had nothing more
    WireWay record;
};

u32 segments_of(const PacketDescriptor& d) { return std::max<u32>(d.gso_segments, 1); }

bool Way::take_in(PacketPool& pool, Duration tolerance) {
    const Instant now = steady_now();
    const Duration absence = now - looked;
    PacketBatch arrived;
    from->receive(now, pool, arrived);
    const bool full = arrived.full();
    u32 count = 0, bytes = 0;
    for (u32 i = 0; i < arrived.size(); ++i) {
        Packet p = arrived.take(i);
        count += segments_of(*p);
        bytes += p.size();
        lane.put(now, std::move(p));
    }
    if (!full && bytes < k_much) looked = count == 0 ? now : steady_now();
    if (count == 0) return false;
    if (absence > tolerance) record.read_late += count;
    record.longest_absence = std::max(record.longest_absence, absence);
    return true;
}

bool Way::send_out(Duration tolerance) {
    const LinkFacts& able = to->facts();
    Instant now = steady_now();
    lane.advance(now);
    int bursts = 0;
    for (; bursts < k_bursts && lane.due(now); ++bursts) {
        PacketBatch batch;
        offload::Gro joining{batch, to->facts().medium};
        std::array<std::pair<Instant, u32>, k_burst_packets> planned;
        u32 bytes = 0, count = 0;
        while (count < k_burst_packets && bytes < k_burst_bytes && lane.due(now)) {
            const Instant due = lane.first_due();
            Packet p = lane.take();
            planned[count++] = {due, segments_of(*p)};
            bytes += p.size();
            // One end may tell of unfinished checksums that the other end cannot finish.
            if (!able.transmit_checksum && !offload::complete_checksum(p, able.medium)) {
                ++record.no_memory;
            } else if (joins) {
                joining.add(std::move(p));
            } else {
                batch.push(std::move(p));
            }
        }
        joining.finish();
        to->transmit(now, std::move(batch));
        now = steady_now();  // after the calls that sent them: their time counts
        for (const auto& [due, segments] : std::span{planned}.first(count)) {
            record.lateness.add(now - due, segments);
            if (now - due > tolerance) record.late += segments;
            record.packets += segments;
        }
        record.bytes += bytes;
        lane.advance(now);
    }
    return bursts > 0;
}

WireWay Way::report() const {
    WireWay result = record;
    result.impaired = lane.counters();
    const LinkCounters near = from->counters(), far = to->counters();
    result.no_memory += near.receive_refused + result.impaired.memory_dropped;
    result.overrun = near.device_unread;
    result.refused = far.send_refused;
    result.untaken = far.device_untaken;
    return result;
}

std::unique_ptr<Link> open_end(std::unique_ptr<Link> device, const std::string& text,
                               const ImpairedWireConfig& config) {
    if (device) return device;
    return open_link(
        text, {.offloads = config.offloads, .mtu = config.mtu, .memory = config.memory_limit});
}

void check_pair(const Link& a, const Link& b) {
    const LinkFacts &one = a.facts(), &other = b.facts();
    if (one.medium != other.medium) {
        throw RuntimeError(Error::InvalidArgument,
                           one.name + " and " + other.name +
                               ": a wire joins two of a kind: name two TAPs, or two TUNs");
    }
    if (one.segmentation != other.segmentation ||
        one.transmit_checksum != other.transmit_checksum) {
        throw RuntimeError(Error::InvalidArgument,
                           one.name + " and " + other.name +
                               ": both need the same offloads: switch them off at both ends");
    }
}

std::pair<ImpairDirection, ImpairDirection> directions_of(const Impairment& a_to_b,
                                                          const Impairment& b_to_a) {
    for (const Impairment* i : {&a_to_b, &b_to_a}) {
        if (const std::string wrong = i->conflict(); !wrong.empty()) {
            throw RuntimeError(Error::InvalidArgument, wrong);
        }
    }
    const Duration round_trip = a_to_b.delay + b_to_a.delay;
    return {direction_of(a_to_b, round_trip), direction_of(b_to_a, round_trip)};
}

}  // namespace

bool WireWay::lost_any() const {
    return overrun != 0 || no_memory != 0 || (refused + untaken) * 100 > packets;
}

bool WireWay::was_late() const {
    constexpr u64 k_accident = 10;
    const u64 all = std::max(late, read_late);
    return all >= k_accident && all * 100 > packets;
}

struct ImpairedWire::Inside {
    Inside(ImpairedWireConfig& config, std::pair<ImpairDirection, ImpairDirection> directions)
        : wait(config.wait), tolerance(config.tolerance), budget(config.memory_limit), pool(budget),
          a(open_end(std::move(config.device_a), config.a, config)),
          b(open_end(std::move(config.device_b), config.b, config)),
          ways{{{*a, *b, std::move(directions.first), config.seed},
                {*b, *a, std::move(directions.second), config.seed + k_other_seed}}} {
        check_pair(*a, *b);
        if (!budget.take(a->facts().memory + b->facts().memory))
            throw RuntimeError(Error::OutOfMemory, "memory_limit is too small for the devices");
        for (const Link* link : {a.get(), b.get()}) {
            if (link->fd() >= 0) waiter.add(link->fd());
        }
    }

    bool turn() {
        bool worked = false;
        for (Way& way : ways) {
            worked |= way.take_in(pool, tolerance);
            worked |= way.send_out(tolerance);
        }
        return worked;
    }
    void pause(Instant now, Instant end, const Spin& spin, const CoreWait& core);
    void nap();
    void check_devices();

    Wait wait;
    Duration tolerance;
    MemoryBudget budget;
    PacketPool pool;
    std::unique_ptr<Link> a, b;
    std::array<Way, 2> ways;
    Waiter waiter;
    Instant worked_at{}, slept_at{};
    std::atomic<bool> woken = false;
};

void ImpairedWire::Inside::pause(Instant now, Instant end, const Spin& spin, const CoreWait& core) {
    Instant next = end;
    for (const Way& way : ways) {
        next = std::min({next, way.lane.next_deadline(), way.from->next_deadline()});
    }
    const bool soon = next - now <= spin.before;
    const bool lately = wait == Wait::Adaptive && now - worked_at <= spin.after;
    if (wait == Wait::Spin || soon || lately) return;
    if (next != Instant::max()) waiter.arm(next - spin.before);
    constexpr Duration at_most = std::chrono::seconds(1);
    const Duration before = core.total();
    waiter.sleep(at_most);
    // A packet wakes it up; from then on it may have waited for a core.
    slept_at = steady_now();
    const Instant woken_at = slept_at - (core.total() - before);
    for (Way& way : ways) way.looked = woken_at;
    check_devices();
}

void ImpairedWire::Inside::nap() {
    const timespec time{.tv_sec = 0, .tv_nsec = k_nap.count()};
    ::nanosleep(&time, nullptr);
    slept_at = steady_now();
}

// A device that was removed stays readable for ever and has nothing to read, or the link knows.
void ImpairedWire::Inside::check_devices() {
    for (Link* link : {a.get(), b.get()}) {
        pollfd state{.fd = link->fd(), .events = 0, .revents = 0};
        const bool broken = ::poll(&state, 1, 0) > 0 && (state.revents & (POLLERR | POLLNVAL)) != 0;
        if (broken || link->gone()) {
            throw RuntimeError(Error::NoSuchInterface, device_gone(link->facts().name));
        }
    }
}

ImpairedWire::ImpairedWire(ImpairedWireConfig config) {
    const bool named = !config.device_a && !config.device_b;
    if (named && config.a == config.b) {
        throw RuntimeError(Error::InvalidArgument,
                           config.a + ": a wire has two ends: name two devices");
    }
    auto directions = directions_of(config.a_to_b, config.b_to_a);
    inside_ = std::make_unique<Inside>(config, std::move(directions));
}

ImpairedWire::~ImpairedWire() = default;

const std::string& ImpairedWire::name_a() const { return inside_->a->facts().name; }
const std::string& ImpairedWire::name_b() const { return inside_->b->facts().name; }

bool ImpairedWire::run_until(Instant end) {
    Inside& in = *inside_;
    const bool realtime = has_realtime_priority();
    const Spin& spin = realtime ? k_spin_realtime : k_spin;
    const CoreWait core;
    Instant now = steady_now();
    for (Way& way : in.ways) way.looked = now;
    in.slept_at = now;
    while (now < end && !in.woken.exchange(false, std::memory_order_acquire)) {
        in.waiter.acknowledge(now);
        if (in.turn()) in.worked_at = now;
        in.pause(now, end, spin, core);
        if (realtime && now - in.slept_at > k_awake_most) in.nap();
        now = steady_now();
    }
    return now >= end;
}

void ImpairedWire::change(const Impairment& a_to_b, const Impairment& b_to_a) {
    auto [forth, back] = directions_of(a_to_b, b_to_a);
    const Instant now = steady_now();
    for (Way& way : inside_->ways) way.lane.advance(now);
    inside_->ways[0].lane.change(std::move(forth));
    inside_->ways[1].lane.change(std::move(back));
}

WireWay ImpairedWire::a_to_b() const { return inside_->ways[0].report(); }
WireWay ImpairedWire::b_to_a() const { return inside_->ways[1].report(); }

void ImpairedWire::wake() {
    inside_->woken.store(true, std::memory_order_release);
    inside_->waiter.wake();
}

}  // namespace tern

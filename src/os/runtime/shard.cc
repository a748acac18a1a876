#include "os/runtime/shard.hh"

#include <algorithm>

#include <poll.h>

#include "core/base/assert.hh"
#include "os/runtime/clock.hh"

namespace tern {

namespace {

// From each link: bounds a turn, so that a flood of packets cannot keep timers, applications and
// the other links waiting.
constexpr int k_receive_batches = 4;

}  // namespace

static_assert(alignof(Shard) == 64);

Interface Shard::add_link(std::unique_ptr<Link> link, const ImpairOptions* impair) {
    Port port{.link = std::move(link), .impair = {}, .outer = nullptr, .interface = {}};
    port.outer = port.link.get();
    if (impair != nullptr) {
        port.impair = std::make_unique<Impair>(*port.link, *impair);
        port.outer = port.impair.get();
    }
    const LinkFacts& facts = port.outer->facts();
    const auto interface = stack_.add_interface({.name = facts.name,
                                                 .medium = facts.medium,
                                                 .mac = facts.mac,
                                                 .mtu = facts.mtu,
                                                 .vlan = facts.vlan,
                                                 .transmit_checksum = facts.transmit_checksum,
                                                 .segmentation = facts.segmentation});
    if (!interface) {
        throw RuntimeError(interface.error(),
                           facts.name +
                               ": the stack takes an MTU of 68 to 65535, a VLAN of at "
                               "most 4094, a MAC address of one station, and 255 "
                               "interfaces in all");
    }
    port.interface = *interface;
    if (port.outer->fd() >= 0) waiter_.add(port.outer->fd());
    ports_.push_back(std::move(port));
    return ports_.back().interface;
}

// True: the batch was full, so there may be more.
bool Shard::receive_batch(Instant now, Port& port) {
    PacketBatch batch;
    port.outer->receive(now, stack_.pool(), batch);
    if (batch.empty()) return false;
    worked_ = true;
    const bool full = batch.full();
    stack_.receive(now, port.interface, std::move(batch));
    return full;
}

// The links take turns, a batch each. True: one of them may have more.
bool Shard::receive(Instant now) {
    for (Port& port : ports_) port.has_more = !port.lost();
    for (int i = 0; i < k_receive_batches; ++i)
        for (Port& port : ports_)
            if (port.has_more) port.has_more = receive_batch(now, port);
    return std::ranges::any_of(ports_, &Port::has_more);
}

bool Shard::transmit_batch(Instant now, Port& port) {
    PacketBatch batch = stack_.transmit(now, port.interface);
    if (batch.empty()) return false;
    worked_ = true;
    port.outer->transmit(now, std::move(batch));
    return true;
}

void Shard::transmit(Instant now) {
    for (bool any = true; any;) {
        any = false;
        for (Port& port : ports_) any |= transmit_batch(now, port);
    }
}

void Shard::deliver(EventSink& sink) {
    while (auto event = stack_.next_event()) {
        worked_ = true;
        sink.on_event(*event);
    }
}

Instant Shard::next_deadline() const {
    Instant first = stack_.next_deadline();
    for (const Port& port : ports_) first = std::min(first, port.outer->next_deadline());
    return first;
}

bool Shard::turn(EventSink& sink) {
    const Instant now = steady_now();
    waiter_.acknowledge(now);
    if (wait_ == Wait::Adaptive && !more_ && !busy()) spin_.slept(now - last_work_);
    worked_ = false;
    more_ = false;
    more_ |= receive(now);
    // A link that delays frames hands on what is due.
    for (Port& port : ports_)
        if (port.impair && port.impair->next_deadline() <= now) port.impair->transmit(now, {});
    stack_.advance(now);
    deliver(sink);
    transmit(now);
    deliver(sink);
    const Instant next = next_deadline();
    if (next <= now) {
        more_ = true;
    } else if (next != Instant::max()) {
        waiter_.arm(next);
    }
    last_turn_ = now;
    if (worked_) last_work_ = now;
    // A loop that works or spins looks from time to time only: its turns must cost no system call.
    // It does look, or a link that is busy would hide that another one is lost.
    const bool at_rest = !worked_ && !more_ && !busy();
    if (at_rest || now - looked_at_ >= k_look_while_busy) {
        looked_at_ = now;
        forget_broken();
    }
    return more_;
}

// The descriptor of a device that was removed stays in error for ever and would keep us awake.
// Another that has an error loses it when it is read.
void Shard::forget_broken() {
    for (Port& port : ports_) {
        if (port.outer->fd() < 0 || port.lost()) continue;
        pollfd state{.fd = port.outer->fd(), .events = POLLIN, .revents = 0};
        const bool ready = ::poll(&state, 1, 0) == 1;
        const bool broken = ready && (state.revents & POLLIN) == 0;
        port.errors = broken ? port.errors + 1 : 0;
        if (ready && port.outer->gone()) port.errors = k_errors_of_lost;
        if (!port.lost()) continue;
        waiter_.remove(state.fd);
        check(stack_.clear_interface(port.interface).has_value());
    }
}

bool Shard::busy() const {
    if (wait_ == Wait::Adaptive) return spin_.worth(last_turn_ - last_work_);
    return wait_ == Wait::Spin;
}

bool Shard::run_once(Duration max_wait, EventSink& sink) {
    if (!more_ && max_wait > Duration::zero() && !busy()) {
        // What the application called since the last turn goes out before we sleep.
        transmit(steady_now());
        const Instant next = next_deadline();
        if (next != Instant::max()) waiter_.arm(next);
        waiter_.sleep(max_wait);
    }
    turn(sink);
    return worked_;
}

}  // namespace tern

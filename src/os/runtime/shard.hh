// One thread, one Stack, its links, one loop.
#pragma once

#include <memory>
#include <vector>

#include "os/link/impair.hh"
#include "os/runtime/spin.hh"
#include "os/runtime/wait.hh"
#include "tern/runtime.hh"

namespace tern {

// Aligned, so that shards share no cache line.
class alignas(64) Shard {
public:
    Shard(const StackConfig& config, Wait wait, Duration spin)
        : stack_(config), wait_(wait), spin_(may_spin() ? spin : Duration{}) {}

    // With `impair` the link is wrapped.
    Interface add_link(std::unique_ptr<Link> link, const ImpairOptions* impair);

    Stack& stack() { return stack_; }
    std::size_t link_count() const { return ports_.size(); }
    Link& link(std::size_t i) { return *ports_.at(i).outer; }
    Interface interface(std::size_t i) const { return ports_.at(i).interface; }
    // Its device was removed: its descriptor only was in error for several turns in a row, or the
    // link said so.
    bool link_lost(std::size_t i) const { return ports_.at(i).lost(); }
    Wait wait() const { return wait_; }
    int fd() const { return waiter_.fd(); }
    void wake() { waiter_.wake(); }
    void wake_at(Instant when) { waiter_.arm(when); }

    // Packets in, timers, events, packets out; never waits. True: more waits already.
    bool turn(EventSink& sink);
    // Waits at most `max_wait`, then one turn. True: it did something.
    bool run_once(Duration max_wait, EventSink& sink);
    bool busy() const;

private:
    static constexpr int k_errors_of_lost = 3;
    static constexpr Duration k_look_while_busy = std::chrono::milliseconds(100);

    struct Port {
        std::unique_ptr<Link> link;
        std::unique_ptr<Impair> impair;  // dies before the link it wraps
        Link* outer;
        Interface interface;
        int errors = 0;  // turns in a row in which its descriptor only was in error
        bool has_more = false;

        bool lost() const { return errors == k_errors_of_lost; }
    };

    bool receive_batch(Instant now, Port& port);
    bool receive(Instant now);
    bool transmit_batch(Instant now, Port& port);
    void transmit(Instant now);
    void deliver(EventSink& sink);
    void forget_broken();
    Instant next_deadline() const;

    Stack stack_;  // the last to die: packets of its pool lie in links
    std::vector<Port> ports_;
    Waiter waiter_;
    Wait wait_;
    SpinBound spin_;
    bool more_ = true;  // the first turn must not wait: applications have called already
    bool worked_ = false;
    Instant last_work_{};
    Instant last_turn_{};
    Instant looked_at_{};  // for a device that was removed
};

}  // namespace tern

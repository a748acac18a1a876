// What a shard waits for: link descriptors, a deadline, a wake-up. All of it is one epoll
// descriptor, which other event loops can wait for in turn.
#pragma once

#include <atomic>

#include "os/link/device_setup.hh"
#include "tern/time.hh"

namespace tern {

class Waiter {
public:
    Waiter();  // throws RuntimeError, as when the process has no descriptor left
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    // Readable: there is work. Before the first wait. Throws RuntimeError.
    void add(int fd);
    void remove(int fd);  // one that was added
    int fd() const { return epoll_.get(); }

    // The descriptor polls readable from `deadline` on, or a little earlier once: a timer that
    // is set too early stays, because deadlines of TCP move on with nearly every packet.
    void arm(Instant deadline);
    // Call it when a turn begins: forgets a timer that has fired and a wake-up.
    void acknowledge(Instant now);
    void wake();  // any thread, or a signal handler
    // Until something is readable; at most that long (rounded up to milliseconds).
    void sleep(Duration at_most);

private:
    Descriptor epoll_;
    Descriptor timer_;
    Descriptor wake_;
    Instant armed_ = Instant::max();
    std::atomic<bool> woken_ = false;
    static_assert(std::atomic<bool>::is_always_lock_free);
};

}  // namespace tern

// What a shard waits for: link descriptors, a deadline, a wake-up. All of it is one epoll
// descriptor, which other event loops can wait for in turn.
#pragma once

#include <atomic>

#include "tern/time.hh"

namespace tern {

class Waiter {
public:
    Waiter();
    ~Waiter();
    Waiter(const Waiter&) = delete;
    Waiter& operator=(const Waiter&) = delete;

    void add(int fd);  // readable: there is work. Before the first wait
    void remove(int fd);
    int fd() const { return epoll_; }

    // The descriptor polls readable from `deadline` on, or a little earlier once: a timer that
    // is set too early stays, because deadlines of TCP move on with nearly every packet.
    void arm(Instant deadline);
    // Call it when a turn begins: forgets a timer that has fired and a wake-up.
    void acknowledge(Instant now);
    void wake();  // any thread, or a signal handler
    // Until something is readable; at most that long (rounded up to milliseconds).
    void sleep(Duration at_most);

private:
    int epoll_;
    int timer_;
    int wake_;
    Instant armed_ = Instant::max();
    std::atomic<bool> woken_ = false;
    static_assert(std::atomic<bool>::is_always_lock_free);
};

}  // namespace tern

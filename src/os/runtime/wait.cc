#include "os/runtime/wait.hh"

#include <algorithm>
#include <cerrno>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/timerfd.h>
#include <unistd.h>

#include "core/base/assert.hh"
#include "tern/runtime.hh"

namespace tern {

namespace {

std::string_view remedy_for(int number) {
    switch (number) {
        case EMFILE: return "allow the process more descriptors with `ulimit -n`";
        case ENFILE: return "allow the system more descriptors with `sysctl fs.file-max`";
        case ENOSPC: return "allow more with `sysctl fs.epoll.max_user_watches`";
        case EPERM: return "this kind of descriptor cannot be waited for";
        default: return "";
    }
}

[[noreturn]] void fail(const char* step) {
    const int number = errno;
    const OpenError error = open_failed(step, number, remedy_for(number)).error();
    throw RuntimeError(error.code, error.message);
}

Descriptor descriptor_of(int fd, const char* step) {
    if (fd < 0) fail(step);
    return Descriptor{fd};
}

}  // namespace

Waiter::Waiter()
    : epoll_(descriptor_of(::epoll_create1(EPOLL_CLOEXEC), "epoll")),
      timer_(descriptor_of(::timerfd_create(CLOCK_MONOTONIC, TFD_NONBLOCK | TFD_CLOEXEC),
                           "timer descriptor")),
      wake_(descriptor_of(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC), "event descriptor")) {
    add(timer_.get());
    add(wake_.get());
}

void Waiter::add(int fd) {
    epoll_event event{};
    event.events = EPOLLIN;
    event.data.fd = fd;
    if (::epoll_ctl(epoll_.get(), EPOLL_CTL_ADD, fd, &event) != 0) fail("waiting for a descriptor");
}

void Waiter::remove(int fd) { check(::epoll_ctl(epoll_.get(), EPOLL_CTL_DEL, fd, nullptr) == 0); }

void Waiter::arm(Instant deadline) {
    if (deadline >= armed_) return;
    armed_ = deadline;
    // Zero would switch the timer off; any time in the past fires at once.
    const i64 at = std::max<i64>(deadline.time_since_epoch().count(), 1);
    itimerspec when{};
    when.it_value.tv_sec = at / 1'000'000'000;
    when.it_value.tv_nsec = at % 1'000'000'000;
    check(::timerfd_settime(timer_.get(), TFD_TIMER_ABSTIME, &when, nullptr) == 0);
}

void Waiter::acknowledge(Instant now) {
    u64 count = 0;
    // The clock may be ahead of the timer by a moment: then it stays armed, and is read next time.
    if (now >= armed_ && ::read(timer_.get(), &count, sizeof count) > 0) armed_ = Instant::max();
    if (woken_.exchange(false, std::memory_order_acquire)) {
        [[maybe_unused]] auto ignored = ::read(wake_.get(), &count, sizeof count);
    }
}

void Waiter::wake() {
    const int saved = errno;
    // Written before the flag is set, so that a thread that sees the flag finds the count.
    const u64 one = 1;
    [[maybe_unused]] auto ignored = ::write(wake_.get(), &one, sizeof one);
    woken_.store(true, std::memory_order_release);
    errno = saved;
}

void Waiter::sleep(Duration at_most) {
    constexpr i64 k_forever_ms = 24 * 3600 * 1000;
    const i64 ms = std::clamp<i64>((at_most.count() + 999'999) / 1'000'000, 0, k_forever_ms);
    epoll_event event;
    ::epoll_wait(epoll_.get(), &event, 1, static_cast<int>(ms));  // a signal ends the wait as well
}

}  // namespace tern

// The only file of the project that reads a clock or asks for entropy.
#include "os/runtime/clock.hh"

#include <cerrno>
#include <ctime>

#include <sys/random.h>

#include "core/base/assert.hh"
#include "tern/runtime.hh"

namespace tern {

namespace {

i64 read(clockid_t which) {
    timespec t{};
    check(::clock_gettime(which, &t) == 0);
    return i64{t.tv_sec} * 1'000'000'000 + t.tv_nsec;
}

}  // namespace

Instant steady_now() { return Instant{Duration{read(CLOCK_MONOTONIC)}}; }

Instant monotonic_now() { return steady_now(); }

i64 wall_clock_now() { return read(CLOCK_REALTIME); }

u64 entropy() {
    u64 bits = 0;
    // Requests of up to 256 bytes are never cut short; a signal ends the wait for the kernel's
    // pool.
    while (::getrandom(&bits, sizeof bits, 0) != sizeof bits) check(errno == EINTR);
    return bits;
}

}  // namespace tern

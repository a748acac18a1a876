#include "os/runtime/spin.hh"

#include <sched.h>

namespace tern {

bool may_spin() {
    cpu_set_t ours;
    CPU_ZERO(&ours);
    return ::sched_getaffinity(0, sizeof ours, &ours) != 0 || CPU_COUNT(&ours) > 1;
}

}  // namespace tern

// How long to ask again before going to sleep. A sleep that was short shows that spinning would
// have paid, a long one that it would not, so the bound doubles or halves between nothing and the
// most that was configured, which should be what falling asleep and waking up costs.
#pragma once

#include <algorithm>

#include "tern/time.hh"

namespace tern {

// May this thread run while the one it waits for does? With one processor for us it may not.
bool may_spin();

class SpinBound {
public:
    explicit SpinBound(Duration most) : most_(most), bound_(most) {}

    bool worth(Duration idle) const { return idle < bound_; }
    // Nothing to do for `idle`, part of it asleep.
    void slept(Duration idle) {
        if (idle <= most_)
            bound_ = std::min(std::max(bound_ * 2, k_first), most_);
        else
            bound_ = bound_ / 2 < k_first ? Duration{} : bound_ / 2;
    }

private:
    static constexpr Duration k_first = std::chrono::microseconds(5);
    Duration most_;
    Duration bound_;
};

}  // namespace tern

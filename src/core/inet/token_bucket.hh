// How often something may happen: `rate` a second, and no more than about `burst` at once. The
// exact burst is drawn anew each time the bucket has filled up, so that nobody can count what
// others have used (CVE-2020-25705, "SAD DNS").
#pragma once

#include <algorithm>

#include "core/base/random.hh"
#include "tern/time.hh"

namespace tern::inet {

class TokenBucket {
public:
    // True: it may happen now, and is counted.
    bool take(Instant now, u32 rate, u32 burst, Random& random) {
        if (rate == 0 || burst == 0) return false;
        refill(now, rate, burst, random);
        if (level_ < k_token) return false;
        level_ -= k_token;
        return true;
    }

private:
    static constexpr u64 k_token = 1'000'000'000;  // one a second is one unit a nanosecond

    void refill(Instant now, u32 rate, u32 burst, Random& random) {
        // More time than a whole filling takes makes no difference, and must not overflow.
        const u64 whole = burst * k_token / rate + 1;
        const u64 elapsed = started_ ? static_cast<u64>((now - filled_at_).count()) : whole;
        started_ = true;
        filled_at_ = now;
        level_ += std::min(elapsed, whole) * rate;
        if (level_ >= ceiling_) {
            ceiling_ = (burst - random.below(burst / 2 + 1)) * k_token;
            level_ = std::min(level_, ceiling_);
        }
    }

    u64 level_ = 0;
    u64 ceiling_ = 0;
    Instant filled_at_{};
    bool started_ = false;
};

}  // namespace tern::inet

// Durations counted in classes of at most 1/16 relative width, so that quantiles of millions of
// them cost a few kilobytes.
#pragma once

#include <algorithm>
#include <array>
#include <bit>

#include "tern/export.hh"
#include "tern/int.hh"
#include "tern/time.hh"

namespace tern TERN_API {

// Of the size of a few kilobytes, whatever it has counted.
class DurationHistogram {
public:
    // Negative durations count as zero, those above some 18 minutes as the longest.
    void add(Duration d, u64 times = 1) {
        const u64 ns = d.count() < 0 ? 0 : static_cast<u64>(d.count());
        counts_[class_of(std::min(ns, k_most))] += times;
        count_ += times;
        max_ = std::max(max_, Duration{static_cast<i64>(ns)});
    }
    u64 count() const { return count_; }   // durations added
    Duration max() const { return max_; }  // exact; zero when empty
    // A bound that at least `share` of all durations keep, at most 1/16 too long; 0 when empty.
    Duration quantile(double share) const {
        const double wanted = share * static_cast<double>(count_);
        u64 seen = 0;
        for (u32 i = 0; i < counts_.size(); ++i) {
            seen += counts_[i];
            if (seen > 0 && static_cast<double>(seen) >= wanted) {
                return std::min(Duration{static_cast<i64>(last_of(i))}, max_);
            }
        }
        return max_;
    }

private:
    static constexpr u32 k_fine = 4;  // bits of a class within its power of two
    static constexpr u64 k_most = (u64{1} << 40) - 1;

    static u32 class_of(u64 ns) {
        if (ns < (1u << k_fine)) return static_cast<u32>(ns);
        const u32 shift = static_cast<u32>(std::bit_width(ns)) - 1 - k_fine;
        return (shift << k_fine) + static_cast<u32>(ns >> shift);
    }
    static u64 last_of(u32 index) {
        if (index < (1u << k_fine)) return index;
        const u32 shift = (index >> k_fine) - 1;
        const u64 first = (u64{1} << k_fine) + (index & ((1u << k_fine) - 1));
        return ((first + 1) << shift) - 1;
    }

    std::array<u64, (40 - k_fine + 1) << k_fine> counts_{};
    u64 count_ = 0;
    Duration max_{};
};

}  // namespace tern

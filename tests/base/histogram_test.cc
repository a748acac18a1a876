#include "tern/histogram.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <vector>

#include "core/base/random.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;

TEST(DurationHistogram, QuantilesAreAtMostASixteenthTooLong) {
    Random random{3};
    DurationHistogram histogram;
    std::vector<i64> all;
    for (int i = 0; i < 20000; ++i) {
        const i64 ns = static_cast<i64>(random.next64() >> (24 + random.below(40)));
        all.push_back(ns);
        histogram.add(Duration{ns});
    }
    std::sort(all.begin(), all.end());
    EXPECT_EQ(histogram.count(), all.size());
    EXPECT_EQ(histogram.max(), Duration{all.back()});
    for (const double share : {0.0005, 0.01, 0.25, 0.5, 0.9, 0.99, 0.999, 1.0}) {
        const auto rank = static_cast<std::size_t>(std::ceil(share * 20000)) - 1;
        const i64 got = histogram.quantile(share).count();
        EXPECT_GE(got, all[rank]);
        EXPECT_LE(got, all[rank] + all[rank] / 16);
    }
}

TEST(DurationHistogram, ItsEndsAreSafe) {
    DurationHistogram histogram;
    EXPECT_EQ(histogram.quantile(0.5), 0ns);
    histogram.add(-5ns, 3);
    EXPECT_EQ(histogram.quantile(1), 0ns);
    histogram.add(10h);
    EXPECT_EQ(histogram.max(), 10h);
    EXPECT_EQ(histogram.count(), 4u);
    EXPECT_EQ(histogram.quantile(0.7), 0ns);
    EXPECT_GT(histogram.quantile(1), 15min);
}

}  // namespace
}  // namespace tern

#include <gtest/gtest.h>

#include "congestion/path.hh"
#include "core/tcp/congestion/algorithms.hh"

namespace tern::tcp {
namespace {

// Marks above 20 packets, as RFC 8257 3.1 asks of switches.
constexpr PathOptions k_switch{
    .rate = 125'000'000, .rtt_us = 1'000, .queue = 1'000'000, .mark_above = 20'000};

struct Queue {
    double mean, most;
};
Queue queue_of(const CongestionControl& algorithm) {
    Path path(algorithm, k_switch);
    path.run_for(1'000'000);
    double sum = 0, most = 0;
    u64 count = 0;
    path.run_for(2'000'000, [&](const Path& p) {
        sum += static_cast<double>(p.queued());
        most = std::max(most, static_cast<double>(p.queued()));
        ++count;
    });
    EXPECT_GT(path.c.delivered, u64{3} * 125'000'000 * 95 / 100);
    EXPECT_EQ(path.losses(), 0u);
    return {sum / static_cast<double>(count), most};
}

}  // namespace

TEST(Dctcp, keeps_the_queue_at_the_mark_without_losing_rate) {
    const Queue queue = queue_of(dctcp());
    EXPECT_GT(queue.mean, 2'000);
    EXPECT_LT(queue.mean, 40'000);
    EXPECT_LT(queue.most, 100'000);
}

// 3.3: alpha begins at 1, so the first mark halves; by then a share of marks decides.
TEST(Dctcp, cuts_by_the_share_of_marked_bytes) {
    Path path(dctcp(), {.rate = 1'000'000'000, .rtt_us = 10'000, .queue = 1 << 30});
    EXPECT_EQ(dctcp().reduced(path.c, CongestionSignal::Mark), path.c.cwnd / 2);
    path.c.ssthresh = path.c.cwnd;
    path.run_for(1'000'000);  // a hundred rounds without a mark
    const u32 cut = path.c.cwnd - dctcp().reduced(path.c, CongestionSignal::Mark);
    EXPECT_LT(cut, path.c.cwnd / 50);
    EXPECT_EQ(dctcp().reduced(path.c, CongestionSignal::Loss),
              std::min(path.c.cwnd, path.c.flight_size) / 2);
}

}  // namespace tern::tcp

// The example must hold under partitions and restarts for many seeds, and its judge must see it
// when it does not.
#include "examples/replicated_log_world.hh"

#include <gtest/gtest.h>

TEST(ReplicatedLog, all_logs_agree_under_partitions_for_many_seeds) {
    for (std::uint64_t seed = 1; seed <= 40; ++seed) {
        const Outcome o = run_replicated_log(seed);
        EXPECT_EQ(o.trouble, "") << "seed " << seed;
        EXPECT_GT(o.committed, 100u) << "seed " << seed;
        EXPECT_GT(o.leaders, 1u) << "seed " << seed;
    }
}

TEST(ReplicatedLog, a_quorum_that_is_no_majority_is_found_out) {
    std::string trouble;
    for (std::uint64_t seed = 1; seed <= 40 && trouble.empty(); ++seed)
        trouble = run_replicated_log(seed, 2).trouble;
    EXPECT_NE(trouble, "");
}

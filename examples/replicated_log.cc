// Five replicas of a log under partitions and restarts, for as many seeds as you like:
//   replicated_log [SEEDS [QUORUM]]
// With a quorum of 2, which is no majority of 5, it finds a seed where two replicas disagree.
#include <cstdio>
#include <cstdlib>

#include "replicated_log_world.hh"

int main(int argc, char** argv) {
    const int seeds = argc > 1 ? std::atoi(argv[1]) : 10;
    const unsigned quorum = argc > 2 ? static_cast<unsigned>(std::atoi(argv[2])) : 3;
    for (int seed = 1; seed <= seeds; ++seed) {
        const Outcome o = run_replicated_log(static_cast<std::uint64_t>(seed), quorum);
        std::printf("seed %d: %llu entries agreed, %llu leaders%s%s\n", seed,
                    static_cast<unsigned long long>(o.committed),
                    static_cast<unsigned long long>(o.leaders), o.trouble.empty() ? "" : ": ",
                    o.trouble.c_str());
        if (!o.trouble.empty()) return 1;
    }
    return 0;
}

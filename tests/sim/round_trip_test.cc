// A path whose round trip changes under a connection, longer and shorter: by how much, with which
// options, for which exchanges. RFC 6298 5.5 and the end of section 5; RFC 8985 7.3.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>

#include "support/covers.hh"
#include "tern/sim_flow.hh"

namespace tern::sim {
namespace {

using namespace std::chrono_literals;

struct Row {
    Duration before, after;  // round trips
    u32 bytes;               // of a response
    Duration pause;          // between exchanges
    bool sack, timestamps;
};

std::string text_of(const Row& r) {
    return std::to_string(r.before / 1ms) + " ms, then " + std::to_string(r.after / 1ms) + " ms; " +
           std::to_string(r.bytes) + " bytes every " + std::to_string(r.pause / 1ms) + " ms, " +
           (r.sack ? "SACK" : "no SACK") + (r.timestamps ? ", timestamps" : ", no timestamps");
}

constexpr u32 k_before = 6, k_after = 10;  // exchanges

struct Told {
    std::vector<u64> again;  // segments that were sent again, an exchange behind the change
    bool whole = false;
    TcpStatus status;  // of the client, in the end
};

Told run(const Row& row) {
    World world{{.seed = 7}};
    Host& server = world.host("server", "10.0.0.1/24");
    Host& client = world.host("client", "10.0.0.2/24");
    const auto path = [](Duration round_trip) {
        return Impairment{.delay = round_trip / 2, .queue_packets = 10'000};
    };
    Wire& wire = world.wire(server, client, path(row.before));
    TcpOptions tcp;
    tcp.sack = row.sack;
    tcp.timestamps = row.timestamps;
    Requests requests(world, client, server,
                      {.count = k_before + k_after,
                       .request = 100,
                       .response = row.bytes,
                       .interval = row.pause,
                       .tcp = tcp});
    const auto again = [&] {
        return server.counters().tcp_retransmissions + client.counters().tcp_retransmissions;
    };
    const auto reached = [&](u64 n) {
        return world.run_until([&] { return requests.completed() >= n; }, 600s);
    };
    Told told;
    EXPECT_TRUE(reached(k_before));
    // Nothing is on its way: a path that becomes shorter overtakes nothing.
    world.run_for(std::min<Duration>(row.pause / 2, 200ms));
    wire.change(Way::There, path(row.after));
    wire.change(Way::Back, path(row.after));
    for (u32 n = 0; n < k_after; ++n) {
        const u64 so_far = again();
        EXPECT_TRUE(reached(k_before + n + 1));
        told.again.push_back(again() - so_far);
    }
    told.whole = requests.intact();
    told.status = requests.status();
    return told;
}

void expect_learnt(const Row& row) {
    SCOPED_TRACE(text_of(row));
    const Told told = run(row);
    EXPECT_TRUE(told.whole);
    ASSERT_EQ(told.again.size(), std::size_t{k_after});
    std::string counts;
    u64 sum = 0;
    for (const u64 n : told.again) {
        counts += ' ' + std::to_string(n);
        sum += n;
    }
    // TERN_TABLE=1 prints the table.
    if (std::getenv("TERN_TABLE")) std::printf("%s:%s\n", text_of(row).c_str(), counts.c_str());
    // The first exchange and one more may cost something. Without timestamps what was sent twice
    // tells no round trip (Karn), and with SACK a tail probe may be what was sent twice. What
    // follows is sent once. The server's timer for a response may expire when its exchange is
    // over and the next one under way.
    const u32 learnt = row.timestamps ? 2 : row.sack ? 4 : 3;
    for (u32 n = learnt; n < k_after; ++n)
        EXPECT_EQ(told.again[n], 0u) << "exchange " << n << counts;
    const bool shorter = row.after <= row.before;
    if (shorter) {
        EXPECT_EQ(sum, 0u) << counts;
    }
    // A segment for each expiry on the way from 200 ms to the round trip, on both sides, and of
    // what was in flight then each at most once more.
    EXPECT_LE(sum, row.bytes / 1448 + 16u) << counts;
    EXPECT_GT(told.status.rto, row.after) << counts;
    if (shorter) {
        EXPECT_LT(told.status.rto, std::max<Duration>(400ms, 3 * row.before));
    }
}

void sweep(bool sack, bool timestamps) {
    // Full segments in pairs: a short one at the end waits for the peer's delayed ACK, which is
    // longer than two of the shortest round trips, and is probed for (RFC 8985 7.2).
    const u32 full = timestamps ? 1448 : 1460;
    for (const Duration shorter : {10ms, 40ms, 100ms})
        for (const u32 factor : {2u, 5u, 20u, 50u})
            for (const u32 bytes : {100u, 2 * full, 8 * full, 70 * full})
                for (const Duration pause : {Duration{100ms}, Duration{3s}})
                    for (const bool grows : {true, false}) {
                        const Duration longer = factor * shorter;
                        expect_learnt({.before = grows ? shorter : longer,
                                       .after = grows ? longer : shorter,
                                       .bytes = bytes,
                                       .pause = pause,
                                       .sack = sack,
                                       .timestamps = timestamps});
                        if (::testing::Test::HasFailure()) return;
                    }
}

TEST(RoundTrip, one_that_changes_is_learnt_with_SACK_and_timestamps) {
    test::covers({"RFC6298:3", "RFC6298:4", "RFC9293:MUST-18", "RFC9293:MUST-19"});
    sweep(true, true);
}
TEST(RoundTrip, one_that_changes_is_learnt_with_SACK_alone) {
    test::covers({"RFC6298:3", "RFC6298:4", "RFC8985:3", "RFC9293:MUST-18", "RFC9293:MUST-19"});
    sweep(true, false);
}
TEST(RoundTrip, one_that_changes_is_learnt_with_timestamps_alone) {
    test::covers({"RFC6298:3", "RFC6298:4", "RFC9293:MUST-18", "RFC9293:MUST-19"});
    sweep(false, true);
}
TEST(RoundTrip, one_that_changes_is_learnt_without_SACK_and_timestamps) {
    test::covers({"RFC6298:3", "RFC6298:4", "RFC9293:MUST-18", "RFC9293:MUST-19"});
    sweep(false, false);
}

}  // namespace
}  // namespace tern::sim

// What is due together need not be done together: packets come in between.
#include <gtest/gtest.h>

#include <vector>

#include "support/pair.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;

constexpr u32 k_connections = 20'000;
constexpr u32 k_at_once = 4096;

// a's connections to b, each of them accepted.
std::vector<TcpConnection> open(Pair& p, const TcpOptions& options = {}) {
    std::vector<TcpConnection> opened;
    for (u32 i = 0; i < k_connections; ++i) {
        opened.push_back(p.connect(options));
        if (i % 32 == 31 || i + 1 == k_connections) p.exchange();
        while (p.b.tcp().accept(p.listener)) continue;
    }
    p.exchange();
    return opened;
}

// Lets a do all that is due; no call does more than k_at_once of what done() counts.
template <class Done>
void advance_in_pieces(Pair& p, Done&& done) {
    u32 calls = 0;
    while (p.a.next_deadline() <= p.now && ++calls < 1000) {
        const u64 before = done();
        p.a.advance(p.now);
        p.exchange();
        EXPECT_LE(done() - before, k_at_once);
    }
    EXPECT_LT(calls, 1000u);
    EXPECT_GE(calls, k_connections / k_at_once);
}

TEST(Timers, ManyTimeWaitsEndInPieces) {
    Pair p;
    for (const TcpConnection c : open(p)) p.a.tcp().release(c);
    p.exchange();
    while (const auto e = p.b.next_event())
        if (e->bits & PeerClosed) p.b.tcp().release(e->connection());
    p.exchange();
    ASSERT_EQ(p.a.tcp().count().time_waits, k_connections);
    p.now += 61s;
    const auto ended = [&] { return k_connections - p.a.tcp().count().time_waits; };
    advance_in_pieces(p, ended);
    EXPECT_EQ(ended(), k_connections);
}

TEST(Timers, ManyKeepAlivesLeaveInPieces) {
    Pair p;
    TcpOptions options;
    options.keep_alive = true;
    const std::vector<TcpConnection> all = open(p, options);
    const auto sent = [&] { return p.a.counters().tcp_segments_out; };
    const u64 before = sent();
    p.now += 2h + 1s;
    advance_in_pieces(p, sent);
    EXPECT_EQ(sent() - before, k_connections) << "a probe each";
    for (const TcpConnection c : all) EXPECT_EQ(p.a.tcp().status(c)->error, Error::None);
}

}  // namespace
}  // namespace tern

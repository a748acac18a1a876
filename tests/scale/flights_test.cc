// Very many connections that were busy lately: what each learnt about its path is kept for a
// moment, but not for all of them (decision 0006).
#include <gtest/gtest.h>

#include <array>
#include <vector>

#include "core/tcp/flight.hh"
#include "support/pair.hh"

namespace tern {
namespace {

constexpr u32 k_connections = 20'000;
constexpr u32 k_most_at_rest = 4096;

// b answers every byte with a byte, and the acknowledgement rides on it.
void answer(Stack& b) {
    std::array<std::byte, 1> byte;
    while (const auto e = b.next_event()) {
        if (e->kind != Event::Kind::Tcp || (e->bits & Readable) == 0) continue;
        while (b.tcp().receive(e->connection(), byte))
            ASSERT_TRUE(b.tcp().send(e->connection(), byte));
    }
}

// A round trip of a byte over each, at one instant.
void ask_all(Pair& p, const std::vector<TcpConnection>& all) {
    std::array<std::byte, 1> byte{};
    for (std::size_t i = 0; i < all.size(); ++i) {
        ASSERT_TRUE(p.a.tcp().send(all[i], byte));
        p.exchange();
        answer(p.b);
        p.exchange();
        ASSERT_TRUE(p.a.tcp().receive(all[i], byte)) << i;
    }
}

TEST(Flights, OnlySoManyRest) {
    Pair p;
    std::vector<TcpConnection> all;
    for (u32 i = 0; i < k_connections; ++i) {
        all.push_back(p.connect());
        p.exchange();
        while (p.b.tcp().accept(p.listener)) continue;
    }
    const u64 before = p.a.memory_used();
    ask_all(p, all);
    const u64 first = p.a.memory_used() - before;
    // As many records as may rest, and the slabs that they come in; all would take five times that.
    EXPECT_LE(first, u64{k_most_at_rest} * sizeof(tcp::Flight) * 5 / 4);
    EXPECT_GE(first, u64{k_most_at_rest} * sizeof(tcp::Flight));
    ask_all(p, all);
    EXPECT_EQ(p.a.memory_used() - before, first) << "the oldest gave its place";
    EXPECT_EQ(p.a.counters().tcp_retransmissions, 0u);
}

}  // namespace
}  // namespace tern

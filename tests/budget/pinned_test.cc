// How much memory the bytes pin that wait in a connection: src/core/tcp/README.md, in figures.
#include <algorithm>

#include "lab/script/on_gtest.hh"

namespace tern {
namespace {

using script::Script;

constexpr u32 k_buffer = 1 << 20;

void inject(Script& t, u32 from, u32 size) {
    const std::string range = std::to_string(from) + ":" + std::to_string(from + size);
    t.inject(script::line("< . " + range + "(" + std::to_string(size) + ") ack 1"));
    t.ignore_output();
}

// Bytes pinned for each byte of a receive buffer that segments of `size` have filled.
double pinned_by(u32 size) {
    Script t;
    t.setup.tcp.receive_buffer = k_buffer;
    t.passive_open();
    u32 next = 1;
    while (next + size <= k_buffer) {
        inject(t, next, size);
        next += size;
    }
    u64 bytes = 0, pinned = 0;
    while (auto slice = t.stack().tcp().receive(t.app.handle())) {
        const Packet packet = std::move(*slice).into_packet();
        bytes += packet.size();
        pinned += PacketPool::true_size(*packet);
    }
    EXPECT_EQ(bytes, next - 1) << "all of it waited at once";
    t.pump();
    t.ignore_output();
    return static_cast<double>(pinned) / static_cast<double>(bytes);
}

TEST(Pinned, InOrderAtMostSevenTimesWhatWaits) {
    constexpr u32 small = PacketPool::k_payload_small, jumbo = PacketPool::k_payload_jumbo;
    double worst = 0, worst_of_ethernet = 0;
    for (const u32 size : {200u, 511u, 512u, 513u, 1000u, 1460u, small, small + 1, 2559u, 2560u,
                           8960u, jumbo, jumbo + 1, 17'023u, 17'024u, 60'000u}) {
        const double ratio = pinned_by(size);
        worst = std::max(worst, ratio);
        if (size <= 1460) worst_of_ethernet = std::max(worst_of_ethernet, ratio);
    }
    RecordProperty("worst", std::to_string(worst));
    EXPECT_NEAR(worst_of_ethernet, 4.125, 0.01) << "512 bytes in a slot of their own";
    EXPECT_NEAR(worst, 6.78, 0.01) << "just too much for a jumbo slot";
}

TEST(Pinned, BehindHolesASlotForEachRun) {
    Script t;
    t.setup.tcp.receive_buffer = k_buffer;
    t.passive_open();
    const u32 runs = t.setup.limits.tcp_out_of_order_runs;
    for (u32 n = 0; n < runs + 10; ++n) inject(t, 3 + 2 * n, 1);
    EXPECT_EQ(t.status().out_of_order, runs);
    EXPECT_EQ(t.pool().packets_in_use(), runs);
    EXPECT_EQ(t.drops(DropReason::TcpReassemblyFull), 10u);
}

}  // namespace
}  // namespace tern

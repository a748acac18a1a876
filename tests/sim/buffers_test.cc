// Buffers that find their size: a long fat path without a knob, readers who do not need more, and
// many who want more than there is.
#include <gtest/gtest.h>

#include <algorithm>

#include "tern/sim_flow.hh"

namespace tern::sim {
namespace {

using namespace std::chrono_literals;

constexpr u64 k_gigabit = 1'000'000'000;

// A sender that always has more to send, and a receiver that looks at what it got.
struct Flow {
    Host& from;
    StreamPtr sender{}, receiver{};
    std::vector<std::byte> chunk = std::vector<std::byte>(256 << 10);
    u64 received = 0;
    u32 narrowed = 0;  // the right edge moved left so often
    u32 edge = 0;

    Flow(Host& a, Host& b, const TcpOptions& tcp = {}, u16 port = 80) : from(a) {
        ListenOptions listening;
        listening.options = tcp;
        b.listen(
            port,
            [this](const StreamPtr& s) {
                receiver = s;
                s->on_data = [this](std::span<const std::byte> bytes) { took(bytes.size()); };
            },
            listening);
        ConnectOptions o;
        o.options = tcp;
        sender = from.connect(b, port, o);
        sender->on_connected = sender->on_writable = [this] {
            while (sender->write(chunk) == chunk.size()) continue;
        };
    }
    void took(std::size_t n) {
        received += n;
        const TcpStatus& s = receiver->status();
        const u32 right = s.rcv_nxt + s.rcv_wnd;
        if (edge != 0 && static_cast<i32>(right - edge) < 0) ++narrowed;
        edge = right;
    }
    double bits_per_second_in(World& world, Duration d) {
        const u64 before = received;
        world.run_for(d);
        return static_cast<double>(received - before) * 8 /
               std::chrono::duration<double>(d).count();
    }
};

// Figure L5: 1 Gbit/s x 100 ms holds 12.5 MB.
void fills_the_path(const TcpOptions& tcp) {
    World world;
    Host& a = world.host("a", "10.0.0.1/24", {.memory_limit = u64{256} << 20});
    Host& b = world.host("b", "10.0.0.2/24", {.memory_limit = u64{256} << 20});
    world.wire(a, b, {.delay = 50ms, .rate = k_gigabit, .queue_packets = 40'000});
    Flow flow(a, b, tcp);
    u32 from_window = 0;
    for (int i = 0; i < 15; ++i) {
        world.run_for(100ms);
        const TcpStatus& s = flow.sender->status();
        if (s.limited_by == LimitedBy::ReceiveWindow && s.flight < 12'500'000) ++from_window;
    }
    // Without an echo a round is measured later.
    EXPECT_LE(from_window, tcp.timestamps ? 0u : 1u);
    // 1448 of each 1500 bytes are text.
    EXPECT_GT(flow.bits_per_second_in(world, 1s), 0.96 * k_gigabit);
    EXPECT_EQ(a.counters().tcp_retransmissions, 0u);
    EXPECT_EQ(flow.narrowed, 0u);
    EXPECT_GE(flow.receiver->status().receive_buffer, 12'500'000u);
    EXPECT_GE(flow.sender->status().send_buffer, 12'500'000u);
    EXPECT_GT(flow.sender->status().flight, 12'000'000u);
}

TEST(Buffers, fill_a_gigabit_of_100_ms_without_a_knob) { fills_the_path({}); }
TEST(Buffers, the_same_without_timestamps) { fills_the_path({.timestamps = false}); }

TEST(Buffers, of_a_size_that_was_asked_for_stay) {
    World world;
    Host& a = world.host("a", "10.0.0.1/24");
    Host& b = world.host("b", "10.0.0.2/24");
    world.wire(a, b, {.delay = 50ms, .rate = k_gigabit, .queue_packets = 40'000});
    Flow flow(a, b, {.send_buffer = 2 << 20, .receive_buffer = 2 << 20});
    // At most a window a round trip; the sender's application is told of room a quarter late.
    const double rate = flow.bits_per_second_in(world, 10s);
    EXPECT_LT(rate, (2 << 20) * 80.0);
    EXPECT_GT(rate, (2 << 20) * 50.0);
    EXPECT_EQ(flow.receiver->status().receive_buffer, 2u << 20);
    EXPECT_EQ(flow.receiver->status().receive_buffer_max, 2u << 20);
    EXPECT_EQ(flow.sender->status().send_buffer, 2u << 20);
    EXPECT_EQ(flow.sender->status().options.send_buffer, 2u << 20);
}

TEST(Buffers, of_a_short_path_stay_small) {
    World world;
    Host& a = world.host("a", "10.0.0.1/24");
    Host& b = world.host("b", "10.0.0.2/24");
    world.wire(a, b, {.delay = 1ms, .rate = k_gigabit, .queue_packets = 100});
    Flow flow(a, b);
    EXPECT_GT(flow.bits_per_second_in(world, 1s), 0.9 * k_gigabit);
    // The path holds 400 KB with its queue; what waited behind a hole is read at once.
    EXPECT_LE(flow.receiver->status().receive_buffer, 4u << 20);
    EXPECT_LE(flow.sender->status().send_buffer, 1u << 20);
    EXPECT_EQ(flow.receiver->status().options.receive_buffer, 0u) << "not asked for";
}

// Many fat connections under a small ceiling: what is there is shared, and nobody starves.
TEST(Buffers, of_many_fat_connections_stay_below_the_ceiling) {
    constexpr u64 ceiling = u64{8} << 20;
    constexpr u32 count = 8;
    World world;
    Host& b = world.host("b", "10.0.0.2/16", {.memory_limit = ceiling});
    Router& r = world.router("r");
    world.wire(r, b, {.delay = 1ms, .rate = k_gigabit / 4, .queue_packets = 2000});
    std::vector<std::unique_ptr<Flow>> flows;
    for (u32 i = 0; i < count; ++i) {
        Host& a = world.host("a" + std::to_string(i), "10.1." + std::to_string(i) + ".1/24");
        world.wire(a, r, {.delay = 40ms, .rate = k_gigabit / 4, .queue_packets = 2000});
        flows.push_back(std::make_unique<Flow>(a, b, TcpOptions{}, static_cast<u16>(8000 + i)));
    }
    world.run_for(8s);
    for (const auto& flow : flows) {
        EXPECT_GT(flow->received, 1'000'000u);
        EXPECT_LE(flow->receiver->status().receive_buffer_max, ceiling / 4);
        EXPECT_LE(flow->receiver->status().receive_buffer, ceiling / 4);
        EXPECT_EQ(flow->narrowed, 0u);
    }
    EXPECT_LE(b.stack().memory_used(), ceiling);
}

}  // namespace
}  // namespace tern::sim

// What stands on the way and knows TCP as it was before RFC 9768: flags and options swallowed,
// cleared or stripped, always or at random. Connections go on, and learn.
#include <gtest/gtest.h>

#include <algorithm>
#include <chrono>
#include <deque>
#include <vector>

#include "core/base/random.hh"
#include "support/covers.hh"
#include "support/rewrite.hh"
#include "tern/sim_flow.hh"

namespace tern::sim {
namespace {

using namespace std::chrono_literals;

enum class Habit { SwallowFlags, SwallowOption, StripOption, ClearFlags };
constexpr Habit k_habits[] = {Habit::SwallowFlags, Habit::SwallowOption, Habit::StripOption,
                              Habit::ClearFlags};

u8 byte_at(std::span<const std::byte> b, std::size_t i) { return std::to_integer<u8>(b[i]); }

// The AccECN option of a segment; empty: it has none.
std::span<std::byte> option_of(std::span<std::byte> options) {
    while (!options.empty() && byte_at(options, 0) != 0) {
        const u8 kind = byte_at(options, 0);
        const std::size_t length = kind == 1 ? 1 : byte_at(options, 1);
        if (kind == 172 || kind == 174) return options.first(length);
        options = options.subspan(length);
    }
    return {};
}

class Middlebox final : public Door {
public:
    // Does each of these to one of so many packets that it could do it to.
    Middlebox(std::initializer_list<Habit> habits, u32 one_of = 1, u64 seed = 1)
        : habits_(habits), one_of_(one_of), random_(seed) {}
    void leaving(Packet packet, const Pass& on) override { judge(std::move(packet), on); }
    void arriving(Packet packet, const Pass& on) override { judge(std::move(packet), on); }
    u64 swallowed = 0, changed = 0;

private:
    void judge(Packet packet, const Pass& on) {
        const auto ip = wire::parse_ipv4(packet.bytes());
        if (!ip || ip->protocol != 6) return on(std::move(packet));
        Packet copy = packet->pool->copy_of(packet.bytes());
        const auto segment = copy.bytes().subspan(ip->header_length);
        auto tcp = wire::parse_tcp(segment);
        const auto option = option_of(segment.first(tcp->header_length).subspan(20));
        bool edited = false;
        for (const Habit habit : habits_) {
            const bool flags = habit == Habit::SwallowFlags || habit == Habit::ClearFlags;
            const bool syn = (tcp->flags & wire::Syn) != 0 && (tcp->flags & wire::Ack) == 0;
            const bool concerned =
                flags ? syn && (tcp->flags & wire::k_ecn_flags) != 0 : !option.empty();
            if (!concerned || random_.below(one_of_) != 0) continue;
            if (habit == Habit::SwallowFlags || habit == Habit::SwallowOption) {
                ++swallowed;
                return;
            }
            if (habit == Habit::ClearFlags) tcp->flags &= static_cast<u16>(~wire::k_ecn_flags);
            if (habit == Habit::StripOption) std::ranges::fill(option, std::byte{1});
            edited = true;
        }
        if (!edited) return on(std::move(packet));
        ++changed;
        test::rewrite(segment, *tcp, *ip);
        on(std::move(copy));
    }

    std::vector<Habit> habits_;
    u32 one_of_;
    Random random_;
};

// Two hosts with the middlebox between them.
struct Path {
    explicit Path(Middlebox& box, u64 seed = 1) : world({.seed = seed}) {
        world.wire(a, b, Impairment{.delay = 10ms, .rate = 40'000'000, .mark = {.packets = 30}});
        b.add_door(box);
    }
    World world;
    Host& a = world.host("a", "10.0.0.1/24");
    Host& b = world.host("b", "10.0.0.2/24");
    std::deque<Bulk> transfers;
};

constexpr u64 k_bytes = 1'000'000;  // 0.2 s at the rate of the path
const TcpOptions k_accurate{.ecn = Ecn::Accurate};

Duration took(Path& net, Host& from, Host& to, u16 port, Ecn agreed) {
    const Instant start = net.world.now();
    Bulk& bulk = net.transfers.emplace_back(
        net.world, from, to, BulkOptions{.bytes = k_bytes, .port = port, .tcp = k_accurate});
    EXPECT_TRUE(net.world.run_until([&] { return bulk.received() > 0; }, 20s));
    EXPECT_EQ(bulk.status().ecn, agreed);
    EXPECT_TRUE(net.world.run_until([&] { return bulk.done(); }, 60s));
    EXPECT_TRUE(bulk.intact());
    return *bulk.finished() - start;
}

TEST(EcnMiddlebox, syns_with_flags_are_swallowed_and_the_fourth_connection_waits_no_more) {
    test::covers({"RFC9768:6"});
    Middlebox box({Habit::SwallowFlags});
    Path net(box);
    for (u16 i = 0; i < 3; ++i)
        EXPECT_GT(took(net, net.a, net.b, static_cast<u16>(80 + i), Ecn::Off), 3s);
    EXPECT_EQ(box.swallowed, 6u);
    for (u16 i = 3; i < 6; ++i)
        EXPECT_LT(took(net, net.a, net.b, static_cast<u16>(80 + i), Ecn::Off), 1s);
    EXPECT_EQ(box.swallowed, 6u);
}

TEST(EcnMiddlebox, segments_with_options_are_swallowed_and_connections_do_without) {
    test::covers({"RFC9768:5"});
    Middlebox box({Habit::SwallowOption});
    Path net(box);
    (void)took(net, net.a, net.b, 80, Ecn::Accurate);
    (void)took(net, net.b, net.a, 81, Ecn::Accurate);
    const u64 learnt = box.swallowed;
    EXPECT_GT(learnt, 2u);
    EXPECT_LT(took(net, net.a, net.b, 82, Ecn::Accurate), 1s);
    EXPECT_LT(took(net, net.b, net.a, 83, Ecn::Accurate), 1s);
    EXPECT_EQ(box.swallowed, learnt);
}

TEST(EcnMiddlebox, options_are_stripped_and_three_bits_are_enough) {
    test::covers({"RFC9768:5", "RFC9768:4"});
    Middlebox box({Habit::StripOption});
    Path net(box);
    EXPECT_LT(took(net, net.a, net.b, 80, Ecn::Accurate), 1s);
    EXPECT_GT(box.changed, 100u);
    EXPECT_GT(net.a.counters().tcp_mark_reductions, 0u);
    EXPECT_EQ(net.a.counters().tcp_retransmissions, 0u);
}

TEST(EcnMiddlebox, flags_are_cleared_and_nobody_has_agreed) {
    test::covers({"RFC9768:1"});
    Middlebox box({Habit::ClearFlags});
    Path net(box);
    EXPECT_LT(took(net, net.a, net.b, 80, Ecn::Off), 1s);
    EXPECT_EQ(net.b.counters().tcp_marks_in, 0u);
}

TEST(EcnMiddlebox, all_of_it_at_random_loses_no_byte) {
    test::covers({"RFC9768:5", "RFC9768:6"});
    u64 swallowed = 0, changed = 0;
    for (u64 seed = 1; seed <= 40; ++seed) {
        Middlebox box({k_habits[0], k_habits[1], k_habits[2], k_habits[3]},
                      static_cast<u32>(2 + seed % 5), seed);
        Path net(box, seed);
        Bulk there(net.world, net.a, net.b, {.bytes = k_bytes, .port = 80, .tcp = k_accurate});
        Bulk back(net.world, net.b, net.a, {.bytes = k_bytes, .port = 81, .tcp = k_accurate});
        Requests both(net.world, net.a, net.b, {.count = 50, .port = 82, .tcp = k_accurate});
        EXPECT_TRUE(
            net.world.run_until([&] { return there.done() && back.done() && both.done(); }, 120s))
            << "seed " << seed;
        EXPECT_TRUE(there.intact() && back.intact() && both.intact()) << "seed " << seed;
        swallowed += box.swallowed;
        changed += box.changed;
    }
    EXPECT_GT(swallowed, 200u);
    EXPECT_GT(changed, 200u);
}

}  // namespace
}  // namespace tern::sim

// goals.md C7: what a flood costs, by counts: frames answered, records, probes. The rates are in
// bench/flood.
#include "core/base/flow_table.hh"
#include "core/tcp/flow_key.hh"
#include "scale/siege.hh"

namespace tern::siege {
namespace {

constexpr u64 k_limit = u64{32} << 20;
constexpr u32 k_bytes = 200'000, k_rounds = 1000;
constexpr u8 k_syn = 2, k_rst = 4, k_ack = 16;

u32 stranger(Random& random) { return (u32{10} << 24 | 128u << 16) + random.below(1 << 22); }

// The transfer takes as many milliseconds as without a flood, for every frame finds a buffer.
TEST(Flood, SynsLeaveNothingBehindTheQueueAndNewClientsCome) {
    Siege s{k_limit};
    Random random{1};
    const u64 before = s.server.stack.memory_used();
    for (u32 n = 0; n < scaled(50'000, 5'000'000); ++n) {
        s.throw_at_server(tcp_segment(stranger(random), static_cast<u16>(1024 + n % 60'000),
                                      random.next32(), 0, k_syn, k_victim));
        if (n % 500 == 0) s.round();
    }
    const Tcp::Count count = s.server.stack.tcp().count();
    EXPECT_EQ(count.embryos, 1024u) << "the SYN queue, and no more";
    EXPECT_EQ(count.connections, 1u) << "the honest one";
    EXPECT_LE(s.server.stack.memory_used() - before, 4u << 20) << "buffers on their way";
    EXPECT_EQ(s.echo(k_bytes, k_rounds), k_bytes);
    const auto c = *s.honest.stack.tcp().connect({k_server, k_victim});
    for (int r = 0; r < 10; ++r) s.round();
    EXPECT_EQ(s.honest.stack.tcp().status(c)->state, State::Established) << "by cookie";
}

// Guessed resets and data, acknowledgements of what nobody sent, SYNs of a connection that stands:
// the answers are rationed (RFC 5961 5, 10), and the stream is what it was.
TEST(Flood, ForgedSegmentsOfAnEstablishedConnection) {
    Siege s{k_limit};
    Random random{2};
    const auto flow = s.honest.stack.tcp().status(s.friendly())->flow;
    const u64 sent_before = s.server.stack.counters().tcp_segments_out;
    for (u32 n = 0; n < 20'000; ++n) {
        const u8 flags[] = {k_rst, k_syn, k_ack, k_rst | k_ack};
        s.throw_at_server(tcp_segment(k_honest.value, flow.local.port, random.next32(),
                                      random.next32(), flags[n % 4], k_echo));
    }
    s.round();
    const u64 answers = s.server.stack.counters().tcp_segments_out - sent_before;
    EXPECT_LE(answers, 100u) << "of 20,000";
    EXPECT_EQ(s.echo(k_bytes, k_rounds), k_bytes);
}

// Connects and resets, as fast as can be: every record and every timer goes again.
TEST(Flood, ConnectsAndResets) {
    Siege s{k_limit};
    const u32 count = scaled(20'000, 1'000'000);
    for (u32 n = 0; n < count; ++n) {
        const auto c = *s.attack(n);
        if (n % 100 == 99) s.round();
        s.enemy.stack.tcp().release(c);
        if (n % 100 == 50) s.round();
    }
    s.on_accept = [&](TcpConnection c) { s.server.stack.tcp().release(c); };
    for (int r = 0; r < 70'000 && s.server.stack.tcp().count().connections > 1; ++r) s.round();
    EXPECT_EQ(s.echo(k_bytes, k_rounds), k_bytes);
    EXPECT_TRUE(s.newcomer(k_rounds));
}

// A byte at a time from many: each segment is taken, and small ones share a buffer.
TEST(Flood, TinySegments) {
    Siege s{k_limit};
    std::vector<TcpConnection> served;
    s.on_accept = [&](TcpConnection c) { served.push_back(c); };
    std::vector<TcpConnection> all;
    TcpOptions eager;
    eager.no_delay = true;
    for (u32 n = 0; n < 100; ++n) all.push_back(*s.attack(n, eager));
    s.round();
    const std::byte one{1};
    for (u32 r = 0; r < scaled(300, 10'000); ++r) {
        for (const TcpConnection c : all) (void)s.enemy.stack.tcp().send(c, {&one, 1});
        s.round();
    }
    ASSERT_EQ(served.size(), all.size());
    EXPECT_LE(s.server.stack.memory_used(), u64{8} << 20) << "30,000 bytes wait";
    EXPECT_EQ(s.echo(k_bytes, k_rounds), k_bytes);
}

// --- Hash flooding: how many groups a search looks at, when the tuples were chosen by somebody who
// knows all but the key.
u64 groups_looked_at = 0;
struct CountingGroup : GroupNative {
    explicit CountingGroup(const u8* controls) : GroupNative(controls) { ++groups_looked_at; }
};
struct HashOf {
    const std::vector<FlowKey>* keys;
    SipKey key;
    u64 operator()(u32 value) const { return (*keys)[value].hash(key); }
};

double probes_each(const std::vector<FlowKey>& keys, const SipKey& key) {
    MemoryBudget budget{u64{1} << 30};
    FlowTable<HashOf, CountingGroup> table{budget, HashOf{&keys, key}};
    for (u32 v = 1; v < keys.size(); ++v) EXPECT_TRUE(table.insert(keys[v].hash(key), v));
    groups_looked_at = 0;
    for (u32 v = 1; v < keys.size(); ++v)
        EXPECT_EQ(table.find(keys[v].hash(key), [&](u32 found) { return keys[found] == keys[v]; }),
                  v);
    return static_cast<double>(groups_looked_at) / static_cast<double>(keys.size() - 1);
}

template <class Chosen>
std::vector<FlowKey> choose(u32 count, Chosen&& chosen) {
    std::vector<FlowKey> keys(1);
    for (u64 n = 0; keys.size() <= count; ++n) {
        const FlowKey key(k_server, 80, Ipv4Address{(u32{10} << 24) + static_cast<u32>(n >> 14)},
                          static_cast<u16>(1024 + (n & 0x3fff)));
        if (chosen(key)) keys.push_back(key);
    }
    return keys;
}

TEST(Flood, ChosenTuplesDoNotMakeProbesLonger) {
    constexpr u32 count = 4000;
    const SipKey secret{0x0123456789abcdef, 0xfedcba9876543210}, guess{1, 2};
    const auto in_order = choose(count, [](const FlowKey&) { return true; });
    const auto one_slot = choose(count, [](const FlowKey& k) { return k.slot() == 7; });
    // All at one place of a table whose key the enemy believes to know.
    const auto collide = choose(count, [&](const FlowKey& k) { return k.hash(guess) >> 56 == 0; });
    EXPECT_GE(probes_each(collide, guess), 3.0) << "where the key is known it does work";
    EXPECT_LE(probes_each(in_order, secret), 1.2);
    EXPECT_LE(probes_each(one_slot, secret), 1.2);
    EXPECT_LE(probes_each(collide, secret), 1.2);
}

}  // namespace
}  // namespace tern::siege

// goals.md C7: what a flood costs, by counts: frames answered, records, probes. The rates are in
// bench/flood.
#include "core/base/flow_key.hh"
#include "scale/probes.hh"
#include "scale/siege.hh"
#include "support/covers.hh"

namespace tern::siege {
namespace {

constexpr u64 k_limit = u64{32} << 20;
constexpr u32 k_bytes = 200'000, k_rounds = 1000;
constexpr u8 k_syn = 2, k_rst = 4, k_ack = 16;

u32 stranger(Random& random) { return (u32{10} << 24 | 128u << 16) + random.below(1 << 22); }

// The transfer takes as many milliseconds as without a flood, for every frame finds a buffer.
TEST(Flood, SynsLeaveNothingBehindTheQueueAndNewClientsCome) {
    test::covers({"VULN:syn-flood", "VULN:smoltcp-syn-flood"});
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

// The bytes of one peer, each of which leaves a hole: so many runs wait and no more, each segment
// is answered (RFC 5681 4.2), and the honest stream goes on.
TEST(Flood, SingleBytesBehindHoles) {
    test::covers({"VULN:segment-smack"});
    Siege s{k_limit};
    u32 seq = 0, ack = 0, from = 0;
    u16 port = 0;
    s.enemy_loses_not = [&](const Packet& p) {
        from = load32(p.data() + 12);
        port = load16(p.data() + 20);
        seq = load32(p.data() + 24);
        ack = load32(p.data() + 28);
        return true;
    };
    TcpOptions bare;  // the raw segments have no timestamps
    bare.timestamps = false;
    ASSERT_TRUE(s.attack(1, bare).has_value());
    for (int r = 0; r < 3; ++r) s.round();
    ASSERT_NE(ack, 0u) << "the third step of its handshake was seen";
    const u64 before = s.server.stack.memory_used();
    const u64 sent_before = s.server.stack.counters().tcp_segments_out;
    Random random{3};
    const u32 count = scaled(20'000, 1'000'000);
    for (u32 n = 0; n < count; ++n) {
        const u32 at = seq + 1 + 2 * random.below(16'000);
        s.throw_at_server(tcp_segment(from, port, at, ack, k_ack, k_victim, 1));
        if (n % 32 == 31) s.round();
    }
    s.round();
    const u64 runs = Limits{}.tcp_out_of_order_runs;
    EXPECT_LE(s.server.stack.memory_used() - before, runs * 2112 + (u64{1} << 20));
    EXPECT_GE(s.drops(DropReason::TcpReassemblyFull), count / 2);
    EXPECT_EQ(s.server.stack.counters().tcp_segments_out - sent_before, count) << "an ACK for each";
    EXPECT_EQ(s.echo(k_bytes, k_rounds), k_bytes);
    EXPECT_TRUE(s.newcomer(k_rounds));
}

// RFC 9293 3.8.4: probes of very many idle connections. Each is answered by one segment, the
// application hears nothing, and nothing stays.
TEST(Flood, ProbesOfIdleConnections) {
    Siege s{u64{256} << 20};
    TcpOptions alive;
    alive.keep_alive = true;
    const u32 count = scaled(3000, 300'000);
    std::vector<TcpConnection> all;
    for (u32 n = 0; n < count; ++n) {
        all.push_back(*s.attack(n, alive));
        if (n % 500 == 499) s.round();
    }
    for (int r = 0; r < 2000; ++r) s.round();  // what else is under way
    ASSERT_EQ(s.server.stack.tcp().count().connections, count + 1);
    const u64 before = s.server.stack.memory_used();
    const u64 sent_before = s.server.stack.counters().tcp_segments_out;
    s.now += 2h - 2s;
    const u32 rounds = 2000 + count / 500 * 2;
    for (u32 r = 0; r < rounds; ++r) s.round();
    EXPECT_EQ(s.server.stack.counters().tcp_segments_out - sent_before, count);
    EXPECT_EQ(s.server.stack.memory_used(), before);
    for (const TcpConnection c : all) EXPECT_EQ(s.enemy.stack.tcp().status(c)->error, Error::None);
    EXPECT_EQ(s.echo(k_bytes, k_rounds), k_bytes);
}

// Two honest transfers beside a peer that floods on 64 connections and with SYNs: both end, and
// neither takes much longer than the other.
TEST(Flood, HonestTransfersBesideAFloodingPeer) {
    Siege s{k_limit};
    const TcpConnection second = s.dial();
    std::vector<TcpConnection> all;
    TcpOptions eager;
    eager.no_delay = true;
    for (u32 n = 0; n < 64; ++n) all.push_back(*s.attack(n, eager));
    for (int r = 0; r < 3; ++r) s.round();
    Random random{4};
    u64 bytes = 0;
    const std::byte one{1};
    s.on_round = [&] {
        for (const TcpConnection c : all)
            bytes += s.enemy.stack.tcp().send(c, {&one, 1}).value_or(0);
        for (int n = 0; n < 32; ++n)
            s.throw_at_server(
                tcp_segment(stranger(random), 1024, random.next32(), 0, k_syn, k_victim));
    };
    for (int r = 0; r < 50; ++r) s.round();
    const Instant began = s.now;
    EXPECT_EQ(s.echo(s.friendly(), k_bytes, k_rounds), k_bytes);
    const Instant middle = s.now;
    EXPECT_EQ(s.echo(second, k_bytes, k_rounds), k_bytes);
    EXPECT_LE(s.now - middle, (middle - began) * 2 + 10ms);
    EXPECT_LE(middle - began, (s.now - middle) * 2 + 10ms);
    EXPECT_GT(bytes, 1000u) << "the flood took place";
    EXPECT_EQ(s.server.stack.tcp().count().embryos, 1024u);
}

double probes_of(const std::vector<FlowKey>& keys, const SipKey& key) {
    std::vector<u64> hashes;
    for (const FlowKey& k : keys) hashes.push_back(k.hash(key));
    return probes_each(hashes);
}

template <class Chosen>
std::vector<FlowKey> choose(u32 count, Chosen&& chosen) {
    std::vector<FlowKey> keys;
    for (u64 n = 0; keys.size() < count; ++n) {
        const FlowKey key(k_server, 80, Ipv4Address{(u32{10} << 24) + static_cast<u32>(n >> 14)},
                          static_cast<u16>(1024 + (n & 0x3fff)));
        if (chosen(key)) keys.push_back(key);
    }
    return keys;
}

TEST(Flood, ChosenTuplesDoNotMakeProbesLonger) {
    test::covers({"VULN:hash-collision"});
    constexpr u32 count = 4000;
    const SipKey secret{0x0123456789abcdef, 0xfedcba9876543210}, guess{1, 2};
    const auto in_order = choose(count, [](const FlowKey&) { return true; });
    const auto one_slot = choose(count, [](const FlowKey& k) { return k.slot() == 7; });
    // All at one place of a table whose key the enemy believes to know.
    const auto collide = choose(count, [&](const FlowKey& k) { return k.hash(guess) >> 56 == 0; });
    EXPECT_GE(probes_of(collide, guess), 3.0) << "where the key is known it does work";
    EXPECT_LE(probes_of(in_order, secret), 1.2);
    EXPECT_LE(probes_of(one_slot, secret), 1.2);
    EXPECT_LE(probes_of(collide, secret), 1.2);
}

}  // namespace
}  // namespace tern::siege

// goals.md M4: under any traffic the ceiling holds, the established connection goes on, and what is
// refused is what docs/memory.md says. TERN_LONG=1 makes the floods longer.
#include "scale/siege.hh"
#include "support/covers.hh"

namespace tern::siege {
namespace {

class Memory : public testing::TestWithParam<u64> {
protected:
    u64 limit() const { return GetParam() << 20; }
    // Enough of this kind to fill the ceiling, were it taken.
    u32 enough(u64 bytes_each) const {
        const u64 all = limit() / bytes_each * 5 / 4;
        return static_cast<u32>(std::min<u64>(all, scaled(20'000, 2'000'000)));
    }
    static constexpr u32 k_bytes = 200'000, k_rounds = 3000;
};

TEST_P(Memory, SynFlood) {
    test::covers({"VULN:syn-flood"});
    Siege s{limit(), 1u << 24};  // an operator who trusts his memory more than cookies
    Random random{1};
    const u32 count = scaled(60'000, 4'000'000);
    for (u32 n = 0; n < count; ++n) {
        const u32 from = (u32{10} << 24 | 128u << 16) + random.below(1 << 22);  // answers nothing
        s.throw_at_server(tcp_segment(from, static_cast<u16>(1024 + random.below(60'000)),
                                      random.next32(), 0, 2, k_victim));
        if (n % 1000 == 0) s.round();
    }
    EXPECT_EQ(s.echo(k_bytes, k_rounds), k_bytes);
    EXPECT_TRUE(s.newcomer(k_rounds)) << "connections have memory that embryos cannot take";
    const u64 embryos = s.server.stack.tcp().count().embryos;
    EXPECT_LE(embryos * 64, limit() / 8 + 65536);
    const bool full = u64{count} * 64 > limit() / 8;
    EXPECT_EQ(s.server.stack.counters().tcp_cookies_sent > 0, full) << "cookies need no memory";
}

TEST_P(Memory, HandshakesThatNobodyAccepts) {
    Siege s{limit()};
    s.accepts = false;
    const u32 count = enough(256);
    for (u32 n = 0; n < count; ++n) {
        ASSERT_TRUE(s.attack(n).has_value());
        if (n % 256 == 255) s.round();
    }
    EXPECT_EQ(s.echo(k_bytes, k_rounds), k_bytes);
    const u64 records = s.server.stack.tcp().count().connections * u64{256};
    EXPECT_LE(records, limit() / 8 * 5 + 65536) << "the rest is for those who are here";
    EXPECT_EQ(s.drops(DropReason::MemoryCeiling) > 0, records < u64{count} * 256);
}

TEST_P(Memory, AcceptedConnectionsThatSendToNobody) {
    Siege s{limit()};
    const u32 count = std::min(enough(20'000), 4000u);
    std::vector<std::byte> data(60'000);
    std::vector<TcpConnection> all;
    for (u32 n = 0; n < count; ++n) {
        all.push_back(*s.attack(n));
        if (n % 16 == 15) s.round();
        if (n >= 64) (void)s.enemy.stack.tcp().send(all[n - 64], data);
    }
    for (u32 r = 0; r < 300; ++r) s.round();
    EXPECT_EQ(s.echo(k_bytes, k_rounds), k_bytes);
    const bool full = u64{count} * data.size() > limit() / 2;
    EXPECT_EQ(s.drops(DropReason::MemoryCeiling) > 0, full);
    // A new client is served unless the first segments of all the others fill what there is for
    // them.
    const u64 first_segments = s.server.stack.tcp().count().connections * u64{2112};
    EXPECT_EQ(s.newcomer(k_rounds), first_segments < limit() / 8);
}

TEST_P(Memory, ReadersThatDoNotRead) {
    Siege s{limit()};
    std::vector<std::byte> data(1 << 20);
    u64 refused = 0;
    s.on_accept = [&](TcpConnection c) {
        const auto n = s.server.stack.tcp().send(c, data);
        if (!n || *n < data.size()) ++refused;
    };
    const u32 count = static_cast<u32>(limit() / (1 << 20) * 2);
    TcpOptions lazy;
    lazy.receive_buffer = 4096;
    for (u32 n = 0; n < count; ++n) {
        ASSERT_TRUE(s.attack(n, lazy).has_value());
        s.round();
    }
    for (u32 r = 0; r < 500; ++r) s.round();
    EXPECT_GT(refused, 0u);
    EXPECT_EQ(s.echo(k_bytes, k_rounds), k_bytes);
    EXPECT_TRUE(s.newcomer(k_rounds));
}

// Sockstress (CVE-2008-4609), NKiller2: the same, and the application gives them up. Each probe is
// answered, with a closed window; they hold what the server had given them for the grace of orphans
// and no longer, whoever comes.
TEST_P(Memory, ReadersThatDoNotReadAfterTheApplicationHasGone) {
    test::covers({"VULN:sockstress", "VULN:zero-window", "VULN:naphtha", "VULN:slow-read"});
    Siege s{limit()};
    std::vector<std::byte> data(1 << 20);
    u64 given = 0;
    bool leaves = false;
    std::vector<TcpConnection> held;
    s.on_accept = [&](TcpConnection c) {
        if (const auto n = s.server.stack.tcp().send(c, data)) given += *n;
        leaves ? s.server.stack.tcp().release(c) : held.push_back(c);
    };
    TcpOptions lazy;
    lazy.receive_buffer = 4096;
    const u32 count = static_cast<u32>(std::min<u64>(limit() / (1 << 20) * 4, 400));
    for (u32 n = 0; n < count; ++n) {
        ASSERT_TRUE(s.attack(n, lazy).has_value());
        s.round();
    }
    for (u32 r = 0; r < 500; ++r) s.round();
    const u64 full = s.server.stack.memory_used();
    EXPECT_GE(given, limit() / 2) << "the flood does not fill the memory";
    // The application gives all of them up; and more of the kind come and are given up at once.
    leaves = true;
    for (const TcpConnection c : held) s.server.stack.tcp().release(c);
    EXPECT_GE(s.server.stack.tcp().count().orphans, count / 2);
    const Duration grace = Limits{}.tcp_orphan_grace;
    const Instant until = s.now + grace + 1s;
    for (u32 n = count; s.now < until; ++n) {
        if (n % 64 == 0) (void)s.attack(n, lazy);
        s.round();
    }
    EXPECT_TRUE(s.newcomer(k_rounds)) << "of " << full << " bytes none came back";
    // An honest client of the same server gets what the application had for it before it went.
    given = 0;
    const TcpConnection c = *s.honest.stack.tcp().connect({k_server, k_victim});
    u64 got = 0;
    bool ended = false;
    for (u32 r = 0; r < k_rounds && !ended; ++r) {
        s.round();
        auto n = s.honest.stack.tcp().receive(c, data);
        for (; n; n = s.honest.stack.tcp().receive(c, data)) got += *n;
        ended = n.error() == Error::EndOfStream;
    }
    EXPECT_TRUE(ended);
    EXPECT_EQ(got, given);
    EXPECT_GE(got, std::min<u64>(limit() / 128, 256 * 1024)) << "and that is worth a name";
    s.honest.stack.tcp().release(c);
    EXPECT_EQ(s.echo(k_bytes, k_rounds), k_bytes);
    EXPECT_GT(s.server.stack.counters().tcp_orphans_evicted, 0u) << "nothing was under pressure";
    // Without pressure the rest goes in its time.
    const Instant end = s.now + Limits{}.tcp_orphan_timeout + 1s;
    while (s.now < end) {
        s.now += 100ms;
        s.round();
    }
    EXPECT_EQ(s.server.stack.tcp().count().orphans, 0u);
    EXPECT_EQ(s.server.stack.tcp().count().connections, 1u) << "the old client's";
}

// The enemy offers all the window there is and acknowledges nothing.
TEST_P(Memory, HugeWindowsWithoutAcknowledgements) {
    Siege s{limit()};
    std::vector<std::byte> data(256 * 1024);
    s.on_accept = [&](TcpConnection c) { (void)s.server.stack.tcp().send(c, data); };
    const u32 count = static_cast<u32>(std::min<u64>(limit() / data.size() * 2, 1000));
    for (u32 n = 0; n < count; ++n) {
        ASSERT_TRUE(s.attack(n).has_value());
        s.round();
    }
    s.enemy_loses_not = [](const Packet&) { return false; };
    for (u32 r = 0; r < 3000; ++r) s.round();
    EXPECT_EQ(s.echo(k_bytes, k_rounds), k_bytes);
    EXPECT_TRUE(s.newcomer(k_rounds));
}

TEST_P(Memory, Fragments) {
    test::covers({"VULN:jolt", "VULN:fragment-smack"});
    Siege s{limit()};
    Random random{1};
    std::vector<u8> piece(1400);
    const u32 count = scaled(20'000, 1'000'000);
    const u64 before = s.server.stack.memory_used();
    for (u32 n = 0; n < count; ++n) {
        const u16 more_and_offset = static_cast<u16>(0x2000 | random.below(8000));
        s.throw_at_server(frame(k_enemy.value, more_and_offset, 17, piece));
    }
    EXPECT_EQ(s.drops(DropReason::Ipv4Fragment), count)
        << "there is no reassembly: all are counted";
    EXPECT_LE(s.server.stack.memory_used(), before + 65536 * 4) << "and none is kept";
    EXPECT_EQ(s.echo(k_bytes, k_rounds), k_bytes);
}

// The first segment of every connection is lost, each time; what follows waits behind the hole.
TEST_P(Memory, OutOfOrder) {
    Siege s{limit()};
    std::map<u64, u32> first;  // of a flow: the sequence number of its first data
    s.enemy_loses_not = [&](const Packet& p) {
        const auto* tcp = p.data() + 20;
        const u32 header = 20 + (std::to_integer<u32>(tcp[12]) >> 4) * 4;
        if (p.size() == header) return true;
        const u64 flow = u64{load32(p.data() + 12)} << 16 | load16(tcp);
        return first.try_emplace(flow, load32(tcp + 4)).first->second != load32(tcp + 4);
    };
    const u32 count = static_cast<u32>(std::min<u64>(limit() / 14'000 * 2, scaled(1500, 20'000)));
    std::vector<std::byte> data(14'000);
    std::vector<TcpConnection> all;
    for (u32 n = 0; n < count; ++n) {
        all.push_back(*s.attack(n));
        if (n % 16 == 15) s.round();
        if (n >= 64) (void)s.enemy.stack.tcp().send(all[n - 64], data);
    }
    for (u32 r = 0; r < 1000; ++r) s.round();
    EXPECT_EQ(s.echo(k_bytes, k_rounds), k_bytes);
    EXPECT_TRUE(s.newcomer(k_rounds));
}

INSTANTIATE_TEST_SUITE_P(Ceilings, Memory, testing::Values(8, 32, 256),
                         [](const auto& i) { return std::to_string(i.param) + "MiB"; });

}  // namespace
}  // namespace tern::siege

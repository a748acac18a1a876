// Header prediction and trains against the eight steps for each segment: the same traffic, with
// loss, damage, reordering and pauses, must make both send the same bytes at the same time and end
// in the same state.
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "core/base/random.hh"
#include "core/offload/mark.hh"
#include "support/pair.hh"

namespace tern {
namespace {

// A pair whose links lose, swap and mark packets as a seed says.
struct World {
    Pair pair;
    Random chance;
    TcpConnection client;
    TcpConnection server;
    bool numbered;
    u16 last_id = 65'000;
    std::vector<std::string> sent;  // every packet, both ways

    World(bool prediction, u64 seed, Ecn ecn)
        : pair({.header_prediction = prediction, .seed = 5}), chance(seed),
          client(*pair.a.tcp().connect({IpAddress(Ipv4Address(10, 0, 0, 2)), 80},
                                       {.options = {.ecn = ecn}})),
          numbered(seed % 2 == 1) {}

    // In a copy: the sender's bytes stay as they are.
    void damage(Packet& p) {
        p = pair.pool.copy_of(p.bytes());
        p.data()[chance.below(p.size())] ^= std::byte{16};
    }

    // As other stacks do: an IPv4 ID that counts, DF or not.
    void number(Packet& p) {
        p = pair.pool.copy_of(p.bytes());
        store16(p.data() + 4, ++last_id);
        store16(p.data() + 10, u16{0});
        const u16 field = checksum_finish(checksum_add(0, p.bytes().first(20)));
        std::memcpy(p.data() + 10, &field, sizeof field);
    }

    // Offers less than the segments around it.
    void move_window(Packet& p) {
        p = pair.pool.copy_of(p.bytes());
        std::byte* window = p.data() + 20 + 14;
        const u16 before = load16(window), after = u16(before - before / 8);
        store16(window, after);
        const u32 sum = u16(~load16(window + 2)) + u32{u16(~before)} + after;  // RFC 1624 3
        store16(window + 2, u16(~checksum_fold(sum)));
    }

    void cross(Stack& from, Interface on_from, Stack& to, Interface on_to) {
        for (PacketBatch x = from.transmit(pair.now, on_from); !x.empty();
             x = from.transmit(pair.now, on_from)) {
            PacketBatch arrives;
            Packet late;
            for (u32 i = 0; i < x.size(); ++i) {
                Packet p = x.take(i);
                sent.emplace_back(reinterpret_cast<const char*>(p.data()), p.size());
                if (numbered) number(p);
                if (chance.below(100) < 5) (void)offload::mark_congestion(p, Medium::Ip);
                if (chance.below(100) < 5) move_window(p);
                if (chance.below(200) == 0) damage(p);
                const u32 fate = chance.below(100);
                if (fate < 2) continue;
                if (fate < 4 && !late) {
                    late = std::move(p);
                    continue;
                }
                arrives.push(std::move(p));
            }
            if (late) arrives.push(std::move(late));
            to.receive(pair.now, on_to, std::move(arrives));
        }
    }

    void use(Stack& stack, TcpConnection c) {
        std::vector<std::byte> buffer(1 + chance.below(20'000));
        if (chance.below(3) == 0) (void)stack.tcp().send(c, buffer);
        if (chance.below(3) != 0)
            while (stack.tcp().receive(c, buffer)) continue;
    }

    void step() {
        pair.now += std::chrono::microseconds(chance.below(30'000));
        pair.a.advance(pair.now);
        pair.b.advance(pair.now);
        cross(pair.a, pair.on_a, pair.b, pair.on_b);
        if (!server)
            if (auto s = pair.b.tcp().accept(pair.listener)) server = *s;
        cross(pair.b, pair.on_b, pair.a, pair.on_a);
        pair.forget_events();
        use(pair.a, client);
        if (server) use(pair.b, server);
    }
};

std::string describe(Stack& stack, TcpConnection c) {
    const auto status = stack.tcp().status(c);
    if (!status) return "none";
    const TcpStatus& s = *status;
    return std::to_string(s.snd_una) + " " + std::to_string(s.snd_nxt) + " " +
           std::to_string(s.snd_wnd) + " " + std::to_string(s.rcv_nxt) + " " +
           std::to_string(s.rcv_wnd) + " " + std::to_string(s.cwnd) + " " +
           std::to_string(s.ssthresh) + " " + std::to_string(s.srtt.count()) + " " +
           std::to_string(s.rto.count()) + " " + std::to_string(s.readable) + " " +
           std::to_string(s.out_of_order) + " " + std::to_string(s.retransmissions) + " " +
           std::to_string(s.marks_received) + " " + std::to_string(s.marks_told) + " " +
           std::to_string(s.ecn_capable);
}

std::string drops_of(const Stack& s) {
    std::string text;
    for (const u64 n : s.counters().drops) text += std::to_string(n) + " ";
    return text;
}

class Twin : public testing::TestWithParam<Ecn> {};
INSTANTIATE_TEST_SUITE_P(Ecn, Twin, testing::Values(Ecn::Off, Ecn::Classic, Ecn::Accurate));

TEST_P(Twin, PredictedAndTheEightSteps) {
    u64 predicted = 0, joined = 0, alike = 0, damaged = 0, reductions = 0, agreed = 0;
    for (u64 seed = 1; seed <= 30; ++seed) {
        SCOPED_TRACE("seed " + std::to_string(seed));
        World fast(true, seed, GetParam()), plain(false, seed, GetParam());
        for (int i = 0; i < 300; ++i) {
            fast.step();
            plain.step();
            ASSERT_EQ(fast.sent.size(), plain.sent.size()) << "step " << i;
            for (std::size_t k = 0; k < fast.sent.size(); ++k)
                ASSERT_TRUE(fast.sent[k] == plain.sent[k]) << "step " << i << " packet " << k;
            fast.sent.clear();
            plain.sent.clear();
            ASSERT_EQ(describe(fast.pair.a, fast.client), describe(plain.pair.a, plain.client))
                << "step " << i;
            ASSERT_EQ(describe(fast.pair.b, fast.server), describe(plain.pair.b, plain.server))
                << "step " << i;
            ASSERT_EQ(drops_of(fast.pair.b), drops_of(plain.pair.b)) << "step " << i;
        }
        agreed += fast.pair.a.tcp().status(fast.client)->ecn == GetParam();
        predicted += fast.pair.a.counters().tcp_predicted;
        joined += fast.pair.b.counters().tcp_joined;
        alike += fast.pair.a.counters().tcp_alike;
        damaged += fast.pair.b.counters().drops[static_cast<u8>(DropReason::TcpBadChecksum)];
        reductions += fast.pair.a.counters().tcp_mark_reductions;
        EXPECT_EQ(plain.pair.a.counters().tcp_predicted, 0u);
        EXPECT_EQ(plain.pair.a.counters().tcp_alike, 0u);
    }
    EXPECT_GT(joined, 1000u);
    EXPECT_GT(alike, 1000u);
    EXPECT_GT(damaged, 50u);
    EXPECT_GT(predicted, 1000u);
    EXPECT_GE(agreed, 28u);  // a SYN that is lost may be the last one that asks
    EXPECT_EQ(reductions > 50, GetParam() != Ecn::Off) << reductions;
}

}  // namespace
}  // namespace tern

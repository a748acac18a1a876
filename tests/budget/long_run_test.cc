// What only shows after 2^31 bytes or ticks.
#include <vector>

#include "support/covers.hh"
#include "support/pair.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;

struct LongRun {
    Pair pair;
    TcpConnection client = pair.connect();
    TcpConnection server;
    std::vector<std::byte> out = std::vector<std::byte>(1 << 20, std::byte{7});
    u64 got = 0;

    explicit LongRun(u32 mtu) : pair{{.mtu = mtu, .segmentation = true}} {
        pair.exchange();
        server = *pair.b.tcp().accept(pair.listener);
    }
    void send() { (void)pair.a.tcp().send(client, out); }
    void read() {
        while (const auto slice = pair.b.tcp().receive(server)) got += slice->size();
        pair.forget_events();
    }
};

// A super-segment of less than one segment would never end.
TEST(LongRun, TheLargestSegmentOfAllLeaves) {
    LongRun r(65'535);
    r.send();
    r.pair.pass(1ms);
    r.read();
    EXPECT_GT(r.got, 60'000u);
}

// RFC 6582 3.2: `recover` says something about what is outstanding only.
TEST(LongRun, FastRetransmitStillWorksBehindTwoGibibytes) {
    test::covers({"VULN:sequence-wrap"});
    LongRun r(9'000);
    while (r.got < (u64{1} << 31) + (64 << 20)) {
        r.send();
        r.pair.pass(1ms);
        r.read();
    }
    r.pair.pass(50ms);  // less than RTO, or cwnd would begin anew
    r.read();
    // The first frame of a window is lost; the answers to the others ask for it three times.
    r.send();
    PacketBatch window = r.pair.a.transmit(r.pair.now, r.pair.on_a);
    ASSERT_GE(window.size(), 5u);
    PacketBatch rest;
    for (u32 i = 0; i < window.size(); ++i) {
        Packet p = window.take(i);
        if (i != 0) rest.push(std::move(p));
    }
    r.pair.b.receive(r.pair.now, r.pair.on_b, std::move(rest));
    r.pair.exchange();
    EXPECT_GT(r.pair.a.counters().tcp_retransmissions, 0u) << "without any timer";
}

// The wheel tells past from future by the sign of a difference of 32 bits.
TEST(LongRun, TimersFireAfterDaysWithoutAny) {
    Pair pair;
    pair.pass(100h);
    ASSERT_TRUE(pair.a.tcp().connect({IpAddress(Ipv4Address(10, 0, 0, 99)), 80}).has_value());
    for (int i = 0; i < 2; ++i) {
        u32 frames = 0;
        for (PacketBatch x = pair.a.transmit(pair.now, pair.on_a); !x.empty();
             x = pair.a.transmit(pair.now, pair.on_a))
            frames += x.size();
        EXPECT_EQ(frames, 1u) << "SYN number " << i;
        pair.now += 999ms;
        pair.a.advance(pair.now);
        EXPECT_TRUE(pair.a.transmit(pair.now, pair.on_a).empty());
        pair.now += 1ms;
        pair.a.advance(pair.now);
    }
}

}  // namespace
}  // namespace tern

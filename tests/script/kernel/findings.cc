// What a real kernel did and the stack got wrong, each as a conversation (tests/interop).
#include "lab/script/on_gtest.hh"

namespace tern {

using namespace std::chrono_literals;

SCRIPT("answers to probes of a closed window are not taken for duplicate ACKs",
       covers("RFC9293:MUST-35", "RFC5681:10")) {
    t.passive_open({.mss = 1000, .wscale = {}, .window = 1000});
    t.app.write(3000);
    t.expect("> . 1:1001(1000) ack 1");
    t.inject("< . 1:1(0) ack 1001 win 0");
    const u32 cwnd = t.status().cwnd;
    for (const auto interval : {200ms, 400ms, 800ms, 1600ms, 3200ms}) {
        t.quiet(interval - 1ms);
        t.expect("+1ms > . 1001:1002(1) ack 1");
        t.inject("< . 1:1(0) ack 1001 win 0");
    }
    CHECK(t.status().cwnd == cwnd);
}

SCRIPT("a peer that has filled our window acknowledges from its right edge: that counts",
       covers("RFC9293:U-7")) {
    t.setup.tcp.receive_buffer = 4000;
    t.passive_open({.mss = 1000});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    // Four segments were lost on their way to us; this acknowledgement is numbered behind them.
    t.inject("< . 4001:4001(0) ack 1001");
    t.expect("> . 1001:1001(0) ack 1");
    CHECK(t.drops(DropReason::TcpOutOfWindow) == 1);
    CHECK(t.status().flight == 0);
    t.quiet(10s);
}

}  // namespace tern

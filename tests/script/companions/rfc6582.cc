// RFC 6582: several losses in one window, without SACK.
#include "lab/script/on_gtest.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;

SCRIPT("a partial ACK sends the next hole at once and deflates cwnd", covers("RFC6582:1")) {
    t.passive_open({.mss = 1000});
    t.app.write(10'000);
    t.expect("> P. 1:10001(10000) ack 1");
    // Segments 1 and 4 are lost.
    for (int i = 0; i < 3; ++i) t.inject("+1ms < . 1:1(0) ack 1");
    t.expect("> . 1:1001(1000) ack 1");
    CHECK(t.status().ssthresh == 5'000);
    const u32 before = t.status().cwnd;
    t.inject("+10ms < . 1:1(0) ack 3001");
    t.expect("> . 3001:4001(1000) ack 1");
    CHECK(t.status().in_recovery);
    CHECK(t.status().cwnd == before - 3000 + 1000);
    t.inject("+10ms < . 1:1(0) ack 10001");
    CHECK(!t.status().in_recovery);
    t.quiet(5s);
}

SCRIPT("only the first partial ACK restarts RTO", covers("RFC6582:1")) {
    t.passive_open({.mss = 1000});
    t.app.write(10'000);
    t.expect("> P. 1:10001(10000) ack 1");
    for (int i = 0; i < 3; ++i) t.inject("< . 1:1(0) ack 1");
    t.expect("> . 1:1001(1000) ack 1");
    t.inject("+500ms < . 1:1(0) ack 2001");
    t.expect("> . 2001:3001(1000) ack 1");
    t.inject("+500ms < . 1:1(0) ack 4001");
    t.expect("> . 4001:5001(1000) ack 1");
    // RTO (1 s, no sample yet) counts from the first partial ACK.
    t.expect("+500ms > . 4001:5001(1000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 10001");
}

SCRIPT("duplicate ACKs of what an RTO has resent do not start another recovery",
       covers("RFC6582:2")) {
    t.passive_open({.mss = 1000});
    t.app.write(10'000);
    t.expect("> P. 1:10001(10000) ack 1");
    t.expect("+1s > . 1:1001(1000) ack 1");
    for (int i = 0; i < 5; ++i) t.inject("+1ms < . 1:1(0) ack 1");
    CHECK(!t.status().in_recovery);
    CHECK(t.status().cwnd == 1'000);
    t.ignore_output();
    t.inject("+1ms < . 1:1(0) ack 10001");
}

SCRIPT(
    "duplicate ACKs at `recover` itself start no recovery: the acknowledgement has to cover more",
    covers("RFC6582:2")) {
    t.passive_open({.mss = 1000});
    t.app.write(4'000);
    t.expect("> P. 1:4001(4000) ack 1");
    // The timeout was needless: all originals arrive, and what goes back to SND.UNA arrives twice.
    t.expect("+1s > . 1:1001(1000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 2001");
    t.expect("> P. 2001:4001(2000) ack 1");
    t.inject("< . 1:1(0) ack 4001");
    t.app.write(6'000);
    t.expect("> . 4001:7001(3000) ack 1");
    for (int i = 0; i < 3; ++i) t.inject("+1ms < . 1:1(0) ack 4001");
    CHECK(!t.status().in_recovery && t.status().retransmissions == 3);
    t.ignore_output();
    // Beyond it a loss is found as ever.
    t.inject("+10ms < . 1:1(0) ack 5001");
    t.ignore_output();
    for (int i = 0; i < 3; ++i) t.inject("+1ms < . 1:1(0) ack 5001");
    CHECK(t.status().in_recovery && t.status().retransmissions == 4);
    t.ignore_output();
    t.inject("+10ms < . 1:1(0) ack 10001");
    t.ignore_output();
}

}  // namespace
}  // namespace tern

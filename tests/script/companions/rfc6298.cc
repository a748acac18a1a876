// RFC 6298: the retransmission timer, to the tenth of a millisecond.
#include "lab/script/on_gtest.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;

SCRIPT("SRTT, RTTVAR and RTO follow the formulas, in their order",
       covers("RFC6298:1", "RFC9293:MUST-18")) {
    t.passive_open({.mss = 1000});
    CHECK(t.status().rto == 1s);
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001");
    CHECK(t.status().srtt == 100ms);
    CHECK(t.status().rttvar == 50ms);
    CHECK(t.status().rto == 300ms);
    t.app.write(1000);
    t.expect("> P. 1001:2001(1000) ack 1");
    t.inject("+200ms < . 1:1(0) ack 2001");
    // RTTVAR = 3/4 * 50 + 1/4 * |100 - 200|, with the old SRTT; SRTT = 7/8 * 100 + 1/8 * 200.
    CHECK(t.status().rttvar == 62500us);
    CHECK(t.status().srtt == 112500us);
    CHECK(t.status().rto == 362500us);
    t.app.write(1000);
    t.expect("> P. 2001:3001(1000) ack 1");
    t.expect("+362500us > P. 2001:3001(1000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 3001");
}

SCRIPT("RTO has a floor of 200 ms and a ceiling of 120 s", covers("RFC6298:2")) {
    t.passive_open({.mss = 1000});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+1ms < . 1:1(0) ack 1001");
    CHECK(t.status().rto == 200ms);
    t.app.write(1000);
    t.expect("> P. 1001:2001(1000) ack 1");
    for (int i = 0; i < 9; ++i) t.expect_within(200s, "> P. 1001:2001(1000) ack 1");
    CHECK(t.status().rto == 102400ms);
    t.expect_within(200s, "> P. 1001:2001(1000) ack 1");
    CHECK(t.status().rto == 120s);
}

SCRIPT("a segment sent twice gives no sample without timestamps",
       covers("RFC6298:3", "RFC9293:MUST-18")) {
    t.passive_open({.mss = 1000});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.expect("+1s > P. 1:1001(1000) ack 1");
    t.inject("+50ms < . 1:1(0) ack 1001");
    CHECK(t.status().srtt == 0s);
    // The next one, sent once, is measured.
    t.app.write(1000);
    t.expect("> P. 1001:2001(1000) ack 1");
    t.inject("+80ms < . 1:1(0) ack 2001");
    CHECK(t.status().srtt == 80ms);
}

SCRIPT("never earlier than one RTO after the last transmission; each expiry doubles it",
       covers("RFC6298:4", "RFC9293:MUST-19")) {
    t.passive_open({.mss = 1000});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.quiet(999ms);
    t.expect("+1ms > P. 1:1001(1000) ack 1");
    t.quiet(1999ms);
    t.expect("+1ms > P. 1:1001(1000) ack 1");
    t.expect("+4s > P. 1:1001(1000) ack 1");
    // 5.2, 5.3: an ACK of all data turns it off, an ACK of some restarts it.
    t.inject("+1s < . 1:1(0) ack 1001");
    t.quiet(20s);
    CHECK(t.status().backoff == 0);
}

SCRIPT("an ACK of new data restarts the timer", covers("RFC6298:4")) {
    t.passive_open({.mss = 1000});
    t.app.write(2000);
    t.expect("> P. 1:2001(2000) ack 1");
    t.inject("+900ms < . 1:1(0) ack 1001");
    // SRTT 900, RTTVAR 450: RTO 2.7 s from now.
    t.quiet(2699ms);
    t.expect("+1ms > P. 1001:2001(1000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 2001");
}

SCRIPT("a SYN that had to be repeated makes RTO 3 s when data starts", covers("RFC6298:5")) {
    t.connect();
    t.expect("> S 0:0(0)");
    t.expect("+1s > S 0:0(0)");
    t.inject("+10ms < S. 0:0(0) ack 1 win 65535 <mss 1000>");
    t.expect("> . 1:1(0) ack 1");
    CHECK(t.status().rto == 3s);
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.quiet(2999ms);
    t.expect("+1ms > P. 1:1001(1000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 1001");
}

}  // namespace
}  // namespace tern

// RFC 9293 3.8.1 to 3.8.3: the retransmission timer, congestion control, R1 and R2.
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

SCRIPT("RTO follows RFC 6298: two samples by hand", covers("RFC9293:MUST-18")) {
    t.passive_open();
    t.app.write(100);
    t.expect("> P. 1:101(100) ack 1");
    t.inject("+100ms < . 1:1(0) ack 101");
    TcpStatus s = t.status();
    CHECK(s.srtt == 100ms && s.rttvar == 50ms && s.rto == 300ms);
    t.app.write(100);
    t.expect("> P. 101:201(100) ack 1");
    t.inject("+200ms < . 1:1(0) ack 201");
    s = t.status();
    CHECK(s.srtt == 112500us && s.rttvar == 62500us && s.rto == 362500us);
}

SCRIPT("Karn: the acknowledgement of what was sent twice is no sample", covers("RFC9293:MUST-18")) {
    t.passive_open();
    t.app.write(100);
    t.expect("> P. 1:101(100) ack 1");
    t.expect("+1s > P. 1:101(100) ack 1");
    t.inject("+100ms < . 1:1(0) ack 101");
    CHECK(t.status().srtt == 0s);
}

SCRIPT("with timestamps the echo tells which one was answered", covers("RFC9293:MUST-18")) {
    t.passive_open({.timestamps = true});  // within no time at all: SRTT is 0, RTO at its least
    t.app.write(100);
    t.expect("> P. 1:101(100) ack 1");
    t.expect("+200ms > P. 1:101(100) ack 1");
    t.inject("+80ms < . 1:1(0) ack 101");
    CHECK(t.status().srtt / 1ms == 10);  // an eighth of 80, not of 280
}

SCRIPT("RTO doubles with each expiry, up to its limit", covers("RFC9293:MUST-19")) {
    t.setup.tcp.user_timeout = Duration::max();
    t.passive_open();
    t.app.write(100);
    t.expect("> P. 1:101(100) ack 1");
    Duration rto = 1s;
    for (int i = 0; i < 12; ++i) {
        CHECK(t.expect_within(121s, "> P. 1:101(100) ack 1") == std::min<Duration>(rto, 120s));
        rto *= 2;
    }
    t.inject("+10ms < . 1:1(0) ack 101");
    CHECK(t.status().backoff == 0);
}

SCRIPT("slow start: cwnd grows by what is acknowledged", covers("RFC9293:MUST-19")) {
    t.passive_open({.mss = 1000, .initial_cwnd_segments = 2});
    t.app.write(20'000);
    t.expect("> . 1:2001(2000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001");
    t.expect("> . 2001:4001(2000) ack 1");
    t.inject("< . 1:1(0) ack 2001");
    t.expect("> . 4001:6001(2000) ack 1");
    CHECK(t.status().cwnd == 4000);
}

SCRIPT("an expiry: ssthresh is half the flight, cwnd one segment, then slow start and avoidance",
       covers("RFC9293:MUST-19")) {
    t.passive_open({.mss = 1000, .initial_cwnd_segments = 8});
    t.app.write(30'000);
    t.expect("> . 1:8001(8000) ack 1");
    t.expect("+1s > . 1:1001(1000) ack 1");
    CHECK(t.status().cwnd == 1000 && t.status().ssthresh == 4000);
    t.inject("+100ms < . 1:1(0) ack 8001");
    t.ignore_output();
    CHECK(t.status().cwnd == 2000);
    t.inject("+100ms < . 1:1(0) ack 10001");
    t.ignore_output();
    t.inject("+100ms < . 1:1(0) ack 13001");
    t.ignore_output();
    const u32 at = t.status().cwnd;
    CHECK(at >= 4000 && at <= 5000);
    t.inject("+100ms < . 1:1(0) ack 17001");
    t.ignore_output();
    CHECK(t.status().cwnd - at <= 1000);  // at most a segment a round trip
}

SCRIPT("R1: after three retransmissions the application is told; R2: it is over",
       covers("RFC9293:MUST-20", "RFC9293:SHLD-9", "RFC9293:SHLD-10", "RFC9293:SHLD-11",
              "RFC9293:MUST-47", "RFC9293:U-14")) {
    t.passive_open();
    t.app.take_events();
    t.app.write(100);
    t.advance(6999ms);
    CHECK(!(t.app.take_events() & SoftError));
    t.advance(1ms);  // the third
    CHECK(t.app.take_events() & SoftError);
    CHECK(t.status().soft_error == Error::TimedOut);
    CHECK(t.status().retransmissions == 3);
    t.advance(100s);
    t.state(State::Established);
    t.advance(816s);
    t.state(State::Established);
    CHECK(!(t.app.take_events() & Closed));
    t.advance(1s);  // 924 s after the first transmission
    t.state(State::Closed);
    CHECK(t.app.take_events() & Closed);
    CHECK(t.app.error() == Error::TimedOut);
    t.ignore_output();
}

SCRIPT("R1 is told once, and anew after progress", covers("RFC9293:SHLD-9")) {
    t.passive_open();
    t.app.write(100);
    t.advance(20s);
    CHECK(t.app.take_events() & SoftError);
    t.advance(20s);
    CHECK(!(t.app.take_events() & SoftError));
    t.inject("< . 1:1(0) ack 101");
    t.app.write(100);
    // RTO stays at 32 s until a round trip is measured: the third is 32 + 64 + 120 s away.
    t.advance(215s);
    CHECK(!(t.app.take_events() & SoftError));
    t.advance(2s);
    CHECK(t.app.take_events() & SoftError);
    t.ignore_output();
}

SCRIPT("the application sets R2, before and during the connection", covers("RFC9293:MUST-21")) {
    for (const bool later : {false, true})
        one_case("R2 of 10 s", [&](Script& c) {
            if (!later) c.setup.tcp.user_timeout = 10s;
            c.passive_open();
            if (later) c.options({.user_timeout = 10s});
            c.app.write(100);
            c.advance(9999ms);
            c.state(State::Established);
            c.advance(1ms);
            c.state(State::Closed);
            c.check(c.app.error() == Error::TimedOut, "timed out");
            c.ignore_output();
        });
}

SCRIPT("R2 may be infinite", covers("RFC9293:MUST-21")) {
    t.setup.tcp.user_timeout = Duration::max();
    t.passive_open();
    t.app.write(100);
    t.advance(240h);
    t.state(State::Established);
    t.ignore_output();
    t.expect_within(121s, "> P. 1:101(100) ack 1");
    t.inject("< . 1:1(0) ack 101");
    t.options({.user_timeout = 5s});
    t.app.write(100);
    t.advance(5s);
    t.state(State::Closed);
    t.ignore_output();
}

SCRIPT("SYN to a black hole: doubling intervals, told at R1, given up after three minutes",
       covers("RFC9293:MUST-22", "RFC9293:MUST-23", "RFC9293:MUST-20", "RFC9293:SHLD-10")) {
    t.connect();
    t.expect("> S 0:0(0)");
    Duration wait = 1s;
    for (int i = 0; i < 7; ++i, wait *= 2) {
        CHECK(t.expect_within(65s, "> S 0:0(0)") == wait);
        CHECK(((t.app.events() & SoftError) != 0) == (i >= 2));
    }
    CHECK(t.elapsed() == 127s);
    t.quiet(180s - 127s - 1ms);
    t.state(State::SynSent);
    t.quiet(1ms);
    t.state(State::Closed);
    CHECK(t.app.error() == Error::TimedOut);
}

SCRIPT("SYN-ACK of a simultaneous open has the same R2", covers("RFC9293:MUST-23")) {
    go_to(t, Place::SynReceived);
    t.advance(179s);
    t.state(State::SynReceived);
    t.advance(2s);
    t.state(State::Closed);
    CHECK(t.app.error() == Error::TimedOut);
    t.ignore_output();
}

SCRIPT("an acknowledgement restarts R2", covers("RFC9293:MUST-20")) {
    t.setup.tcp.user_timeout = 10s;
    t.passive_open({.mss = 1000});
    t.app.write(5000);
    for (u32 acked = 1001; acked < 5001; acked += 1000) {
        t.advance(9s);
        t.inject(line_of({.seq = 1, .ack = acked}));
        t.ignore_output();
        t.state(State::Established);
    }
    t.advance(10s);
    t.state(State::Closed);
    t.ignore_output();
}

SCRIPT("three duplicate acknowledgements: the segment behind them is sent at once",
       covers("RFC9293:MUST-19")) {
    t.passive_open({.mss = 1000, .initial_cwnd_segments = 5});
    t.app.write(5000);
    t.expect("> P. 1:5001(5000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 1");
    t.inject("< . 1:1(0) ack 1");
    t.quiet();
    t.inject("< . 1:1(0) ack 1");
    t.expect("> . 1:1001(1000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 5001");
    t.quiet(10s);
}

}  // namespace tern

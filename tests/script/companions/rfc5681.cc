// RFC 5681: slow start, congestion avoidance, fast retransmit, acknowledgements.
#include "lab/script/on_gtest.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;

SCRIPT("nothing leaves beyond the highest ACK plus min(cwnd, rwnd)", covers("RFC5681:1")) {
    t.passive_open({.mss = 1000, .wscale = {}, .window = 3500});
    t.app.write(10'000);
    t.expect("> . 1:3001(3000) ack 1");
    t.quiet(500ms);
    t.inject("< . 1:1(0) ack 3001 win 20000");
    t.expect("> P. 3001:10001(7000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 10001");
}

SCRIPT("the first flight is ten segments", covers("RFC5681:2")) {
    t.passive_open({.mss = 1000});
    t.app.write(20'000);
    t.expect("> . 1:10001(10000) ack 1");
    t.quiet(100ms);
    t.inject("< . 1:1(0) ack 10001");
    t.expect("> P. 10001:20001(10000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 20001");
}

SCRIPT("after a lost SYN the first flight is one segment", covers("RFC5681:2")) {
    t.connect();
    t.expect("> S 0:0(0)");
    t.expect("+1s > S 0:0(0)");
    t.inject("+10ms < S. 0:0(0) ack 1 win 65535 <mss 1000>");
    t.expect("> . 1:1(0) ack 1");
    t.app.write(5000);
    t.expect("> . 1:1001(1000) ack 1");
    t.quiet(100ms);
    t.inject("< . 1:1(0) ack 1001");
    t.expect("> . 1001:3001(2000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 3001");
    t.expect("> P. 3001:5001(2000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 5001");
}

SCRIPT("slow start grows by what is acknowledged, whatever the number of ACKs",
       covers("RFC5681:3")) {
    t.passive_open({.mss = 1000});
    t.app.write(30'000);
    t.expect("> . 1:10001(10000) ack 1");
    CHECK(t.status().cwnd == 10'000);
    // Ten ACKs for one segment (Savage 1999): still one segment more.
    for (int ack = 101; ack <= 1001; ack += 100)
        t.inject(script::line("< . 1:1(0) ack " + std::to_string(ack)));
    CHECK(t.status().cwnd == 11'000);
    t.expect("> . 10001:12001(2000) ack 1");
    // One ACK for nine segments: two segments at most (RFC 3465, L = 2).
    t.inject("+10ms < . 1:1(0) ack 10001");
    CHECK(t.status().cwnd == 13'000);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("congestion avoidance: one segment a round trip", covers("RFC5681:3", "RFC9293:MUST-19")) {
    t.passive_open({.mss = 1000});
    t.app.write(100'000);
    t.expect("> . 1:10001(10000) ack 1");
    t.expect("+1s > . 1:1001(1000) ack 1");  // the whole flight is lost
    CHECK(t.status().ssthresh == 5'000);
    CHECK(t.status().cwnd == 1'000);
    t.inject("+10ms < . 1:1(0) ack 10001");
    t.ignore_output();
    u32 acked = 10'001;
    while (t.status().cwnd < 5'000) {
        acked += 1000;
        t.inject(script::line("+1ms < . 1:1(0) ack " + std::to_string(acked)));
        t.ignore_output();
    }
    const u32 before = t.status().cwnd;
    const u32 round_trip = before / 1000;
    for (u32 i = 0; i < round_trip; ++i) {
        acked += 1000;
        t.inject(script::line("+1ms < . 1:1(0) ack " + std::to_string(acked)));
        t.ignore_output();
    }
    CHECK(t.status().cwnd <= before + 1000);
    CHECK(t.status().cwnd > before - 1);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("RTO: ssthresh is half the flight, once; cwnd is one segment",
       covers("RFC5681:4", "RFC9293:MUST-19")) {
    t.passive_open({.mss = 1000});
    t.app.write(10'000);
    t.expect("> P. 1:10001(10000) ack 1");
    t.expect("+1s > . 1:1001(1000) ack 1");
    CHECK(t.status().ssthresh == 5'000);
    CHECK(t.status().cwnd == 1'000);
    t.expect("+2s > . 1:1001(1000) ack 1");
    CHECK(t.status().ssthresh == 5'000);
    CHECK(t.status().cwnd == 1'000);
    t.inject("+10ms < . 1:1(0) ack 10001");
}

SCRIPT("a duplicate ACK for each segment behind a hole, and one at once when it is filled",
       covers("RFC5681:5", "RFC9293:SHLD-31")) {
    t.passive_open({.mss = 1000});
    t.inject("< . 1001:2001(1000) ack 1");
    t.expect("> . 1:1(0) ack 1");
    t.inject("< . 2001:3001(1000) ack 1");
    t.expect("> . 1:1(0) ack 1");
    // In one batch as well: one for each.
    t.inject_together({"< . 3001:4001(1000) ack 1", "< . 4001:5001(1000) ack 1"});
    t.expect("> . 1:1(0) ack 1");
    t.expect("> . 1:1(0) ack 1");
    CHECK(t.app.read_all() == 0);
    t.inject("< . 1:1001(1000) ack 1");
    t.expect("> . 1:1(0) ack 5001");
    CHECK(t.app.read_all() == 5000);
}

SCRIPT("three duplicate ACKs: fast retransmit; cwnd inflates and deflates", covers("RFC5681:6")) {
    t.passive_open({.mss = 1000});
    t.app.write(20'000);
    t.expect("> . 1:10001(10000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 1001");
    t.expect("> . 10001:12001(2000) ack 1");
    t.inject("+1ms < . 1:1(0) ack 1001");
    t.expect("> . 12001:13001(1000) ack 1");  // limited transmit, RFC 3042
    t.inject("+1ms < . 1:1(0) ack 1001");
    t.expect("> . 13001:14001(1000) ack 1");
    t.inject("+1ms < . 1:1(0) ack 1001");
    t.expect("> . 1001:2001(1000) ack 1");
    CHECK(t.status().in_recovery);
    CHECK(t.status().ssthresh == 6'500);
    CHECK(t.status().cwnd == 9'500);
    t.inject("+1ms < . 1:1(0) ack 1001");
    CHECK(t.status().cwnd == 10'500);
    t.inject("+5ms < . 1:1(0) ack 14001");
    CHECK(!t.status().in_recovery);
    CHECK(t.status().cwnd <= 6'500);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("a pause of more than RTO: the window starts anew", covers("RFC5681:7")) {
    t.passive_open({.mss = 1000});
    u32 acked = 1;
    for (int i = 0; i < 6; ++i) {
        t.app.write(20'000);
        for (int k = 0; k < 20; ++k) {
            acked += 1000;
            t.ignore_output();
            t.inject(script::line("+1ms < . 1:1(0) ack " + std::to_string(acked)));
        }
    }
    t.ignore_output();
    CHECK(t.status().cwnd > 20'000);
    t.quiet(5s);
    t.app.write(20'000);
    CHECK(t.status().cwnd == 10'000);
    CHECK(t.status().flight == 10'000);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("one ACK for every second full segment, and within 500 ms for a single one",
       covers("RFC5681:8", "RFC9293:SHLD-18", "RFC9293:SHLD-19", "RFC9293:MUST-40")) {
    t.passive_open({.mss = 1460});
    t.inject("< . 1:1461(1460) ack 1");
    t.quiet(39ms);
    t.expect("+1ms > . 1:1(0) ack 1461");
    t.inject("+1ms < . 1461:2921(1460) ack 1");
    t.inject("+1ms < . 2921:4381(1460) ack 1");
    t.expect("> . 1:1(0) ack 4381");
    t.quiet(600ms);
    CHECK(t.app.read_all() == 4380);
}

SCRIPT("a lost retransmission reduces the rate a second time", covers("RFC5681:9")) {
    t.passive_open({.mss = 1000});
    t.app.write(10'000);
    t.expect("> P. 1:10001(10000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 2001");
    for (int i = 0; i < 3; ++i) t.inject("+1ms < . 1:1(0) ack 2001");
    t.expect("> . 2001:3001(1000) ack 1");
    CHECK(t.status().ssthresh == 4'000);
    t.expect_within(2s, "> . 2001:3001(1000) ack 1");
    CHECK(t.status().cwnd == 1'000);
    CHECK(t.status().ssthresh <= 4'000);
    CHECK(!t.status().in_recovery);
    t.inject("+10ms < . 1:1(0) ack 10001");
}

SCRIPT("what is not a duplicate ACK: new window, data, nothing outstanding", covers("RFC5681:10")) {
    t.passive_open({.mss = 1000});
    for (int i = 0; i < 5; ++i) t.inject("< . 1:1(0) ack 1");  // nothing outstanding
    t.app.write(5'000);
    t.expect("> P. 1:5001(5000) ack 1");
    t.inject("+1ms < . 1:1(0) ack 1 win 400");
    t.inject("+1ms < . 1:1(0) ack 1 win 401");
    t.inject("+1ms < . 1:1(0) ack 1 win 402");
    t.inject("+1ms < . 1:1(0) ack 1 win 403");
    t.inject("+1ms < P. 1:2(1) ack 1 win 403");
    t.inject("+1ms < P. 2:3(1) ack 1 win 403");
    t.inject("+1ms < P. 3:4(1) ack 1 win 403");
    t.advance(45ms);
    t.ignore_output();
    CHECK(!t.status().in_recovery);
    CHECK(t.status().retransmissions == 0);
    CHECK(t.app.read_all() == 3);
    t.inject("+1ms < . 4:4(0) ack 5001");
}

}  // namespace
}  // namespace tern

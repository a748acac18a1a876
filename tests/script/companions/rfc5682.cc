// RFC 5682: where F-RTO has no say. What it does is in recovery/rack.cc.
#include "lab/script/on_gtest.hh"

namespace tern {
namespace {

using namespace script;
using namespace std::chrono_literals;

// Ten segments are on their way, the round trip is 100 ms, and RTO expires.
void time_out(Script& t, bool sack) {
    t.passive_open({.mss = 1000, .sack = sack});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001");
    t.app.write(10'000);
    t.expect("> P. 1001:11001(10000) ack 1");
    if (sack) t.expect_within(201ms, "> P. 10001:11001(1000) ack 1");  // the tail probe
    t.expect_within(1s, "> . 1001:2001(1000) ack 1");
    CHECK(t.status().backoff == 1);
}

void end(Script& t) {
    t.inject("< . 1:1(0) ack 11001");
    t.ignore_output();
}

}  // namespace

SCRIPT("a repeated timeout is believed, even if an original arrives after it",
       covers("RFC5682:2")) {
    time_out(t, true);
    t.expect_within(1s, "> . 1001:2001(1000) ack 1");
    CHECK(t.status().backoff == 2);
    t.inject("+10ms < . 1:1(0) ack 4001");
    CHECK(t.status().cwnd <= 2'000);
    end(t);
}

SCRIPT("a timeout during the repair of another is believed too", covers("RFC5682:2")) {
    time_out(t, true);
    t.inject("+100ms < . 1:1(0) ack 2001");  // of the retransmission: the timeout was right
    t.ignore_output();
    CHECK(t.status().cwnd <= 2'000);
    const u32 before = t.status().retransmissions;
    while (t.status().backoff == 0) t.advance(10ms);
    t.ignore_output();
    CHECK(t.status().retransmissions > before);
    t.inject("+10ms < . 1:1(0) ack 9001");
    CHECK(t.status().cwnd <= 2'000);
    end(t);
}

SCRIPT("without SACK the timeout is believed: what follows is sent again", covers("RFC5682:2")) {
    time_out(t, false);
    t.inject("+10ms < . 1:1(0) ack 3001");
    CHECK(t.status().cwnd <= 2'000);
    t.expect("> . 3001:5001(2000) ack 1");
    end(t);
}

}  // namespace tern

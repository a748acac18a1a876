// Pacing: what cwnd allows leaves over the round trip, behind the initial window.
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

// Reno in slow start with a round trip of 100 ms: 2 cwnd / srtt are 220 kB/s, 4.5 ms a segment.
void until_paced(Script& t) {
    t.setup.limits.tcp_pacing = true;
    t.passive_open({.mss = 1000, .sack = true});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001");
    t.app.write(30'000);
    t.expect("> . 1001:11001(10000) ack 1");  // the initial window, at once
    t.inject("+100ms < . 1:1(0) ack 2001");
    t.expect("> . 11001:12001(1000) ack 1");
}

}  // namespace

SCRIPT("behind the initial window each segment waits for its time", covers("BBR:4")) {
    until_paced(t);
    CHECK(t.status().limited_by == LimitedBy::Pacing);
    CHECK(t.status().pacing_rate > 215'000 && t.status().pacing_rate < 225'000);
    t.quiet(3ms);
    t.expect_within(1ms, "> . 12001:13001(1000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 12001");
    // What is late is made up for by a millisecond at most: then they leave one by one again.
    t.expect("> . 13001:14001(1000) ack 1");
    t.quiet(1ms);
    t.expect_within(2ms, "> . 14001:15001(1000) ack 1");
    t.app.abort();
    t.ignore_output();
}

SCRIPT("a connection that goes away takes its wait with it", covers("BBR:4")) {
    until_paced(t);
    t.app.abort();
    t.expect("> R. 12001:12001(0) ack 1");
    t.quiet(1s);
}

}  // namespace tern

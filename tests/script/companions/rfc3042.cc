// RFC 3042: limited transmit.
#include "lab/script/on_gtest.hh"

namespace tern {
namespace {

SCRIPT("each of the first two duplicate ACKs lets one segment out, and cwnd stays",
       covers("RFC3042:1")) {
    t.passive_open({.mss = 1000});
    t.app.write(20'000);
    t.expect("> . 1:10001(10000) ack 1");
    t.inject("+1ms < . 1:1(0) ack 1");
    t.expect("> . 10001:11001(1000) ack 1");
    t.inject("+1ms < . 1:1(0) ack 1");
    t.expect("> . 11001:12001(1000) ack 1");
    CHECK(t.status().cwnd == 10'000 && t.status().flight == 12'000);
    t.inject("+1ms < . 1:1(0) ack 1");
    t.expect("> . 1:1001(1000) ack 1");  // the third retransmits
    t.inject("+1ms < . 1:1(0) ack 12001");
    t.ignore_output();
    t.inject("+1ms < . 1:1(0) ack 20001");
    t.ignore_output();
}

SCRIPT("with SACK: only if it tells of something new", covers("RFC3042:1")) {
    t.passive_open({.mss = 1000, .sack = true});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001");  // the reordering window is 25 ms
    t.app.write(20'000);
    t.expect("> . 1001:11001(10000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001");
    t.inject("< . 1:1(0) ack 1001");
    CHECK(t.waiting() == 0);
    t.inject("< . 1:1(0) ack 1001 <sack 2001:3001>");
    t.expect("> . 11001:12001(1000) ack 1");
    t.inject("< . 1:1(0) ack 1001 <sack 2001:3001>");
    CHECK(t.waiting() == 0);
    t.inject("< . 1:1(0) ack 1001 <sack 2001:4001>");
    t.expect("> . 12001:13001(1000) ack 1");
    CHECK(t.status().cwnd == 10'000 && t.status().flight == 12'000);
    t.inject("< . 1:1(0) ack 13001");
    t.ignore_output();
    t.inject("+1ms < . 1:1(0) ack 21001");
    t.ignore_output();
}

}  // namespace
}  // namespace tern

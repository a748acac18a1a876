// The end of a flight lost together with something before it: what RFC 6675 has its rescue
// retransmission for (docs/decisions/0006-flight-records.md).
#include "lab/script/on_gtest.hh"

namespace tern {
namespace {

using namespace script;
using namespace std::chrono_literals;

// Ten segments are on their way, the first and the last two are lost, the round trip is 100 ms.
void lose_head_and_tail(Script& t) {
    t.passive_open({.mss = 1000, .sack = true});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001");
    t.app.write(10'000);
    t.expect("> P. 1001:11001(10000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:9001>");
    t.expect("> . 1001:2001(1000) ack 1");
}

}  // namespace

SCRIPT("a tail lost during recovery is known a round trip later, by the answer to the repair",
       covers("RFC6675:3", "RFC8985:1")) {
    lose_head_and_tail(t);
    const Duration began = t.elapsed();
    // Not before it is known: no rescue.
    t.quiet(99ms);
    t.inject("+1ms < . 1:1(0) ack 9001");
    t.expect("> P. 9001:11001(2000) ack 1");
    CHECK(t.status().backoff == 0 && t.status().in_recovery);
    t.inject("+100ms < . 1:1(0) ack 11001");
    CHECK(t.elapsed() - began == 200ms && t.status().retransmissions == 3);
    CHECK(!t.status().in_recovery);
    t.quiet(5s);
}

SCRIPT("new data takes the place of a rescue: its answer tells of a lost repair",
       covers("RFC6675:1", "RFC8985:1")) {
    lose_head_and_tail(t);
    t.app.write(1000);
    // Rule 2 of NextSeg(): what is lost is sent, so what is new.
    t.inject("+1ms < . 1:1(0) ack 1001 <sack 2001:9001>");
    t.ignore_output();
    const u32 end = t.status().snd_nxt - t.iss();
    if (end == 11'001) return t.fail("the new segment is not on its way", Where::current());
    // The repair is lost, the new segment arrives.
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 11001:12001 2001:9001>");
    t.advance(30ms);
    bool head = false, tail = false;
    while (const auto l = t.next()) {
        head |= l->seq == 1'001;
        tail |= l->seq_end == 11'001;
    }
    CHECK(head && t.status().backoff == 0);
    t.inject("+70ms < . 1:1(0) ack 9001 <sack 11001:12001>");
    while (const auto l = t.next()) tail |= l->seq_end == 11'001;
    CHECK(tail && t.status().backoff == 0);
    t.inject("+100ms < . 1:1(0) ack 12001");
    t.quiet(5s);
}

SCRIPT("recovery begins with the retransmission and ends at RecoveryPoint, not before",
       covers("RFC6675:2", "RFC8985:1")) {
    lose_head_and_tail(t);
    CHECK(t.status().in_recovery);
    t.app.write(5000);
    t.inject("+100ms < . 1:1(0) ack 9001");
    t.ignore_output();
    t.inject("+100ms < . 1:1(0) ack 11000");
    CHECK(t.status().in_recovery);
    t.inject("< . 1:1(0) ack 11001");
    CHECK(!t.status().in_recovery);
    t.ignore_output();
    t.inject("+100ms < . 1:1(0) ack 16001");
    t.ignore_output();
}

SCRIPT("a FIN in the lost tail is found like text", covers("RFC8985:1")) {
    t.passive_open({.mss = 1000, .sack = true});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001");
    t.app.write(5000);
    t.expect("> P. 1001:6001(5000) ack 1");
    t.app.close();
    t.expect("> F. 6001:6001(0) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:5001>");
    t.expect("> . 1001:2001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 5001");
    t.expect("> P. 5001:6001(1000) ack 1");
    t.expect("> F. 6001:6001(0) ack 1");
    CHECK(t.status().backoff == 0);
    t.inject("+100ms < . 1:1(0) ack 6002");
    t.inject("< F. 1:1(0) ack 6002");
    t.expect("> . 6002:6002(0) ack 2");
}

}  // namespace tern

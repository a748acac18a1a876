// RFC 9937 6.2, row by row. Its sum and that of 6.3 were compared with the RFC's words, that of
// RecoverFS in 6.1 with what others say of it; where ours differ is in decision 0015. Reno halves
// the flight, so ssthresh is known before: ten segments of 1,000 bytes are on their way when
// something is lost, RecoverFS is 10,000 and ssthresh 5,000.
#include "support/places.hh"

namespace tern {
namespace {

using namespace script;
using namespace std::chrono_literals;

constexpr Peer k_peer{.mss = 1000, .sack = true};

// The round trip is known, 100 ms, and with it the reordering window: 25 ms.
void ten_segments(Script& t) {
    t.passive_open(k_peer);
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001");
    t.app.write(10'000);
    t.expect("> P. 1001:11001(10000) ack 1");
}

// All arrives, whatever is still to be sent.
void end(Script& t) {
    t.ignore_output();
    while (t.status().flight != 0) {
        const u32 sent = t.status().snd_nxt - t.iss();
        t.inject(line("+100ms < . 1:1(0) ack " + std::to_string(sent) + " win 511"));
        t.ignore_output();
    }
    CHECK(!t.status().in_recovery);
    t.quiet(5s);
}

u32 in_flight(Script& t) {
    const TcpStatus s = t.status();
    return s.flight - s.sacked - s.lost;
}

}  // namespace

SCRIPT(
    "RFC 9937: in flight > ssthresh: SndCnt = CEIL(prr_delivered * ssthresh / RecoverFS) - prr_out",
    covers("RFC9937:1")) {
    ten_segments(t);
    t.app.write(20'000);
    // Three are SACKed, one is lost: 6,000 in flight. 3,000 * 5,000 / 10,000 - 0.
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:5001>");
    CHECK(t.status().cwnd == 6'000 + 1'500);
    t.expect("> . 1001:2001(1000) ack 1");
    // 4,000 / 2 - 1,000, and 5,000 / 2 - 2,000: every second ACK lets a segment out.
    t.inject("< . 1:1(0) ack 1001 <sack 2001:6001>");
    CHECK(t.status().cwnd == 6'000 + 1'000);
    t.expect("> . 11001:12001(1000) ack 1");
    t.inject("< . 1:1(0) ack 1001 <sack 2001:7001>");
    CHECK(t.status().cwnd == 6'000 + 500);
    t.quiet();
    // In flight = ssthresh is no longer above it.
    t.inject("< . 1:1(0) ack 1001 <sack 2001:8001>");
    CHECK(in_flight(t) == 5'000 && t.status().cwnd == 5'000);
    t.quiet();
    end(t);
}

SCRIPT("RFC 9937: the quotient is rounded up", covers("RFC9937:1")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:5001>");
    t.expect("> . 1001:2001(1000) ack 1");
    // 1 byte is the last piece of its own: 3,001 / 2 is 1,501 of which 1,000 have left.
    t.inject("< . 1:1(0) ack 1002 <sack 2001:5001>");
    CHECK(t.status().cwnd == 6'999 + 501);
    end(t);
}

SCRIPT("RFC 9937: RecoverFS is what was in flight and not SACKed before", covers("RFC9937:1")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:3001>");
    t.inject("< . 1:1(0) ack 1001 <sack 2001:4001>");
    CHECK(!t.status().in_recovery);
    // 10,000 less the 2,000 of before. 1,000 * 5,000 / 8,000 is less than a segment.
    t.inject("< . 1:1(0) ack 1001 <sack 2001:5001>");
    CHECK(t.status().in_recovery && t.status().ssthresh == 5'000);
    CHECK(t.status().cwnd == 6'000 + 1'000);
    t.expect("> . 1001:2001(1000) ack 1");
    // 2,000 * 5,000 / 8,000 - 1,000.
    t.inject("< . 1:1(0) ack 1001 <sack 2001:6001>");
    CHECK(t.status().cwnd == 6'000 + 250);
    end(t);
}

SCRIPT("RFC 9937: RecoverFS has in it what the ACK acknowledges that starts recovery",
       covers("RFC9937:1")) {
    ten_segments(t);
    t.app.write(20'000);
    // 500 in order, three segments by SACK, and the rest of the first is lost.
    t.inject("+100ms < . 1:1(0) ack 1501 <sack 2001:5001>");
    CHECK(t.status().in_recovery);
    // 6,000 were in flight then. RecoverFS is not the 9,500 that are behind SND.UNA now.
    CHECK(t.status().cwnd == 6'000 + (3'500 * t.status().ssthresh + 9'999) / 10'000);
    end(t);
}

SCRIPT("RFC 9937: at or below ssthresh an ACK lets out what it delivers, though not SafeACK",
       covers("RFC9937:2")) {
    // The reordering timer lets the first segment out before anything was delivered.
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 7001:8001>");
    t.inject("< . 1:1(0) ack 1001 <sack 7001:8001 10001:11001>");
    t.expect_within(26ms, "> . 1001:2001(1000) ack 1");
    CHECK(t.status().ssthresh == 5'000 && t.status().lost == 7'000);
    CHECK(in_flight(t) == 1'000);
    // MAX(1,000 - 1,000, 1,000), and not what prr_delivered - prr_out alone would be: nothing.
    t.inject("+10ms < . 1:1(0) ack 1001 <sack 3001:4001 7001:8001 10001:11001>");
    CHECK(t.status().cwnd == 2'000);
    t.expect("> . 2001:3001(1000) ack 1");
    t.inject("< . 1:1(0) ack 1001 <sack 3001:5001 7001:8001 10001:11001>");
    t.expect("> . 5001:6001(1000) ack 1");
    end(t);
}

SCRIPT("RFC 9937: recovery by the reordering timer, then an ACK that delivers one segment",
       covers("RFC9937:2")) {
    t.passive_open(k_peer);
    t.app.write(10'000);
    t.expect("> P. 1:10001(10000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1 <sack 7001:8001>");
    t.expect_within(26ms, "> . 1:1001(1000) ack 1");
    CHECK(t.status().ssthresh == 5'000);
    CHECK(in_flight(t) == 3'000);
    t.inject("+10ms < . 1:1(0) ack 1 <sack 3001:4001 7001:8001>");
    t.expect("> . 1001:2001(1000) ack 1");
    t.quiet();
    end(t);
}

SCRIPT("RFC 9937: SafeACK, UNA advances and nothing more is lost, adds one MSS",
       covers("RFC9937:2")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 7001:11001>");
    CHECK(t.status().cwnd == 0 + 4'000);
    t.expect("> . 1001:5001(4000) ack 1");
    // MAX(5,000 - 4,000, 1,000) + 1,000.
    t.inject("+100ms < . 1:1(0) ack 2001 <sack 7001:11001>");
    CHECK(t.status().cwnd == 3'000 + 2'000);
    t.expect("> . 5001:7001(2000) ack 1");
    end(t);
}

SCRIPT("RFC 9937: an ACK that advances and tells of more losses is not SafeACK",
       covers("RFC9937:2")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 7001:10001>");
    CHECK(t.status().cwnd == 1'000 + 3'000);
    t.expect("> . 1001:4001(3000) ack 1");
    // The head's retransmission left later than 10001:11001, which is lost as well.
    t.inject("+100ms < . 1:1(0) ack 2001 <sack 7001:10001>");
    CHECK(t.status().lost == 4'000 - 1'000);  // one is on its way again
    // MAX(4,000 - 3,000, 1,000), and nothing on top of it.
    CHECK(t.status().cwnd == 2'000 + 1'000);
    t.expect("> . 4001:5001(1000) ack 1");
    end(t);
}

SCRIPT("RFC 9937: never more than what is missing to ssthresh", covers("RFC9937:1")) {
    ten_segments(t);
    // 8,000 are delivered, the other two are lost: nothing is in flight.
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 3001:11001>");
    CHECK(t.status().ssthresh == 5'000 && t.status().cwnd == 0 + 5'000);
    t.expect("> . 1001:3001(2000) ack 1");
    t.app.write(20'000);
    t.expect("> . 11001:14001(3000) ack 1");
    end(t);
}

SCRIPT("RFC 9937: what was delivered and did not leave may leave later", covers("RFC9937:2")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 7001:11001>");
    t.expect("> . 1001:5001(4000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 2001 <sack 7001:11001>");
    t.expect("> . 5001:7001(2000) ack 1");
    // The application has nothing more: of the 3,000 that this ACK delivers none leaves.
    t.inject("< . 1:1(0) ack 5001 <sack 7001:11001>");
    CHECK(in_flight(t) == 2'000 && t.status().cwnd == 5'000);
    t.quiet(10ms);
    // prr_delivered - prr_out is 3,000 by now, and this one delivers 1,000.
    t.app.write(3'000);
    t.expect("> P. 11001:14001(3000) ack 1");
    t.inject("< . 1:1(0) ack 6001 <sack 7001:11001>");
    CHECK(in_flight(t) == 4'000 && t.status().cwnd == 5'000);
    end(t);
}

SCRIPT("RFC 9937: an ACK that delivers nothing changes nothing", covers("RFC9937:3")) {
    ten_segments(t);
    t.app.write(20'000);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:5001>");
    t.expect("> . 1001:2001(1000) ack 1");
    const u32 cwnd = t.status().cwnd;
    for (u32 n = 0; n < 5; ++n) {
        t.inject("< . 1:1(0) ack 1001 <sack 2001:5001>");
        t.inject("< . 1:1(0) ack 1001 <sack 1:501 2001:5001>");  // D-SACK
        CHECK(t.status().cwnd == cwnd);
    }
    t.quiet();
    end(t);
}

SCRIPT("RFC 9937: the first retransmission of a recovery leaves even if SndCnt is 0",
       covers("RFC9937:2")) {
    ten_segments(t);
    t.app.write(20'000);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:3001>");
    t.ignore_output();
    // By the timer, with 9,000 and more in flight, above ssthresh, and nothing delivered since.
    t.advance(26ms);
    const auto first = t.next();
    CHECK(first && first->seq == 1'001 && first->length == 1'000 && t.waiting() == 0);
    CHECK(t.status().in_recovery && t.status().cwnd == in_flight(t));
    end(t);
}

SCRIPT("RFC 9937: what the reordering timer finds lost during recovery leaves in its own place",
       covers("RFC9937:3")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 7001:8001>");
    t.inject("< . 1:1(0) ack 3001 <sack 7001:8001>");  // reordering is seen
    t.expect_within(26ms, "> . 3001:4001(1000) ack 1");
    CHECK(t.status().in_recovery && t.status().lost == 3'000 && in_flight(t) == 4'000);
    t.inject("+1ms < . 1:1(0) ack 3001 <sack 7001:8001 10001:11001>");
    t.expect("> . 4001:5001(1000) ack 1");
    CHECK(in_flight(t) == 4'000 && t.status().cwnd == 4'000);
    // 8001:10001 may still come for a quarter of a round trip; then two are off the pipe, and two
    // leave.
    t.quiet(23ms);
    t.expect_within(3ms, "> . 5001:7001(2000) ack 1");
    CHECK(in_flight(t) == 4'000 && t.status().cwnd == 4'000);
    end(t);
}

SCRIPT(
    "RFC 9937: when recovery is over cwnd is ssthresh, and the ACK that ends it does nothing else",
    covers("RFC9937:1")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:5001>");
    t.expect("> . 1001:2001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 11001");
    CHECK(!t.status().in_recovery && t.status().cwnd == 5'000 && t.status().ssthresh == 5'000);
    t.quiet(5s);
}

}  // namespace tern

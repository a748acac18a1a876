// RFC 8985, RFC 9937 and their undoing: losses as a sender with SACK sees them.
#include "support/hog.hh"
#include "support/places.hh"

namespace tern {
namespace {

using namespace script;
using namespace std::chrono_literals;

constexpr Peer k_peer{.mss = 1000, .sack = true};

// Ten segments are on their way, and the round trip is known: 100 ms.
void ten_segments(Script& t, const Peer& peer = k_peer) {
    t.passive_open(peer);
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001");
    t.app.write(10'000);
    t.expect("> P. 1001:11001(10000) ack 1");
}

}  // namespace

SCRIPT("three SACKed segments behind a hole start recovery, and the hole goes out at once",
       covers("RFC8985:1", "RFC8985:2", "RFC9937:2")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:3001>");
    t.inject("< . 1:1(0) ack 1001 <sack 2001:4001>");
    CHECK(!t.status().in_recovery);
    t.inject("< . 1:1(0) ack 1001 <sack 2001:5001>");
    t.expect("> . 1001:2001(1000) ack 1");
    CHECK(t.status().in_recovery && t.status().ssthresh == 5'000);
    t.inject("+100ms < . 1:1(0) ack 11001");
    CHECK(!t.status().in_recovery && t.status().cwnd == 5'000);
    t.quiet(5s);
}

SCRIPT("without three segments the reordering window decides: a quarter of the least round trip",
       covers("RFC8985:1", "RFC8985:2")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:3001>");
    t.quiet(24ms);
    t.expect_within(2ms, "> . 1001:2001(1000) ack 1");
    CHECK(t.status().in_recovery);
    t.inject("+75ms < . 1:1(0) ack 11001");
}

SCRIPT("what comes late but within the window is no loss", covers("RFC8985:2")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:3001>");
    t.inject("+20ms < . 1:1(0) ack 3001");
    t.inject("+1ms < . 1:1(0) ack 11001");
    CHECK(!t.status().in_recovery && t.status().retransmissions == 0);
    // Reordering was seen: from now on three SACKed segments are not enough.
    t.app.write(10'000);
    t.expect("> P. 11001:21001(10000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 11001 <sack 12001:16001>");
    t.quiet(20ms);
    t.inject("< . 1:1(0) ack 21001");
    CHECK(t.status().retransmissions == 0);
}

SCRIPT("without SRTT the window is a quarter of the least round trip too, and not 0",
       covers("RFC8985:2")) {
    // The handshake took no time at all and gave no sample; a cookie's gives none either.
    t.passive_open(k_peer);
    CHECK(t.status().srtt == 0s);
    t.app.write(10'000);
    t.expect("> P. 1:10001(10000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1 <sack 1001:2001>");
    t.quiet(20ms);
    t.inject("< . 1:1(0) ack 2001");
    t.inject("< . 1:1(0) ack 10001");
    CHECK(t.status().retransmissions == 0 && !t.status().in_recovery);
    CHECK(t.status().cwnd >= 10'000);
}

SCRIPT("the first flight behind a passive handshake without timestamps may be reordered",
       covers("RFC8985:2", "RFC6298:3")) {
    t.listen();
    t.inject("< S 0:0(0) win 65535 <mss 1000,sackOK>");
    t.expect("> S. 0:0(0) ack 1");
    t.inject("+50ms < . 1:1(0) ack 1");
    t.accept();
    t.app.write(10'000);
    t.expect("> P. 1:10001(10000) ack 1");
    t.inject("+50ms < . 1:1(0) ack 1 <sack 1001:2001>");
    t.quiet(12ms);
    t.inject("< . 1:1(0) ack 10001");
    CHECK(t.status().retransmissions == 0 && t.status().cwnd >= 10'000);
}

SCRIPT("every hole is filled once, the lowest first, as PRR allows",
       covers("RFC8985:5", "RFC9937:1", "RFC9937:3")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:3001>");
    t.inject("< . 1:1(0) ack 1001 <sack 4001:5001 2001:3001>");
    t.inject("< . 1:1(0) ack 1001 <sack 6001:7001 4001:5001 2001:3001>");
    t.expect("> . 1001:2001(1000) ack 1");
    t.inject("< . 1:1(0) ack 1001 <sack 8001:9001 6001:7001 4001:5001>");
    t.expect("> . 3001:4001(1000) ack 1");
    t.inject("< . 1:1(0) ack 1001 <sack 10001:11001 8001:9001 6001:7001>");
    t.expect("> . 5001:6001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 3001 <sack 10001:11001 8001:9001 6001:7001>");
    t.inject("< . 1:1(0) ack 5001 <sack 10001:11001 8001:9001 6001:7001>");
    t.expect("> . 7001:8001(1000) ack 1");
    t.expect("> . 9001:10001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 11001");
    CHECK(t.status().retransmissions == 5);
    CHECK(!t.status().in_recovery);
    t.quiet(5s);
}

SCRIPT("the answer to the repair of the head is awaited for RTO from when it left",
       covers("RFC6298:4", "RFC8985:1")) {
    ten_segments(t);
    const Duration rto = t.status().rto;
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:3001>");
    t.expect_within(26ms, "> . 1001:2001(1000) ack 1");
    t.quiet(rto - 1ms);
    t.expect_within(1ms, "> . 1001:2001(1000) ack 1");
    CHECK(t.status().backoff == 1);
    t.inject("+100ms < . 1:1(0) ack 11001");
    t.ignore_output();
}

SCRIPT("a lost retransmission is found without RTO", covers("RFC8985:1")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:5001>");
    t.expect("> . 1001:2001(1000) ack 1");
    t.app.write(2'000);
    t.inject("+1ms < . 1:1(0) ack 1001 <sack 2001:11001>");
    t.expect("> P. 11001:13001(2000) ack 1");
    // The retransmission is lost, what left after it arrives.
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:13001>");
    t.expect_within(30ms, "> . 1001:2001(1000) ack 1");
    CHECK(t.status().backoff == 0);
    t.inject("+100ms < . 1:1(0) ack 13001");
    t.quiet(5s);
}

SCRIPT("a lost tail costs a probe after two round trips, not RTO", covers("RFC8985:3")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 9001");
    const Duration rto = t.status().rto;
    CHECK(rto > 210ms);
    t.expect_within(201ms, "> P. 10001:11001(1000) ack 1");
    CHECK(t.status().backoff == 0);
    t.inject("+100ms < . 1:1(0) ack 9001 <sack 10001:11001>");
    t.expect_within(30ms, "> . 9001:10001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 11001");
    t.quiet(5s);
}

SCRIPT("the probe goes first even where RTO is shorter than two round trips", covers("RFC8985:3")) {
    t.passive_open(k_peer);
    // A steady path of 150 ms: RTO comes down to little more than that.
    for (u32 n = 0; n < 40; ++n) {
        t.app.write(1000);
        t.ignore_output();
        t.inject(line("+150ms < . 1:1(0) ack " + std::to_string(1001 + n * 1000)));
    }
    const Duration rto = t.status().rto;
    const u32 cwnd = t.status().cwnd;
    CHECK(rto < 250ms);
    t.app.write(5000);
    t.expect("> P. 40001:45001(5000) ack 1");
    CHECK(t.expect_within(rto, "> P. 44001:45001(1000) ack 1") == rto);
    CHECK(t.status().backoff == 0 && t.status().cwnd == cwnd);
    // RTO counts anew from there.
    CHECK(t.expect_within(rto, "> . 40001:41001(1000) ack 1") == rto);
    CHECK(t.status().backoff == 1);
    t.inject("< . 1:1(0) ack 45001");
}

SCRIPT("with timestamps too the answer to a probe finds the rest of the tail",
       covers("RFC8985:1", "RFC8985:3")) {
    t.passive_open({.mss = 1012, .sack = true, .timestamps = true});
    t.advance(1s);
    t.app.write(1000);
    auto sent = t.expect("> P. 1:1001(1000) ack 1");
    const auto echo = [&](u32 ms) {
        return "<TS val " + std::to_string(sent.ts_ecr + ms) + " ecr " +
               std::to_string(sent.ts_val);
    };
    t.inject(line("+100ms < . 1:1(0) ack 1001 " + echo(100) + ">"));
    t.app.write(5000);
    sent = t.expect("> P. 1001:6001(5000) ack 1");
    // The handshake took no time, so the deviation is twice SRTT (12.5 ms) and the probe waits
    // longer.
    t.expect_within(113ms, "> P. 5001:6001(1000) ack 1");
    // It lies behind a hole: what the peer echoes is the timestamp of the last segment in order.
    t.inject(line("+100ms < . 1:1(0) ack 3001 " + echo(130) + ",sack 5001:6001>"));
    t.expect("> . 3001:4001(1000) ack 1");
    CHECK(t.status().backoff == 0);
    t.inject(line("+100ms < . 1:1(0) ack 6001 " + echo(230) + ">"));
    t.ignore_output();
}

SCRIPT("the probe is new data when there is some", covers("RFC8985:3")) {
    t.setup.tcp.no_delay = true;
    ten_segments(t);
    t.app.write(500);  // cwnd is full
    t.quiet(100ms);
    const auto probe = t.next();
    if (!probe) t.advance(101ms);
    const auto sent = probe ? probe : t.next();
    CHECK(sent && sent->seq == 11'001 && sent->length == 500);
    t.inject("+100ms < . 1:1(0) ack 11501");
    t.quiet(5s);
}

SCRIPT("a loss that the probe repaired is told to the network", covers("RFC8985:4")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 9001");
    const u32 before = t.status().cwnd;
    t.expect_within(201ms, "> P. 10001:11001(1000) ack 1");
    t.app.write(1000);
    t.expect("> P. 11001:12001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 12001");
    CHECK(t.status().cwnd < before);
    t.quiet(5s);
}

SCRIPT("a probe whose original had arrived changes nothing", covers("RFC8985:4")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 9001");
    const u32 before = t.status().cwnd;
    t.expect_within(201ms, "> P. 10001:11001(1000) ack 1");
    t.inject("+1ms < . 1:1(0) ack 11001");
    t.inject("+100ms < . 1:1(0) ack 11001 <sack 10001:11001>");
    CHECK(t.status().cwnd >= before);
    t.quiet(5s);
}

SCRIPT("no second probe before a round trip was measured: then RTO learns that the path is longer",
       covers("RFC8985:3", "RFC6298:4")) {
    t.passive_open(k_peer);
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 1001");
    CHECK(t.status().rto == 200ms);
    // The round trip is 350 ms now. The answer to the probe, which is the same segment, is no
    // sample.
    t.app.write(1000);
    t.expect("> P. 1001:2001(1000) ack 1");
    t.expect("+200ms > P. 1001:2001(1000) ack 1");
    t.inject("+150ms < . 1:1(0) ack 2001");
    CHECK(t.status().srtt == 10ms && t.status().backoff == 0 && t.status().rto == 200ms);
    // A second of silence, and more: the flight is forgotten, this is not.
    t.inject("+200ms < . 1:1(0) ack 2001 <sack 1001:2001>");
    t.quiet(3s);
    t.app.write(1000);
    t.expect("> P. 2001:3001(1000) ack 1");
    t.expect("+200ms > P. 2001:3001(1000) ack 1");
    CHECK(t.status().backoff == 1 && t.status().rto == 400ms);
    t.inject("+150ms < . 1:1(0) ack 3001");
    t.inject("+200ms < . 1:1(0) ack 3001 <sack 2001:3001>");
    t.app.write(1000);
    t.expect("> P. 3001:4001(1000) ack 1");
    t.quiet(350ms);
    t.inject("< . 1:1(0) ack 4001");
    CHECK(t.status().srtt == 52500us && t.status().rto > 350ms);
    // From here on the tail is probed again.
    t.app.write(1000);
    t.expect("> P. 4001:5001(1000) ack 1");
    t.expect_within(408ms, "> P. 4001:5001(1000) ack 1");
    CHECK(t.status().backoff == 0);
    t.inject("< . 1:1(0) ack 5001");
}

SCRIPT("while the path is becoming longer the probe waits as long as RTO would, and not two SRTT",
       covers("RFC8985:3")) {
    t.passive_open(k_peer);
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+20ms < . 1:1(0) ack 1001");
    t.app.write(2000);
    t.expect("> P. 1001:3001(2000) ack 1");
    t.inject("+30ms < . 1:1(0) ack 3001");
    // RTTVAR is 10 ms, SRTT 21.25: two of SRTT are long enough.
    CHECK(t.status().rttvar == 10ms && t.status().srtt == 21250us);
    t.app.write(2000);
    t.expect("> P. 3001:5001(2000) ack 1");
    t.expect_within(43ms, "> P. 4001:5001(1000) ack 1");
    t.inject("+90ms < . 1:1(0) ack 4001");
    t.ignore_output();
    t.inject("+1ms < . 1:1(0) ack 5001");
    const TcpStatus s = t.status();
    CHECK(s.rttvar > s.srtt / 2);
    t.app.write(2000);
    t.expect("> P. 5001:7001(2000) ack 1");
    // The round trip is 132.5 ms, more than two SRTT.
    t.quiet(133ms);
    t.inject("< . 1:1(0) ack 7001");
    CHECK(s.srtt * 2 < 133ms && t.status().retransmissions == 1);
}

SCRIPT("a probe that found no buffer has not left: it is due until it does", covers("RFC8985:3")) {
    t.setup.memory_limit = u64{4} << 20;
    ten_segments(t);
    Hog hog(t);
    t.quiet(201ms);
    CHECK(t.drops(DropReason::MemoryCeiling) > 0);
    hog.let_go();
    t.expect_within(100ms, "> P. 10001:11001(1000) ack 1");
    // One, as if it had left at once; RTO has counted from where it was due.
    t.expect_within(300ms, "> . 1001:2001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 11001");
    t.ignore_output();
}

SCRIPT("an ACK that comes before a probe found a buffer answers no probe: cwnd stays",
       covers("RFC8985:3", "RFC8985:4")) {
    t.setup.memory_limit = u64{4} << 20;
    ten_segments(t);
    const u32 cwnd = t.status().cwnd;
    {
        Hog hog(t);
        t.quiet(201ms);
    }
    t.app.write(2000);  // waits for memory, as the probe does
    t.inject("< . 1:1(0) ack 10001");
    t.ignore_output();
    t.inject("+1ms < . 1:1(0) ack 11001");
    t.inject("+100ms < . 1:1(0) ack 13001");
    CHECK(t.status().retransmissions == 0 && t.status().cwnd >= cwnd);
    // A tail that is lost later is probed as ever.
    t.app.write(2000);
    t.expect("> P. 13001:15001(2000) ack 1");
    t.expect_within(500ms, "> P. 14001:15001(1000) ack 1");
    CHECK(t.status().backoff == 0);
    t.inject("+1ms < . 1:1(0) ack 15001");
}

SCRIPT("after RTO everything not SACKed is sent again, in slow start",
       covers("RFC2018:3", "RFC5681:4")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 5001:6001>");
    t.expect_within(30ms, "> . 1001:2001(1000) ack 1");
    t.ignore_output();
    t.expect_within(2s, "> . 1001:2001(1000) ack 1");
    CHECK(t.status().cwnd == 1'000 && t.status().backoff == 1);
    t.inject("+100ms < . 1:1(0) ack 2001 <sack 5001:6001>");
    u32 resent = 0;
    for (u32 ack = 3001; ack <= 11'001; ack += 1000) {
        while (const auto l = t.next()) {
            CHECK(l->seq != 5'001);
            resent += l->length;
        }
        if (ack == 5001) continue;  // 5001:6001 is there already
        t.inject(line("+50ms < . 1:1(0) ack " + std::to_string(ack)));
    }
    CHECK(resent >= 7'000);
    t.ignore_output();
    t.quiet(5s);
}

SCRIPT("a peer that takes back what it SACKed still gets it", covers("RFC2018:3")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:5001>");
    t.expect("> . 1001:2001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 2001");  // 2001:5001 is gone
    t.expect("> . 2001:3001(1000) ack 1");
    t.ignore_output();
    for (u32 ack = 3001; ack <= 11'001; ack += 1000) {
        t.inject(line("+50ms < . 1:1(0) ack " + std::to_string(ack)));
        t.ignore_output();
    }
    CHECK(t.status().flight == 0);
}

SCRIPT("SACK blocks outside of what is in flight are nothing", covers("RFC2018:4")) {
    ten_segments(t);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 500000:600000>");
    t.inject("< . 1:1(0) ack 1001 <sack 9001:2001>");
    t.inject("< . 1:1(0) ack 1001 <sack 5001:20001>");
    t.quiet(150ms);
    CHECK(t.status().retransmissions == 0 && t.status().cwnd == 10'000);
    t.inject("< . 1:1(0) ack 11001");
}

SCRIPT("D-SACK for all that was sent again gives the window back", covers("RFC2883:1")) {
    ten_segments(t);
    const u32 before = t.status().cwnd;
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:5001>");
    t.expect("> . 1001:2001(1000) ack 1");
    t.inject("+30ms < . 1:1(0) ack 5001");
    t.inject("+70ms < . 1:1(0) ack 11001 <sack 1001:2001>");
    CHECK(!t.status().in_recovery && t.status().cwnd >= before);
    CHECK(t.status().ssthresh > before);
    t.quiet(5s);
}

SCRIPT("a timeout that an original's acknowledgement refutes gives the window back",
       covers("RFC5682:1")) {
    ten_segments(t);
    const u32 before = t.status().cwnd;
    t.ignore_output();
    t.advance(201ms);
    t.ignore_output();  // the tail probe
    t.expect_within(1s, "> . 1001:2001(1000) ack 1");
    CHECK(t.status().cwnd == 1'000);
    // All originals arrive, only late.
    t.inject("+10ms < . 1:1(0) ack 3001");
    CHECK(t.status().cwnd >= before);
    t.inject("+1ms < . 1:1(0) ack 11001");
    t.ignore_output();
    t.quiet(5s);
}

SCRIPT("F-RTO tries new data before it sends again what may be on its way", covers("RFC5682:1")) {
    ten_segments(t);
    t.advance(201ms);
    t.ignore_output();
    t.expect_within(1s, "> . 1001:2001(1000) ack 1");
    t.app.write(2'000);
    t.inject("+10ms < . 1:1(0) ack 2001");
    t.expect("> P. 11001:13001(2000) ack 1");
    // The answer to new data: an original had arrived.
    t.inject("+10ms < . 1:1(0) ack 3001");
    CHECK(t.status().cwnd >= 10'000);
    t.inject("+10ms < . 1:1(0) ack 13001");
    t.ignore_output();
    t.quiet(5s);
}

SCRIPT("an echoed timestamp from before the retransmission gives the window back") {
    t.passive_open({.mss = 1012, .sack = true, .timestamps = true});
    t.advance(1s);  // or the clocks of timestamps would stand at 0
    t.app.write(4000);
    const auto sent = t.expect("> P. 1:4001(4000) ack 1");
    const u32 before = t.status().cwnd;
    const std::string echo =
        "TS val " + std::to_string(sent.ts_ecr + 1) + " ecr " + std::to_string(sent.ts_val);
    t.inject(line("+5ms < . 1:1(0) ack 1 <" + echo + ",sack 1001:4001>"));
    t.expect("> . 1:1001(1000) ack 1");
    CHECK(t.status().in_recovery && t.status().cwnd < before);
    t.inject(line("+10ms < . 1:1(0) ack 4001 <" + echo + ">"));
    CHECK(!t.status().in_recovery && t.status().cwnd == before);
    t.quiet(5s);
}

SCRIPT("a FIN is part of the flight: lost, it is sent again by the probe", covers("RFC8985:3")) {
    t.passive_open(k_peer);
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001");
    t.app.write(2000);
    t.expect("> P. 1001:3001(2000) ack 1");
    t.app.close();
    t.expect("> F. 3001:3001(0) ack 1");
    t.expect_within(201ms, "> F. 3001:3001(0) ack 1");
    CHECK(t.status().backoff == 0);
    t.inject("< . 1:1(0) ack 3002");
    t.inject("< F. 1:1(0) ack 3002");
    t.expect("> . 3002:3002(0) ack 2");
}

}  // namespace tern

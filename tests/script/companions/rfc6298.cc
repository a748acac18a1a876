// RFC 6298: the retransmission timer, to the tenth of a millisecond.
#include <algorithm>
#include <vector>

#include "support/places.hh"

namespace tern {
namespace {

using namespace script;
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

// --- the end of section 5: the backed-off RTO stays until a round trip has been measured

SCRIPT(
    "RTO stays doubled until a round trip is measured: an ACK of what was sent twice is no measure",
    covers("RFC6298:3", "RFC6298:4", "RFC9293:MUST-18", "RFC9293:MUST-19")) {
    t.passive_open({.mss = 1000});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.expect("+1s > P. 1:1001(1000) ack 1");
    t.inject("+200ms < . 1:1(0) ack 1001");
    CHECK(t.status().rto == 2s && t.status().backoff == 0 && t.status().srtt == 0s);
    t.app.write(1000);
    t.expect("> P. 1001:2001(1000) ack 1");
    t.quiet(1200ms);
    t.inject("< . 1:1(0) ack 2001");
    CHECK(t.status().srtt == 1200ms && t.status().rto == 3600ms);
}

SCRIPT("RTO stays doubled over several exchanges that are all sent twice, and doubles on",
       covers("RFC6298:4", "RFC9293:MUST-19")) {
    t.passive_open({.mss = 1000});
    Duration rto = 1s;
    for (u32 n = 0; n < 4; ++n) {
        t.app.write(1000);
        t.ignore_output();
        t.quiet(rto - 1ms);
        t.advance(1ms);
        CHECK(t.waiting() == 1);
        t.ignore_output();
        t.inject(line("+10ms < . 1:1(0) ack " + std::to_string(1001 + n * 1000)));
        rto *= 2;
        CHECK(t.status().rto == rto && t.status().backoff == 0);
    }
}

SCRIPT("R1 and the cut of ssthresh count the expirations for one segment, not those before",
       covers("RFC5681:4", "RFC9293:MUST-20")) {
    t.passive_open({.mss = 1000});
    for (u32 n = 0; n < 5; ++n) {
        t.app.write(1000);
        t.ignore_output();
        t.advance(t.status().rto);
        t.ignore_output();
        CHECK(t.status().backoff == 1 && t.status().soft_error == Error::None);
        t.inject(line("+10ms < . 1:1(0) ack " + std::to_string(1001 + n * 1000)));
    }
    CHECK(t.status().rto == 32s);
}

SCRIPT("a measurement makes the backed-off RTO what sections 2.2 and 2.3 say",
       covers("RFC6298:1")) {
    t.passive_open({.mss = 1000});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001");
    CHECK(t.status().rto == 300ms);
    t.app.write(1000);
    t.expect("> P. 1001:2001(1000) ack 1");
    t.expect("+300ms > P. 1001:2001(1000) ack 1");
    t.expect("+600ms > P. 1001:2001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 2001");
    CHECK(t.status().rto == 1200ms && t.status().srtt == 100ms);
    t.app.write(1000);
    t.expect("> P. 2001:3001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 3001");
    // RTTVAR = 3/4 * 50 ms, and SRTT as it was.
    CHECK(t.status().rto == 250ms);
}

SCRIPT("with timestamps the answer to a segment that was sent twice is a measurement",
       covers("RFC6298:3", "RFC9293:MUST-18")) {
    t.passive_open({.mss = 1012, .timestamps = true});
    t.advance(1s);
    t.app.write(1000);
    const auto sent = t.expect("> P. 1:1001(1000) ack 1");
    t.expect("+200ms > P. 1:1001(1000) ack 1");
    const std::string echo =
        std::to_string(sent.ts_ecr + 1300) + " ecr " + std::to_string(sent.ts_val);
    t.inject(line("+100ms < . 1:1(0) ack 1001 <TS val " + echo + ">"));
    // Of the original: 300 ms.
    CHECK(t.status().srtt / 1ms == 37 && t.status().rto > 300ms && t.status().rto != 400ms);
}

SCRIPT("probes of a closed window do not touch RTO", covers("RFC6298:4", "RFC9293:SHLD-30")) {
    t.passive_open({.mss = 1000, .wscale = {}});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001 win 0");
    CHECK(t.status().rto == 300ms);
    t.app.write(1000);
    for (const Duration wait : {300ms, 600ms, 1200ms})
        CHECK(t.expect_within(2s, "> . 1001:1002(1) ack 1") == wait);
    t.inject("+10ms < . 1:1(0) ack 1001 win 0");
    t.inject("< . 1:1(0) ack 1001 win 5000");
    t.ignore_output();
    CHECK(t.status().rto == 300ms);
    t.inject("+100ms < . 1:1(0) ack 2001 win 5000");
    t.ignore_output();
}

namespace {

// A peer on a short path that keeps the acknowledgement of a lone segment back for `delay`. How
// often each of `n` exchanges of 100 bytes was sent.
std::vector<u32> sent_to_slow_peer(Script& c, bool sack, bool timestamps, Duration delay, u32 n) {
    c.listen();
    std::string syn = "< S 0:0(0) win 65535 <mss 1460";
    if (sack) syn += ",sackOK";
    if (timestamps) syn += ",TS val 1000 ecr 0";
    c.inject(line(syn + ">"));
    c.expect("> S. 0:0(0) ack 1");
    c.inject("+10ms < . 1:1(0) ack 1");
    c.accept();
    std::vector<u32> times;
    for (u32 k = 0; k < n; ++k) {
        const std::string from = std::to_string(1 + k * 100), to = std::to_string(101 + k * 100);
        c.app.write(100);
        const auto first = c.expect(line("> P. " + from + ":" + to + "(100) ack 1"));
        c.advance(delay);
        const u32 again = static_cast<u32>(c.waiting());
        c.ignore_output();
        // What a peer echoes is the timestamp of the segment that came first.
        std::string options;
        if (timestamps)
            options = "TS val " + std::to_string(first.ts_ecr + 1) + " ecr " +
                      std::to_string(first.ts_val);
        const auto with = [&](std::string more) {
            if (more.empty() && options.empty()) return std::string{};
            const char* comma = more.empty() || options.empty() ? "" : ",";
            return " <" + options + comma + more + ">";
        };
        c.inject(line("< . 1:1(0) ack " + to + with("")));
        for (u32 d = 0; d < again; ++d)
            c.inject(line("< . 1:1(0) ack " + to + with(sack ? "sack " + from + ":" + to : "")));
        c.ignore_output();
        times.push_back(1 + again);
        c.advance(1500ms);
    }
    return times;
}

}  // namespace

SCRIPT("a peer that acknowledges a lone segment late is known after two exchanges",
       covers("RFC6298:3", "RFC6298:4", "RFC8985:3", "RFC9293:MUST-18", "RFC9293:MUST-19")) {
    for (const bool sack : {false, true})
        for (const bool timestamps : {false, true})
            for (const Duration delay : {150ms, 201ms, 250ms, 400ms, 500ms, 1000ms, 5000ms}) {
                const std::string name = std::to_string(delay / 1ms) + " ms" +
                                         (sack ? ", SACK" : "") +
                                         (timestamps ? ", timestamps" : "");
                one_case(name, [&](Script& c) {
                    const auto times = sent_to_slow_peer(c, sack, timestamps, delay, 8);
                    std::string all;
                    for (const u32 n : times) all += ' ' + std::to_string(n);
                    c.check(std::ranges::all_of(times.begin() + 2, times.end(),
                                                [](u32 n) { return n == 1; }),
                            ("sent more than once:" + all).c_str());
                    c.check(times[0] <= 6 && times[1] <= 2, ("too often:" + all).c_str());
                    c.check(c.status().rto > delay, "RTO is longer than the peer's delay");
                });
            }
}

// --- 3: "TCP implementations take at least one RTT measurement per RTT": the handshake gives the
// first

SCRIPT("the SYN-ACK of a passive open is measured", covers("RFC6298:1", "RFC6298:3")) {
    for (const bool sack : {false, true})
        one_case(sack ? "with SACK" : "without", [&](Script& c) {
            c.listen();
            c.inject(sack ? line("< S 0:0(0) win 65535 <mss 1000,sackOK>")
                          : line("< S 0:0(0) win 65535 <mss 1000>"));
            c.expect("> S. 0:0(0) ack 1");
            c.inject("+60ms < . 1:1(0) ack 1");
            c.accept();
            c.check(c.status().srtt == 60ms && c.status().rttvar == 30ms, "SRTT, RTTVAR");
            c.check(c.status().rto == 200ms, "RTO");
            // The next measurement follows by 2.3.
            c.app.write(1000);
            c.expect("> P. 1:1001(1000) ack 1");
            c.inject("+140ms < . 1:1(0) ack 1001");
            c.check(c.status().srtt == 70ms, "SRTT of two samples");
        });
}

SCRIPT("a SYN-ACK that is answered by data is measured, and the data is taken",
       covers("RFC6298:3")) {
    t.listen();
    t.inject("< S 0:0(0) win 65535 <mss 1000>");
    t.expect("> S. 0:0(0) ack 1");
    t.inject("+60ms < P. 1:101(100) ack 1");
    t.accept();
    CHECK(t.status().srtt == 60ms);
    t.app.read_all();
    t.ignore_output();
    t.expect("+40ms > . 1:1(0) ack 101");
}

SCRIPT("Karn: a SYN-ACK that left twice is not measured, whoever made it leave",
       covers("RFC6298:3", "RFC6298:5", "RFC9293:MUST-18")) {
    one_case("its timer", [](Script& c) {
        c.listen();
        c.inject("< S 0:0(0) win 65535 <mss 1000>");
        c.expect("> S. 0:0(0) ack 1");
        c.expect("+1s > S. 0:0(0) ack 1");
        c.inject("+60ms < . 1:1(0) ack 1");
        c.accept();
        c.check(c.status().srtt == 0s && c.status().rto == 3s, "no sample");
    });
    one_case("the SYN again", [](Script& c) {
        c.listen();
        c.inject("< S 0:0(0) win 65535 <mss 1000>");
        c.expect("> S. 0:0(0) ack 1");
        c.inject("+500ms < S 0:0(0) win 65535 <mss 1000>");
        c.expect("> S. 0:0(0) ack 1");
        c.inject("+60ms < . 1:1(0) ack 1");
        c.accept();
        c.check(c.status().srtt == 0s && c.status().rto == 1s, "no sample");
    });
    one_case("a third step that found no place in the accept queue", [](Script& c) {
        c.setup.listen.backlog = 1;
        c.listen();
        c.inject("< S 0:0(0) win 65535 <mss 1000>");
        c.expect("> S. 0:0(0) ack 1");
        c.peer_port(40'001);
        c.inject("< S 0:0(0) win 65535 <mss 1000>");
        c.expect("> S. 0:0(0) ack 1");
        c.inject("+10ms < . 1:1(0) ack 1");
        c.peer_port(40'000);
        c.inject("< . 1:1(0) ack 1");
        c.check(c.drops(DropReason::TcpAcceptQueueFull) == 1, "no place");
        c.check(c.try_accept().has_value(), "the first");
        c.inject("+500ms < P. 1:101(100) ack 1");
        c.accept();
        c.check(c.status().srtt == 0s, "no sample");
        c.app.read_all();
        c.ignore_output();
        c.expect("+40ms > . 1:1(0) ack 101");
    });
}

SCRIPT("the SYN of an active open is measured, once it was sent only once", covers("RFC6298:3")) {
    t.connect();
    t.expect("> S 0:0(0)");
    t.inject("+60ms < S. 0:0(0) ack 1 win 65535 <mss 1000>");
    t.expect("> . 1:1(0) ack 1");
    CHECK(t.status().srtt == 60ms && t.status().rto == 200ms);
}

SCRIPT("Karn: both sides open at once: the SYN-ACK is the SYN again, and not measured",
       covers("RFC6298:3")) {
    t.connect();
    t.expect("> S 0:0(0)");
    t.inject("+30ms < S 0:0(0) win 65535 <mss 1000>");
    t.expect("> S. 0:0(0) ack 1");
    t.inject("+30ms < . 1:1(0) ack 1");
    CHECK(t.status().state == State::Established && t.status().srtt == 0s);
    CHECK(t.status().rto == 1s);
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+60ms < . 1:1(0) ack 1001");
    CHECK(t.status().srtt == 60ms);
}

SCRIPT("a cookie keeps no time: the first data segment gives the first sample",
       covers("RFC6298:3", "RFC4987:1")) {
    t.setup.listen.syn_backlog = 0;
    t.listen();
    t.inject("< S 0:0(0) win 65535 <mss 1000>");
    t.expect("> S. 0:0(0) ack 1");
    t.inject("+60ms < . 1:1(0) ack 1");
    t.accept();
    CHECK(t.counters().tcp_cookies_sent == 1);
    CHECK(t.status().srtt == 0s && t.status().rto == 1s);
    t.app.write(1000);
    t.ignore_output();
    t.inject("+60ms < . 1:1(0) ack 1001");
    t.ignore_output();
    t.app.abort();
    t.ignore_output();
}

}  // namespace
}  // namespace tern

// RFC 3168: ECN as it was first specified, one echo a round trip.
#include "ecn/handshake.hh"

using namespace tern;
using namespace tern::script;
using namespace tern::script::ecn;
using namespace std::chrono_literals;

namespace {

// Ten segments may leave at once.
void open_classic(Script& t, const std::string& options = ",sackOK") {
    t.setup.limits.tcp_initial_window_segments = 10;
    open(t, Ecn::Classic, options);
}

}  // namespace

SCRIPT("an ECN-setup SYN has ECE and CWR, its answer ECE alone, and neither may be marked",
       covers("RFC3168:1", "RFC9293:SHLD-8")) {
    accept(t, Ecn::Classic);
    CHECK(t.status().ecn == Ecn::Classic);
    CHECK(t.status().ecn_capable);
}

SCRIPT("who asks and hears yes may send ECN-capable data", covers("RFC3168:1", "RFC3168:2")) {
    open_classic(t);
    CHECK(t.status().ecn == Ecn::Classic);
    t.app.write(500);
    t.expect("> [ect0] P. 1:501(500) ack 1");
}

SCRIPT("a SYN-ACK that sends all flags back agrees to nothing", covers("RFC3168:1")) {
    ask(t, Ecn::Classic);
    answer(t, {.ace = 0b011});
    t.expect("> . 1:1(0) ack 1");
    CHECK(t.status().ecn == Ecn::Off);
    t.app.write(500);
    t.expect("> [noecn] P. 1:501(500) ack 1");
}

SCRIPT("a SYN-ACK without flags agrees to nothing", covers("RFC3168:1")) {
    ask(t, Ecn::Classic);
    answer(t, {.ace = 0b000});
    t.expect("> . 1:1(0) ack 1");
    CHECK(t.status().ecn == Ecn::Off);
}

SCRIPT("a SYN with one of the two flags does not ask", covers("RFC3168:1")) {
    t.setup.tcp.ecn = Ecn::Classic;  // the answer to RFC 9768 would be another
    t.listen();
    t.inject("< SE 0:0(0) win 65535 <mss 1000>");
    t.expect("> S. 0:0(0) ack 1");
}

SCRIPT("a listener with ECN off answers without", covers("RFC3168:1")) {
    t.setup.tcp.ecn = Ecn::Off;
    t.listen();
    t.inject("< SEW 0:0(0) win 65535 <mss 1000>");
    t.expect("> S. 0:0(0) ack 1");
    t.inject("< . 1:1(0) ack 1 win 65535");
    t.accept();
    CHECK(t.status().ecn == Ecn::Off);
    t.inject("< [ce] P. 1:101(100) ack 1");
    t.expect_within(1s, "> . 1:1(0) ack 101");
}

SCRIPT("a SYN that was not answered is sent again without the flags", covers("RFC3168:5")) {
    ask(t, Ecn::Classic);
    t.expect("+1s > S 0:0(0)");
    // Whatever the answer says now: one of the two SYNs did not ask.
    answer(t, {.ace = 0b001});
    t.expect("> . 1:1(0) ack 1");
    t.app.write(500);
    t.expect("> [noecn] P. 1:501(500) ack 1");
}

SCRIPT("a SYN with the flags that is refused is sent again without", covers("RFC3168:5")) {
    ask(t, Ecn::Classic);
    t.inject("+10ms < R. 0:0(0) ack 1");
    t.expect("> S 0:0(0)");
    answer(t, {.ace = 0b000});
    t.expect("> . 1:1(0) ack 1");
    t.state(State::Established);
}

SCRIPT("a SYN that is refused twice is refused", covers("RFC3168:5")) {
    ask(t, Ecn::Classic);
    t.inject("+10ms < R. 0:0(0) ack 1");
    t.expect("> S 0:0(0)");
    t.inject("+10ms < R. 0:0(0) ack 1");
    t.state(State::Closed);
    CHECK(t.app.error() == Error::Refused);
}

SCRIPT("CE gives ECE on all acknowledgements until CWR", covers("RFC3168:3", "RFC9293:SHLD-8")) {
    accept(t, Ecn::Classic);
    t.inject("< [ect0] . 1:1001(1000) ack 1");
    t.inject("< [ce] P. 1001:2001(1000) ack 1");
    t.expect_within(50ms, "> [noecn] E. 1:1(0) ack 2001");
    t.inject("+1ms < [ect0] P. 2001:3001(1000) ack 1");
    t.expect_within(50ms, "> E. 1:1(0) ack 3001");
    // Data says it too.
    t.app.write(100);
    t.expect("> [ect0] PE. 1:101(100) ack 3001");
    // The window may be one segment now: it is acknowledged at once.
    t.inject("+1ms < [ect0] PW. 3001:4001(1000) ack 101");
    t.expect("> . 101:101(0) ack 4001");
    CHECK(t.counters().tcp_marks_in == 1);
}

SCRIPT("a segment with CWR that is marked itself is echoed again", covers("RFC3168:3")) {
    accept(t, Ecn::Classic);
    t.inject("< [ce] P. 1:1001(1000) ack 1");
    t.expect_within(50ms, "> E. 1:1(0) ack 1001");
    t.inject("+1ms < [ce] PW. 1001:2001(1000) ack 1");
    t.expect("> E. 1:1(0) ack 2001");
}

SCRIPT("a marked segment outside of the window is no congestion of ours", covers("RFC3168:3")) {
    accept(t, Ecn::Classic);
    t.inject("< [ce] P. 900001:901001(1000) ack 1");
    t.expect("> . 1:1(0) ack 1");
}

SCRIPT("ECE halves the window once a round trip, and CWR is on the first new data",
       covers("RFC3168:3", "RFC9293:SHLD-8")) {
    open_classic(t);
    t.app.write(30'000);
    t.expect("> [ect0] . 1:10001(10000) ack 1");
    const u32 before = t.status().cwnd;
    t.inject("+10ms < E. 1:1(0) ack 1001");
    CHECK(t.status().cwnd == before / 2);
    CHECK(t.status().ssthresh == before / 2);
    // Each of the others repeats what the first has said.
    t.inject("+1ms < E. 1:1(0) ack 5001");
    CHECK(t.status().cwnd == before / 2);
    t.inject("+1ms < E. 1:1(0) ack 6001");
    t.expect("> [ect0] W. 10001:11001(1000) ack 1");
    t.inject("+1ms < E. 1:1(0) ack 10001");
    CHECK(t.status().cwnd == before / 2);
    t.expect("> [ect0] . 11001:15001(4000) ack 1");
    CHECK(t.counters().tcp_mark_reductions == 1);
    // The segment with CWR is acknowledged: from here on ECE is a new mark.
    t.inject("+10ms < E. 1:1(0) ack 11001");
    CHECK(t.status().cwnd == 2000);  // a quarter, in whole segments
    CHECK(t.counters().tcp_mark_reductions == 2);
    t.ignore_output();
}

SCRIPT("without SACK it is the same", covers("RFC3168:3")) {
    open_classic(t, "");
    t.app.write(30'000);
    t.expect("> [ect0] . 1:10001(10000) ack 1");
    t.inject("+10ms < E. 1:1(0) ack 1001");
    CHECK(t.status().cwnd == 5000);
    t.inject("+1ms < E. 1:1(0) ack 6001");
    CHECK(t.status().cwnd == 5000);
    t.expect("> [ect0] W. 10001:11001(1000) ack 1");
    // A loss in the same flight reduces no further (RFC 3168 6.1.2).
    t.inject("+1ms < E. 1:1(0) ack 6001");
    t.inject("+1ms < E. 1:1(0) ack 6001");
    t.ignore_output();
    t.inject("+1ms < E. 1:1(0) ack 6001");
    CHECK(t.status().ssthresh == 5000);
    CHECK(t.status().in_recovery);
    t.expect("> [noecn] . 6001:7001(1000) ack 1");
    t.ignore_output();
}

SCRIPT("a retransmission, a bare ACK, a FIN and a window probe may not be marked",
       covers("RFC3168:2")) {
    open_classic(t);
    t.app.write(2000);
    t.expect("> [ect0] P. 1:2001(2000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 1 win 65535 <sack 1001:2001>");
    t.expect_within(100ms, "> [noecn] . 1:1001(1000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 2001 win 0");
    t.app.write(10);
    t.expect_within(5s, "> [noecn] . 2001:2002(1) ack 1");
    t.inject("+1ms < . 1:1(0) ack 2002 win 1000");
    t.expect("> [ect0] PW. 2002:2011(9) ack 1");
    t.inject("+1ms < P. 1:101(100) ack 2011 win 1000");
    t.expect_within(1s, "> [noecn] . 2011:2011(0) ack 101");
    t.app.close();
    t.expect("> [noecn] F. 2011:2011(0) ack 101");
}

SCRIPT("a window that a loss has reduced is told by CWR as well", covers("RFC3168:3")) {
    open_classic(t);
    t.app.write(20'000);
    t.expect("> [ect0] . 1:10001(10000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 1 win 65535 <sack 3001:10001>");
    t.expect("> [noecn] . 1:3001(3000) ack 1");
    t.expect("> [ect0] W. 10001:11001(1000) ack 1");
    t.expect("> [ect0] . 11001:12001(1000) ack 1");
}

SCRIPT("the segment with CWR leaves alone where the link cuts super-segments",
       covers("RFC3168:3")) {
    t.setup.segmentation = true;
    open_classic(t);
    t.app.write(30'000);
    t.expect("> [ect0] . 1:10001(10000) ack 1");
    t.inject("+10ms < E. 1:1(0) ack 10001");
    const auto first = t.next(), second = t.next();
    CHECK(first && first->length == 1000 && (first->flags & wire::Cwr) != 0);
    CHECK(second && second->length == 4000 && (second->flags & wire::Cwr) == 0);
}

SCRIPT("dctcp on classic ECN: ECE is as the last packet was, told at each change",
       covers("RFC3168:3")) {
    t.setup.tcp.congestion = "dctcp";
    t.setup.tcp.ecn = Ecn::Classic;
    accept(t, Ecn::Classic);
    t.inject("< [ect0] . 1:1001(1000) ack 1");
    // What came before the mark is acknowledged without it.
    t.inject("+1ms < [ce] . 1001:2001(1000) ack 1");
    t.expect("> . 1:1(0) ack 1001");
    t.expect("> E. 1:1(0) ack 2001");
    t.inject("+1ms < [ce] . 2001:3001(1000) ack 1");
    t.inject("+1ms < [ect0] . 3001:4001(1000) ack 1");
    t.expect("> E. 1:1(0) ack 3001");
    t.expect("> . 1:1(0) ack 4001");
    t.inject("+1ms < [ce] . 4001:4001(0) ack 1");  // an ACK may not be marked, and tells nothing
    t.quiet(1s);
}

// RFC 9768 3.1.4, 3.1.5 and 3.2.3.2.2: SYNs of two kinds, flags or options that do not get through,
// and what is remembered of it.
#include "ecn/handshake.hh"

using namespace tern;
using namespace tern::script;
using namespace tern::script::ecn;
using namespace std::chrono_literals;

namespace {

// SYNs with the flags are swallowed, or refused by RST; the one without them is answered.
void swallow(Script& t) {
    ask(t, Ecn::Accurate);
    t.expect("+1s > SAWE 0:0(0)");
    t.expect("+2s > S 0:0(0)");
    answer(t, {.ace = 0b000});
    t.expect("> . 1:1(0) ack 1");
    drop(t);
}
void refuse(Script& t) {
    ask(t, Ecn::Accurate);
    t.inject("+10ms < R. 0:0(0) ack 1");
    t.expect("> S 0:0(0)");
    answer(t, {.ace = 0b000});
    t.expect("> . 1:1(0) ack 1");
    drop(t);
}

// A connection is opened without the flags.
void expect_spared(Script& t) {
    t.connect();
    t.expect("> S 0:0(0)");
    answer(t, {.ace = 0b000});
    t.expect("> . 1:1(0) ack 1");
    CHECK(t.status().ecn == Ecn::Off);
    drop(t);
}

bool has_option(const std::optional<wire::PacketLine>& segment) {
    return segment && segment->acc_ecn_order != 0xff;
}

// `n` bytes from the peer, ECN-capable: a counter moves, and the ACK tells it.
void receive(Script& t, u32 from, u32 n) {
    t.inject(line("+1ms < [ect0] P.AE " + std::to_string(from) + ":" + std::to_string(from + n) +
                  "(" + std::to_string(n) + ") ack 1"));
    t.advance(50ms);
}

// Text of ours that has an option leaves, is lost, and comes again without; then it is
// acknowledged.
void lose_text(Script& t, u32 from, u32 peer_seq) {
    t.app.write(100);
    CHECK(has_option(t.next()));
    // RTO stays backed off from loss to loss until a round trip is measured.
    t.advance(std::max<Duration>(1s, t.status().rto + 1ms));
    const auto again = t.next();
    CHECK(again && again->seq == from && again->length == 100 && !has_option(again));
    t.ignore_output();
    t.inject(line("< .AE " + std::to_string(peer_seq) + ":" + std::to_string(peer_seq) +
                  "(0) ack " + std::to_string(from + 100)));
}

// An ACK with an option leaves, and what it acknowledged comes again.
void lose_ack(Script& t, u32 from) {
    receive(t, from, 100);
    CHECK(has_option(t.next()));
    t.ignore_output();
    t.inject(line("+300ms < [ect0] P.AE " + std::to_string(from) + ":" +
                  std::to_string(from + 100) + "(100) ack 1"));
    t.ignore_output();
}

}  // namespace

// --- SYNs and SYN-ACKs of several kinds

SCRIPT("the first SYN that was lost is sent again as it was, the next one without the flags",
       covers("RFC9768:6")) {
    ask(t, Ecn::Accurate);
    t.expect("+1s > SAWE 0:0(0)");
    t.expect("+2s > S 0:0(0)");
    answer(t);
    t.expect("> .W 1:1(0) ack 1");
    // 3.1.4.1: an answer that agrees knows what it agrees to; the client may send ECT.
    CHECK(t.status().ecn == Ecn::Accurate);
    t.app.write(1000);
    t.expect("> [ect0] P.AE 1:1001(1000) ack 1");
}

SCRIPT("so is a SYN-ACK, the first time without the option", covers("RFC9768:6", "RFC9768:5")) {
    t.listen();
    syn(t, 0b111);
    t.expect("> SW. 0:0(0) ack 1 <mss 1460,sackOK,ECN0 e0b 1>");
    t.expect("+1s > SW. 0:0(0) ack 1 <mss 1460,sackOK>");
    t.expect("+2s > S. 0:0(0) ack 1 <mss 1460,sackOK>");
    t.inject("+10ms < .W 1:1(0) ack 1 win 65535");
    t.accept();
    // 3.1.5: it has sent a SYN-ACK without the flags, and MUST NOT set ECT any more.
    CHECK(t.status().ecn == Ecn::Accurate);
    CHECK(!t.status().ecn_capable);
}

SCRIPT("a SYN that comes again without the flags changes no mode, but forbids ECT to the server",
       covers("RFC9768:6")) {
    t.listen();
    asked(t, Ecn::Accurate);
    // The answer agrees once more, and tells how the latest SYN came.
    syn(t, 0b000, "[ce] ");
    t.expect("> SAW. 0:0(0) ack 1 <mss 1460,sackOK>");
    t.inject("+10ms < .W 1:1(0) ack 1 win 65535");
    t.accept();
    CHECK(t.status().ecn == Ecn::Accurate);
    t.app.write(100);
    t.expect("> [noecn] P.AE 1:101(100) ack 1");
    // The feedback goes on.
    t.inject("+1ms < [ce] P.AE 1:101(100) ack 101");
    t.expect("> .AW 101:101(0) ack 101");
}

SCRIPT("who was asked without ECN first answers without, whatever comes then",
       covers("RFC9768:6")) {
    t.listen();
    syn(t, 0b000);
    t.expect("> S. 0:0(0) ack 1");
    for (const u8 later : {0b011, 0b111}) {
        syn(t, later);
        t.expect("> S. 0:0(0) ack 1");
    }
    t.inject("< . 1:1(0) ack 1 win 65535");
    t.accept();
    CHECK(t.status().ecn == Ecn::Off);
}

SCRIPT("a classic request that is taken back leaves a server that sends nothing ECN-capable",
       covers("RFC9768:6", "RFC3168:5")) {
    t.listen();
    asked(t, Ecn::Classic);
    syn(t, 0b000);
    t.expect("> S. 0:0(0) ack 1");
    t.inject("< . 1:1(0) ack 1 win 65535");
    t.accept();
    CHECK(t.status().ecn == Ecn::Classic);
    t.app.write(100);
    t.expect("> [noecn] P. 1:101(100) ack 1");
}

SCRIPT("SYNs of both kinds in one handshake end it by RST", covers("RFC9768:6")) {
    t.listen();
    u16 port = 40000;
    for (const Ecn first : {Ecn::Accurate, Ecn::Classic}) {
        t.peer_port(port++);
        const u32 before = t.count().embryos;
        asked(t, first);
        syn(t, asking(first == Ecn::Accurate ? Ecn::Classic : Ecn::Accurate));
        // Acceptable to who has had no SYN-ACK, and to who has.
        t.expect("> [noecn] R. 1:1(0) ack 1");
        CHECK(t.count().embryos == before);
        // The same flow may begin anew.
        asked(t, first);
    }
    CHECK(t.drops(DropReason::TcpMixedEcn) == 2);
}

SCRIPT("a listener that knows the classic kind alone takes both requests for it",
       covers("RFC9768:6", "RFC3168:1")) {
    t.setup.tcp.ecn = Ecn::Classic;
    t.listen();
    asked(t, Ecn::Classic);
    syn(t, 0b111);
    t.expect("> SE. 0:0(0) ack 1");
    CHECK(t.drops(DropReason::TcpMixedEcn) == 0);
}

SCRIPT("both sides open at once, and the peer asks for both kinds: RST", covers("RFC9768:6")) {
    ask(t, Ecn::Accurate);
    syn(t, 0b111);
    t.expect("> SW. 0:0(0) ack 1");
    syn(t, 0b011);
    t.expect("> R. 1:1(0) ack 1");
    t.state(State::Closed);
    CHECK(t.app.error() == Error::Aborted);
    CHECK(t.drops(DropReason::TcpMixedEcn) == 1);
}

SCRIPT("the ACK of a SYN-ACK that comes again tells how that one came; a mark counts once",
       covers("RFC9768:2")) {
    open(t, Ecn::Accurate);
    const auto again = [&](const char* mark, const char* flags) {
        answer(t, {.mark = mark});
        t.expect(line(std::string("> ") + flags + " 1:1(0) ack 1"));
    };
    again("[ect0] ", ".A");
    again("[ect1] ", ".WE");
    again("[ce] ", ".AW");
    again("[ce] ", ".AW");
    CHECK(t.status().marks_received == 1);
    // Established: what flags a SYN-ACK has changes nothing any more (3.1.5).
    answer(t, {.ace = 0b001});
    t.expect("> .AW 1:1(0) ack 1");
    CHECK(t.status().ecn == Ecn::Accurate);
}

// --- the memory of hosts

SCRIPT(
    "three connections in a row whose SYNs with the flags were swallowed, or refused: the next "
    "ones go without, for a while",
    covers("RFC9768:6")) {
    t.setup.limits.tcp_ecn_retry = 60s;
    swallow(t);
    refuse(t);
    swallow(t);
    expect_spared(t);
    t.quiet(30s);
    expect_spared(t);
    // It ends by itself: one connection asks again, and what it meets decides.
    t.quiet(30s);
    swallow(t);
    expect_spared(t);
    t.quiet(60s);
    open(t, Ecn::Accurate);
    drop(t);
    swallow(t);
    swallow(t);
    ask(t, Ecn::Accurate);
}

SCRIPT("a host that answers SYNs with the flags is no such host, whatever it answers",
       covers("RFC9768:6")) {
    for (int i = 0; i < 5; ++i) {
        ask(t, Ecn::Accurate);
        answer(t, {.ace = 0b000});
        t.expect("> . 1:1(0) ack 1");
        drop(t);
        swallow(t);
        swallow(t);
    }
    // Nor is one that answers the last SYN by the first one's kind, or refuses both.
    ask(t, Ecn::Accurate);
    t.expect("+1s > SAWE 0:0(0)");
    t.expect("+2s > S 0:0(0)");
    answer(t);
    t.expect("> .W 1:1(0) ack 1");
    drop(t);
    for (int i = 0; i < 4; ++i) {
        ask(t, Ecn::Accurate);
        t.inject("+10ms < R. 0:0(0) ack 1");
        t.expect("> S 0:0(0)");
        t.inject("+10ms < R. 0:0(0) ack 1");
        t.state(State::Closed);
        t.app.release();
    }
    ask(t, Ecn::Accurate);
}

SCRIPT("who is spared the question may still ask: a host's own SYN is answered",
       covers("RFC9768:6")) {
    for (int i = 0; i < 3; ++i) swallow(t);
    expect_spared(t);
    t.peer_port(41000);
    accept(t, Ecn::Accurate);
    CHECK(t.status().ecn == Ecn::Accurate);
}

// --- options that do not get through

SCRIPT("the first text of a client has an option, and what is sent again has none",
       covers("RFC9768:5")) {
    open(t, Ecn::Accurate);
    lose_text(t, 1, 1);
    // Nothing is known yet: the next counter that moves is told.
    receive(t, 1, 100);
    CHECK(has_option(t.next()));
}

SCRIPT("text that comes again has no option though a counter has moved", covers("RFC9768:5")) {
    open(t, Ecn::Accurate);
    t.app.write(100);
    CHECK(has_option(t.next()));
    // Its ACK would be delayed; the probe of the tail takes it along.
    t.inject("+190ms < [ect0] P.AE 1:101(100) ack 1");
    t.advance(20ms);
    const auto again = t.next();
    CHECK(again && again->seq == 1 && again->ack == 101 && !has_option(again));
}

SCRIPT("two losses before any success: no option any more, and none for the next connection",
       covers("RFC9768:5")) {
    t.setup.limits.tcp_ecn_retry = 300s;
    open(t, Ecn::Accurate, ",sackOK,ECN0 e0b 1 ceb 0 e1b 1");
    lose_text(t, 1, 1);
    t.inject("+1ms < [ect0] .AE 1:101(100) ack 101");
    lose_text(t, 101, 101);
    receive(t, 101, 100);
    const auto ack = t.next();
    CHECK(ack && ack->ack == 201 && !has_option(ack));
    // What the peer tells is read as before.
    t.app.write(100);
    CHECK(!has_option(t.next()));
    t.inject("+1ms < .AW 201:201(0) ack 301 <ECN0 e0b 201 ceb 100>");
    CHECK(t.status().marks_told == 1);
    drop(t);

    ask(t, Ecn::Accurate);
    answer(t);
    CHECK(!has_option(t.next()));
    drop(t);
    t.listen();
    t.peer_port(41000);
    syn(t, 0b111);
    t.expect("> SW. 0:0(0) ack 1 <mss 1460,sackOK>");
    t.inject("< R 1:1(0)");
    // For a while.
    t.quiet(300s);
    syn(t, 0b111);
    t.expect("> SW. 0:0(0) ack 1 <mss 1460,sackOK,ECN0 e0b 1>");
}

SCRIPT("once an option has got through, losses are losses", covers("RFC9768:5")) {
    open(t, Ecn::Accurate);
    t.app.write(100);
    CHECK(has_option(t.next()));
    t.inject("+1ms < .AE 1:1(0) ack 101");
    u32 seq = 1;
    for (u32 i = 0; i < 3; ++i, seq += 100) {
        const std::string from = std::to_string(seq), to = std::to_string(seq + 100);
        const std::string acked = std::to_string(101 + 100 * i);
        t.inject(line("+1ms < [ect0] .AE " + from + ":" + to + "(100) ack " + acked));
        lose_text(t, 101 + 100 * i, seq + 100);
    }
    t.inject("+1ms < [ect0] P.AE 301:401(100) ack 401");
    t.advance(50ms);
    CHECK(has_option(t.next()));
}

SCRIPT("text that always comes again tells that ACKs with options are dropped",
       covers("RFC9768:5")) {
    accept(t, Ecn::Accurate);
    lose_ack(t, 1);
    lose_ack(t, 101);
    receive(t, 201, 100);
    const auto ack = t.next();
    CHECK(ack && ack->ack == 301 && !has_option(ack));
}

SCRIPT("an echo of the timestamp tells that the ACK with the option has arrived",
       covers("RFC9768:5")) {
    t.listen();
    t.inject("< SAWE 0:0(0) win 65535 <mss 1000,TS val 1 ecr 0>");
    t.expect("> SW. 0:0(0) ack 1");
    t.auto_timestamps(true);
    t.inject("< .W 1:1(0) ack 1 win 65535");
    t.accept();
    // Each time the peer echoes what the ACK before had.
    for (u32 from = 1; from < 600; from += 100) lose_ack(t, from);
    receive(t, 601, 100);
    CHECK(has_option(t.next()));
}

SCRIPT("a SYN-ACK whose option was swallowed counts, so a server gives up one loss later",
       covers("RFC9768:5")) {
    t.listen();
    syn(t, 0b111);
    t.expect("> SW. 0:0(0) ack 1 <mss 1460,sackOK,ECN0 e0b 1>");
    t.expect("+1s > SW. 0:0(0) ack 1 <mss 1460,sackOK>");
    t.inject("+10ms < .W 1:1(0) ack 1 win 65535");
    t.accept();
    lose_ack(t, 1);
    receive(t, 101, 100);
    const auto ack = t.next();
    CHECK(ack && ack->ack == 201 && !has_option(ack));
}

// --- ACE in what leaves without a full record, or as its last word

SCRIPT("TIME-WAIT answers with the count of marks that the connection had", covers("RFC9768:2")) {
    accept(t, Ecn::Accurate);
    t.inject("< [ce] P.AE 1:101(100) ack 1");
    t.expect("> .AW 1:1(0) ack 101");
    t.app.close();
    t.expect("> F.AW 1:1(0) ack 101");
    t.inject("+1ms < F.AE 101:101(0) ack 2");
    t.expect("> .AW 2:2(0) ack 102");
    t.state(State::TimeWait);
    t.inject("+1s < F.AE 101:101(0) ack 2");
    t.expect("> .AW 2:2(0) ack 102");
    t.inject("+1s < P.AE 1:101(100) ack 2");
    t.expect("> .AW 2:2(0) ack 102");
}

SCRIPT("TIME-WAIT of a classic connection has no flags", covers("RFC9768:2", "RFC3168:3")) {
    accept(t, Ecn::Classic);
    t.active_close();
    t.inject("+1s < F. 1:1(0) ack 2");
    t.expect("> . 2:2(0) ack 2");
}

SCRIPT("so does the RST of an abort", covers("RFC9768:2")) {
    accept(t, Ecn::Accurate);
    t.inject("< [ce] P.AE 1:101(100) ack 1");
    t.expect("> .AW 1:1(0) ack 101");
    t.app.abort();
    t.expect("> R.AW 1:1(0) ack 101");
}

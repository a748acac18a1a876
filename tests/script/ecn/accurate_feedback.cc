// RFC 9768 3.2: counters of marks, in three bits and in an option.
#include "ecn/handshake.hh"

using namespace tern;
using namespace tern::script;
using namespace tern::script::ecn;
using namespace std::chrono_literals;

namespace {

const std::string k_with_option = ",sackOK,ECN0 e0b 1 ceb 0 e1b 1";

// Twenty segments may leave at once.
void open_accurate(Script& t, const std::string& options) {
    t.setup.limits.tcp_initial_window_segments = 20;
    open(t, Ecn::Accurate, options);
}

}  // namespace

SCRIPT("ACE counts packets with CE from 5 on, modulo 8; the option counts bytes",
       covers("RFC9768:2", "RFC9768:5")) {
    accept(t, Ecn::Accurate);
    t.inject("< [ect0] . 1:1001(1000) ack 1");
    t.inject("< [ect0] P. 1001:2001(1000) ack 1");
    t.expect_within(50ms, "> .AE 1:1(0) ack 2001 <ECN0 e0b 2001>");
    u32 seq = 2001;
    for (u32 marks = 1; marks <= 10; ++marks) {
        const std::string from = std::to_string(seq), to = std::to_string(seq + 1000);
        t.inject(line("+1ms < [ce] P. " + from + ":" + to + "(1000) ack 1"));
        seq += 1000;
        t.advance(50ms);
        const auto ack = t.next();
        CHECK(ack && ack->ack == seq);
        CHECK(wire::ace_of(ack->flags) == ((5 + marks) & 7));
        CHECK(ack->acc_ecn_order == 0 && ack->acc_ecn_count == 2);
        CHECK(ack->acc_ecn[0] == 2001 && ack->acc_ecn[1] == marks * 1000);
    }
    CHECK(t.status().marks_received == 10);
}

SCRIPT("a mark after none is told at once, and every second one after it", covers("RFC9768:4")) {
    accept(t, Ecn::Accurate);
    t.inject("< [ce] . 1:101(100) ack 1");
    t.expect("> .AW 1:1(0) ack 101");
    t.inject("+1ms < [ce] . 101:201(100) ack 1");
    t.quiet(5ms);
    t.inject("< [ce] . 201:301(100) ack 1");
    t.expect("> . 1:1(0) ack 301");
}

SCRIPT("ECT(1) gets its own counter, in the order that is shorter", covers("RFC9768:5")) {
    accept(t, Ecn::Accurate);
    t.inject("< [ect1] P. 1:101(100) ack 1");
    t.expect_within(50ms, "> .AE 1:1(0) ack 101 <ECN1 e1b 101>");
    t.inject("< [ce] P. 101:201(100) ack 1");
    t.expect("> .AW 1:1(0) ack 201 <ECN1 e1b 101 ceb 100>");
    t.inject("< [ect0] P. 201:301(100) ack 1");
    t.expect_within(50ms, "> .AW 1:1(0) ack 301 <ECN0 e0b 101 ceb 100 e1b 101>");
}

SCRIPT("beside SACK the option goes as far as two blocks leave room", covers("RFC9768:5")) {
    open_accurate(t, k_with_option + ",TS val 1010 ecr 0");
    t.inject("+1ms < [ect0] .AE 1001:2001(1000) ack 1");
    t.expect("> .AE 1:1(0) ack 1 <TS val 11 ecr 1010,sack 1001:2001,ECN0 e0b 1001>");
    t.inject("+1ms < [ce] .AE 3001:4001(1000) ack 1");
    t.expect(
        "> .AW 1:1(0) ack 1 <TS val 12 ecr 1010,sack 3001:4001 1001:2001,"
        "ECN0 e0b 1001 ceb 1000>");
    // Three counters and two blocks are more than 40 bytes: what is lost comes first.
    t.inject("+1ms < [ect1] .AE 5001:6001(1000) ack 1");
    const auto ack = t.next();
    CHECK(ack && ack->sack_count == 3 && ack->acc_ecn_order == 0xff);
}

SCRIPT("the option never goes into a SYN, and beside data only into what is not full",
       covers("RFC9768:5")) {
    open_accurate(t, k_with_option);
    t.inject("+1ms < [ect0] .AE 1:101(100) ack 1");
    t.app.write(1000);
    const auto full = t.next();
    CHECK(full && full->length == 1000 && full->acc_ecn_order == 0xff);
    t.inject("+1ms < [ect0] .AE 101:201(100) ack 1001");
    t.app.write(100);
    const auto small = t.next();
    CHECK(small && small->length == 100 && small->acc_ecn_order == 0 && small->acc_ecn[0] == 201);
}

SCRIPT("ECEB says how many bytes met congestion, once: the window is reduced once a round trip",
       covers("RFC9768:2", "RFC9768:4")) {
    open_accurate(t, k_with_option);
    t.app.write(60'000);
    t.expect("> [ect0] .AE 1:20001(20000) ack 1");
    const u32 before = t.status().cwnd;
    t.inject("+10ms < .AE 1:1(0) ack 2001 <ECN0 e0b 2001>");
    t.ignore_output();
    t.inject("+1ms < .AW 1:1(0) ack 4001 <ECN0 e0b 3001 ceb 1000>");
    const u32 after = t.status().cwnd;
    CHECK(after < before);
    t.inject("+1ms < . 1:1(0) ack 6001 <ECN0 e0b 3001 ceb 3000>");
    CHECK(t.status().cwnd == after);
    CHECK(t.status().marks_told == 3);
    CHECK(t.counters().tcp_mark_reductions == 1);
    // No CWR flag: the three bits are a counter of ours.
    t.inject("+1ms < . 1:1(0) ack 20001 <ECN0 e0b 17001 ceb 3000>");
    const auto next = t.next();
    CHECK(next && wire::ace_of(next->flags) == 5);
    t.ignore_output();
}

SCRIPT("without options an ACK of many segments means as many marks as its three bits can",
       covers("RFC9768:4")) {
    open_accurate(t, ",sackOK");
    t.app.write(60'000);
    t.expect("> [ect0] .AE 1:20001(20000) ack 1");
    // 5 and 3: six marks, or 14 among 18.
    t.inject("+10ms < .WE 1:1(0) ack 18001");
    CHECK(t.status().marks_told == 14);
    t.ignore_output();
}

SCRIPT("with options the bytes tell how often the three bits have wrapped", covers("RFC9768:4")) {
    open_accurate(t, k_with_option);
    t.app.write(60'000);
    t.expect("> [ect0] .AE 1:20001(20000) ack 1");
    t.inject("+10ms < .WE 1:1(0) ack 18001 <ECN0 e0b 12001 ceb 6000>");
    CHECK(t.status().marks_told == 6);
    t.ignore_output();
    t.inject("+10ms < .WE 1:1(0) ack 20001 <ECN0 e0b 14001 ceb 6000>");
    CHECK(t.status().marks_told == 6);
    t.ignore_output();
}

SCRIPT("an option that came zeroed is ignored for good", covers("RFC9768:5")) {
    open_accurate(t, ",sackOK,ECN0 e0b 0 ceb 0 e1b 0");
    t.app.write(2000);
    t.expect("> [ect0] P.AE 1:2001(2000) ack 1");
    t.inject("+10ms < .AE 1:1(0) ack 1001 <ECN0 e0b 0 ceb 5000>");
    CHECK(t.counters().tcp_mark_reductions == 0);
    t.inject("+1ms < .AW 1:1(0) ack 2001 <ECN0 e0b 0 ceb 0>");
    CHECK(t.status().marks_told == 1);
}

SCRIPT("bytes that were marked in no packet: somebody mangles, nothing more is sent ECN-capable",
       covers("RFC9768:3")) {
    open_accurate(t, k_with_option);
    t.app.write(2000);
    t.expect("> [ect0] P.AE 1:2001(2000) ack 1");
    t.inject("+10ms < .AE 1:1(0) ack 2001 <ECN0 e0b 1001 ceb 1000>");
    CHECK(!t.status().ecn_capable);
}

SCRIPT("no super-segment while ACE has the bit that the link would clear", covers("RFC9768:2")) {
    t.setup.segmentation = true;
    open_accurate(t, k_with_option);
    t.app.write(4000);
    t.expect("> [ect0] P.AE 1:4001(4000) ack 1");
    t.inject("+10ms < [ce] .AE 1:101(100) ack 4001");
    t.expect("> .AW 4001:4001(0) ack 101");
    t.app.write(4000);
    for (int i = 0; i < 4; ++i) {
        const auto piece = t.next();
        CHECK(piece && piece->length == 1000 && wire::ace_of(piece->flags) == 6);
    }
}

// RFC 9768 3.1 and 3.2.2.1: who agrees to Accurate ECN, and the tests that the handshake allows.
#include "ecn/handshake.hh"

using namespace tern;
using namespace tern::script;
using namespace tern::script::ecn;
using namespace std::chrono_literals;

namespace {

struct Answer {
    u8 ace;
    Ecn agreed;
    bool capable;
};

}  // namespace

SCRIPT("a SYN asks by all three flags; the SYN-ACK decides what is agreed (table 2)",
       covers("RFC9768:1")) {
    constexpr Answer answers[] = {
        {0b000, Ecn::Off, false},      {0b001, Ecn::Classic, true},   {0b010, Ecn::Accurate, true},
        {0b011, Ecn::Accurate, false}, {0b100, Ecn::Accurate, false}, {0b101, Ecn::Accurate, true},
        {0b110, Ecn::Accurate, false}, {0b111, Ecn::Off, false},
    };
    for (const Answer& a : answers) {
        ask(t, Ecn::Accurate);
        answer(t, {a.ace});
        // What SYN-ACK came with is told back: 010, Not-ECT.
        if (a.agreed == Ecn::Accurate)
            t.expect("> [noecn] .W 1:1(0) ack 1");
        else
            t.expect("> [noecn] . 1:1(0) ack 1");
        CHECK(t.status().ecn == a.agreed);
        CHECK(t.status().ecn_capable == a.capable);
        drop(t);
    }
}

SCRIPT("a server tells back how the SYN came (table 2)", covers("RFC9768:1")) {
    t.setup.limits.tcp_rto_initial = 60s;
    t.listen();
    syn(t, 0b111, "[noecn] ");
    t.expect("> [noecn] SW. 0:0(0) ack 1 <mss 1460,sackOK,ECN0 e0b 1>");
    t.peer_port(40001);
    syn(t, 0b111, "[ect1] ");
    t.expect("> [noecn] SWE. 0:0(0) ack 1");
    t.peer_port(40002);
    syn(t, 0b111, "[ect0] ");
    t.expect("> [noecn] SA. 0:0(0) ack 1");
    t.peer_port(40003);
    syn(t, 0b111, "[ce] ");
    t.expect("> [noecn] SAW. 0:0(0) ack 1");
}

SCRIPT("a server takes the flags of a SYN as table 2 says, and those of tomorrow as a request",
       covers("RFC9768:1", "RFC3168:1")) {
    t.setup.limits.tcp_rto_initial = 60s;
    t.listen();
    for (u8 ace = 0; ace < 8; ++ace) {
        t.peer_port(static_cast<u16>(40000 + ace));
        syn(t, ace);
        t.expect(line(std::string("> S.") +
                      (ace == 0       ? ""
                       : ace == 0b011 ? "E"
                                      : "W") +
                      " 0:0(0) ack 1"));
    }
}

SCRIPT("the last ACK tells how the SYN-ACK came (table 3)", covers("RFC9768:2")) {
    ask(t, Ecn::Accurate);
    answer(t, {.options = ",ECN0 e0b 1 ceb 0 e1b 1", .mark = "[ce] "});
    t.expect("> [noecn] .AW 1:1(0) ack 1 <ECN0 e0b 1>");
    // r.cep is 6 from there on: a mark on a SYN-ACK counts.
    t.inject("+10ms < .AE 1:1(0) ack 1 win 65535");
    t.inject("+10ms < [ect0] P.AE 1:101(100) ack 1");
    t.expect_within(50ms, "> .AW 1:1(0) ack 101");
    CHECK(t.status().marks_received == 1);
}

SCRIPT("a server reads the last ACK by table 4", covers("RFC9768:2", "RFC9768:3")) {
    t.setup.limits.tcp_rto_initial = 60s;
    t.listen();
    struct Row {
        u8 ace;
        bool capable;
        u32 told;
    };
    constexpr Row rows[] = {{0b000, false, 0}, {0b001, true, 0},  {0b010, true, 0},
                            {0b011, false, 0}, {0b100, false, 0}, {0b101, true, 0},
                            {0b110, false, 1}, {0b111, true, 0}};
    for (const Row& r : rows) {
        t.peer_port(static_cast<u16>(40000 + r.ace));
        asked(t, Ecn::Accurate);
        t.inject(line("< ." + letters(r.ace) + " 1:1(0) ack 1 win 65535"));
        t.accept();
        CHECK(t.status().ecn == Ecn::Accurate);
        CHECK(t.status().ecn_capable == r.capable);
        CHECK(t.status().marks_told == r.told);
    }
}

SCRIPT("a first ACE of zero was mangled: nothing is sent ECN-capable, and no mark believed",
       covers("RFC9768:3")) {
    t.setup.limits.tcp_initial_window_segments = 10;
    open(t, Ecn::Accurate);
    t.app.write(2000);
    t.expect("> [ect0] P.AE 1:2001(2000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 1001");
    const u32 cwnd = t.status().cwnd;
    t.inject("+1ms < .W 1:1(0) ack 2001");
    CHECK(t.status().cwnd >= cwnd);
    CHECK(t.counters().tcp_mark_reductions == 0);
    CHECK(!t.status().ecn_capable);
    t.app.write(1000);
    t.expect("> [noecn] P.AE 2001:3001(1000) ack 1");
}

SCRIPT("both sides open at once and ask: each answers the other's SYN", covers("RFC9768:1")) {
    ask(t, Ecn::Accurate);
    syn(t, 0b111);
    t.expect("> SW. 0:0(0) ack 1 <mss 1460,sackOK,ECN0 e0b 1>");
    answer(t);
    t.state(State::Established);
    CHECK(t.status().ecn == Ecn::Accurate);
    t.app.write(100);
    t.expect("> [ect0] P.AE 1:101(100) ack 1");
}

SCRIPT("a SYN cookie forgets ECN", covers("RFC9768:1")) {
    t.setup.listen.syn_backlog = 0;
    t.listen();
    syn(t, 0b111);
    t.expect("> S. 0:0(0) ack 1");
}

SCRIPT("dctcp asks for every mark by itself", covers("RFC9768:1")) {
    t.setup.tcp.congestion = "dctcp";
    t.connect();
    t.expect("> SAWE 0:0(0)");
}

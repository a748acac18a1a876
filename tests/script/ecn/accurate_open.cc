// RFC 9768 3.1 and 3.2.2.1: who agrees to Accurate ECN, and the tests that the handshake allows.
#include "lab/script/on_gtest.hh"

using namespace tern;
using namespace tern::script;
using namespace std::chrono_literals;

namespace {

std::string letters(u8 ace) {
    std::string s;
    if (ace & 4) s += 'A';
    if (ace & 2) s += 'W';
    if (ace & 1) s += 'E';
    return s;
}

struct Answer {
    u8 ace;
    Ecn agreed;
    bool capable;
};

void ask(Script& t) {
    t.setup.tcp.ecn = Ecn::Accurate;
    t.connect();
    t.expect("> [noecn] SAWE 0:0(0)");
}

}  // namespace

SCRIPT("a SYN asks by all three flags; the SYN-ACK decides what is agreed (table 2)",
       covers("RFC9768:1")) {
    constexpr Answer answers[] = {
        {0b000, Ecn::Off, false},      {0b001, Ecn::Classic, true},   {0b010, Ecn::Accurate, true},
        {0b011, Ecn::Accurate, false}, {0b100, Ecn::Accurate, false}, {0b101, Ecn::Classic, true},
        {0b110, Ecn::Accurate, false}, {0b111, Ecn::Off, false},
    };
    t.setup.tcp.ecn = Ecn::Accurate;
    for (const Answer& a : answers) {
        t.connect();
        t.expect("> [noecn] SAWE 0:0(0)");
        t.inject(line("< S." + letters(a.ace) + " 0:0(0) ack 1 win 65535 <mss 1000>"));
        // What SYN-ACK came with is told back: 010, Not-ECT.
        if (a.agreed == Ecn::Accurate)
            t.expect("> [noecn] .W 1:1(0) ack 1");
        else
            t.expect("> [noecn] . 1:1(0) ack 1");
        CHECK(t.status().ecn == a.agreed);
        CHECK(t.status().ecn_capable == a.capable);
        t.app.abort();
        t.app.release();
        t.ignore_output();
    }
}

SCRIPT("a server tells back how the SYN came (table 2)", covers("RFC9768:1")) {
    t.setup.limits.tcp_rto_initial = 60s;
    t.listen();
    t.inject("< [noecn] SAWE 0:0(0) win 65535 <mss 1000>");
    t.expect("> [noecn] SW. 0:0(0) ack 1 <mss 1460,ECN0 e0b 1>");
    t.peer_port(40001);
    t.inject("< [ect1] SAWE 0:0(0) win 65535 <mss 1000>");
    t.expect("> [noecn] SWE. 0:0(0) ack 1");
    t.peer_port(40002);
    t.inject("< [ect0] SAWE 0:0(0) win 65535 <mss 1000>");
    t.expect("> [noecn] SA. 0:0(0) ack 1");
    t.peer_port(40003);
    t.inject("< [ce] SAWE 0:0(0) win 65535 <mss 1000>");
    t.expect("> [noecn] SAW. 0:0(0) ack 1");
}

SCRIPT("a server takes the flags of a SYN as table 2 says, and those of tomorrow as a request",
       covers("RFC9768:1", "RFC3168:1")) {
    t.setup.limits.tcp_rto_initial = 60s;
    t.listen();
    for (u8 ace = 0; ace < 8; ++ace) {
        t.peer_port(static_cast<u16>(40000 + ace));
        t.inject(line("< S" + letters(ace) + " 0:0(0) win 65535 <mss 1000>"));
        t.expect(line(std::string("> S.") +
                      (ace == 0       ? ""
                       : ace == 0b011 ? "E"
                                      : "W") +
                      " 0:0(0) ack 1"));
    }
}

SCRIPT("the last ACK tells how the SYN-ACK came (table 3)", covers("RFC9768:2")) {
    ask(t);
    t.inject("+10ms < [ce] SW. 0:0(0) ack 1 win 65535 <mss 1000,ECN0 e0b 1 ceb 0 e1b 1>");
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
        t.inject("< SAWE 0:0(0) win 65535 <mss 1000>");
        t.expect("> SW. 0:0(0) ack 1");
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
    ask(t);
    t.inject("+10ms < SW. 0:0(0) ack 1 win 65535 <mss 1000,sackOK>");
    t.expect("> .W 1:1(0) ack 1");
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

SCRIPT("the first SYN that was lost is sent again as it was, the next one without the flags",
       covers("RFC9768:6")) {
    t.setup.tcp.ecn = Ecn::Accurate;
    t.connect();
    t.expect("> SAWE 0:0(0)");
    t.expect("+1s > SAWE 0:0(0)");
    t.expect("+2s > S 0:0(0)");
    t.inject("+10ms < SW. 0:0(0) ack 1 win 65535 <mss 1000>");
    t.expect("> .W 1:1(0) ack 1");
    // The peer may have seen either: we tell what comes, and send nothing that could be marked.
    CHECK(t.status().ecn == Ecn::Accurate);
    t.app.write(1000);
    t.expect("> [noecn] P.AE 1:1001(1000) ack 1");
}

SCRIPT("so is a SYN-ACK, the first time without the option", covers("RFC9768:6", "RFC9768:5")) {
    t.listen();
    t.inject("< SAWE 0:0(0) win 65535 <mss 1000>");
    t.expect("> SW. 0:0(0) ack 1 <mss 1460,ECN0 e0b 1>");
    t.expect("+1s > SW. 0:0(0) ack 1 <mss 1460>");
    t.expect("+2s > S. 0:0(0) ack 1 <mss 1460>");
    t.inject("+10ms < .W 1:1(0) ack 1 win 65535");
    t.accept();
    CHECK(!t.status().ecn_capable);
}

SCRIPT("a SYN that comes again without the flags takes the request back", covers("RFC9768:6")) {
    t.listen();
    t.inject("< SAWE 0:0(0) win 65535 <mss 1000>");
    t.expect("> SW. 0:0(0) ack 1");
    t.inject("+100ms < S 0:0(0) win 65535 <mss 1000>");
    t.expect("> S. 0:0(0) ack 1");
    t.inject("+10ms < . 1:1(0) ack 1 win 65535");
    t.accept();
    CHECK(t.status().ecn == Ecn::Off);
}

SCRIPT("both sides open at once and ask: each answers the other's SYN", covers("RFC9768:1")) {
    t.setup.tcp.ecn = Ecn::Accurate;
    t.connect();
    t.expect("> SAWE 0:0(0)");
    t.inject("+10ms < SAWE 0:0(0) win 65535 <mss 1000>");
    t.expect("> SW. 0:0(0) ack 1");
    t.inject("+10ms < SW. 0:0(0) ack 1 win 65535 <mss 1000>");
    t.state(State::Established);
    CHECK(t.status().ecn == Ecn::Accurate);
    t.app.write(100);
    t.expect("> [ect0] P.AE 1:101(100) ack 1");
}

SCRIPT("a SYN cookie forgets ECN", covers("RFC9768:1")) {
    t.setup.listen.syn_backlog = 0;
    t.listen();
    t.inject("< SAWE 0:0(0) win 65535 <mss 1000>");
    t.expect("> S. 0:0(0) ack 1");
}

SCRIPT("dctcp asks for every mark by itself", covers("RFC9768:1")) {
    t.setup.tcp.congestion = "dctcp";
    t.connect();
    t.expect("> SAWE 0:0(0)");
}

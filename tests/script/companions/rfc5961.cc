// RFC 5961: blind attackers; RFC 1337 and RFC 6191: TIME-WAIT; RFC 5927: forged ICMP.
#include "lab/script/on_gtest.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;

SCRIPT("RST: exact resets, inside the window is challenged, outside is silence",
       covers("RFC5961:1", "RFC9293:U-5", "VULN:blind-rst")) {
    t.passive_open({.wscale = {}});
    const u32 wnd = t.status().rcv_wnd;
    for (u32 seq : {2u, 100u, wnd}) {
        const std::string s = std::to_string(seq);
        t.inject(script::line("+1s < R " + s + ":" + s + "(0)"));
        t.expect("> . 1:1(0) ack 1");
    }
    CHECK(t.drops(DropReason::TcpResetChallenged) == 3);
    for (u32 seq : {0u, wnd + 1, wnd + 70'000}) {
        const std::string s = std::to_string(seq);
        t.inject(script::line("+1s < R " + s + ":" + s + "(0)"));
        t.quiet();
    }
    CHECK(t.drops(DropReason::TcpResetOutOfWindow) == 3);
    t.state(State::Established);
    t.inject("< R 1:1(0)");
    t.state(State::Closed);
    CHECK(t.app.error() == Error::Reset);
}

SCRIPT("SYN on a synchronized connection is challenged, whatever its number",
       covers("RFC5961:2", "RFC9293:U-6", "VULN:blind-syn")) {
    t.passive_open({.wscale = {}});
    for (u32 seq : {0u, 1u, 2u, 500u, 65535u, 65536u, 200'000u}) {
        const std::string s = std::to_string(seq);
        t.inject(script::line("+1s < S " + s + ":" + s + "(0) win 1000"));
        t.expect("> . 1:1(0) ack 1");
    }
    CHECK(t.drops(DropReason::TcpSynChallenged) == 7);
    t.state(State::Established);
}

SCRIPT("ACKs outside UNA - MAX.SND.WND .. NXT are answered and dropped with their data",
       covers("RFC5961:3", "RFC9293:MAY-12", "RFC9293:U-9", "VULN:blind-data")) {
    t.passive_open({.mss = 1000, .wscale = {}, .window = 5000});
    t.app.write(4000);
    t.expect("> P. 1:4001(4000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 4001");
    // 4001 - 5000 is as old as may be.
    t.inject("+1s < P. 1:11(10) ack 1");
    t.expect_within(100ms, "> . 4001:4001(0) ack 11");
    t.inject("+1s < P. 11:21(10) ack 4002");
    t.expect("> . 4001:4001(0) ack 11");
    CHECK(t.drops(DropReason::TcpAckUnsent) == 1);
    CHECK(t.app.read_all() == 10);
    t.app.write(2000);
    t.expect("> P. 4001:6001(2000) ack 11");
    t.inject("+10ms < . 11:11(0) ack 6001");
    t.inject("+1s < P. 11:21(10) ack 1000");
    t.expect("> . 6001:6001(0) ack 11");
    CHECK(t.drops(DropReason::TcpAckTooOld) == 1);
    CHECK(t.app.read_all() == 0);
}

SCRIPT("challenges are rationed for each connection", covers("RFC5961:4")) {
    t.passive_open({.wscale = {}});
    u32 answers = 0;
    for (int i = 0; i < 100; ++i) {
        t.inject("+1ms < S 500:500(0) win 1000");
        while (t.next()) ++answers;
    }
    CHECK(answers >= 1 && answers <= 20);
    t.advance(2s);
    t.inject("< S 500:500(0) win 1000");
    t.expect("> . 1:1(0) ack 1");
}

SCRIPT("RST does not assassinate TIME-WAIT", covers("RFC1337:1", "VULN:time-wait-assassination")) {
    t.active_close();
    t.inject("+1s < R 2:2(0)");
    t.inject("+1s < R. 2:2(0) ack 2");
    t.quiet(1s);
    CHECK(t.drops(DropReason::TcpTimeWaitReset) == 2);
    t.state(State::TimeWait);
}

// RFC 6191 2, as a table: timestamps newer, equal, older or none; sequence number above or below.
struct Case {
    const char* ts;  // relative to the last one: the script's clock
    u32 seq;         // 2 is what TIME-WAIT expects next
    bool accepted;
};

SCRIPT("TIME-WAIT and a new SYN: newer timestamp, or higher sequence number",
       covers("RFC6191:1", "RFC9293:SHLD-4", "RFC9293:MAY-2", "RFC9293:MUST-8")) {
    for (const Case& c : {Case{"newer", 100, true}, Case{"newer", 1, true},
                          Case{"older", 100, false}, Case{"older", 1, false}}) {
        script::Script s;
        s.passive_open({.timestamps = true});
        const u32 old_iss = s.iss();
        s.active_close();
        s.app.release();
        s.auto_timestamps(false);
        const u32 ts = std::string(c.ts) == "newer" ? 900'000 : 1;
        s.inject(script::line("+1s < S " + std::to_string(c.seq) + ":" + std::to_string(c.seq) +
                              "(0) win 1000 <mss 1000,nop,nop,TS val " + std::to_string(ts) +
                              " ecr 0>"));
        const auto answer = s.next();
        CHECK(answer.has_value());
        CHECK(bool(answer->flags & wire::Syn) == c.accepted);
        // The new sequence space lies above everything that the old one used.
        if (c.accepted) CHECK(static_cast<i32>(s.iss() - (old_iss + 2)) > 0);
        s.ignore_output();
    }
    for (const bool above : {true, false}) {
        script::Script s;
        s.passive_open();
        s.active_close();
        s.app.release();
        s.inject(above ? script::line("+1s < S 100:100(0) win 1000 <mss 1000>")
                       : script::line("+1s < S 1:1(0) win 1000 <mss 1000>"));
        const auto answer = s.next();
        CHECK(answer.has_value());
        CHECK(bool(answer->flags & wire::Syn) == above);
        s.ignore_output();
    }
}

SCRIPT("answers for an embryo and for a TIME-WAIT are rationed as those of a connection are") {
    for (const bool time_wait : {false, true}) {
        script::Script s;
        if (time_wait) {
            s.active_close();
        } else {
            s.listen();
            s.inject("< S 0:0(0) win 1000 <mss 1000>");
            s.expect("> S. 0:0(0) ack 1");
        }
        s.advance(1s);
        u32 answers = 0;
        for (int i = 0; i < 100; ++i) {
            s.inject("< . 900000:900000(0) ack 1");
            while (s.next()) ++answers;
        }
        CHECK(answers >= 5 && answers <= 10);
        s.ignore_output();
    }
}

SCRIPT("a listener for one address takes over the handshakes that one for all had begun there") {
    t.setup.listen.syn_backlog = 1;
    t.setup.listen.syn_cookies = false;
    t.listen();
    t.inject("< S 0:0(0) win 1000 <mss 1000>");
    t.expect("> S. 0:0(0) ack 1");
    ListenOptions own;
    own.local = {IpAddress(Ipv4Address(10, 0, 0, 1)), 80};
    own.syn_backlog = 1;
    own.syn_cookies = false;
    const auto specific = t.stack().tcp().listen(own);
    CHECK(specific.has_value());
    t.inject("< R 1:1(0)");  // ends the embryo, which the new listener is charged for
    CHECK(t.count().embryos == 0);
    CHECK(t.stack().tcp().close_listener(*specific).has_value());
    t.peer_port(40001);
    t.inject("< S 0:0(0) win 1000 <mss 1000>");  // the first listener has its place back
    t.expect("> S. 0:0(0) ack 1");
}

SCRIPT("ICMP errors count only when they quote something in flight, and never kill",
       covers("RFC5927:1", "RFC9293:MUST-54", "RFC9293:MUST-56", "RFC9293:SHLD-26",
              "VULN:icmp-blind")) {
    t.passive_open({.mss = 1000});
    t.app.write(2000);
    t.expect("> P. 1:2001(2000) ack 1");
    t.icmp({.type = 3, .code = 3, .seq = 5000});  // not sent yet
    t.icmp({.type = 3, .code = 2, .seq = 0});     // acknowledged
    CHECK(t.drops(DropReason::IcmpNotInFlight) == 2);
    CHECK((t.app.events() & SoftError) == 0);
    t.icmp({.type = 3, .code = 3, .seq = 1001});
    t.state(State::Established);
    CHECK((t.app.events() & SoftError) != 0);
    t.inject("+10ms < . 1:1(0) ack 2001");
}

}  // namespace
}  // namespace tern

// RFC 9293 3.6.1 and 3.10.7.4: TIME-WAIT.
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

SCRIPT("TIME-WAIT lasts 2 MSL, answers the FIN again and waits anew",
       covers("RFC9293:MUST-13", "RFC9293:U-13")) {
    t.active_close();
    t.quiet(59999ms);
    t.inject("< F. 1:1(0) ack 2");
    t.expect("> . 2:2(0) ack 2");
    t.quiet(59999ms);
    t.state(State::TimeWait);
    t.quiet(1ms);
    t.state(State::Closed);
    t.inject("< F. 1:1(0) ack 2");  // now only the listener is there
    t.expect("> R 2:2(0)");
}

SCRIPT("TIME-WAIT after a simultaneous close", covers("RFC9293:MUST-13", "RFC9293:U-13")) {
    go_to(t, Place::Closing);
    t.inject("< . 2:2(0) ack 2");
    t.quiet(30s);
    t.inject("< F. 1:1(0) ack 1");
    t.expect("> . 2:2(0) ack 2");
    t.quiet(59s);
    t.state(State::TimeWait);
}

SCRIPT("a SYN that the listener has no room for does not end TIME-WAIT",
       covers("RFC9293:SHLD-4", "RFC6191:1")) {
    t.setup.listen.backlog = 1;
    t.active_close({.timestamps = true});
    t.peer_port(50000);  // fills the accept queue
    t.inject("< S 0:0(0) win 1000 <mss 1000>");
    t.expect("> S. 0:0(0) ack 1");
    t.inject("< . 1:1(0) ack 1");
    t.peer_port(t.setup.client_port);
    t.inject("+1s < S 100000:100000(0) win 1000 <mss 1000,TS val 5000 ecr 0>");
    CHECK(t.count().time_waits == 1);
    CHECK(t.drops(DropReason::TcpAcceptQueueFull) == 1);
    t.ignore_output();
}

SCRIPT("only a FIN restarts 2 MSL", covers("RFC9293:MUST-13")) {
    t.active_close();
    t.quiet(30s);
    t.inject("< P. 1:2(1) ack 2");
    t.expect("> . 2:2(0) ack 2");
    t.inject("< . 2:2(0) ack 2");
    t.quiet(29s);
    t.state(State::TimeWait);
    t.quiet(1s);
    t.state(State::Closed);
}

SCRIPT("the MSL is a limit of the stack", covers("RFC9293:MUST-13")) {
    t.setup.limits.tcp_msl = 120s;
    t.active_close();
    t.quiet(239s);
    t.state(State::TimeWait);
    t.quiet(1s);
    t.state(State::Closed);
}

SCRIPT("a RST does not end TIME-WAIT", covers("RFC9293:U-5", "RFC9293:MUST-13")) {
    t.active_close();
    t.inject("< R 2:2(0)");
    t.inject("< R. 2:2(0) ack 2");
    t.quiet(59s);
    t.state(State::TimeWait);
    CHECK(t.drops(DropReason::TcpTimeWaitReset) == 2);
}

SCRIPT("a SYN beyond the old numbers opens anew; one below is acknowledged and dropped",
       covers("RFC9293:MAY-2")) {
    t.active_close();
    t.inject("< S 1:1(0) win 65535 <mss 1460>");
    t.expect("> . 2:2(0) ack 2");
    t.state(State::TimeWait);
    CHECK(t.drops(DropReason::TcpTimeWaitOld) == 1);
    t.inject("< S 3:3(0) win 65535 <mss 1460>");
    const auto answer = t.next();
    CHECK(answer && answer->flags == (wire::Syn | wire::Ack));
    CHECK(t.count().time_waits == 0 && t.count().embryos == 1);
}

SCRIPT("with timestamps a newer SYN opens anew even below the old numbers",
       covers("RFC9293:SHLD-4")) {
    t.active_close({.timestamps = true});
    t.quiet(1s);
    t.inject("< S 0:0(0) win 65535 <mss 1460,sackOK,TS val 5000 ecr 0,nop,wscale 7>");
    const auto answer = t.next();
    CHECK(answer && answer->flags == (wire::Syn | wire::Ack));
    CHECK(t.count().time_waits == 0 && t.count().embryos == 1);
}

SCRIPT("with timestamps an older SYN does not open, whatever its number",
       covers("RFC9293:SHLD-4")) {
    for (const u32 seq : {0u, 1000u})
        one_case("an old SYN", [&](Script& c) {
            c.active_close({.timestamps = true});
            c.quiet(1s);
            c.inject(line("< S " + std::to_string(seq) + ":" + std::to_string(seq) +
                          "(0) win 65535 <mss 1460,TS val 500 ecr 0>"));
            const auto answer = c.next();
            c.check(answer && answer->flags == wire::Ack, "an ACK of the old numbers");
            c.state(State::TimeWait);
        });
}

SCRIPT("connections beyond the limit of TIME-WAITs push the oldest out",
       covers("RFC9293:MUST-13")) {
    t.setup.limits.tcp_time_waits = 2;
    for (const u16 port : {u16{41000}, u16{41001}, u16{41002}}) {
        t.peer_port(port);
        t.passive_open();
        t.active_close();
    }
    CHECK(t.count().time_waits == 2);
}

}  // namespace tern

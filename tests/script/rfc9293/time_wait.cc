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

// docs/decisions/0021-time-wait-yields.md: a second client behind one address, whose clock or
// numbers are behind those of the first.
SCRIPT("a host that came back gets through TIME-WAIT: its RST answers our challenge of its SYN",
       covers("RFC1337:1", "RFC6191:1", "RFC9293:MUST-8")) {
    for (const bool timestamps : {false, true})
        one_case(timestamps ? "an older timestamp" : "a lower number", [&](Script& c) {
            const char* syn = timestamps ? "< S 500:500(0) win 65535 <mss 1460,TS val 5 ecr 0>"
                                         : "< S 1:1(0) win 65535 <mss 1460>";
            c.active_close({.timestamps = timestamps});
            const u32 old = c.iss();
            c.auto_timestamps(false);
            c.advance(1s);
            c.inject(line(syn));
            c.expect("> . 2:2(0) ack 2");
            c.inject("+1ms < R 2:2(0)");
            c.state(State::TimeWait);  // it is not assassinated, it yields
            c.quiet(1s);
            c.inject(line(syn));
            const auto answer = c.next();
            c.check(answer && answer->flags == (wire::Syn | wire::Ack), "a SYN-ACK");
            c.check(static_cast<i32>(c.iss() - (old + 2)) > 0, "above the old numbers");
            c.check(c.count().time_waits == 0 && c.count().embryos == 1, "an embryo instead");
        });
}

SCRIPT("TIME-WAIT does not yield to a RST that answers no challenge, or has another number",
       covers("RFC1337:1")) {
    t.active_close();
    t.advance(1s);
    t.inject("< R 2:2(0)");  // no challenge
    t.inject("< S 1:1(0) win 65535 <mss 1460>");
    t.expect("> . 2:2(0) ack 2");
    for (const char* reset : {"< R 1:1(0)", "< R 3:3(0)", "< R 70000:70000(0)"})
        t.inject(line(reset));
    CHECK(t.drops(DropReason::TcpTimeWaitReset) == 4);
    t.inject("+1s < S 1:1(0) win 65535 <mss 1460>");
    t.expect("> . 2:2(0) ack 2");
    t.state(State::TimeWait);
}

SCRIPT("the old peer's FIN takes back what TIME-WAIT has yielded", covers("RFC1337:1")) {
    t.active_close();
    t.advance(1s);
    t.inject("< S 1:1(0) win 65535 <mss 1460>");
    t.expect("> . 2:2(0) ack 2");
    t.inject("< R 2:2(0)");
    t.inject("< F. 1:1(0) ack 2");
    t.expect("> . 2:2(0) ack 2");
    t.inject("+1s < S 1:1(0) win 65535 <mss 1460>");
    t.expect("> . 2:2(0) ack 2");
    t.state(State::TimeWait);
}

SCRIPT("where nobody listens any more a host that came back is refused", covers("RFC1337:1")) {
    t.active_close();
    t.app.release();
    CHECK(t.stack().tcp().close_listener(t.listener()).has_value());
    t.inject("+1s < S 1:1(0) win 65535 <mss 1460>");
    t.expect("> . 2:2(0) ack 2");
    t.inject("< R 2:2(0)");
    t.inject("+1s < S 1:1(0) win 65535 <mss 1460>");
    const auto answer = t.next();
    CHECK(answer && answer->flags == (wire::Rst | wire::Ack) && answer->ack == 2);
    t.state(State::TimeWait);
}

SCRIPT("repeated FINs in TIME-WAIT are answered within the ration, and each waits anew",
       covers("RFC9293:U-13", "RFC5961:4")) {
    t.active_close();
    t.advance(1s);
    u32 answers = 0;
    for (int i = 0; i < 100; ++i) {
        t.inject("+1ms < F. 1:1(0) ack 2");
        while (t.next()) ++answers;
    }
    CHECK(answers >= 5 && answers <= 20);
    t.quiet(59999ms);
    t.state(State::TimeWait);
    t.quiet(1ms);
    t.state(State::Closed);
}

SCRIPT("a SYN on TIME-WAIT that memory leaves no embryo for neither ends it nor gets a cookie",
       covers("RFC9293:MUST-8", "RFC6191:1", "RFC4987:1")) {
    t.setup.memory_limit = 1 << 20;
    t.setup.listen.syn_backlog = 1u << 20;
    t.active_close({.timestamps = true});
    const u64 waiting = t.count().time_waits;
    // Embryos fill their eighth of the memory; what comes then is answered by cookies.
    for (u16 port = 1024; t.counters().tcp_cookies_sent == 0; ++port) {
        CHECK(port < 60'000);
        t.peer_port(port);
        t.inject("< S 0:0(0) win 65535 <mss 1460>");
        t.ignore_output();
    }
    t.peer_port(t.setup.client_port);
    t.inject("< S 100000:100000(0) win 65535 <mss 1460,TS val 900000 ecr 0>");
    t.quiet();
    CHECK(t.counters().tcp_cookies_sent == 1);
    CHECK(t.drops(DropReason::TcpSynQueueFull) == 1);
    CHECK(t.count().time_waits == waiting);
}

SCRIPT("an OPEN that memory refuses does not end the TIME-WAIT that it would replace",
       covers("RFC9293:MUST-8")) {
    // Listeners take the memory that is left, so that the records which the options ask for are the
    // first that find none; with which limit that is so depends on the sizes of all records.
    u32 refused = 0;
    for (u64 limit = 1u << 20; limit < 1'300'000; limit += 16'384)
        one_case("limit " + std::to_string(limit), [&](Script& c) {
            c.setup.memory_limit = limit;
            c.setup.listen.backlog = 1;
            c.active_close();
            c.app.release();
            Tcp& tcp = c.stack().tcp();
            for (u16 port = 1024; port < 60'000; ++port)
                if (!tcp.listen({.local = {.port = port}})) break;
            ConnectOptions again;
            again.local_port = c.setup.server_port;
            again.reuse_address = true;
            again.options.send_buffer = 5000;
            again.options.user_timeout = 5s;
            const auto opened =
                tcp.connect({IpAddress{Ipv4Address{10, 0, 0, 2}}, c.setup.client_port}, again);
            c.ignore_output();
            if (opened || opened.error() != Error::OutOfMemory) return;
            ++refused;
            c.check(c.count().time_waits == 1, "TIME-WAIT is still there");
        });
    CHECK(refused > 0);
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

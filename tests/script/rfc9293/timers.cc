// RFC 9293 3.10.8: the timeouts, in every state that they can end.
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

// States in which something of ours is unacknowledged, or can be made to be.
constexpr std::array k_waiting{Place::SynSent,  Place::SynReceived, Place::Established,
                               Place::FinWait1, Place::CloseWait,   Place::Closing,
                               Place::LastAck};

void enter(Script& t, Place p) {
    go_to(t, p);
    if (p == Place::Established || p == Place::CloseWait) t.app.write(100);
    t.ignore_output();
}

}  // namespace

SCRIPT("USER TIMEOUT in every state: queues are flushed, the application is told, CLOSED",
       covers("RFC9293:U-18", "RFC9293:MUST-20")) {
    for (const Place p : k_waiting)
        one_case(standing(p).name, [&](Script& c) {
            c.setup.tcp.user_timeout = 30s;
            enter(c, p);
            c.advance(29s);
            c.state(standing(p).state);
            c.advance(2s);
            c.state(State::Closed);
            c.check(c.app.events() & tern::Closed, "told");
            c.check(c.app.error() == Error::TimedOut, "why");
            c.check(c.app.try_write(1).error() == Error::TimedOut, "SEND");
            c.ignore_output();
            c.quiet(1000s);
            c.app.release();
            c.check(c.count().connections == 0, "the record is gone");
        });
}

SCRIPT("RETRANSMISSION TIMEOUT in every state: the first segment again, the timer anew",
       covers("RFC9293:U-18")) {
    struct Again {
        Place place;
        const char* line;
    };
    for (const Again& a :
         {Again{Place::SynSent, "> S 0:0(0)"}, Again{Place::Embryo, "> S. 0:0(0) ack 1"},
          Again{Place::SynReceived, "> S. 0:0(0) ack 1"},
          Again{Place::Established, "> P. 1:101(100) ack 1"},
          Again{Place::FinWait1, "> F. 1:1(0) ack 1"},
          Again{Place::CloseWait, "> P. 1:101(100) ack 2"},
          Again{Place::Closing, "> F. 1:1(0) ack 2"}, Again{Place::LastAck, "> F. 1:1(0) ack 2"}})
        one_case(standing(a.place).name, [&](Script& c) {
            enter(c, a.place);
            c.check(c.expect_within(5s, line(a.line)) == 1s, "after one RTO");
            c.check(c.expect_within(5s, line(a.line)) == 2s, "then after two");
            c.check(c.expect_within(5s, line(a.line)) == 4s, "then after four");
            if (a.place != Place::Embryo) c.state(standing(a.place).state);
        });
}

SCRIPT("data and FIN are sent again as one segment", covers("RFC9293:U-18")) {
    t.passive_open();
    t.app.write(100);
    t.app.close();
    t.ignore_output();
    t.expect_within(2s, "> PF. 1:101(100) ack 1");
    t.inject("< . 1:1(0) ack 102");
    t.state(State::FinWait2);
    t.quiet(100s);
}

SCRIPT("a FIN lost behind data that arrived is sent again alone", covers("RFC9293:U-18")) {
    t.passive_open();
    t.app.write(100);
    t.app.close();
    t.ignore_output();
    t.inject("+10ms < . 1:1(0) ack 101");
    t.expect_within(2s, "> F. 101:101(0) ack 1");
    t.inject("< F. 1:1(0) ack 102");
    t.expect("> . 102:102(0) ack 2");
    t.state(State::TimeWait);
}

SCRIPT("TIME-WAIT TIMEOUT: the record is deleted", covers("RFC9293:U-18", "RFC9293:MUST-13")) {
    for (const Place p : {Place::FinWait2, Place::Closing})
        one_case(standing(p).name, [&](Script& c) {
            go_to(c, p);
            c.inject(p == Place::Closing ? line("< . 2:2(0) ack 2") : line("< F. 1:1(0) ack 2"));
            c.ignore_output();
            c.state(State::TimeWait);
            c.quiet(59999ms);
            c.check(c.count().time_waits == 1, "there");
            c.quiet(1ms);
            c.check(c.count().time_waits == 0, "gone");
            c.state(State::Closed);
        });
}

SCRIPT("an embryo that nobody confirms goes back to LISTEN", covers("RFC9293:U-18")) {
    go_to(t, Place::Embryo);
    t.advance(256s);
    t.ignore_output();
    CHECK(t.count().embryos == 0 && t.count().listeners == 1);
    t.quiet(1000s);
}

SCRIPT("a timer of one connection leaves the others alone", covers("RFC9293:U-18")) {
    t.setup.tcp.user_timeout = 10s;
    t.passive_open();
    t.app.write(10);
    t.ignore_output();
    t.peer_port(41000);
    t.passive_open();
    Script::App second = t.app;
    t.advance(20s);
    t.ignore_output();
    t.state(State::Established);
    CHECK(t.count().connections == 2);  // the first is still held by its handle
    second.write(10);
    t.expect("> P. 1:11(10) ack 1");
    t.inject("< . 1:1(0) ack 11");
}

}  // namespace tern

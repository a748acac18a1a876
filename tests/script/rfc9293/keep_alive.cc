// RFC 9293 3.8.4: keep-alives.
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

TcpOptions quick() {
    TcpOptions o;
    o.keep_alive = true;
    o.keep_alive_idle = 60s;
    o.keep_alive_interval = 10s;
    o.keep_alive_probes = 3;
    return o;
}

}  // namespace

SCRIPT("off by default: an idle connection says nothing for a day", covers("RFC9293:MUST-25")) {
    t.passive_open();
    t.quiet(24h);
    t.state(State::Established);
}

SCRIPT("switched on, the first probe leaves after two hours, with no data",
       covers("RFC9293:MUST-28", "RFC9293:SHLD-12", "RFC9293:MAY-5")) {
    t.setup.tcp.keep_alive = true;
    t.passive_open();
    t.quiet(7199999ms);
    t.expect("+1ms > . 0:0(0) ack 1");
    t.inject("+10ms < . 1:1(0) ack 1");
    t.quiet(7199999ms);
    t.expect("+1ms > . 0:0(0) ack 1");
}

SCRIPT("the interval can be set", covers("RFC9293:MUST-27")) {
    for (const Duration idle : {Duration{1s}, Duration{60s}, Duration{36000s}})
        one_case("interval", [&](Script& c) {
            c.setup.tcp = quick();
            c.setup.tcp.keep_alive_idle = idle;
            c.active_open();
            c.quiet(idle - 1ms);
            c.expect("+1ms > . 0:0(0) ack 1");
        });
}

SCRIPT("it can be switched on and off while the connection lives", covers("RFC9293:MUST-24")) {
    t.passive_open();
    t.quiet(100s);
    t.options(quick());
    t.quiet(59s);
    t.expect("+1s > . 0:0(0) ack 1");
    t.inject("< . 1:1(0) ack 1");
    t.options({});
    t.quiet(24h);
    t.options(quick());
    t.quiet(59s);
    t.expect("+1s > . 0:0(0) ack 1");
}

SCRIPT("one missing answer does not end the connection", covers("RFC9293:MUST-29")) {
    t.setup.tcp = quick();
    t.passive_open();
    t.expect("+60s > . 0:0(0) ack 1");
    t.expect("+10s > . 0:0(0) ack 1");
    t.expect("+10s > . 0:0(0) ack 1");
    t.inject("+9s < . 1:1(0) ack 1");
    t.state(State::Established);
    t.quiet(59s);
    t.expect("+1s > . 0:0(0) ack 1");
}

SCRIPT("all of them missing does", covers("RFC9293:MUST-29", "RFC9293:U-18")) {
    t.setup.tcp = quick();
    t.passive_open();
    t.expect("+60s > . 0:0(0) ack 1");
    t.expect("+10s > . 0:0(0) ack 1");
    t.expect("+10s > . 0:0(0) ack 1");
    t.quiet(9s);
    t.expect("+1s > R. 1:1(0) ack 1");
    t.state(State::Closed);
    CHECK(t.app.error() == Error::TimedOut);
}

SCRIPT("data that arrives restarts the interval", covers("RFC9293:MUST-26")) {
    t.setup.tcp = quick();
    t.passive_open();
    t.inject("+50s < P. 1:11(10) ack 1");
    t.expect("+40ms > . 1:1(0) ack 11");
    t.quiet(59959ms);
    t.expect("+1ms > . 0:0(0) ack 11");
}

SCRIPT("data in flight is no time for keep-alives", covers("RFC9293:MUST-26")) {
    t.setup.tcp = quick();
    t.passive_open();
    t.advance(30s);
    t.app.write(10);
    t.advance(120s);
    while (const auto l = t.next()) CHECK(l->seq == 1 && l->length == 10);
    t.inject("< . 1:1(0) ack 11");
    t.quiet(59s);
    t.expect("+1s > . 10:10(0) ack 1");
}

SCRIPT("a probe of the peer is answered", covers("RFC9293:MAY-5", "RFC9293:U-7")) {
    t.passive_open();
    t.inject("+7200s < . 0:0(0) ack 1");
    t.expect("> . 1:1(0) ack 1");
    t.inject("+7200s < . 0:1(1) ack 1");  // with the octet of garbage
    t.expect("> . 1:1(0) ack 1");
}

SCRIPT("keep-alives end a half-closed connection too", covers("RFC9293:U-18")) {
    for (const Place p : {Place::CloseWait, Place::FinWait2})
        one_case(standing(p).name, [&](Script& c) {
            c.setup.tcp = quick();
            go_to(c, p);
            c.advance(200s);
            c.ignore_output();
            c.state(State::Closed);
            c.check(c.app.error() == Error::TimedOut, "timed out");
        });
}

}  // namespace tern

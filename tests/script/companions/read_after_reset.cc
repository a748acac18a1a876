// What the application may still read when a connection is over: RFC 9293 3.10.7.4 and 3.10.8 flush
// "segment queues"; what was acknowledged in order is the application's
// (docs/decisions/0027-read-after-reset.md).
#include <functional>

#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

struct End {
    const char* name;
    Error error;
    std::function<void(Script&)> come;
};

const End k_ends[] = {
    {"RST", Error::Reset, [](Script& t) { t.inject("< R. 1001:1001(0) ack 1"); }},
    {"RST behind FIN", Error::Reset,
     [](Script& t) {
         t.inject("< F. 1001:1001(0) ack 1");
         t.ignore_output();
         t.inject("< R. 1002:1002(0) ack 1");
     }},
    {"RST to our FIN", Error::Reset,
     [](Script& t) {
         t.app.close();
         t.ignore_output();
         t.inject("< R. 1001:1001(0) ack 1");
     }},
    {"user timeout", Error::TimedOut,
     [](Script& t) {
         t.app.write(100);
         t.advance(1000s);
     }},
    {"keep-alive", Error::TimedOut,
     [](Script& t) {
         TcpOptions o = t.setup.tcp;
         o.keep_alive = true;
         t.options(o);
         t.advance(4h);
     }},
};

void receive_some(Script& t, bool read_after_reset) {
    t.setup.tcp.read_after_reset = read_after_reset;
    t.passive_open({.mss = 1000});
    t.inject("< P. 1:1001(1000) ack 1");
    t.inject("< P. 2001:2101(100) ack 1");  // behind a hole
    t.advance(1s);
    t.ignore_output();
}

}  // namespace

SCRIPT("what came in order is read first, then the error is told, each time again",
       covers("RFC9293:MUST-12", "RFC9293:U-18")) {
    for (const End& end : k_ends)
        one_case(end.name, [&](Script& c) {
            receive_some(c, true);
            end.come(c);
            c.ignore_output();
            c.check(c.app.error() == end.error, "told");
            c.state(State::Closed);
            c.check(c.status().readable == 1000, "what came in order");
            c.check(c.status().out_of_order == 0, "and nothing behind a hole");
            c.check(c.app.try_read(300).value_or(0) == 300, "in parts");
            c.check(c.app.try_read(1000).value_or(0) == 700, "to the end");
            for (int i = 0; i < 3; ++i)
                c.check(c.app.try_read(1).error() == end.error, "then the error");
            c.quiet(1000s);
            c.app.release();
        });
}

SCRIPT("without read_after_reset nothing is left", covers("RFC9293:U-18")) {
    for (const End& end : k_ends)
        one_case(end.name, [&](Script& c) {
            receive_some(c, false);
            end.come(c);
            c.ignore_output();
            c.check(c.status().readable == 0, "flushed");
            c.check(c.app.try_read(1).error() == end.error, "the error at once");
        });
}

SCRIPT(
    "what is not read is given back when the handle is released, and when the application aborts",
    covers("RFC9293:U-18")) {
    for (const bool abort : {false, true})
        one_case(abort ? "abort" : "release", [&](Script& c) {
            receive_some(c, true);
            c.inject("< R. 1001:1001(0) ack 1");
            c.check(c.pool().packets_in_use() == 1, "a buffer waits to be read");
            if (abort) {
                c.app.abort();
                c.check(c.app.try_read(1).error() == Error::Reset, "the error stays");
            } else {
                c.app.release();
                c.check(c.count().connections == 0, "gone");
            }
            c.check(c.pool().packets_in_use() == 0, "given back");
            c.quiet(1000s);
        });
}

SCRIPT("abort() leaves nothing to read", covers("RFC9293:U-17")) {
    receive_some(t, true);
    t.app.abort();
    t.ignore_output();
    CHECK(t.status().readable == 0);
    CHECK(t.app.try_read(1).error() == Error::Aborted);
}

SCRIPT("a connection that was reset before accept() is read as well", covers("RFC9293:MUST-12")) {
    t.listen();
    t.inject("< S 0:0(0) win 65535 <mss 1000>");
    t.expect("> S. 0:0(0) ack 1");
    t.inject("< . 1:1(0) ack 1");
    t.inject("< P. 1:101(100) ack 1");
    t.inject("< R. 101:101(0) ack 1");
    t.accept();
    CHECK(t.app.try_read(1000).value_or(0) == 100);
    CHECK(t.app.try_read(1).error() == Error::Reset);
}

SCRIPT("urgent data in front of the reset keeps its mark", covers("RFC9293:MUST-32")) {
    t.passive_open();
    t.inject("< UP. 1:101(100) ack 1 urg 50");
    t.inject("< R. 101:101(0) ack 1");
    CHECK(t.app.try_read(1000).value_or(0) == 49);
    CHECK(*t.stack().tcp().at_mark(t.app.handle()));
    CHECK(t.app.read_urgent().has_value());
    CHECK(t.app.read_bytes(1000).size() == 50);
    CHECK(t.app.try_read(1).error() == Error::Reset);
}

}  // namespace tern

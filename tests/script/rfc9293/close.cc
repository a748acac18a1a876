// RFC 9293 3.6 and the FIN of 3.10.7.4: closing, in every order.
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

SCRIPT("the application learns whether the peer closed or aborted", covers("RFC9293:MUST-12")) {
    one_case("FIN", [](Script& c) {
        c.passive_open();
        c.inject("< F. 1:1(0) ack 1");
        c.expect("> . 1:1(0) ack 2");
        c.check(c.app.events() & PeerClosed, "told");
        c.check(!(c.app.events() & tern::Closed), "not over");
        c.check(c.app.at_end(), "end of stream");
    });
    one_case("RST", [](Script& c) {
        c.passive_open();
        c.inject("< R 1:1(0)");
        c.check(c.app.events() & tern::Closed, "over");
        c.check(c.app.error() == Error::Reset, "reset");
        c.check(c.app.try_read(1).error() == Error::Reset, "RECEIVE says it");
        c.check(c.app.try_write(1).error() == Error::Reset, "SEND says it");
        c.check(!c.app.at_end(), "no end of stream");
    });
}

SCRIPT("data before the FIN is read first, then the end", covers("RFC9293:MUST-12")) {
    t.passive_open();
    t.inject("< PF. 1:101(100) ack 1");
    t.expect("> . 1:1(0) ack 102");
    CHECK(!t.app.at_end() || false);
    CHECK(t.app.read_all() == 99);  // at_end() has taken one
    CHECK(t.app.at_end());
}

SCRIPT("passive close: CLOSE-WAIT, LAST-ACK, CLOSED", covers("RFC9293:U-12")) {
    t.passive_open();
    t.passive_close();
    CHECK(t.app.error() == Error::None);
    t.quiet(200s);
}

SCRIPT("active close: FIN-WAIT-1, FIN-WAIT-2, TIME-WAIT", covers("RFC9293:U-12")) {
    t.active_close();
    t.quiet(59s);
    t.state(State::TimeWait);
    t.quiet(1s);
    t.state(State::Closed);
    CHECK(t.count().time_waits == 0);
}

SCRIPT("FIN and the ACK of ours in one segment: FIN-WAIT-1 to TIME-WAIT", covers("RFC9293:U-12")) {
    go_to(t, Place::FinWait1);
    t.inject("< F. 1:1(0) ack 2");
    t.expect("> . 2:2(0) ack 2");
    t.state(State::TimeWait);
}

SCRIPT("simultaneous close: CLOSING, then TIME-WAIT", covers("RFC9293:U-12")) {
    go_to(t, Place::Closing);
    t.state(State::Closing);
    t.inject("< . 2:2(0) ack 2");
    t.state(State::TimeWait);
    t.quiet(60s);
    t.state(State::Closed);
}

SCRIPT("FIN with data in every state that receives", covers("RFC9293:U-12")) {
    for (const Place p : {Place::Established, Place::FinWait1, Place::FinWait2})
        one_case(standing(p).name, [&](Script& c) {
            go_to(c, p);
            const Standing at = standing(p);
            const auto a = answer_to(
                c, {.flags = wire::Fin | wire::Ack, .seq = 1, .len = 10, .ack = at.snd_una});
            c.check(a && a->flags == wire::Ack && a->ack == 12, "data and FIN are acknowledged");
            c.check(c.app.read_all() == 10 && c.app.at_end(), "data, then the end");
            c.state(p == Place::Established ? State::CloseWait
                    : p == Place::FinWait1  ? State::Closing
                                            : State::TimeWait);
        });
}

SCRIPT("a FIN behind a hole waits for it; one duplicate ACK for the segment",
       covers("RFC9293:U-12", "RFC9293:SHLD-31")) {
    t.passive_open();
    t.inject("< F. 101:201(100) ack 1");
    t.expect("> . 1:1(0) ack 1");
    t.quiet();
    t.state(State::Established);
    t.inject("< . 1:101(100) ack 1");
    t.expect("> . 1:1(0) ack 202");
    t.state(State::CloseWait);
    CHECK(t.app.read_all() == 200 && t.app.at_end());
}

SCRIPT("a FIN behind text that is held already is not forgotten", covers("RFC9293:U-12")) {
    t.passive_open();
    t.inject("< . 201:301(100) ack 1");
    t.expect("> . 1:1(0) ack 1");
    t.inject("< F. 101:301(200) ack 1");
    t.expect("> . 1:1(0) ack 1");
    t.inject("< . 1:101(100) ack 1");
    t.expect("> . 1:1(0) ack 302");
    t.state(State::CloseWait);
    CHECK(t.app.read_all() == 300 && t.app.at_end());
}

SCRIPT("a repeated FIN is acknowledged again in every closing state",
       covers("RFC9293:U-12", "RFC9293:U-7")) {
    for (const Place p : {Place::CloseWait, Place::Closing, Place::LastAck})
        one_case(standing(p).name, [&](Script& c) {
            go_to(c, p);
            const Standing at = standing(p);
            const auto a =
                answer_to(c, {.flags = wire::Fin | wire::Ack, .seq = 1, .ack = at.snd_una});
            c.check(a && a->flags == wire::Ack && a->ack == 2, "acknowledged");
            c.state(at.state);
        });
}

SCRIPT("text behind the peer's FIN is refused", covers("RFC9293:U-12", "VULN:half-close")) {
    for (const Place p : {Place::CloseWait, Place::Closing, Place::LastAck})
        one_case(standing(p).name, [&](Script& c) {
            go_to(c, p);
            const auto a = answer_to(c, {.seq = 2, .len = 10, .ack = standing(p).snd_una});
            c.check(a && a->flags == wire::Ack && a->ack == 2, "an ACK that moves nothing");
            c.check(c.drops(DropReason::TcpAfterFin) == 1, "TcpAfterFin");
        });
}

SCRIPT("CLOSE sends the queue first, FIN rides on its last segment", covers("RFC9293:U-17")) {
    t.passive_open({.mss = 1000});
    t.app.write(1500);
    t.expect("> . 1:1001(1000) ack 1");
    t.app.close();
    t.expect("> PF. 1001:1501(500) ack 1");
    t.state(State::FinWait1);
    t.inject("< . 1:1(0) ack 1501");
    t.state(State::FinWait1);
    t.inject("< . 1:1(0) ack 1502");
    t.state(State::FinWait2);
}

SCRIPT("after CLOSE the peer's data is still received", covers("RFC9293:MAY-1")) {
    go_to(t, Place::FinWait2);
    t.inject("< P. 1:1001(1000) ack 2");
    CHECK(t.app.read_all() == 1000);
    t.expect("+40ms > . 2:2(0) ack 1001");
}

SCRIPT("closing with unread data sends RST, not FIN", covers("RFC9293:SHLD-3", "RFC9293:MAY-1")) {
    t.passive_open();
    t.inject("< P. 1:101(100) ack 1");
    t.app.release();
    t.expect("> R. 1:1(0) ack 101");
    t.quiet(100s);
    CHECK(t.count().connections == 0);
}

SCRIPT("data that arrives after the application has gone gets RST", covers("RFC9293:SHLD-3")) {
    for (const bool acked : {false, true}) {
        one_case("released", [&](Script& c) {
            c.passive_open();
            c.app.release();
            c.expect("> F. 1:1(0) ack 1");
            if (acked) c.inject("< . 1:1(0) ack 2");
            c.inject("< P. 1:101(100) ack 2");
            c.expect("> R. 2:2(0) ack 1");
            c.check(c.drops(DropReason::TcpAfterClose) == 1, "TcpAfterClose");
            c.quiet(100s);
            c.check(c.count().connections == 0, "gone");
        });
    }
}

SCRIPT("a released connection whose peer never closes leaves FIN-WAIT-2",
       covers("RFC9293:U-18", "VULN:fin-wait-2")) {
    t.passive_open();
    t.app.release();
    t.expect("> F. 1:1(0) ack 1");
    t.inject("< . 1:1(0) ack 2");
    CHECK(t.count().connections == 1);
    t.quiet(60s);
    CHECK(t.count().connections == 0);
}

SCRIPT("a held connection stays in FIN-WAIT-2 as long as it is held", covers("RFC9293:U-12")) {
    go_to(t, Place::FinWait2);
    t.quiet(36000s);
    t.state(State::FinWait2);
    t.app.release();
    t.quiet(61s);
    CHECK(t.count().connections == 0);
}

SCRIPT("CLOSE before the handshake is over: FIN follows it", covers("RFC9293:U-17")) {
    go_to(t, Place::SynReceived);
    t.app.close();
    t.quiet(500ms);
    t.inject("< . 1:1(0) ack 1");
    t.expect("> F. 1:1(0) ack 1");
    t.state(State::FinWait1);
}

}  // namespace tern

// RFC 9293 3.9.2.2 and 3.9.1.8: ICMP errors and what the application hears of them.
#include "core/inet/v4/icmp_meaning.hh"
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

struct Kind {
    u8 type, code;
};
constexpr Kind k_soft[] = {{3, 0}, {3, 1}, {3, 5}, {11, 0}, {11, 1}, {12, 0}, {12, 1}};
constexpr Kind k_hard[] = {{3, 2}, {3, 3}};

// A place with something in flight, so that an error can be believed: SND.UNA is `una`.
u32 put_in_flight(Script& t, Place p) {
    go_to(t, p);
    const Standing at = standing(p);
    if (at.snd_una == at.snd_nxt && (p == Place::Established || p == Place::CloseWait)) {
        t.app.write(10);
        t.ignore_output();
    }
    return at.snd_una;
}

}  // namespace

SCRIPT("a soft error ends no connection, in any synchronized state",
       covers("RFC9293:MUST-56", "RFC9293:MUST-54")) {
    for (const Place p : k_synchronized)
        for (const Kind k : k_soft)
            one_case(standing(p).name, [&](Script& c) {
                const u32 una = put_in_flight(c, p);
                c.icmp({.type = k.type, .code = k.code, .seq = una});
                c.state(standing(p).state);
                c.ignore_output();
            });
}

SCRIPT("a soft error does not end an opening connection either", covers("RFC9293:MUST-56")) {
    for (const Place p : {Place::SynSent, Place::SynReceived})
        for (const Kind k : k_soft)
            one_case(standing(p).name, [&](Script& c) {
                go_to(c, p);
                c.icmp({.type = k.type, .code = k.code, .seq = 0});
                c.state(standing(p).state);
                c.check(c.app.events() & SoftError, "but it is told");
            });
}

SCRIPT("the application learns of a soft error and can ask which it was",
       covers("RFC9293:MUST-47", "RFC9293:SHLD-25", "RFC9293:U-14", "RFC9293:MUST-54")) {
    put_in_flight(t, Place::Established);
    t.app.take_events();
    t.icmp({.type = 3, .code = 1, .seq = 1});
    CHECK(t.app.take_events() & SoftError);
    CHECK(t.status().soft_error == Error::HostUnreachable);
    CHECK(t.status().soft_error == Error::None);  // told once
    t.icmp({.type = 3, .code = 0, .seq = 1});
    CHECK(t.status().soft_error == Error::NetworkUnreachable);
    t.inject("< . 1:1(0) ack 11");
}

SCRIPT("the three kinds of reports: ICMP, R1, urgent", covers("RFC9293:U-14", "RFC9293:MUST-47")) {
    put_in_flight(t, Place::Established);
    t.app.take_events();
    t.icmp({.type = 11, .code = 0, .seq = 1});
    CHECK(t.app.take_events() & SoftError);
    t.advance(7s);
    CHECK(t.app.take_events() & SoftError);
    t.inject("< U. 1:1(0) ack 1 urg 5");
    CHECK(t.app.take_events() & Urgent);
    t.ignore_output();
}

SCRIPT("the reports can be switched off", covers("RFC9293:SHLD-20")) {
    t.setup.tcp.report_soft_errors = false;
    put_in_flight(t, Place::Established);
    t.app.take_events();
    t.icmp({.type = 3, .code = 1, .seq = 1});
    t.advance(100s);
    CHECK(!(t.app.take_events() & SoftError));
    t.options({});
    t.icmp({.type = 3, .code = 1, .seq = 1});
    CHECK(t.app.take_events() & SoftError);
    t.ignore_output();
}

SCRIPT("a hard error refuses an opening connection", covers("RFC9293:SHLD-26")) {
    for (const Kind k : k_hard)
        one_case("hard", [&](Script& c) {
            go_to(c, Place::SynSent);
            c.icmp({.type = k.type, .code = k.code, .seq = 0});
            c.state(State::Closed);
            c.check(c.app.error() == Error::Refused, "refused");
            c.quiet(200s);
        });
}

SCRIPT("each code is hard or soft to an opening connection as the one table says",
       covers("RFC9293:SHLD-26", "RFC9293:MUST-56")) {
    for (u8 code = 0; code <= 17; ++code)
        one_case("code " + std::to_string(code), [&](Script& c) {
            const inet::IcmpMeaning meaning = inet::meaning_of_icmp(3, code);
            go_to(c, Place::SynSent);
            c.icmp({.type = 3, .code = code, .seq = 0});
            if (meaning.hard_for_tcp)
                c.check(c.app.error() == meaning.error, "the application hears why");
            else  // it can ask once: the state below asks as well
                c.check(c.status().soft_error == meaning.error, "the application can ask why");
            c.state(meaning.hard_for_tcp ? State::Closed : State::SynSent);
            c.ignore_output();
        });
}

SCRIPT("afterwards a hard error is a soft one: anybody could send it (RFC 5927)",
       covers("RFC9293:SHLD-26", "RFC9293:MUST-54")) {
    for (const Place p : k_synchronized)
        for (const Kind k : k_hard)
            one_case(standing(p).name, [&](Script& c) {
                const u32 una = put_in_flight(c, p);
                c.icmp({.type = k.type, .code = k.code, .seq = una});
                c.state(standing(p).state);
                c.ignore_output();
            });
}

SCRIPT("an error that quotes what is not in flight is not believed",
       covers("RFC9293:MUST-54", "VULN:icmp-blind")) {
    put_in_flight(t, Place::Established);  // 1:11 is
    t.app.take_events();
    for (const u32 seq : {0u, 11u, 12u, 1000u, 0x80000000u})
        t.icmp({.type = 3, .code = 1, .seq = seq});
    CHECK(!(t.app.take_events() & SoftError));
    CHECK(t.drops(DropReason::IcmpNotInFlight) == 5);
    for (const u32 seq : {1u, 10u}) {
        t.icmp({.type = 3, .code = 1, .seq = seq});
        CHECK(t.app.take_events() & SoftError);
    }
    go_to(t, Place::Closed);
    t.ignore_output();
}

SCRIPT("an error reaches the connection that it quotes, and no other", covers("RFC9293:MUST-54")) {
    put_in_flight(t, Place::Established);
    Script::App first = t.app;
    first.take_events();
    t.peer_port(41000);
    t.passive_open();
    t.app.write(10);
    t.ignore_output();
    t.app.take_events();
    t.icmp({.type = 3, .code = 1, .seq = 1});
    CHECK(t.app.take_events() & SoftError);
    CHECK(!(first.take_events() & SoftError));
    t.peer_port(42000);
    t.icmp({.type = 3, .code = 1, .seq = 1});
    CHECK(t.drops(DropReason::IcmpNoFlow) == 1);
    t.ignore_output();
}

SCRIPT("Source Quench is discarded in silence", covers("RFC9293:MUST-55", "VULN:icmp-blind")) {
    put_in_flight(t, Place::Established);
    t.app.take_events();
    const u32 cwnd = t.status().cwnd;
    t.icmp({.type = 4, .code = 0, .seq = 1});
    t.quiet();
    CHECK(t.status().cwnd == cwnd && t.app.take_events() == 0);
    CHECK(t.drops(DropReason::IcmpSourceQuench) == 1);
    t.inject("< . 1:1(0) ack 11");
}

}  // namespace tern

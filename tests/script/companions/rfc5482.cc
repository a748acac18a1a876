// RFC 5482: the user timeout option.
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

// The value of option 28 in the next packet; none: it carries none.
std::optional<u16> told_by(Script& t) {
    const auto value = option_in(raw_tcp(t.next_raw()).options, 28);
    if (!value) return std::nullopt;
    return static_cast<u16>(static_cast<u8>(value->at(0)) << 8 | static_cast<u8>(value->at(1)));
}

std::string option(u16 field) {
    return "\x1c\x04"s + static_cast<char>(field >> 8) + static_cast<char>(field & 0xff);
}

void open_with_option(Script& t) {
    t.setup.tcp.user_timeout_option = true;
    t.passive_open({.mss = 1000});
}

}  // namespace

SCRIPT("without being asked for the option is not sent, and the peer's is ignored",
       covers("RFC5482:1")) {
    t.listen();
    t.inject("< S 0:0(0) win 65535", {.options = "\x02\x04\x03\xe8"s + option(3000)});
    CHECK(!told_by(t));
    t.inject("< . 1:1(0) ack 1", {.options = option(3000)});
    t.accept();
    CHECK(t.status().user_timeout == 924s);
    CHECK(!t.status().peer_user_timeout);
    t.app.write(100);
    CHECK(!told_by(t));
    t.inject("< . 1:1(0) ack 101");
}

SCRIPT("SYN and the first segment behind it tell the user timeout", covers("RFC5482:1")) {
    t.setup.tcp.user_timeout_option = true;
    t.connect();
    CHECK(told_by(t) == 924);
    t.inject("< S. 0:0(0) ack 1 win 65535 <mss 1000>");
    CHECK(told_by(t) == 924);
    t.app.write(100);
    CHECK(!told_by(t));
    t.inject("< . 1:1(0) ack 101");
}

SCRIPT("SYN-ACK tells it as well; a full segment has no room for it", covers("RFC5482:1")) {
    t.setup.tcp.user_timeout_option = true;
    t.setup.tcp.user_timeout = 10h;
    t.listen();
    t.inject("< S 0:0(0) win 65535 <mss 1000>");
    CHECK(told_by(t) == (0x8000 | 600));  // in minutes: seconds reach 9 hours
    t.inject("< . 1:1(0) ack 1");
    t.accept();
    t.app.write(1000);
    CHECK(!told_by(t));
    t.inject("< . 1:1(0) ack 1001");
    t.app.write(996);
    CHECK(told_by(t) == (0x8000 | 600));
    t.inject("< . 1:1(0) ack 1997");
}

SCRIPT("the peer's wish lengthens the timeout within our limits", covers("RFC5482:1")) {
    open_with_option(t);
    t.inject("< . 1:1(0) ack 1", {.options = option(2000)});
    CHECK(t.status().peer_user_timeout == 2000s);
    CHECK(t.status().user_timeout == 2000s);
    t.inject("< . 1:1(0) ack 1", {.options = option(0x8000 | 50)});  // minutes
    CHECK(t.status().user_timeout == 3000s);
    t.inject("< . 1:1(0) ack 1", {.options = option(0xffff)});
    CHECK(t.status().user_timeout == t.setup.limits.tcp_user_timeout_max);
    t.inject("< . 1:1(0) ack 1", {.options = option(1)});
    CHECK(t.status().user_timeout == 924s);  // ours is the longer
    t.inject("< P. 1:11(10) ack 1", {.options = option(1000)});
    CHECK(t.status().user_timeout == 1000s);  // with data, too
    CHECK(t.app.read_all() == 10);
    t.advance(50ms);
    t.ignore_output();
}

SCRIPT("and ends the connection when it is over", covers("RFC5482:1")) {
    open_with_option(t);
    t.inject("< . 1:1(0) ack 1", {.options = option(2000)});
    t.app.write(100);
    t.ignore_output();
    t.advance(1990s);
    t.ignore_output();
    t.state(State::Established);
    t.advance(20s);
    t.ignore_output();
    t.state(State::Closed);
    CHECK(t.app.error() == Error::TimedOut);
}

SCRIPT("what the application has set is not changed by the peer", covers("RFC5482:1")) {
    t.setup.tcp.user_timeout = 150s;
    open_with_option(t);
    t.inject("< . 1:1(0) ack 1", {.options = option(2000)});
    CHECK(t.status().user_timeout == 150s);
    CHECK(t.status().peer_user_timeout == 2000s);
}

SCRIPT("0 is never sent, and ignored", covers("RFC5482:2")) {
    t.setup.tcp.user_timeout = 1ms;
    t.setup.tcp.user_timeout_option = true;
    t.connect();
    CHECK(told_by(t) == 1);
    t.app.abort();
    t.setup.tcp.user_timeout = std::nullopt;
    t.peer_port(40'001);
    t.passive_open({.mss = 1000});
    t.inject("< . 1:1(0) ack 1", {.options = option(2000)});
    t.inject("< . 1:1(0) ack 1", {.options = option(0)});
    CHECK(t.status().peer_user_timeout == 2000s);
    t.inject("< . 1:1(0) ack 1", {.options = option(0x8000)});
    CHECK(t.status().peer_user_timeout == 2000s);
}

SCRIPT("a new user timeout is told at once", covers("RFC5482:1")) {
    open_with_option(t);
    t.app.write(10);
    CHECK(told_by(t) == 924);  // the first segment behind the SYN-ACK
    t.inject("< . 1:1(0) ack 11");
    TcpOptions o = t.setup.tcp;
    o.user_timeout = std::chrono::seconds(40'000);
    t.options(o);
    CHECK(told_by(t) == (0x8000 | 667));  // rounded up to minutes
    CHECK(t.status().user_timeout == 40'000s);
}

SCRIPT("a user timeout of days is kept", covers("RFC9293:MUST-21")) {
    t.setup.tcp.user_timeout = std::chrono::hours(70);
    t.passive_open({.mss = 1000});
    t.app.write(100);
    t.ignore_output();
    for (int hour = 0; hour < 69; ++hour) {
        t.advance(std::chrono::hours(1));
        t.ignore_output();
    }
    t.state(State::Established);
    t.advance(std::chrono::hours(1) + 1s);
    t.ignore_output();
    t.state(State::Closed);
    CHECK(t.app.error() == Error::TimedOut);
}

}  // namespace tern

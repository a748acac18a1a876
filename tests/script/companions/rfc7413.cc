// RFC 7413: TCP Fast Open.
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

const std::string k_mss = "\x02\x04\x05\xb4"s;  // 1460

// A fast open option, padded to whole words.
std::string fast_open(std::string_view cookie) {
    std::string o = "\x22"s + static_cast<char>(2 + cookie.size()) + std::string(cookie);
    while (o.size() % 4 != 0) o.insert(0, 1, '\x01');
    return o;
}

// Empty: it asks for one; none: no such option.
std::optional<std::string> cookie_in(const RawTcp& segment) {
    return option_in(segment.options, 34);
}
std::optional<std::string> cookie_sent(Script& t) { return cookie_in(raw_tcp(t.next_raw())); }

void serve(Script& t, u32 limit = 10) {
    t.setup.listen.fast_open = limit;
    t.listen();
}

// A cookie of the server for the peer's address, by a handshake that is not finished.
std::string ask_for_cookie(Script& t, u16 port = 39'999) {
    t.peer_port(port);
    t.inject("< S 0:0(0) win 65535", {.options = k_mss + fast_open("")});
    const auto cookie = cookie_sent(t);
    if (!cookie || cookie->size() < 4) t.fail("no cookie", Where::current());
    t.inject("< R 1:1(0)");
    return *cookie;
}

// A SYN with 100 bytes and this cookie.
void syn_with_data(Script& t, u16 port, const std::string& cookie) {
    t.peer_port(port);
    t.inject("< S 0:100(100) win 65535", {.options = k_mss + fast_open(cookie)});
}

constexpr std::string_view k_theirs = "ABCDEFGH";

// Our client asks for a cookie and gets one.
void learn_cookie(Script& t, std::string_view cookie = k_theirs) {
    t.setup.client_port = 39'000;
    t.connect_sending(0);
    CHECK(cookie_sent(t) == "");
    t.inject("< S. 0:0(0) ack 1 win 65535", {.options = k_mss + fast_open(cookie)});
    t.expect("> . 1:1(0) ack 1");
    t.app.abort();
    t.ignore_output();
    t.setup.client_port = 39'001;
}

}  // namespace

SCRIPT("by default no option: not in SYN, not in SYN-ACK, and data in SYN is not taken",
       covers("RFC7413:1")) {
    t.connect();
    CHECK(!cookie_sent(t));
    t.app.abort();
    t.listen();
    t.inject("< S 0:100(100) win 65535", {.options = k_mss + fast_open("ABCDEFGH")});
    CHECK(!cookie_sent(t));
    CHECK(t.count().embryos == 1);
    CHECK(t.counters().tcp_fast_opens == 0);
}

SCRIPT("a cookie is given when it is asked for, with any other, and never elsewhere",
       covers("RFC7413:2", "RFC7413:3")) {
    serve(t);
    const std::string cookie = ask_for_cookie(t);
    CHECK(cookie.size() >= 4 && cookie.size() <= 16 && cookie.size() % 2 == 0);
    // Only SYN and SYN-ACK carry the option.
    t.peer_port(40'000);
    t.inject("< S 0:0(0) win 65535", {.options = k_mss + fast_open("")});
    CHECK(cookie_sent(t) == cookie);
    t.inject("< . 1:1(0) ack 1", {.options = fast_open("")});
    t.accept();
    t.app.write(100);
    CHECK(!cookie_sent(t));
    t.inject("< . 1:1(0) ack 101");
}

SCRIPT("a cookie of a length that cannot be is ignored", covers("RFC7413:2")) {
    serve(t);
    for (u16 n = 1; n <= 18; ++n) {
        const bool valid = n >= 4 && n <= 16 && n % 2 == 0;
        t.peer_port(static_cast<u16>(40'000 + n));
        t.inject("< S 0:0(0) win 65535", {.options = k_mss + fast_open(std::string(n, 'x'))});
        CHECK(cookie_sent(t).has_value() == valid);
    }
}

SCRIPT("with its cookie data in SYN is the application's before the handshake ends",
       covers("RFC7413:3")) {
    serve(t);
    const std::string cookie = ask_for_cookie(t);
    syn_with_data(t, 40'000, cookie);
    t.expect("> S. 0:0(0) ack 101");
    t.accept();
    t.state(State::SynReceived);
    CHECK(t.status().fast_open);
    CHECK(t.counters().tcp_fast_opens == 1);
    CHECK(t.app.read_all() == 100);
    // The answer need not wait either.
    t.app.write(200);
    t.expect("> P. 1:201(200) ack 101");
    t.inject("+10ms < . 101:101(0) ack 201");
    t.state(State::Established);
    CHECK(t.status().bytes_acked == 200 && t.status().bytes_received == 100);
    t.inject("< P. 101:111(10) ack 201");
    CHECK(t.app.read_all() == 10);
    t.app.close();
    t.expect("> F. 201:201(0) ack 111");
    t.inject("< F. 111:111(0) ack 202");
    t.expect("> . 202:202(0) ack 112");
}

SCRIPT("the same with SACK, and an answer of which a part is lost", covers("RFC7413:3")) {
    serve(t);
    const std::string cookie = ask_for_cookie(t);
    t.peer_port(40'000);
    t.inject("< S 0:100(100) win 65535",
             {.options = k_mss + "\x01\x01\x04\x02"s + fast_open(cookie)});
    t.expect("> S. 0:0(0) ack 101");
    t.accept();
    t.app.write(4380);
    t.expect("> P. 1:4381(4380) ack 101");
    t.inject("+20ms < . 101:101(0) ack 1");
    t.state(State::Established);
    t.inject("< . 101:101(0) ack 1461 <sack 2921:4381>");
    t.expect_within(1s, "> . 1461:2921(1460) ack 101");
    t.inject("+20ms < . 101:101(0) ack 4381");
    CHECK(t.status().flight == 0);
    t.app.read_all();
    t.app.abort();
    t.ignore_output();
}

SCRIPT("the cookie of another address is refused: the usual handshake",
       covers("RFC7413:3", "VULN:tfo-amplification")) {
    serve(t);
    const std::string cookie = ask_for_cookie(t);
    const Ipv4Address other(10, 0, 0, 77);
    t.peer_port(40'000);
    t.inject("< S 0:100(100) win 65535", {.options = k_mss + fast_open(cookie), .source = other});
    // The SYN-ACK acknowledges SYN alone, and brings the cookie of that address.
    const RawTcp answer = raw_tcp(t.next_raw());
    CHECK(answer.flags == (wire::Syn | wire::Ack));
    CHECK(answer.ack == t.setup.peer_isn + 1);
    CHECK(cookie_in(answer) && cookie_in(answer) != cookie);
    CHECK(t.count().connections == 0);
    CHECK(t.counters().tcp_fast_opens == 0);
}

SCRIPT("a forged cookie is refused: no data is answered before the handshake ends",
       covers("RFC7413:3", "VULN:tfo-amplification")) {
    serve(t);
    syn_with_data(t, 40'000, "\x01\x02\x03\x04\x05\x06\x07\x08"s);
    t.expect("> S. 0:0(0) ack 1");
    CHECK(t.count().connections == 0);
    t.quiet(900ms);
}

SCRIPT("a cookie grows old: renewed in the next period, refused in the one after it",
       covers("RFC7413:3")) {
    t.setup.limits.tcp_fast_open_key_life = std::chrono::seconds(1000);
    serve(t);
    const std::string cookie = ask_for_cookie(t);
    t.quiet(1000s);
    syn_with_data(t, 40'000, cookie);
    const RawTcp renewed = raw_tcp(t.next_raw());
    CHECK(renewed.ack == t.setup.peer_isn + 101);
    CHECK(cookie_in(renewed) && cookie_in(renewed) != cookie);
    t.inject("< R 101:101(0)");
    t.quiet(1000s);
    syn_with_data(t, 40'001, cookie);
    CHECK(raw_tcp(t.next_raw()).ack == t.setup.peer_isn + 1);
}

SCRIPT("above the limit the handshake is the usual one", covers("RFC7413:4")) {
    serve(t, 2);
    const std::string cookie = ask_for_cookie(t);
    for (u16 port = 40'000; port < 40'002; ++port) {
        syn_with_data(t, port, cookie);
        t.expect("> S. 0:0(0) ack 101");
    }
    syn_with_data(t, 40'002, cookie);
    t.expect("> S. 0:0(0) ack 1");
    // A handshake that ends frees its place.
    t.peer_port(40'000);
    t.inject("< . 101:101(0) ack 1");
    syn_with_data(t, 40'003, cookie);
    t.expect("> S. 0:0(0) ack 101");
    t.ignore_output();
}

SCRIPT("a RST does not free the place at once", covers("RFC7413:4")) {
    serve(t, 1);
    const std::string cookie = ask_for_cookie(t);
    syn_with_data(t, 40'000, cookie);
    t.expect("> S. 0:0(0) ack 101");
    t.inject("< R 101:101(0)");
    t.accept();
    CHECK(t.app.error() == Error::Reset);
    syn_with_data(t, 40'001, cookie);
    t.expect("> S. 0:0(0) ack 1");
    t.inject("< R 1:1(0)");
    t.quiet(61s);
    syn_with_data(t, 40'002, cookie);
    t.expect("> S. 0:0(0) ack 101");
    t.ignore_output();
}

SCRIPT("beyond the SYN queue there is no fast open, but a SYN cookie", covers("RFC7413:4")) {
    t.setup.listen.syn_backlog = 1;
    serve(t);
    const std::string cookie = ask_for_cookie(t);
    t.peer_port(40'000);
    t.inject("< S 0:0(0) win 65535", {.options = k_mss});
    t.ignore_output();
    syn_with_data(t, 40'001, cookie);
    t.expect("> S. 0:0(0) ack 1");
    CHECK(t.counters().tcp_cookies_sent == 1);
    CHECK(t.count().connections == 0);
}

SCRIPT("a lost SYN-ACK leaves again: by the timer, and when SYN comes again") {
    serve(t);
    const std::string cookie = ask_for_cookie(t);
    syn_with_data(t, 40'000, cookie);
    t.expect("> S. 0:0(0) ack 101");
    t.expect("+1s > S. 0:0(0) ack 101");
    t.inject("+100ms < S 0:0(0) win 65535", {.options = k_mss});  // the plain SYN of 4.2.2
    t.expect("> S. 0:0(0) ack 101");
    t.inject("< . 101:101(0) ack 1");
    t.accept();
    t.state(State::Established);
    CHECK(t.app.read_all() == 100);
}

SCRIPT("a handshake that is never finished ends") {
    serve(t, 1);
    const std::string cookie = ask_for_cookie(t);
    syn_with_data(t, 40'000, cookie);
    t.accept();
    t.advance(200s);
    t.ignore_output();
    CHECK(t.app.error() == Error::TimedOut);
    syn_with_data(t, 40'001, cookie);
    t.expect("> S. 0:0(0) ack 101");
    t.ignore_output();
}

SCRIPT("an answer and a CLOSE before the handshake ends: FIN follows it") {
    serve(t);
    const std::string cookie = ask_for_cookie(t);
    syn_with_data(t, 40'000, cookie);
    t.expect("> S. 0:0(0) ack 101");
    t.accept();
    CHECK(t.app.read_all() == 100);
    t.app.write(50);
    t.expect("> P. 1:51(50) ack 101");
    t.app.close();
    t.inject("< . 101:101(0) ack 51");
    t.expect("> F. 51:51(0) ack 101");
    t.inject("< F. 101:101(0) ack 52");
    t.expect("> . 52:52(0) ack 102");
}

SCRIPT("a client asks for a cookie first, and sends data in SYN with it", covers("RFC7413:6")) {
    learn_cookie(t);
    t.connect_sending(300);
    const RawTcp syn = raw_tcp(t.next_raw());
    CHECK(syn.flags == wire::Syn);
    CHECK(cookie_in(syn) == k_theirs);
    t.inject("+10ms < S. 0:0(0) ack 301 win 65535 <mss 1460>");
    t.expect("> . 301:301(0) ack 1");
    CHECK(t.status().fast_open);
    CHECK(t.counters().tcp_fast_opens == 1);
    CHECK(t.status().bytes_acked == 300);
    t.app.write(100);
    t.expect("> P. 301:401(100) ack 1");
    t.inject("< . 1:1(0) ack 401");
}

SCRIPT("without a cookie SYN carries none of the data", covers("RFC7413:6")) {
    t.connect_sending(300);
    t.expect("> S 0:0(0)");
    t.inject("< S. 0:0(0) ack 1 win 65535", {.options = k_mss + fast_open(k_theirs)});
    t.expect("> P. 1:301(300) ack 1");
    t.inject("< . 1:1(0) ack 301");
    CHECK(!t.status().fast_open);
}

SCRIPT("no more than the cached MSS is in SYN; the rest follows", covers("RFC7413:6")) {
    learn_cookie(t);
    t.connect_sending(1420 + 2 * 1460);
    const auto syn = t.next();
    CHECK(syn && syn->length == 1420);  // options may take 40
    t.inject("< S. 0:0(0) ack 1421 win 65535 <mss 1460>");
    t.expect("> P. 1421:4341(2920) ack 1");
    t.inject("< . 1:1(0) ack 4341");
}

SCRIPT("data that the SYN-ACK leaves out is sent again after the handshake", covers("RFC7413:5")) {
    learn_cookie(t);
    t.connect_sending(300);
    t.expect("> S 0:300(300)");
    t.inject("+10ms < S. 0:0(0) ack 1 win 65535 <mss 1460>");
    t.expect("> P. 1:301(300) ack 1");
    CHECK(!t.status().fast_open);
    t.inject("< . 1:1(0) ack 301");
    CHECK(t.status().flight == 0);
}

SCRIPT("a SYN that is not answered is followed by one without data and option",
       covers("RFC7413:5", "RFC7413:6")) {
    learn_cookie(t);
    t.connect_sending(300);
    t.expect("> S 0:300(300)");
    t.advance(1s);
    const RawTcp again = raw_tcp(t.next_raw());
    CHECK(again.flags == wire::Syn);
    CHECK(!cookie_in(again));
    t.inject("+10ms < S. 0:0(0) ack 1 win 65535 <mss 1460>");
    t.expect("> P. 1:301(300) ack 1");
    t.inject("< . 1:1(0) ack 301");
    // And the server is spared the option for a while.
    t.setup.client_port = 39'002;
    t.connect_sending(300);
    CHECK(!cookie_sent(t));
    t.app.abort();
    t.quiet(std::chrono::hours(1));
    t.setup.client_port = 39'003;
    t.connect_sending(0);
    CHECK(cookie_sent(t) == "");
    t.app.abort();
}

SCRIPT("the answer to the first SYN counts after the second", covers("RFC7413:5")) {
    learn_cookie(t);
    t.connect_sending(300);
    t.expect("> S 0:300(300)");
    t.expect("+1s > S 0:0(0)");
    t.inject("+10ms < S. 0:0(0) ack 301 win 65535 <mss 1460>");
    t.expect("> . 301:301(0) ack 1");
    CHECK(t.status().fast_open);
    t.quiet(10s);
}

SCRIPT("a server without cookies is not asked again for a while", covers("RFC7413:6")) {
    t.connect_sending(0);
    CHECK(cookie_sent(t) == "");
    t.inject("< S. 0:0(0) ack 1 win 65535 <mss 1460>");
    t.expect("> . 1:1(0) ack 1");
    t.setup.client_port = 39'002;
    t.connect_sending(300);
    CHECK(!cookie_sent(t));
    t.app.abort();
}

SCRIPT("a cookie of 16 bytes fits beside all other options", covers("RFC7413:2")) {
    const std::string longest = "0123456789abcdef";
    learn_cookie(t, longest);
    t.connect_sending(10);
    const RawTcp syn = raw_tcp(t.next_raw());
    CHECK(syn.options.size() == 40);
    CHECK(cookie_in(syn) == longest);
    t.app.abort();
}

SCRIPT("both at once: a simultaneous open carries no data in its SYN-ACK") {
    learn_cookie(t);
    t.connect_sending(300);
    t.expect("> S 0:300(300)");
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.expect("> S. 0:0(0) ack 1");
    t.inject("< . 1:1(0) ack 1");
    t.expect("> P. 1:301(300) ack 1");
    t.inject("< . 1:1(0) ack 301");
}

SCRIPT("both at once: a peer that has taken the data of our SYN says so, wholly or in part",
       covers("RFC7413:5", "RFC9293:MUST-10")) {
    for (const u32 taken : {0u, 100u, 300u})
        for (const bool syn_ack : {false, true})
            one_case(std::to_string(taken) + " bytes taken, by " + (syn_ack ? "SYN-ACK" : "ACK"),
                     [&](Script& c) {
                         learn_cookie(c);
                         c.connect_sending(300);
                         c.expect("> S 0:300(300)");
                         c.inject("< S 0:0(0) win 65535 <mss 1460>");
                         c.expect("> S. 0:0(0) ack 1");
                         const std::string ack = " ack " + std::to_string(1 + taken);
                         c.inject(line((syn_ack ? "< S. 0:0(0)" : "< . 1:1(0)") + ack +
                                       " win 65535" + (syn_ack ? " <mss 1460>" : "")));
                         c.state(State::Established);
                         c.check(c.status().fast_open == (taken > 0), "fast_open");
                         const std::string from = std::to_string(1 + taken);
                         if (taken < 300)
                             c.expect(line("> P. " + from + ":301(" + std::to_string(300 - taken) +
                                           ") ack 1"));
                         c.inject("< . 1:1(0) ack 301");
                         c.check(c.status().unacknowledged == 0, "all is acknowledged");
                         c.quiet(10s);
                     });
}

SCRIPT("data in SYN beyond the receive buffer is cut off, and comes again",
       covers("RFC7413:3", "RFC9293:U-7")) {
    t.setup.tcp.receive_buffer = 60;
    serve(t);
    const std::string cookie = ask_for_cookie(t);
    syn_with_data(t, 40'000, cookie);
    t.expect("> S. 0:0(0) ack 61 win 0");  // what it offers lies behind what it has taken
    t.accept();
    CHECK(t.status().rcv_wnd == 0);
    CHECK(t.app.read_all() == 60);
    t.quiet(10ms);
    t.inject("< . 61:61(0) ack 1");  // the window is told once the handshake is over
    t.expect("> . 1:1(0) ack 61 win 60");
    t.inject("+10ms < P. 61:101(40) ack 1");
    CHECK(t.app.read_all() == 40);
    t.ignore_output();
}

SCRIPT(
    "a fast open may agree to Accurate ECN: the SYN-ACK tests the option once, and another kind "
    "ends it",
    covers("RFC9768:5", "RFC9768:6", "RFC7413:4")) {
    serve(t);
    const std::string cookie = ask_for_cookie(t);
    const auto syn = [&](const char* line_of_syn) {
        t.inject(line(line_of_syn), {.options = k_mss + fast_open(cookie)});
    };
    t.peer_port(41'000);
    syn("< [ect0] SAWE 0:100(100) win 65535");
    t.expect("> [noecn] SA. 0:0(0) ack 101 <mss 1460,ECN0 e0b 1>");
    CHECK(t.counters().tcp_fast_opens == 1);
    // How the latest SYN came is told back, and without the flags nothing is taken back.
    syn("< S 0:100(100) win 65535");
    t.expect("> [noecn] SW. 0:0(0) ack 101 <mss 1460>");
    t.accept();
    t.app.write(100);
    t.expect("> [noecn] P.AE 1:101(100) ack 101");
    syn("< SEW 0:100(100) win 65535");
    t.expect("> R. 101:101(0) ack 101");
    CHECK(t.drops(DropReason::TcpMixedEcn) == 1);
    CHECK(t.app.error() == Error::Aborted);
}

}  // namespace tern

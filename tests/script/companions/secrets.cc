// What an attacker must not be able to guess: RFC 6528, RFC 6056; and a listener under a flood,
// RFC 4987. RFC 6093 at the interface.
#include <set>

#include "support/places.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;

// The number of the SYN-ACK that a fresh stack of this seed gives to a SYN from `port`.
u32 iss_for(u64 seed, u16 port, Duration after) {
    script::Script s;
    s.setup.seed = seed;
    s.listen();
    s.advance(after);
    s.peer_port(port);
    s.inject("< S 0:0(0) win 1000 <mss 1000>");
    const u32 iss = s.iss();
    s.ignore_output();
    return iss;
}

SCRIPT("initial sequence numbers: a clock of 4 microseconds plus a keyed hash of the connection",
       covers("RFC6528:1", "RFC9293:MUST-8", "RFC9293:MUST-9", "RFC9293:SHLD-1",
              "VULN:predictable-isn", "VULN:number-jack", "VULN:gvisor-weak-hash")) {
    const u32 at_0 = iss_for(7, 40'000, 0s);
    CHECK(iss_for(7, 40'000, 0s) == at_0);
    CHECK(iss_for(7, 40'000, 1s) - at_0 == 250'000);
    CHECK(iss_for(8, 40'000, 0s) != at_0);
    // Neighbouring ports: differences over the whole space, none twice.
    std::set<u32> differences;
    u32 high = 0;
    for (u16 port = 40'001; port < 40'065; ++port) {
        const u32 d = iss_for(7, port, 0s) - iss_for(7, static_cast<u16>(port - 1), 0s);
        differences.insert(d);
        high += d > 0x7fffffff;
    }
    CHECK(differences.size() == 64);
    CHECK(high > 12 && high < 52);
}

SCRIPT("ephemeral ports: in their range, different for each destination and boot, no plain counter",
       covers("RFC6056:1", "VULN:port-prediction", "VULN:gvisor-weak-hash")) {
    std::set<u16> firsts;
    for (u64 seed = 1; seed <= 16; ++seed) {
        script::Script s;
        s.setup.seed = seed;
        s.listen();
        Stack& stack = s.stack();
        u16 last = 0;
        int steps_of_one = 0;
        for (int i = 0; i < 32; ++i) {
            const auto c = stack.tcp().connect({IpAddress(Ipv4Address(10, 0, 0, 2)), 80});
            CHECK(c.has_value());
            const u16 port = stack.tcp().status(*c)->flow.local.port;
            CHECK(port >= 32768 && port <= 60999);
            if (i == 0) firsts.insert(port);
            steps_of_one += port == last + 1;
            last = port;
        }
        CHECK(steps_of_one < 20);
        s.pump();
        s.ignore_output();
    }
    CHECK(firsts.size() >= 15);
}

SCRIPT("the timestamp of a cookie is never ahead of the clock", covers("RFC4987:1", "RFC7323:6")) {
    t.setup.listen.syn_backlog = 0;
    t.listen();
    for (u16 n = 0; n < 64; ++n) {  // a cycle of the bits that carry the options, and another
        t.peer_port(static_cast<u16>(3000 + n));
        t.inject("+1ms < S 0:0(0) win 1000 <mss 1400,sackOK,TS val 100 ecr 0,nop,wscale 14>");
        const auto syn_ack = t.expect("> S. 0:0(0) ack 1");
        t.inject("< . 1:1(0) ack 1 win 500");
        t.accept();
        t.app.write(1);
        const auto data = t.expect("> P. 1:2(1) ack 1");
        CHECK(static_cast<i32>(data.ts_val - syn_ack.ts_val) >= 0);
        CHECK(data.ts_val - syn_ack.ts_val < 32);
        t.app.abort();
        t.ignore_output();
    }
}

// RFC 4987 3.6: 24 bits of a hash hold for minutes, not for the 24 hours in which somebody tries
// all of them. So an ACK counts as a cookie's only while one can be under way.
SCRIPT("a cookie grows old: after two of its periods nothing is believed, after one it is",
       covers("RFC4987:1", "VULN:cookie-guess")) {
    struct Age {
        std::chrono::seconds age;
        bool believed;
    };
    for (const auto [age, believed] : {Age{1s, true}, Age{60s, true}, Age{129s, false},
                                       Age{200s, false}, Age{2048s, false}, Age{24h, false}})
        script::one_case("after " + std::to_string(age.count()) + " s", [&](script::Script& c) {
            c.setup.listen.syn_backlog = 0;
            c.listen();
            c.inject("< S 0:0(0) win 65535 <mss 1460>");
            c.expect("> S. 0:0(0) ack 1");
            c.check(c.counters().tcp_cookies_sent == 1, "a cookie");
            c.advance(age);
            // Another cookie, for somebody else, opens the door again; this one stays too old.
            c.peer_port(41'000);
            c.inject("< S 0:0(0) win 65535 <mss 1460>");
            c.expect("> S. 0:0(0) ack 1");
            c.peer_port(c.setup.client_port);
            c.inject("< . 1:1(0) ack 1");
            c.check(c.count().connections == (believed ? 1u : 0u), "believed or not");
            c.check(c.drops(DropReason::TcpBadCookie) == (believed ? 0u : 1u), "TcpBadCookie");
            c.ignore_output();
        });
}

SCRIPT("where no cookie was given for two of its periods an ACK is not taken for one",
       covers("RFC4987:1", "VULN:cookie-guess")) {
    t.setup.listen.syn_backlog = 0;
    t.listen();
    t.inject("< . 1:1(0) ack 1");  // before the first one
    t.expect("> R 1:1(0)");
    CHECK(t.drops(DropReason::TcpListenAck) == 1);
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.expect("> S. 0:0(0) ack 1");
    t.advance(127s);
    t.peer_port(41'000);
    t.inject("< . 5:5(0) ack 5");  // a guess, while cookies are out
    t.ignore_output();
    CHECK(t.drops(DropReason::TcpBadCookie) == 1);
    t.advance(2s);
    t.inject("< . 5:5(0) ack 5");
    t.ignore_output();
    CHECK(t.drops(DropReason::TcpBadCookie) == 1);
    CHECK(t.drops(DropReason::TcpListenAck) == 2);
}

SCRIPT("SYN flood: memory stays, cookies answer, an honest client still gets in",
       covers("RFC4987:1", "VULN:syn-flood", "VULN:smoltcp-syn-flood")) {
    t.setup.listen.syn_backlog = 8;
    t.listen();
    for (u16 port = 1000; port < 1008; ++port) {
        t.peer_port(port);
        t.inject("< S 0:0(0) win 1000 <mss 1000>");
        t.expect("> S. 0:0(0) ack 1");
    }
    CHECK(t.count().embryos == 8);
    const u64 memory = t.stack().memory_used();
    for (u16 port = 2000; port < 3000; ++port) {
        t.peer_port(port);
        t.inject("< S 0:0(0) win 1000 <mss 1000>");
        t.ignore_output();
    }
    CHECK(t.count().embryos == 8);
    CHECK(t.stack().memory_used() == memory);
    CHECK(t.counters().tcp_cookies_sent == 1000);
    // The honest one, with everything that a timestamp can carry.
    t.peer_port(4000);
    t.inject("< S 0:0(0) win 1000 <mss 1400,sackOK,TS val 100 ecr 0,nop,wscale 5>");
    const auto syn_ack = t.expect("> S. 0:0(0) ack 1");
    CHECK(syn_ack.has_timestamps && syn_ack.has_window_scale && syn_ack.sack_permitted);
    t.inject("+10ms < . 1:1(0) ack 1 win 500");
    t.accept();
    CHECK(t.status().snd_wind_shift == 5);
    CHECK(t.status().sack);
    CHECK(t.status().send_mss == 1388);
    t.app.write(100);
    t.expect("> P. 1:101(100) ack 1");
    t.inject("+10ms < . 1:1(0) ack 101");
    // A forged one.
    t.peer_port(4001);
    t.inject("< . 1:1(0) ack 12345 win 500");
    CHECK(t.drops(DropReason::TcpBadCookie) == 1);
    t.ignore_output();
}

SCRIPT("an embryo ends after its retries, and makes room",
       covers("RFC4987:2", "RFC9293:MUST-23", "VULN:syn-ack-reflection")) {
    t.setup.listen.syn_backlog = 1;
    t.setup.listen.syn_cookies = false;
    t.listen();
    t.inject("< S 0:0(0) win 1000 <mss 1000>");
    t.expect("> S. 0:0(0) ack 1");
    t.peer_port(1001);
    t.inject("< S 0:0(0) win 1000 <mss 1000>");
    t.quiet();
    CHECK(t.drops(DropReason::TcpSynQueueFull) == 1);
    t.peer_port(40'000);
    for (const auto& line :
         {"+1s > S. 0:0(0) ack 1", "+2s > S. 0:0(0) ack 1", "+4s > S. 0:0(0) ack 1",
          "+8s > S. 0:0(0) ack 1", "+16s > S. 0:0(0) ack 1", "+32s > S. 0:0(0) ack 1",
          "+64s > S. 0:0(0) ack 1"})
        t.expect(script::line(line));
    t.quiet(119s);                  // the longest RTO is 120 s
    CHECK(t.count().embryos == 1);  // RFC 9293 3.8.3 [MUST-23]: three minutes at least
    t.quiet(2s);
    CHECK(t.count().embryos == 0);
}

SCRIPT("urgent data: the pointer names the octet behind it; in line or beside the stream",
       covers("RFC6093:1", "RFC9293:MUST-62")) {
    t.passive_open({.mss = 1000});
    t.app.urgent(3);
    const auto sent = t.expect("> PU. 1:4(3) ack 1");
    CHECK(sent.urgent == 3);
    t.inject("+10ms < . 1:1(0) ack 4");
    t.inject("< PU. 1:6(5) ack 4 urg 5");
    CHECK((t.app.events() & Urgent) != 0);
    CHECK(t.app.read(100) == 4);  // stops at the mark
    const auto byte = t.app.read_urgent();
    CHECK(byte.has_value());
    t.advance(50ms);
    t.ignore_output();
}

}  // namespace
}  // namespace tern

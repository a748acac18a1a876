// What somebody can send who does not see the conversation, or who pretends to be us: rows of
// spec/vulnerabilities.tsv, each test named after the attack.
#include <random>
#include <string>

#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

constexpr Ipv4Address k_ours{10, 0, 0, 1};

// Identification, and whether a router may cut the packet.
struct IpId {
    u16 id;
    bool dont_fragment;
};
IpId ip_id(const std::string& packet) {
    const auto byte = [&](std::size_t i) { return static_cast<u8>(packet.at(i)); };
    return {static_cast<u16>(byte(4) << 8 | byte(5)), (byte(6) & 0x40) != 0};
}

}  // namespace

SCRIPT("Land (CVE-1999-0016): a SYN from our own address and port starts no conversation with us",
       covers("VULN:land")) {
    t.listen();
    t.flow(80, 80);
    for (const int flags : {wire::Syn + 0, wire::Ack + 0, wire::Syn | wire::Ack})
        t.inject(line_of({.flags = static_cast<u16>(flags)}),
                 {.source = k_ours, .destination = k_ours});
    t.quiet(10s);
    CHECK(t.count().embryos == 0);
    CHECK(t.drops(DropReason::Ipv4OwnSource) == 3);
}

SCRIPT(
    "a forged segment with a huge timestamp does not make the peer's own look old "
    "(CVE-2005-0356)",
    covers("VULN:paws-dos", "RFC7323:5")) {
    t.passive_open({.wscale = {}, .timestamps = true});
    t.auto_timestamps(true);
    t.inject("< . 1:101(100) ack 1");
    t.app.read_all();
    t.ignore_output();
    const u32 window = t.status().rcv_wnd;
    // Before the window, behind it, and before Last.ACK.sent: whoever guesses no number.
    for (const u32 seq : {101u - 70'000u, 101u - 2u, 101u + window, 101u + window + 5'000u})
        t.inject(line("< . " + std::to_string(seq) + ":" + std::to_string(seq + 1) +
                      "(1) ack 1 <TS val 2000000000 ecr 0>"));
    t.ignore_output();
    t.inject("+1s < . 101:201(100) ack 1");
    CHECK(t.app.read_all() == 100);
    CHECK(t.drops(DropReason::TcpPaws) == 0);
    t.ignore_output();
}

SCRIPT("cookies are not guessed: of 20,000 acknowledgements drawn at random none opens",
       covers("VULN:cookie-guess", "RFC4987:1")) {
    t.setup.listen.syn_backlog = 0;
    t.listen();
    t.inject("< S 0:0(0) win 65535 <mss 1460>");  // cookies have begun
    t.expect("> S. 0:0(0) ack 1");
    std::mt19937 random{7};
    for (u32 n = 0; n < 20'000; ++n) {
        if (n % 1000 == 0) t.peer_port(static_cast<u16>(20'000 + n / 1000));
        t.inject(line_of({.seq = 1, .ack = static_cast<u32>(random())}));
        t.ignore_output();
    }
    CHECK(t.count().connections == 0 && t.count().embryos == 0);
    CHECK(t.drops(DropReason::TcpBadCookie) == 20'000);
}

SCRIPT("a cookie grows old: after some minutes its acknowledgement opens nothing",
       covers("VULN:cookie-guess", "RFC4987:1")) {
    for (const auto age : {0s, 60s, 129s, 200s, 500s, 1000s, 1900s})
        one_case(std::to_string(age.count()) + " s", [&](Script& c) {
            c.setup.listen.syn_backlog = 0;
            c.listen();
            c.inject("< S 0:0(0) win 65535 <mss 1460>");
            c.expect("> S. 0:0(0) ack 1");
            c.quiet(age);
            c.inject("< . 1:1(0) ack 1");
            c.ignore_output();
            c.check(c.count().connections == (age <= 60s ? 1 : 0), "opened by its age");
        });
}

// CVE-2020-36516: a stack that clears DF for whoever asks numbers its packets by a counter that
// others can watch. Ours keep DF, and with it an identification that says nothing (RFC 6864 4).
SCRIPT("a forged Fragmentation Needed clears no DF and starts no counter of identifications",
       covers("VULN:ipid-hijack", "VULN:icmp-blind")) {
    t.passive_open({.mss = 1460});
    for (const u16 mtu : {0, 68, 552, 1400}) {
        t.app.write(3000);
        const u32 una = t.status().bytes_acked + 1;
        t.icmp({.type = 3, .code = 4, .seq = una, .mtu = mtu});
        t.advance(0s);
        while (t.waiting() > 0) {
            const IpId got = ip_id(t.next_raw());
            t.check(got.dont_fragment, "DF");
            t.check(got.id == 0, "an identification that is no counter");
        }
        t.inject(line_of({.seq = 1, .ack = una + 3000}));
        t.state(State::Established);
    }
}

// CVE-2016-5696: a global ration of challenges told an attacker, by what was left of it for his own
// connection, whether a guess about another had been right. Each connection has its own here; how
// much of it a second leaves is chance, between half and all.
SCRIPT("challenges on one connection leave those of another as they are",
       covers("VULN:challenge-side-channel", "RFC5961:4")) {
    for (const bool victim_is_probed : {false, true})
        one_case(victim_is_probed ? "the victim is probed" : "it is not", [&](Script& c) {
            c.passive_open({.wscale = {}});
            c.peer_port(40'001);
            c.passive_open({.wscale = {}});
            const u32 ration = std::min<u32>(c.setup.limits.tcp_challenges_per_second, 15);
            u32 all = 0;
            for (int second = 0; second < 30; ++second) {
                c.peer_port(40'000);
                for (int i = 0; victim_is_probed && i < 100; ++i) {
                    c.inject("< R 500:500(0)");  // inside the window, not exact: challenged
                    c.ignore_output();
                }
                c.peer_port(40'001);
                u32 own = 0;
                for (int i = 0; i < 100; ++i) {
                    c.inject("< R 500:500(0)");
                    while (c.next()) ++own;
                }
                c.check(own >= ration - ration / 2 && own <= ration, "half of the ration to all");
                all += own;
                c.advance(1s);
            }
            c.check(all < 30 * ration && all > 15 * ration, "what a second leaves is chance");
        });
}

SCRIPT("split handshake: an ACK without SYN, and then a SYN, opens as RFC 9293 says or not at all",
       covers("VULN:split-handshake")) {
    t.connect();
    t.expect("> S 0:0(0)");
    t.inject("< . 0:0(0) ack 1 win 65535");  // opens nothing by itself
    t.quiet(0s);
    t.state(State::SynSent);
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.expect("> S. 0:0(0) ack 1");
    t.state(State::SynReceived);
    t.inject("< . 1:1(0) ack 1 win 65535");
    t.state(State::Established);
}

// WinNuke, URGENT/11, INFRA:HALT, CVE-2017-6214: pointers before, at and far behind the end of the
// segment, in text of every small length; reading must end and give every octet once.
SCRIPT("urgent pointers of every kind: nothing hangs, and the stream stays whole",
       covers("VULN:winnuke", "VULN:urgent11", "VULN:infra-halt", "VULN:bsd-linux-historic",
              "VULN:amnesia33")) {
    for (const bool in_line : {false, true})
        for (const u32 len : {0u, 1u, 2u, 10u})
            for (const u32 pointer : {0u, 1u, len, len + 1, 1000u, 65535u})
                one_case(std::to_string(len) + " octets, pointer " + std::to_string(pointer),
                         [&](Script& c) {
                             c.setup.tcp.urgent_inline = in_line;
                             c.passive_open();
                             for (u32 n = 0, seq = 1; n < 3; ++n, seq += len)
                                 c.inject(line_of({.flags = wire::Urg | wire::Ack | wire::Psh,
                                                   .seq = seq,
                                                   .len = len,
                                                   .ack = 1,
                                                   .urg = static_cast<u16>(pointer)}));
                             std::size_t got = 0, turns = 0;
                             for (; turns < 100 && c.status().readable > 0; ++turns) {
                                 got += c.app.read_bytes(7).size();
                                 if (c.app.read_urgent()) ++got;
                             }
                             c.check(turns < 100, "reading comes to an end");
                             if (c.app.read_urgent()) ++got;
                             c.check(got >= (in_line ? 3 * len : 3 * len - std::min(3u, 3 * len)) &&
                                         got <= 3 * len,
                                     "every octet once");
                             c.ignore_output();
                             c.state(State::Established);
                         });
}

namespace {

// Where a stack is that stood at `p` and got this.
State state_after(Place p, int flags, u16 pointer) {
    State after = State::Closed;
    one_case(standing(p).name, [&](Script& c) {
        go_to(c, p);
        const Standing at = standing(p);
        c.inject(line_of({.flags = static_cast<u16>(flags),
                          .seq = at.rcv_nxt,
                          .ack = at.snd_nxt,
                          .urg = pointer}));
        c.ignore_output();
        after = c.state();
    });
    return after;
}

}  // namespace

SCRIPT("urgent pointers on SYN, SYN-ACK and in states without a stream are only a field",
       covers("VULN:urgent11", "VULN:winnuke")) {
    for (const Place p : k_places)
        for (const int flags :
             {wire::Syn + 0, wire::Ack + 0, wire::Syn | wire::Ack, wire::Fin | wire::Ack})
            for (const u16 pointer : {u16{0}, u16{1}, u16{65535}})
                EXPECT_EQ(state_after(p, flags | wire::Urg, pointer), state_after(p, flags, 0))
                    << standing(p).name << ", flags " << flags << ", pointer " << pointer;
}

// smoltcp: an ISN of 2^32-1, acknowledgements and windows across the wrap.
SCRIPT("conversations whose numbers wrap at every place of the first segments",
       covers("VULN:smoltcp-tcp", "VULN:sequence-wrap")) {
    for (const u32 isn : {0u, 1u, 0x7fffffffu, 0x80000000u, 0xffffffffu, 0xfffffffeu,
                          0xffffffffu - 1460u, 0xffffffffu - 65535u})
        one_case("peer's ISN " + std::to_string(isn), [&](Script& c) {
            c.setup.peer_isn = isn;
            c.passive_open({.mss = 1460, .sack = true});
            c.inject("< . 1461:2921(1460) ack 1");
            c.ignore_output();
            c.inject("< . 1:1461(1460) ack 1");
            c.expect("> . 1:1(0) ack 2921");
            c.check(c.app.read_all() == 2920, "the text");
            c.ignore_output();
            c.app.write(2920);
            c.expect("> P. 1:2921(2920) ack 2921");
            c.inject("< . 2921:2921(0) ack 2921");
            c.passive_close();
        });
}

}  // namespace tern

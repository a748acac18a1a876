// RFC 9293 3.4.1, 3.5 and 3.9.1.1: initial sequence numbers, the handshake, OPEN.
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

// The ISN of a fresh stack's connection, `after` its start.
u32 isn(u64 seed, Duration after, u16 port = 40000) {
    u32 got = 0;
    one_case("isn", [&](Script& t) {
        t.setup.seed = seed;
        t.setup.client_port = port;
        t.advance(after);
        t.connect();
        t.expect("> S 0:0(0)");
        got = t.iss();
        t.app.abort();
    });
    return got;
}

Endpoint peer(u16 port = 80) { return {Ipv4Address{10, 0, 0, 2}, port}; }

Error error_of_connect(Script& t, Endpoint to, const ConnectOptions& o = {}) {
    const auto c = t.stack().tcp().connect(to, o);
    return c ? Error::None : c.error();
}

}  // namespace

SCRIPT("the ISN runs with a clock of 4 microseconds", covers("RFC9293:MUST-8", "RFC9293:SHLD-1")) {
    const u32 first = isn(1, 0s);
    CHECK(isn(1, 4us) - first == 1);
    CHECK(isn(1, 1ms) - first == 250);
    CHECK(isn(1, 1s) - first == 250'000);
    CHECK(isn(1, 3600s) - first == 900'000'000);
}

SCRIPT("the ISN depends on a secret of the stack and on the whole four-tuple",
       covers("RFC9293:MUST-9", "RFC9293:SHLD-1", "VULN:predictable-isn", "VULN:number-jack")) {
    CHECK(isn(1, 0s) != isn(2, 0s));
    // Neighbouring ports give numbers that are far apart, in both halves.
    u32 near = 0, low_same = 0;
    u32 last = isn(7, 0s, 50000);
    for (u16 port = 50001; port < 50101; ++port) {
        const u32 now = isn(7, 0s, port);
        const i32 gap = static_cast<i32>(now - last);
        near += gap > -1'000'000 && gap < 1'000'000;
        low_same += (now & 0xffff) == (last & 0xffff);
        last = now;
    }
    CHECK(near < 3);
    CHECK(low_same < 3);
}

SCRIPT("a connection that replaces a TIME-WAIT starts above the old numbers",
       covers("RFC9293:MUST-8", "RFC9293:MAY-2")) {
    t.active_close();
    const u32 old = t.iss();
    t.peer_isn(t.setup.peer_isn + 100'000);
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    const auto syn_ack = t.next();
    CHECK(syn_ack && (syn_ack->flags & wire::Syn));
    CHECK(static_cast<i32>(t.iss() - (old + 2)) > 0);
}

SCRIPT("SYN-SENT towards a half-open peer: behind the RST the SYN follows at once",
       covers("RFC9293:U-4", "RFC5961:2")) {
    t.connect();
    t.expect("> S 0:0(0)");
    t.inject("+9ms < . 900000:900000(0) ack 700000");  // it challenges our SYN
    t.expect("> R 700000:700000(0)");
    t.expect("> S 0:0(0)");
    CHECK(t.story().find("ask again at once") != std::string::npos);
    t.inject("+9ms < S. 0:0(0) ack 1 win 65535 <mss 1460>");
    t.expect("> . 1:1(0) ack 1");
    t.state(State::Established);
    t.app.write(15'000);  // no SYN was lost: cwnd is the usual one
    CHECK(t.status().cwnd >= 10 * 1460);
    t.ignore_output();
}

SCRIPT("SYN-SENT: not every bad ACK brings another SYN", covers("RFC9293:U-4", "RFC5961:4")) {
    t.connect();
    t.expect("> S 0:0(0)");
    u32 syns = 0, resets = 0;
    for (int i = 0; i < 100; ++i) {
        t.inject("+1ms < . 900000:900000(0) ack 700000");
        while (const auto sent = t.next()) ++((sent->flags & wire::Syn) ? syns : resets);
    }
    CHECK(resets == 100);
    CHECK(syns >= 5 && syns <= 10);
    t.expect_within(1s, "> S 0:0(0)");  // RTO is what it was
    CHECK(t.elapsed() == 1s);
    t.app.abort();
}

SCRIPT("text in a SYN-ACK beyond the window is cut off, as in any segment",
       covers("RFC9293:U-7", "RFC9293:U-4")) {
    for (const u32 buffer : {1u, 500u, 1000u, 1400u, 5000u})
        one_case("a buffer of " + std::to_string(buffer), [&](Script& c) {
            c.setup.tcp.receive_buffer = buffer;
            c.connect();
            c.expect("> S 0:0(0)");
            c.inject("< S. 0:1400(1400) ack 1 win 65535 <mss 1460>");
            const u32 taken = std::min(buffer, 1400u);
            c.state(State::Established);
            c.check(c.status().rcv_nxt - c.status().irs == 1 + taken, "RCV.NXT");
            c.check(c.status().rcv_wnd == buffer - taken, "RCV.WND");
            c.advance(100ms);
            c.ignore_output();
            c.check(c.app.read_all() == taken, "what was taken");
            c.ignore_output();
        });
}

SCRIPT("an embryo's SYN-ACK waits no longer than the longest RTO", covers("RFC6298:2")) {
    t.setup.limits.tcp_rto_max = 3s;
    t.listen();
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.expect("> S. 0:0(0) ack 1");
    for (const char* again : {"+1s > S. 0:0(0) ack 1", "+2s > S. 0:0(0) ack 1",
                              "+3s > S. 0:0(0) ack 1", "+3s > S. 0:0(0) ack 1"})
        t.expect(line(again));
    t.inject("< R 1:1(0)");
}

SCRIPT("a SYN that no way leads back to leaves nothing behind, and is a counted drop",
       covers("RFC4987:2")) {
    for (const bool cookies : {false, true})
        one_case(cookies ? "a cookie" : "a SYN-ACK", [&](Script& c) {
            c.setup.listen.syn_backlog = cookies ? 0 : 10;
            c.listen();
            c.inject("< S 0:0(0) win 65535 <mss 1460>", {.source = Ipv4Address{192, 0, 2, 1}});
            c.quiet(300s);
            c.check(c.count().embryos == 0, "no embryo");
            c.check(c.drops(DropReason::OutNoRoute) == 1, "one drop");
            c.check(c.counters().tcp_cookies_sent == 0, "no cookie");
        });
}

SCRIPT("simultaneous open: both SYNs cross", covers("RFC9293:MUST-10")) {
    t.connect();
    t.expect("> S 0:0(0)");
    t.inject("+10ms < S 0:0(0) win 65535 <mss 1460>");
    t.expect("> S. 0:0(0) ack 1");
    t.state(State::SynReceived);
    t.inject("+10ms < S. 0:0(0) ack 1 win 65535 <mss 1460>");
    t.state(State::Established);
    t.ignore_output();
    CHECK(t.app.events() & Connected);
    t.app.write(100);
    t.expect("> P. 1:101(100) ack 1");
    t.inject("< P. 1:51(50) ack 101");
    t.expect("+40ms > . 101:101(0) ack 51");
    CHECK(t.app.read_all() == 50);
}

SCRIPT("simultaneous open ends with a bare acknowledgement as well",
       covers("RFC9293:MUST-10", "VULN:split-handshake")) {
    go_to(t, Place::SynReceived);
    t.inject("< . 1:1(0) ack 1");
    t.state(State::Established);
    t.quiet(1s);
}

SCRIPT("simultaneous open: what was written waits, and leaves with the handshake",
       covers("RFC9293:MUST-10")) {
    t.connect();
    t.app.write(300);
    t.expect("> S 0:0(0)");
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.expect("> S. 0:0(0) ack 1");
    t.quiet(500ms);
    t.inject("< S. 0:0(0) ack 1 win 65535");
    t.expect("> P. 1:301(300) ack 1");
}

SCRIPT("simultaneous open: a lost SYN-ACK is sent again", covers("RFC9293:MUST-10")) {
    go_to(t, Place::SynReceived);
    t.expect("+1s > S. 0:0(0) ack 1");
    t.expect("+2s > S. 0:0(0) ack 1");
    t.inject("< . 1:1(0) ack 1");
    t.state(State::Established);
    t.quiet(10s);
}

SCRIPT("RST in SYN-RECEIVED: a passive OPEN returns to LISTEN and tells nobody",
       covers("RFC9293:MUST-11")) {
    go_to(t, Place::Embryo);
    t.inject("< R 1:1(0)");
    t.quiet(100s);
    CHECK(t.count().embryos == 0 && t.count().listeners == 1);
    CHECK(t.try_accept().error() == Error::WouldBlock);
    t.passive_open();
}

SCRIPT("RST in SYN-RECEIVED: an active OPEN is refused", covers("RFC9293:MUST-11")) {
    go_to(t, Place::SynReceived);
    t.inject("< R 1:1(0)");
    t.quiet(100s);
    t.state(State::Closed);
    CHECK(t.app.events() & Closed);
    CHECK(t.app.error() == Error::Refused);
}

SCRIPT("a second passive OPEN is refused and disturbs nothing", covers("RFC9293:MUST-41")) {
    t.passive_open();
    ListenOptions again;
    again.local.port = t.setup.server_port;
    CHECK(t.stack().tcp().listen(again).error() == Error::PortInUse);
    again.reuse_address = true;
    CHECK(t.stack().tcp().listen(again).error() == Error::PortInUse);
    t.app.write(10);
    t.expect("> P. 1:11(10) ack 1");
    t.inject("< P. 1:11(10) ack 11");
    CHECK(t.app.read_all() == 10);
    t.peer_port(41000);
    t.passive_open();
}

SCRIPT("LISTEN on the port of a connection in SYN-SENT: both live", covers("RFC9293:MUST-42")) {
    t.connect();  // from port 40000
    t.expect("> S 0:0(0)");
    ListenOptions o;
    o.local.port = t.setup.client_port;
    const auto listener = t.stack().tcp().listen(o);
    CHECK(listener.has_value());
    // Another peer's SYN to that port is the listener's.
    t.flow(t.setup.client_port, 5555);
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.expect("> S. 0:0(0) ack 1");
    // The answer to our SYN is the connection's.
    t.flow(t.setup.client_port, t.setup.server_port);
    t.inject("< S. 0:0(0) ack 1 win 65535");
    t.expect("> . 1:1(0) ack 1");
    t.state(State::Established);
}

SCRIPT("LISTEN on the port of a connection in SYN-RECEIVED", covers("RFC9293:MUST-42")) {
    go_to(t, Place::SynReceived);
    ListenOptions o;
    o.local.port = t.setup.client_port;
    CHECK(t.stack().tcp().listen(o).has_value());
    t.inject("< . 1:1(0) ack 1");
    t.state(State::Established);
}

SCRIPT("OPEN takes a local address, and keeps it", covers("RFC9293:MUST-43", "RFC9293:MUST-45")) {
    const Ipv4Address second{10, 0, 0, 9};
    CHECK(t.stack().add_address(t.interface(), {second, 24}).has_value());
    ConnectOptions o;
    o.local_address = second;
    o.local_port = 40000;
    CHECK(t.stack().tcp().connect(peer(), o).has_value());
    for (int times = 0; times < 3; ++times) {
        const std::string syn = t.next_raw();
        CHECK(syn.substr(12, 4) == std::string("\x0a\0\0\x09", 4));
        t.advance(times == 0 ? 1s : 2s);
    }
    o.local_address = Ipv4Address{10, 0, 0, 77};
    CHECK(error_of_connect(t, peer(), o) == Error::AddressNotAvailable);
}

SCRIPT("without a local address the internet layer is asked before the first SYN",
       covers("RFC9293:MUST-44", "RFC9293:MUST-45")) {
    // Another interface has the better route to 10.1.0.0/16.
    InterfaceConfig config;
    config.name = "second";
    config.medium = Medium::Ip;
    const Interface second = t.stack().add_interface(config).value();
    const Ipv4Address there{10, 1, 0, 1};
    CHECK(t.stack().add_address(second, {there, 16}).has_value());
    const auto c = t.stack().tcp().connect({Ipv4Address{10, 1, 0, 2}, 80});
    CHECK(c.has_value());
    CHECK(t.stack().tcp().status(*c)->flow.local.address == IpAddress{there});
    const auto d = t.stack().tcp().connect(peer());
    CHECK(t.stack().tcp().status(*d)->flow.local.address == IpAddress{Ipv4Address(10, 0, 0, 1)});
    t.ignore_output();
}

SCRIPT("the local address stays when others come", covers("RFC9293:MUST-45")) {
    t.active_open();
    CHECK(t.stack().add_address(t.interface(), {Ipv4Address{10, 0, 0, 200}, 24}).has_value());
    t.app.write(10);
    t.expect("> P. 1:11(10) ack 1");
    t.expect_within(10s, "> P. 1:11(10) ack 1");
}

SCRIPT("OPEN refuses remote addresses that are no host", covers("RFC9293:MUST-46")) {
    for (const char* bad : {"255.255.255.255", "10.0.0.255", "224.0.0.1", "239.1.2.3", "0.0.0.0"})
        CHECK(error_of_connect(t, {*IpAddress::parse(bad), 80}) == Error::InvalidAddress);
    CHECK(error_of_connect(t, peer(0)) == Error::InvalidAddress);
    t.quiet(10s);
    CHECK(t.count().connections == 0);
}

SCRIPT("SYN to a broadcast or multicast address dies in silence", covers("RFC9293:MUST-57")) {
    t.listen();
    for (const Ipv4Address to : {Ipv4Address{255, 255, 255, 255}, Ipv4Address{10, 0, 0, 255},
                                 Ipv4Address{224, 0, 0, 1}, Ipv4Address{239, 1, 1, 1}})
        t.inject("< S 0:0(0) win 65535", {.destination = to});
    t.quiet(10s);
    CHECK(t.count().embryos == 0);
    CHECK(t.drops(DropReason::TcpBadAddress) == 3);
}

SCRIPT("SYN from an address that is no host's is ignored", covers("RFC9293:MUST-63", "VULN:land")) {
    t.listen();
    for (const Ipv4Address from :
         {Ipv4Address{0, 0, 0, 0}, Ipv4Address{255, 255, 255, 255}, Ipv4Address{10, 0, 0, 255},
          Ipv4Address{224, 0, 0, 5}, Ipv4Address{127, 0, 0, 1}, Ipv4Address{10, 0, 0, 1}})
        t.inject("< S 0:0(0) win 65535", {.source = from});
    t.quiet(10s);
    CHECK(t.count().embryos == 0);
    CHECK(t.drops(DropReason::Ipv4BadSource) == 5 && t.drops(DropReason::Ipv4OwnSource) == 1);
}

SCRIPT("port 0 belongs to nobody", covers("RFC9293:MUST-63")) {
    t.listen();
    t.flow(0, 40000);
    t.inject("< S 0:0(0) win 65535");
    t.flow(80, 0);
    t.inject("< S 0:0(0) win 65535");
    t.quiet(10s);
    CHECK(t.drops(DropReason::TcpBadPort) == 2);
}

SCRIPT("SYN to nobody is refused; a stray RST is not answered", covers("RFC9293:U-2")) {
    const u32 isn = t.setup.peer_isn;
    t.flow(81, 40000);
    // Absolute numbers: nobody here has sent a SYN to count from.
    const auto expect = [&](u16 flags, u32 seq, u32 ack) {
        const RawTcp got = raw_tcp(t.next_raw());
        CHECK(got.flags == flags && got.seq == seq && got.ack == ack);
    };
    t.inject("< S 0:0(0) win 65535");
    expect(wire::Rst | wire::Ack, 0, isn + 1);
    t.inject("< PF 5:15(10)");
    expect(wire::Rst | wire::Ack, 0, isn + 16);
    const u32 before = t.iss();
    t.inject("< S. 0:0(0) ack 77 win 65535");
    expect(wire::Rst, 77 + before, 0);
    const u32 since = t.iss();
    t.inject("< P. 5:15(10) ack 77");
    expect(wire::Rst, 77 + since, 0);
    t.inject("< R 5:5(0)");
    t.inject("< R. 5:5(0) ack 77");
    t.quiet(1s);
    CHECK(t.drops(DropReason::TcpNoConnection) == 4);
    CHECK(t.drops(DropReason::TcpStrayReset) == 2);
}

SCRIPT("the accept queue has an end", covers("RFC9293:U-3")) {
    t.setup.listen.backlog = 1;
    t.listen();
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.expect("> S. 0:0(0) ack 1");
    t.inject("< . 1:1(0) ack 1");
    t.peer_port(41000);
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.quiet(100ms);
    CHECK(t.drops(DropReason::TcpAcceptQueueFull) == 1);
    t.accept();
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.expect("> S. 0:0(0) ack 1");
}

SCRIPT("a full SYN queue without cookies drops; with cookies a forged one gets RST",
       covers("RFC9293:U-3", "VULN:cookie-guess")) {
    one_case("no cookies", [](Script& c) {
        c.setup.listen.syn_backlog = 0;
        c.setup.listen.syn_cookies = false;
        c.listen();
        c.inject("< S 0:0(0) win 65535 <mss 1460>");
        c.quiet();
        c.check(c.drops(DropReason::TcpSynQueueFull) == 1, "TcpSynQueueFull");
    });
    t.setup.listen.syn_backlog = 0;
    t.listen();
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.expect("> S. 0:0(0) ack 1");
    t.inject("< . 1:1(0) ack 12345");
    t.expect("> R 12345:12345(0)");
    CHECK(t.drops(DropReason::TcpBadCookie) == 1);
    t.inject("< . 1:1(0) ack 1");
    t.accept();
    t.state(State::Established);
}

SCRIPT("the handshake is tried again after loss of each segment", covers("RFC9293:MUST-10")) {
    t.listen();
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.expect("> S. 0:0(0) ack 1");
    t.expect("+1s > S. 0:0(0) ack 1");  // lost, or its ACK was
    t.expect("+2s > S. 0:0(0) ack 1");
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.expect("> S. 0:0(0) ack 1");
    t.inject("< P. 1:11(10) ack 1");  // the third segment was lost, data says the same
    t.accept();
    t.expect("+40ms > . 1:1(0) ack 11");
    CHECK(t.app.read_all() == 10);
}

}  // namespace tern

// RFC 9293 3.10.1 to 3.10.6: each call of the user in each state.
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

// Places in which an application holds a connection, and what the calls say there.
struct Row {
    Place place;
    Error send, receive, close;
};
constexpr Error ok = Error::None, later = Error::WouldBlock, closing = Error::Closing,
                end = Error::EndOfStream;
constexpr Row k_rows[] = {
    {Place::SynSent, ok, later, ok},
    {Place::SynReceived, ok, later, ok},
    {Place::Established, ok, later, ok},
    {Place::FinWait1, closing, later, closing},
    {Place::FinWait2, closing, later, closing},
    {Place::CloseWait, ok, end, ok},
    {Place::Closing, closing, end, closing},
    {Place::LastAck, closing, end, closing},
    {Place::TimeWait, closing, end, closing},
};

template <class T>
Error error_of(const Result<T>& r) {
    return r ? Error::None : r.error();
}

// The same for every row, each in a script of its own.
template <class Body>
void each_row(Body body) {
    for (const Row& r : k_rows)
        one_case(standing(r.place).name, [&](Script& c) {
            go_to(c, r.place);
            body(c, r);
            c.ignore_output();
        });
}

}  // namespace

SCRIPT("SEND in every state", covers("RFC9293:U-17")) {
    each_row([](Script& c, const Row& r) {
        c.check(error_of(c.app.try_write(10)) == r.send, "SEND");
        c.state(standing(r.place).state);
    });
}

SCRIPT("what is sent before the handshake leaves behind it", covers("RFC9293:U-17")) {
    t.connect();
    t.expect("> S 0:0(0)");
    t.app.write(100);
    t.quiet();
    t.inject("< S. 0:0(0) ack 1 win 65535");
    t.expect("> P. 1:101(100) ack 1");
}

SCRIPT("RECEIVE in every state", covers("RFC9293:U-17")) {
    each_row([](Script& c, const Row& r) {
        c.check(error_of(c.app.try_read(10)) == r.receive, "RECEIVE");
        c.state(standing(r.place).state);
    });
}

SCRIPT("CLOSE in every state", covers("RFC9293:U-17")) {
    each_row([](Script& c, const Row& r) {
        c.check(error_of(c.stack().tcp().close(c.app.handle())) == r.close, "CLOSE");
        const State s = standing(r.place).state;
        c.pump();
        c.state(s == State::SynSent       ? State::Closed
                : s == State::Established ? State::FinWait1
                : s == State::CloseWait   ? State::LastAck
                                          : s);
    });
}

SCRIPT("CLOSE in SYN-SENT: the connection is gone, RECEIVE and SEND say closing",
       covers("RFC9293:U-17")) {
    go_to(t, Place::SynSent);
    t.app.close();
    t.quiet(200s);
    t.state(State::Closed);
    CHECK(error_of(t.app.try_read(1)) == closing);
    CHECK(error_of(t.app.try_write(1)) == closing);
    t.inject("< S. 0:0(0) ack 1 win 65535");
    t.expect("> R 1:1(0)");
}

SCRIPT("ABORT in every state: RST where the peer waits for more, and CLOSED",
       covers("RFC9293:U-17")) {
    each_row([](Script& c, const Row& r) {
        const Standing at = standing(r.place);
        c.check(error_of(c.stack().tcp().abort(c.app.handle())) == ok, "ABORT");
        c.pump();
        const bool tells = r.place != Place::SynSent && r.place != Place::Closing &&
                           r.place != Place::LastAck && r.place != Place::TimeWait;
        const auto l = c.next();
        c.check(l.has_value() == tells, "RST, or nothing");
        if (l) c.check((l->flags & wire::Rst) && l->seq == at.snd_nxt, "SEQ=SND.NXT");
        if (r.place == Place::TimeWait) return c.state(State::TimeWait);  // it protects others
        c.state(State::Closed);
        c.check(c.app.error() == Error::Aborted, "why it is over");
        c.check(error_of(c.app.try_write(1)) == Error::Aborted, "SEND");
        c.check(error_of(c.app.try_read(1)) == Error::Aborted, "RECEIVE");
    });
}

SCRIPT("ABORT drops what is queued, in both directions", covers("RFC9293:U-17")) {
    t.passive_open({.mss = 1000, .wscale = {}, .window = 1000});
    t.inject("< P. 1:101(100) ack 1");
    t.app.write(5000);
    t.ignore_output();
    t.app.abort();
    // The window is full: docs/decisions/0022-resets-that-the-peer-believes.md.
    for (const char* number : {"1", "1000", "1001"})
        t.expect(line(std::string{"> R. "} + number + ":" + number + "(0) ack 101"));
    t.quiet(100s);
    CHECK(error_of(t.app.try_read(10)) == Error::Aborted);
}

SCRIPT("ABORT in TIME-WAIT with unread bytes: what was dropped is no end of the stream",
       covers("RFC9293:U-17")) {
    t.passive_open();
    t.app.close();
    t.expect("> F. 1:1(0) ack 1");
    t.inject("< . 1:1(0) ack 2");
    t.inject("< FP. 1:101(100) ack 2");
    t.expect("> . 2:2(0) ack 102");
    t.state(State::TimeWait);
    t.app.abort();
    CHECK(t.app.try_read(100).error() == Error::Aborted);
    t.state(State::TimeWait);
}

SCRIPT("STATUS in every state", covers("RFC9293:U-17")) {
    each_row([](Script& c, const Row& r) {
        const Standing at = standing(r.place);
        const TcpStatus s = c.status();
        c.check(s.state == at.state, "the state");
        c.check(s.snd_nxt - s.iss == at.snd_nxt, "SND.NXT");
        c.check(s.snd_una - s.iss == at.snd_una, "SND.UNA");
        if (r.place != Place::SynSent) c.check(s.rcv_nxt - s.irs == at.rcv_nxt, "RCV.NXT");
        c.check(s.flow.remote.address == IpAddress{Ipv4Address(10, 0, 0, 2)}, "the peer");
    });
}

SCRIPT("OPEN in every state: the four-tuple is taken; TIME-WAIT may be reused",
       covers("RFC9293:U-17")) {
    each_row([](Script& c, const Row& r) {
        const FlowId flow = c.status().flow;
        ConnectOptions o;
        o.local_port = flow.local.port;
        c.check(error_of(c.stack().tcp().connect(flow.remote, o)) == Error::PortInUse, "taken");
        c.state(standing(r.place).state);
        o.reuse_address = true;
        const auto again = c.stack().tcp().connect(flow.remote, o);
        c.check(again.has_value() == (r.place == Place::TimeWait), "reuse");
        if (!again) return;
        const u32 old = c.iss();
        c.pump();
        const RawTcp syn = raw_tcp(c.next_raw());
        c.check(syn.flags == wire::Syn && static_cast<i32>(syn.seq - old) > 2, "above the old");
        static_cast<void>(c.stack().tcp().abort(*again));
    });
}

SCRIPT("without a connection every call says so", covers("RFC9293:U-17", "VULN:close-race")) {
    t.passive_open();
    const TcpConnection gone = t.app.handle();
    t.app.release();
    t.ignore_output();
    Tcp& tcp = t.stack().tcp();
    std::byte one[1]{};
    for (const TcpConnection c : {gone, TcpConnection{}, TcpConnection{999, 1}}) {
        CHECK(error_of(tcp.send(c, one)) == Error::NoSuchConnection);
        CHECK(error_of(tcp.receive(c, std::span<std::byte>{one})) == Error::NoSuchConnection);
        CHECK(error_of(tcp.close(c)) == Error::NoSuchConnection);
        CHECK(error_of(tcp.abort(c)) == Error::NoSuchConnection);
        CHECK(error_of(tcp.status(c)) == Error::NoSuchConnection);
        CHECK(error_of(tcp.options(c)) == Error::NoSuchConnection);
        tcp.release(c);
    }
}

SCRIPT("a listener: ACCEPT waits; closing it resets who was in the queue", covers("RFC9293:U-17")) {
    t.listen();
    CHECK(error_of(t.try_accept()) == Error::WouldBlock);
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.expect("> S. 0:0(0) ack 1");
    t.inject("< . 1:1(0) ack 1");
    t.peer_port(41000);
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.expect("> S. 0:0(0) ack 1");
    CHECK(t.stack().tcp().close_listener(t.listener()).has_value());
    t.peer_port(40000);
    t.expect("> R. 1:1(0) ack 1");
    t.peer_port(41000);
    t.expect("> R. 1:1(0) ack 1");
    CHECK(error_of(t.try_accept()) == Error::Aborted);
    CHECK(error_of(t.stack().tcp().close_listener(t.listener())) == Error::NoSuchConnection);
    CHECK(t.count().listeners == 0 && t.count().embryos == 0 && t.count().connections == 0);
    t.inject("< . 1:1(0) ack 1");
    t.expect("> R 1:1(0)");
}

SCRIPT("SEND and RECEIVE after the connection has gone say why", covers("RFC9293:U-17")) {
    one_case("refused", [](Script& c) {
        go_to(c, Place::SynSent);
        c.inject("< R. 0:0(0) ack 1");
        c.state(State::Closed);
        c.check(error_of(c.app.try_write(1)) == Error::Refused, "SEND");
        c.check(error_of(c.app.try_read(1)) == Error::Refused, "RECEIVE");
        c.check(error_of(c.stack().tcp().close(c.app.handle())) == Error::Refused, "CLOSE");
    });
    one_case("orderly", [](Script& c) {
        go_to(c, Place::LastAck);
        c.inject("< . 2:2(0) ack 2");
        c.state(State::Closed);
        c.check(error_of(c.app.try_write(1)) == closing, "SEND");
        c.check(error_of(c.app.try_read(1)) == end, "RECEIVE");
        c.check(error_of(c.stack().tcp().close(c.app.handle())) == closing, "CLOSE");
    });
}

SCRIPT("RST carrying data resets, and the data is not delivered", covers("RFC9293:SHLD-2")) {
    for (const Place p : k_synchronized)
        one_case(standing(p).name, [&](Script& c) {
            go_to(c, p);
            c.inject(line_of({.flags = wire::Rst, .seq = standing(p).rcv_nxt, .len = 20}));
            c.quiet(100s);
            c.state(State::Closed);
            c.check(c.app.error() == Error::Reset, "reset");
            c.check(!c.app.try_read(100).has_value(), "nothing to read");
        });
}

SCRIPT("RST with data to an opening connection refuses it", covers("RFC9293:SHLD-2")) {
    go_to(t, Place::SynSent);
    t.inject("< R. 0:20(20) ack 1");
    t.quiet(100s);
    CHECK(t.app.error() == Error::Refused);
}

}  // namespace tern

// RFC 9293 3.8.6.3: an acknowledgement waits for an answer that it can travel with. Where none is
// likely it leaves when the application has read what the peer has pushed, for a peer with less
// than two segments in flight waits for it. docs/decisions/0019-acknowledge-what-was-read.md
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

constexpr u16 k_pushed = wire::Ack | wire::Psh;

struct Small {  // a peer with one segment in flight
    u32 segment = 1460;
    u32 segments = 70;
    Duration round_trip = 2ms;
};

// Reads at once, answers nothing. How often was there no acknowledgement before the timer fired?
u32 waits(Script& t, const Small& s, u32 seq = 1) {
    u32 waited = 0;
    for (u32 n = 0; n < s.segments; ++n, seq += s.segment) {
        t.advance(s.round_trip);
        t.inject(line_of({.flags = k_pushed, .seq = seq, .len = s.segment, .ack = 1}));
        t.check(t.app.read_all() == s.segment, "read");
        auto ack = t.next();
        if (!ack) {
            ++waited;
            t.advance(40ms);
            ack = t.next();
        }
        t.check(ack && ack->ack == seq + s.segment && t.waiting() == 0, "one acknowledgement");
    }
    return waited;
}

}  // namespace

SCRIPT("one full segment in flight: each that was read is acknowledged at once",
       covers("RFC9293:SHLD-18", "RFC9293:MUST-40")) {
    for (const u32 mtu : {576u, 1280u, 1500u, 4352u, 9000u})
        for (const bool timestamps : {false, true})
            for (const bool prediction : {false, true})
                one_case("MTU " + std::to_string(mtu) + (timestamps ? ", timestamps" : "") +
                             (prediction ? ", prediction" : ""),
                         [&](Script& c) {
                             c.setup.mtu = mtu;
                             c.setup.header_prediction = prediction;
                             const u16 mss = static_cast<u16>(mtu - 40);
                             c.passive_open({.mss = mss, .timestamps = timestamps});
                             const u32 segment = mss - (timestamps ? 12u : 0u);
                             const Duration before = c.elapsed();
                             c.check(waits(c, {.segment = segment}) == 0, "none waited");
                             c.check(c.elapsed() - before == 70 * 2ms, "as fast as the path");
                         });
}

SCRIPT("a peer that announces a small MSS has full segments too", covers("RFC9293:SHLD-18")) {
    for (const u16 mss : {u16{88}, u16{216}, u16{536}, u16{1220}})
        one_case("MSS " + std::to_string(mss), [&](Script& c) {
            c.passive_open({.mss = mss});
            c.check(waits(c, {.segment = mss}) == 0, "none waited");
        });
}

SCRIPT("one short segment in flight: after one delayed acknowledgement none waits any more",
       covers("RFC9293:SHLD-18", "RFC9293:MUST-40")) {
    for (const u32 segment : {1u, 64u, 100u, 536u, 1400u})
        for (const bool active : {false, true})
            one_case(std::to_string(segment) + " bytes" + (active ? ", active" : ""),
                     [&](Script& c) {
                         active ? c.active_open() : c.passive_open();
                         c.check(waits(c, {.segment = segment}) == 1, "the first alone waited");
                     });
}

SCRIPT("an answer in time makes the next acknowledgement wait for the next answer",
       covers("RFC9293:SHLD-18")) {
    t.passive_open();
    CHECK(waits(t, {.segment = 100, .segments = 3}) == 1);
    // The acknowledgement of this one has left when the answer does, 20 ms later.
    t.inject("< P. 301:401(100) ack 1");
    CHECK(t.app.read_all() == 100);
    t.expect("> . 1:1(0) ack 401");
    t.advance(20ms);
    t.app.write(50);
    t.expect("> P. 1:51(50) ack 401");
    for (u32 n = 0; n < 10; ++n) {
        const u32 seq = 401 + 100 * n, out = 51 + 50 * n;
        t.inject(line_of({.flags = k_pushed, .seq = seq, .len = 100, .ack = out}));
        CHECK(t.app.read_all() == 100);
        t.quiet(20ms);
        t.app.write(50);
        const auto answer = t.next();
        CHECK(answer && answer->length == 50 && answer->ack == seq + 100);
        CHECK(t.waiting() == 0);
    }
    t.inject("< P. 1401:1501(100) ack 551");
    CHECK(t.app.read_all() == 100);
    t.quiet(39ms);
    t.expect_within(1ms, "> . 551:551(0) ack 1501");  // none came: that was the last that waits
    t.inject("< P. 1501:1601(100) ack 551");
    CHECK(t.app.read_all() == 100);
    t.expect("> . 551:551(0) ack 1601");
}

SCRIPT("the first request is answered without an acknowledgement of its own",
       covers("RFC9293:SHLD-18")) {
    for (const u32 request : {1u, 100u, 536u, 1419u})
        one_case(std::to_string(request) + " bytes", [&](Script& c) {
            c.passive_open();
            c.inject(line_of({.flags = k_pushed, .seq = 1, .len = request, .ack = 1}));
            c.app.read_all();
            c.quiet(39ms);
            c.app.write(100);
            const auto answer = c.next();
            c.check(answer && answer->length == 100 && answer->ack == 1 + request, "one segment");
        });
}

SCRIPT("an application that always answers late: an acknowledgement and an answer, as before",
       covers("RFC9293:SHLD-18")) {
    for (const Duration late : {Duration{60ms}, Duration{100ms}, Duration{1s}})
        one_case(std::to_string(late / 1ms) + " ms", [&](Script& c) {
            c.passive_open();
            for (u32 n = 0; n < 10; ++n) {
                const u32 seq = 1 + 100 * n, out = 1 + 50 * n;
                c.inject(line_of({.flags = k_pushed, .seq = seq, .len = 100, .ack = out}));
                c.app.read_all();
                auto ack = c.next();
                c.check(ack.has_value() == (n > 0), "the first one waits");
                c.advance(40ms);
                if (n == 0) ack = c.next();
                c.check(ack && ack->length == 0 && ack->ack == seq + 100, "acknowledged");
                c.quiet(late - 40ms);
                c.app.write(50);
                const auto answer = c.next();
                c.check(answer && answer->length == 50 && c.waiting() == 0, "two segments in all");
            }
        });
}

SCRIPT("what is not read to its end, or not pushed, waits", covers("RFC9293:SHLD-18")) {
    t.passive_open();
    CHECK(waits(t, {.segment = 100, .segments = 2}) == 1);
    t.inject("< P. 201:301(100) ack 1");
    CHECK(t.app.read(99) == 99);
    t.quiet(10ms);
    CHECK(t.app.read(1) == 1);
    t.expect("> . 1:1(0) ack 301");
    t.inject("< . 301:401(100) ack 1");
    CHECK(t.app.read_all() == 100);
    t.quiet(39ms);
    t.expect_within(1ms, "> . 1:1(0) ack 401");
    // Nor does what was pushed before, and waited because it was not read.
    t.inject("< P. 401:501(100) ack 1");
    t.quiet(39ms);
    t.expect_within(1ms, "> . 1:1(0) ack 501");
    CHECK(t.app.read_all() == 100);
    t.inject("< . 501:601(100) ack 1");
    CHECK(t.app.read_all() == 100);
    t.quiet(39ms);
    t.expect_within(1ms, "> . 1:1(0) ack 601");
    // What is pushed behind it counts for both, and the reading of the second.
    t.inject("< . 601:701(100) ack 1");
    CHECK(t.app.read_all() == 100);
    t.quiet(1ms);
    t.inject("< P. 701:801(100) ack 1");
    CHECK(t.app.read_all() == 100);
    t.expect("> . 1:1(0) ack 801");
}

SCRIPT("what was acknowledged by the timer is not acknowledged again when it is read",
       covers("RFC9293:MUST-58")) {
    t.passive_open();
    t.inject("< P. 1:1461(1460) ack 1");
    t.quiet(39ms);
    t.expect_within(1ms, "> . 1:1(0) ack 1461");
    CHECK(t.app.read_all() == 1460);
    t.quiet(1s);
}

SCRIPT("a train whose last segment is pushed: what is left over is acknowledged when it was read",
       covers("RFC9293:MUST-58", "RFC9293:SHLD-18")) {
    t.passive_open();
    CHECK(waits(t, {.segment = 100, .segments = 2}) == 1);
    t.inject_together(
        {"< . 201:1661(1460) ack 1", "< . 1661:3121(1460) ack 1", "< P. 3121:3221(100) ack 1"});
    CHECK(t.app.read_all() == 3020);
    t.expect("> . 1:1(0) ack 3221");
    t.quiet(1s);
}

SCRIPT("a peer that keeps two segments in flight gets an acknowledgement for both",
       covers("RFC9293:SHLD-19", "RFC5681:5")) {
    t.passive_open();
    CHECK(waits(t, {.segment = 100, .segments = 2}) == 1);
    for (u32 seq = 201; seq < 40'000; seq += 2920) {
        t.inject(line_of({.seq = seq, .len = 1460, .ack = 1}));
        CHECK(t.app.read_all() == 1460);
        t.quiet(1ms);
        t.inject(line_of({.flags = k_pushed, .seq = seq + 1460, .len = 1460, .ack = 1}));
        CHECK(t.app.read_all() == 1460);
        const auto ack = t.next();
        CHECK(ack && ack->ack == seq + 2920 && t.waiting() == 0);
    }
}

SCRIPT("data of a client that travels with the handshake's ACK is no answer",
       covers("RFC9293:SHLD-18")) {
    t.connect();
    t.expect("> S 0:0(0)");
    t.app.write(100);
    t.inject("< S. 0:0(0) ack 1 win 65535 <mss 1460>");
    t.expect("> P. 1:101(100) ack 1");
    t.inject("< . 1:1(0) ack 101");
    t.inject("< P. 1:1461(1460) ack 101");
    CHECK(t.app.read_all() == 1460);
    t.expect("> . 101:101(0) ack 1461");
}

SCRIPT("behind a FIN everything is acknowledged at once, whatever was read",
       covers("RFC9293:MUST-40")) {
    t.passive_open();
    CHECK(waits(t, {.segment = 100, .segments = 2}) == 1);
    t.inject("< P. 201:301(100) ack 1");
    t.inject("< F. 301:301(0) ack 1");
    t.expect("> . 1:1(0) ack 302");
    CHECK(t.app.read_all() == 100);
    t.quiet(1s);
}

}  // namespace tern

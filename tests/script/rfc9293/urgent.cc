// RFC 9293 3.8.5: urgent data, with the pointer as RFC 6093 reads it.
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

bool at_mark(Script& t) { return t.stack().tcp().at_mark(t.app.handle()).value(); }

}  // namespace

SCRIPT("the urgent pointer names the octet behind the urgent data: sending",
       covers("RFC9293:MUST-30", "RFC9293:MUST-62")) {
    t.passive_open({.mss = 1000});
    t.app.urgent(1);
    t.expect("> PU. 1:2(1) ack 1 urg 1");
    t.inject("< . 1:1(0) ack 2");
    t.app.urgent(5);
    t.expect("> PU. 2:7(5) ack 1 urg 5");
    t.inject("< . 1:1(0) ack 7");
    t.app.write(5);
    t.expect("> P. 7:12(5) ack 1");
}

SCRIPT("every segment in front of the mark carries the pointer, none behind it",
       covers("RFC9293:MUST-30", "RFC9293:MUST-31", "RFC9293:MUST-62")) {
    t.passive_open({.mss = 1000, .initial_cwnd_segments = 2});
    t.app.write(2500);
    t.expect("> . 1:2001(2000) ack 1");
    t.app.urgent(1);  // octet 2501, the pointer says 2502
    const auto notice = t.next();
    CHECK(notice && notice->has_urgent && notice->seq + notice->urgent == 2502);
    t.inject("+10ms < . 1:1(0) ack 2001");
    t.expect("> PU. 2001:2502(501) ack 1 urg 501");
    t.inject("< . 1:1(0) ack 2502");
    t.app.write(10);
    t.expect("> P. 2502:2512(10) ack 1");
}

SCRIPT("urgent data longer than the pointer can tell: it is kept up to date",
       covers("RFC9293:MUST-31", "RFC9293:MUST-62")) {
    t.passive_open({.mss = 1000, .window = 1 << 20, .initial_cwnd_segments = 200});
    t.app.urgent(150'000);
    u32 seen = 0, last = 1;
    while (const auto l = t.next()) {
        if (l->length == 0) continue;
        CHECK((l->flags & wire::Urg) != 0);
        CHECK(l->urgent == std::min(150'001 - l->seq, 65535u));
        last = l->seq_end;
        ++seen;
    }
    CHECK(seen == 150 && last == 150'001);
}

SCRIPT("the pointer of a segment that repeats old data counts from where the segment began",
       covers("RFC9293:MUST-62", "RFC6093:1")) {
    t.passive_open({.mss = 1000});
    t.inject("< . 1:101(100) ack 1");
    t.inject("< PU. 51:201(150) ack 1 urg 150");
    t.app.read(199);
    CHECK(t.status().urgent_pending && t.status().urgent_ahead == 1);
    t.ignore_output();
    t.app.abort();
    t.ignore_output();
}

SCRIPT("urgent data leaves in segments, not in a super-segment whose pieces would share a pointer",
       covers("RFC9293:MUST-62")) {
    t.setup.segmentation = t.setup.transmit_checksum = true;
    t.setup.tcp.no_delay = true;
    t.passive_open({.mss = 1000});
    t.app.urgent(4500);
    u32 at = 1;
    while (const auto l = t.next()) {
        if (l->length == 0) continue;
        CHECK(l->length <= 1000 && l->seq == at && l->urgent == 4501 - at);
        at = l->seq_end;
    }
    CHECK(at == 4501);
    t.inject("< . 1:1(0) ack 4501");
}

SCRIPT("the notice leaves even when the window is closed",
       covers("RFC9293:MUST-30", "RFC9293:MUST-66")) {
    t.passive_open({.mss = 1000, .wscale = {}, .window = 1000});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("< . 1:1(0) ack 1001 win 0");
    t.app.urgent(3);
    t.expect("> U. 1001:1001(0) ack 1 urg 3");
}

SCRIPT("a retransmission carries the pointer as well", covers("RFC9293:MUST-31")) {
    t.passive_open({.mss = 1000});
    t.app.urgent(10);
    t.expect("> PU. 1:11(10) ack 1 urg 10");
    t.expect("+1s > PU. 1:11(10) ack 1 urg 10");
}

SCRIPT("urgent data arrives: told, read apart, and the mark is exact",
       covers("RFC9293:MUST-30", "RFC9293:MUST-32", "RFC9293:MUST-33", "RFC9293:MUST-62",
              "RFC9293:U-14")) {
    t.passive_open();
    t.app.take_events();
    t.inject("< PU. 1:11(10) ack 1 urg 5", {.payload = "0123!56789"});
    CHECK(t.app.take_events() & Urgent);
    CHECK(t.status().urgent_pending && t.status().urgent_ahead == 5);
    CHECK(!at_mark(t));
    CHECK(t.app.read_bytes(100) == "0123");
    CHECK(at_mark(t) && t.status().urgent_ahead == 1);
    CHECK(t.app.read_urgent() == std::byte{'!'});
    CHECK(t.app.read_bytes(100) == "56789");
    CHECK(!t.status().urgent_pending && !at_mark(t));
    t.ignore_output();
}

SCRIPT("inline the urgent octet stays in the stream; reading stops in front of it",
       covers("RFC9293:MUST-30", "RFC9293:MUST-33")) {
    t.setup.tcp.urgent_inline = true;
    t.passive_open();
    t.inject("< PU. 1:11(10) ack 1 urg 5", {.payload = "0123!56789"});
    CHECK(t.app.read_bytes(100) == "0123");
    CHECK(at_mark(t));
    CHECK(t.app.read_bytes(1) == "!");
    CHECK(!at_mark(t));
    CHECK(t.app.read_bytes(100) == "56789");
    t.ignore_output();
}

SCRIPT("one event when urgent data appears, one for each advance, none for a repetition",
       covers("RFC9293:MUST-32", "RFC9293:U-14")) {
    t.passive_open();
    t.app.take_events();
    const auto told = [&](const Line& l) {
        t.inject(l);
        return (t.app.take_events() & Urgent) != 0;
    };
    CHECK(told("< U. 1:1(0) ack 1 urg 100"));
    CHECK(!told("< U. 1:1(0) ack 1 urg 100"));
    CHECK(!told("< U. 1:1(0) ack 1 urg 50"));
    CHECK(told("< U. 1:1(0) ack 1 urg 101"));
    CHECK(!told("< U. 1:11(10) ack 1 urg 101"));
    CHECK(told("< U. 11:21(10) ack 1 urg 92"));
    CHECK(t.status().urgent_ahead == 102);
    t.ignore_output();
}

SCRIPT("an urgent span of more than 64 KiB is announced piece by piece",
       covers("RFC9293:MUST-31", "RFC9293:MUST-33")) {
    t.setup.tcp.urgent_inline = true;
    t.passive_open();
    u32 seq = 1;
    for (int i = 0; i < 100; ++i, seq += 1000)
        t.inject(line_of({.flags = wire::Urg | wire::Ack,
                          .seq = seq,
                          .len = 1000,
                          .ack = 1,
                          .urg = static_cast<u16>(std::min(100'001 - seq, 65535u))}));
    t.ignore_output();
    CHECK(t.status().urgent_ahead == 100'000);
    CHECK(t.app.read(200'000) == 100'000);
    CHECK(!t.status().urgent_pending);
    t.ignore_output();
}

SCRIPT("urgent data in the states that receive, ignored in the others",
       covers("RFC9293:MUST-30", "RFC9293:U-12", "VULN:winnuke", "VULN:urgent11")) {
    for (const Place p : k_synchronized)
        one_case(standing(p).name, [&](Script& c) {
            go_to(c, p);
            const Standing at = standing(p);
            c.app.take_events();
            c.inject(line_of(
                {.flags = wire::Urg | wire::Ack, .seq = at.rcv_nxt, .ack = at.snd_una, .urg = 10}));
            const bool receives = at.rcv_nxt == 1;  // their FIN has not come
            c.check(((c.app.take_events() & Urgent) != 0) == receives, "told, or not");
            c.state(at.state);
        });
}

}  // namespace tern

// RFC 9293 3.8.6.3 and 3.10.7.4: when acknowledgements are sent.
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

SCRIPT("a small segment is acknowledged with a delay below half a second",
       covers("RFC9293:SHLD-18", "RFC9293:MUST-40")) {
    t.passive_open();
    t.inject("< P. 1:11(10) ack 1");
    t.quiet(39ms);
    t.expect("+1ms > . 1:1(0) ack 11");
    t.quiet(10s);
}

SCRIPT("data that leaves in time carries the acknowledgement", covers("RFC9293:SHLD-18")) {
    t.passive_open();
    t.inject("< P. 1:11(10) ack 1");
    t.advance(20ms);
    t.app.write(5);
    t.expect("> P. 1:6(5) ack 11");
    t.inject("< . 11:11(0) ack 6");
    t.quiet(10s);
}

SCRIPT("no data waits half a second for its acknowledgement", covers("RFC9293:MUST-40")) {
    for (const u32 len : {1u, 100u, 536u, 1459u, 1460u})
        for (const bool reads : {false, true})
            one_case("delay", [&](Script& c) {
                c.passive_open();
                u32 at = 1;
                for (int i = 0; i < 5; ++i) {
                    c.inject(line_of({.seq = at, .len = len, .ack = 1}));
                    at += len;
                    if (reads) c.app.read_all();
                    c.advance(499ms);
                    u32 acked = 0;
                    while (const auto l = c.next()) acked = l->ack;
                    c.check(acked == at, "acknowledged");
                }
            });
}

SCRIPT("every second full-sized segment is acknowledged at once", covers("RFC9293:SHLD-19")) {
    t.passive_open();
    for (u32 at = 1; at < 40 * 1460; at += 2 * 1460) {
        t.inject(line_of({.seq = at, .len = 1460, .ack = 1}));
        const std::size_t early = t.waiting();
        t.ignore_output();
        t.inject(line_of({.seq = at + 1460, .len = 1460, .ack = 1}));
        CHECK(early + t.waiting() >= 1);
        t.ignore_output();
    }
}

SCRIPT("full-sized is never more than the MSS that we announced", covers("RFC9293:SHLD-19")) {
    t.setup.tcp.max_segment = 500;
    t.passive_open();
    t.inject("< . 1:501(500) ack 1");
    t.quiet();
    t.inject("< . 501:1001(500) ack 1");
    t.expect("> . 1:1(0) ack 1001");
}

SCRIPT("reading without a wider window to tell sends nothing",
       covers("RFC9293:SHLD-18", "RFC9293:U-16")) {
    t.setup.tcp.window_scale = false;  // and a buffer of 1 MiB, of which the field tells 65535
    t.passive_open();
    for (u32 at = 1; at < 1000; at += 100) {
        t.inject(line_of({.seq = at, .len = 100, .ack = 1}));
        CHECK(t.app.read_all() == 100);
    }
    t.quiet(39ms);
    t.expect("+1ms > . 1:1(0) ack 1001");
}

SCRIPT("segments that arrive together are processed before one acknowledgement leaves",
       covers("RFC9293:MUST-58", "RFC9293:MUST-59")) {
    t.passive_open();
    t.inject_together({"< . 1:1461(1460) ack 1", "< . 1461:2921(1460) ack 1",
                       "< . 2921:4381(1460) ack 1", "< . 4381:5841(1460) ack 1",
                       "< . 5841:7301(1460) ack 1", "< P. 7301:7401(100) ack 1"});
    t.expect("> . 1:1(0) ack 7401");
    t.quiet(1s);
}

SCRIPT("data and FIN that arrive together: one acknowledgement",
       covers("RFC9293:MUST-58", "RFC9293:MUST-59")) {
    t.passive_open();
    t.inject_together(
        {"< . 1:1461(1460) ack 1", "< . 1461:2921(1460) ack 1", "< F. 2921:2921(0) ack 1"});
    t.expect("> . 1:1(0) ack 2922");
    t.quiet(1s);
}

SCRIPT("segments behind a hole are held, each is answered by a duplicate ACK",
       covers("RFC9293:SHLD-31", "RFC9293:MAY-13")) {
    t.passive_open();
    t.inject("< . 1001:2001(1000) ack 1");
    t.expect("> . 1:1(0) ack 1");
    t.inject("< . 3001:4001(1000) ack 1");
    t.expect("> . 1:1(0) ack 1");
    t.inject("< . 2001:3001(1000) ack 1");
    t.expect("> . 1:1(0) ack 1");
    CHECK(t.status().out_of_order == 3000);
    t.inject("< . 1:1001(1000) ack 1");
    t.expect("> . 1:1(0) ack 4001");
    CHECK(t.app.read_all() == 4000);
    t.ignore_output();
}

SCRIPT("held segments may overlap in every way; bytes come once and in order",
       covers("RFC9293:SHLD-31", "VULN:segment-overlap")) {
    u32 random = 99;
    for (int round = 0; round < 50; ++round)
        one_case("overlaps", [&](Script& c) {
            c.passive_open();
            for (int i = 0; i < 40; ++i) {
                random = random * 1664525 + 1013904223;
                const u32 seq = 2 + (random >> 8) % 2000, len = 1 + (random >> 20) % 500;
                c.inject(line_of({.seq = seq, .len = std::min(len, 2501 - seq), .ack = 1}));
            }
            c.ignore_output();
            const u64 held = c.status().out_of_order;
            c.check(c.status().readable == 0 && held <= 2499, "all behind the hole");
            for (u32 at = 1; at < 2501; at += 100)
                c.inject(line_of({.seq = at, .len = 100, .ack = 1}));
            c.check(c.app.read(10'000) == 2500, "every byte, once");
            c.check(c.status().out_of_order == 0, "nothing is left");
            c.advance(1s);
            c.ignore_output();
        });
}

SCRIPT("old data again is acknowledged at once", covers("RFC9293:U-7")) {
    t.passive_open();
    t.inject("< P. 1:101(100) ack 1");
    t.expect("+40ms > . 1:1(0) ack 101");
    t.inject("< P. 1:101(100) ack 1");
    t.expect("> . 1:1(0) ack 101");
    CHECK(t.app.read_all() == 100);
    t.ignore_output();
}

SCRIPT("negotiated timestamps: an older one is answered, a missing one does not matter",
       covers("RFC9293:U-7")) {
    t.passive_open({.timestamps = true});
    t.inject("+1s < P. 1:11(10) ack 1 <TS val 5 ecr 0>");
    t.expect("> . 1:1(0) ack 1");
    CHECK(t.drops(DropReason::TcpPaws) == 1);
    t.auto_timestamps(false);
    t.inject("< P. 1:11(10) ack 1");
    t.quiet();
    CHECK(t.counters().tcp_without_timestamp == 1 && t.status().readable == 10);
    t.expect_within(100ms, "> . 1:1(0) ack 11");
}

}  // namespace tern

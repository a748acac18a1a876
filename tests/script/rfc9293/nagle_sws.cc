// RFC 9293 3.7.4 and 3.8.6.2.1, 3.9.1.2: Nagle, the sender's silly windows, PSH.
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

SCRIPT("Nagle: one small segment in flight, what is written meanwhile leaves together",
       covers("RFC9293:SHLD-7", "RFC9293:U-15")) {
    t.passive_open({.mss = 1000});
    t.app.write(10);
    t.expect("> P. 1:11(10) ack 1");
    for (int i = 0; i < 20; ++i) t.app.write(10);
    t.quiet(50ms);
    t.inject("< . 1:1(0) ack 11");
    t.expect("> P. 11:211(200) ack 1");
}

SCRIPT("Nagle lets a full segment go", covers("RFC9293:SHLD-7", "RFC9293:U-15")) {
    t.passive_open({.mss = 1000});
    t.app.write(10);
    t.expect("> P. 1:11(10) ack 1");
    t.app.write(999);
    t.quiet();
    t.app.write(501);
    t.expect("> . 11:1011(1000) ack 1");
    t.quiet();
    t.inject("< . 1:1(0) ack 1011");
    t.expect("> P. 1011:1511(500) ack 1");
}

SCRIPT("the tail of a large write waits, whether or not the link cuts super-segments",
       covers("RFC9293:SHLD-7")) {
    for (const bool segmentation : {false, true})
        one_case("tail", [&](Script& c) {
            c.setup.segmentation = segmentation;
            c.passive_open({.mss = 1000});
            c.app.write(2500);
            c.expect("> . 1:2001(2000) ack 1");
            c.quiet(50ms);
            c.inject("< . 1:1(0) ack 2001");
            c.expect("> P. 2001:2501(500) ack 1");
        });
}

SCRIPT("Nagle can be switched off for a connection", covers("RFC9293:MUST-17")) {
    t.passive_open({.mss = 1000});
    t.app.write(10);
    t.expect("> P. 1:11(10) ack 1");
    t.app.write(10);
    t.quiet();
    t.options({.no_delay = true, .user_timeout = {}});
    t.expect("> P. 11:21(10) ack 1");
    t.app.write(10);
    t.expect("> P. 21:31(10) ack 1");
    t.app.write(1);
    t.expect("> P. 31:32(1) ack 1");
    t.options({});
    t.app.write(1);
    t.quiet(50ms);
    t.inject("< . 1:1(0) ack 32");
    t.expect("> P. 32:33(1) ack 1");
}

SCRIPT("a window that opens by small steps is not filled by small segments",
       covers("RFC9293:MUST-38", "RFC9293:U-15")) {
    t.passive_open({.mss = 1000, .wscale = {}, .window = 4000});
    t.app.write(10'000);
    t.expect("> . 1:4001(4000) ack 1");
    t.inject("< . 1:1(0) ack 4001 win 0");
    for (u32 window = 100; window < 1000; window += 100) {
        t.inject(line("< . 1:1(0) ack 4001 win " + std::to_string(window)));
        t.quiet();
    }
    t.inject("< . 1:1(0) ack 4001 win 1000");
    t.expect("> . 4001:5001(1000) ack 1");
    t.quiet();
}

SCRIPT("half of the widest window is enough", covers("RFC9293:MUST-38", "RFC9293:U-15")) {
    t.passive_open({.mss = 1000, .wscale = {}, .window = 800});
    t.app.write(5000);
    // Segments are cut so that two fit into the window.
    t.expect("> . 1:401(400) ack 1");
    t.expect("> . 401:801(400) ack 1");
    t.inject("< . 1:1(0) ack 801 win 399");
    t.quiet(100ms);
    t.inject("< . 1:1(0) ack 801 win 400");
    t.expect("> . 801:1201(400) ack 1");
    t.inject("< . 1:1(0) ack 801 win 799");
    t.quiet(50ms);
    t.inject("< . 1:1(0) ack 801 win 800");
    t.expect("> . 1201:1601(400) ack 1");
    t.inject("< . 1:1(0) ack 1601 win 800");
    t.expect("> . 1601:2001(400) ack 1");
    t.expect("> . 2001:2401(400) ack 1");
}

SCRIPT("the override timer lets a small segment go after 0.1 to 1 second",
       covers("RFC9293:MUST-38", "RFC9293:U-15")) {
    t.passive_open({.mss = 1000, .wscale = {}, .window = 4000});
    t.app.write(10'000);
    t.expect("> . 1:4001(4000) ack 1");
    t.inject("< . 1:1(0) ack 4001 win 300");
    const Duration took = t.expect_within(1s, "> . 4001:4301(300) ack 1");
    CHECK(took >= 100ms && took <= 1s);
}

SCRIPT("all that is there may leave when nothing is outstanding, however little",
       covers("RFC9293:MUST-60", "RFC9293:U-15", "RFC9293:MAY-15")) {
    for (const u32 n : {1u, 10u, 999u})
        one_case("write", [&](Script& c) {
            c.passive_open({.mss = 1000});
            c.app.write(n);
            const std::string end = std::to_string(1 + n);
            c.expect(line("> P. 1:" + end + "(" + std::to_string(n) + ") ack 1"));
        });
}

SCRIPT("nothing stays in the queue for ever", covers("RFC9293:MUST-60")) {
    t.passive_open({.mss = 1000});
    u32 written = 0;
    for (int i = 0; i < 100; ++i) {
        t.app.write(7);
        written += 7;
        u32 end = 0;
        while (const auto l = t.next()) end = l->seq_end;
        if (end != 0) t.inject(line_of({.seq = 1, .ack = end}));
    }
    while (const auto l = t.next()) t.inject(line_of({.seq = 1, .ack = l->seq_end}));
    CHECK(t.status().unsent == 0 && t.status().flight == 0);
}

SCRIPT("PSH is on the segment that empties the queue, and on no other", covers("RFC9293:MUST-61")) {
    t.passive_open({.mss = 1000});
    t.app.write(3000);
    for (u32 at = 1; at < 3001; at += 1000) {
        const auto l = t.next();
        CHECK(l && l->seq == at && ((l->flags & wire::Psh) != 0) == (at == 2001));
    }
    t.inject("< . 1:1(0) ack 3001");
    t.app.write(1);
    t.expect("> P. 3001:3002(1) ack 1");
    t.expect_within(2s, "> P. 3001:3002(1) ack 1");  // the retransmission as well
}

SCRIPT("many writes behind a closed window leave as full segments",
       covers("RFC9293:SHLD-27", "RFC9293:SHLD-28", "RFC9293:MAY-16")) {
    t.passive_open({.mss = 1000, .wscale = {}, .window = 1000});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("< . 1:1(0) ack 1001 win 0");
    for (int i = 0; i < 500; ++i) t.app.write(10);
    t.inject("< . 1:1(0) ack 1001 win 10000");
    for (u32 at = 1001; at < 6001; at += 1000) {
        const auto l = t.next();
        CHECK(l && l->seq == at && l->length == 1000);
        CHECK(((l->flags & wire::Psh) != 0) == (at == 5001));
    }
}

SCRIPT("bulk data leaves in segments of Eff.snd.MSS, but for the last", covers("RFC9293:SHLD-28")) {
    t.passive_open({.mss = 1000, .timestamps = true, .window = 1 << 20});
    t.app.write(100'123);
    u32 end = 1;
    for (int round = 0; round < 100 && end < 100'124; ++round) {
        while (const auto l = t.next()) {
            CHECK(l->seq == end);
            CHECK(l->length == 988 || l->seq_end == 100'124);
            end = l->seq_end;
        }
        t.inject(line_of({.seq = 1, .ack = end}));
    }
    CHECK(end == 100'124);
    t.ignore_output();
}

}  // namespace tern

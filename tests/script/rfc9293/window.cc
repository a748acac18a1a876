// RFC 9293 3.8.6: windows, the shrinking one, the closed one, and probes.
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

// 1000 bytes were sent into a window of as many, 1000 wait behind it; RTO is 200 ms.
void close_window(Script& t) {
    t.passive_open({.mss = 1000, .wscale = {}, .window = 1000});
    t.app.write(2000);
    t.expect("> . 1:1001(1000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 1001 win 0");
}

// The application does not read, the receive buffer is full.
void fill(Script& t, u32 buffer) {
    t.setup.tcp.receive_buffer = buffer;
    t.passive_open();
    for (u32 at = 1; at <= buffer; at += 1000)
        t.inject(line_of({.flags = wire::Ack | wire::Psh, .seq = at, .len = 1000, .ack = 1}));
    t.advance(1s);
    t.ignore_output();
    t.check(t.status().rcv_wnd == 0, "the window is closed");
}

SCRIPT("bytes that come again with a newer acknowledgement bring the newer window with them",
       covers("RFC9293:U-10")) {
    t.passive_open({.mss = 1000, .wscale = {}, .window = 3000});
    t.app.write(5000);
    t.expect("> . 1:3001(3000) ack 1");
    t.inject("+1ms < P. 101:201(100) ack 1 win 3000");  // behind a hole: 1:101 was lost
    t.expect("> . 3001:3001(0) ack 1");
    // The lost bytes again, from a peer that has read nothing of the 3000.
    t.inject("+1ms < P. 1:101(100) ack 3001 win 100");
    t.expect("> . 3001:3001(0) ack 201");
    CHECK(t.status().snd_wnd == 100);
    t.expect_within(1s, "> . 3001:3101(100) ack 201");
    t.quiet(100ms);
}

}  // namespace

SCRIPT("unscaled windows of 32 KiB and more are filled", covers("RFC9293:MUST-1")) {
    for (const u32 window : {0x7fffu, 0x8000u, 0xfffeu, 0xffffu})
        one_case("window", [&](Script& c) {
            c.passive_open(
                {.mss = 1000, .wscale = {}, .window = window, .initial_cwnd_segments = 100});
            c.app.write(70'000);
            u32 end = 1;
            while (const auto l = c.next()) end = l->seq_end;
            c.check(end == 1 + window / 1000 * 1000, "every full segment that the window allows");
            c.check(c.status().snd_wnd == window, "SND.WND");
        });
}

SCRIPT("a window above 32 KiB is offered, and everything in it is taken",
       covers("RFC9293:MUST-1")) {
    t.setup.tcp.receive_buffer = 65000;
    t.setup.tcp.window_scale = false;
    t.listen();
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.expect("> S. 0:0(0) ack 1 win 65000");
    t.inject("< . 1:1(0) ack 1");
    t.accept();
    for (u32 at = 1; at <= 64001; at += 1000) t.inject(line_of({.seq = at, .len = 1000, .ack = 1}));
    t.advance(1s);
    t.ignore_output();
    CHECK(t.status().readable == 65000 && t.status().rcv_wnd == 0);
    CHECK(t.app.read_all() == 65000);
    t.ignore_output();
}

SCRIPT("windows are 32 bits inside: scale 14 and field 65535", covers("RFC9293:REC-1")) {
    t.passive_open(
        {.mss = 1000, .wscale = 14, .window = 65535u << 14, .initial_cwnd_segments = 200});
    CHECK(t.status().snd_wnd == 65535u << 14);
    t.app.write(150'000);
    t.expect("> P. 1:150001(150000) ack 1");
    CHECK(t.status().flight == 150'000);
    t.inject("< . 1:1(0) ack 150001");
}

SCRIPT("the window shrinks under data in flight: nothing new leaves, the old is sent again",
       covers("RFC9293:MUST-34", "RFC9293:SHLD-15", "RFC9293:SHLD-16")) {
    t.passive_open({.mss = 1000, .wscale = {}, .window = 10'000});
    t.app.write(20'000);
    t.expect("> . 1:10001(10000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 1001 win 2000");
    t.quiet(199ms);
    t.expect("+1ms > . 1001:2001(1000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 2001 win 1000");
    t.expect("> . 2001:3001(1000) ack 1");
    t.quiet(100ms);
    CHECK(t.status().flight == 8000 && t.status().snd_wnd == 1000);
    // The window comes back: what was lost goes out, then what is new.
    t.inject("< . 1:1(0) ack 10001 win 10000");
    const auto l = t.next();
    CHECK(l && l->seq == 10001);
    t.ignore_output();
}

SCRIPT("the window shrinks to less than nothing: no burst, no new data",
       covers("RFC9293:MUST-34", "RFC9293:SHLD-15")) {
    for (const u32 window : {0u, 1u, 500u, 999u, 1000u, 1001u})
        one_case("shrink", [&](Script& c) {
            c.passive_open({.mss = 1000, .wscale = {}, .window = 10'000});
            c.app.write(20'000);
            c.expect("> . 1:10001(10000) ack 1");
            c.inject(line("< . 1:1(0) ack 1 win " + std::to_string(window)));
            c.advance(60s);
            while (const auto l = c.next())
                c.check(l->seq_end <= 1 + std::max(window, 1u), "inside the window, or one byte");
            c.state(State::Established);
        });
}

SCRIPT("shrunk to zero the window is probed", covers("RFC9293:MUST-35")) {
    t.passive_open({.mss = 1000, .wscale = {}, .window = 10'000});
    t.app.write(10'000);
    t.expect("> P. 1:10001(10000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 3001 win 0");
    t.expect("+200ms > . 3001:3002(1) ack 1");
    t.expect("+400ms > . 3001:3002(1) ack 1");
    t.inject("< . 1:1(0) ack 3001 win 7000");
    t.expect("> . 3001:4001(1000) ack 1");
    t.ignore_output();
}

SCRIPT("data beyond a shrunken edge does not end the connection while the peer answers",
       covers("RFC9293:SHLD-17", "RFC9293:MUST-37")) {
    t.setup.limits.tcp_r2 = 100s;
    t.passive_open({.mss = 1000, .wscale = {}, .window = 10'000});
    t.app.write(10'000);
    t.expect("> P. 1:10001(10000) ack 1");
    for (int i = 0; i < 50; ++i) {
        t.inject("+20s < . 1:1(0) ack 3001 win 0");
        t.ignore_output();
    }
    t.state(State::Established);
}

namespace {

// Answers each segment at once with `answer`, until the connection is over or the time has passed.
// How long it was open.
Duration answered(Script& t, const Line& answer, Duration at_most) {
    const Duration began = t.elapsed();
    while (t.state() != State::Closed && t.elapsed() - began < at_most) {
        t.advance(50ms);
        bool asked = false;
        while (const auto l = t.next()) asked = asked || (l->flags & wire::Rst) == 0;
        if (asked && t.state() != State::Closed) t.inject(answer);
    }
    t.ignore_output();
    return t.elapsed() - began;
}

struct ResetReasons : Observer {
    void on_segment_sent(const SegmentSentEvent& e) override {
        if ((e.flags & wire::Rst) != 0) last = e.reason;
    }
    SendReason last = SendReason::Unknown;
};

}  // namespace

SCRIPT("R2 counts what is not answered: however short it is beside the interval of the probes",
       covers("RFC9293:MUST-37", "RFC9293:SHLD-17")) {
    for (const auto r2 : {1s, 5s, 30s, 100s, 119s})
        for (const u32 edge : {1001u, 601u})  // 601: the window shrank under data in flight
            one_case("R2 " + std::to_string(r2.count()) + " s", [&](Script& c) {
                c.setup.limits.tcp_r2 = r2;
                c.passive_open({.mss = 1000, .wscale = {}, .window = 1000});
                c.app.write(2000);
                c.expect("> . 1:1001(1000) ack 1");
                const std::string ack = "< . 1:1(0) ack " + std::to_string(edge) + " win 0";
                c.inject(line(ack));
                c.check(answered(c, line(ack), 3h) >= 3h, "each probe was answered");
                c.state(State::Established);
                // And from the first probe on that is not:
                const Duration silent = c.elapsed();
                while (c.state() != State::Closed) {
                    c.advance(100ms);
                    c.ignore_output();
                }
                const Duration took = c.elapsed() - silent;
                c.check(took >= r2 && took <= r2 + 121s, "R2 behind the next probe");
            });
}

SCRIPT("the peer's user timeout option does not end a connection whose probes are answered",
       covers("RFC9293:MUST-37", "RFC5482:1")) {
    t.setup.tcp.user_timeout_option = true;
    t.setup.limits.tcp_r2 = 100s;
    t.passive_open({.mss = 1000, .wscale = {}, .window = 1000});
    t.app.write(2000);
    t.ignore_output();
    t.inject("< . 1:1(0) ack 1001 win 0", {.options = std::string("\x1c\x04\x00\x64", 4)});
    CHECK(t.status().user_timeout == 100s);
    CHECK(answered(t, "< . 1:1(0) ack 1001 win 0", 3h) >= 3h);
}

SCRIPT("the application's user timeout bounds how long a peer may take nothing, answers or not",
       covers("RFC9293:MUST-21", "VULN:zero-window")) {
    for (const auto limit : {1s, 5s, 30s, 100s, 700s})
        for (const u32 edge : {1001u, 601u})
            one_case("user timeout " + std::to_string(limit.count()) + " s", [&](Script& c) {
                ResetReasons reasons;
                c.setup.observer = &reasons;
                c.setup.tcp.user_timeout = limit;
                c.passive_open({.mss = 1000, .wscale = {}, .window = 1000});
                c.app.write(2000);
                c.expect("> . 1:1001(1000) ack 1");
                const std::string ack = "< . 1:1(0) ack " + std::to_string(edge) + " win 0";
                c.inject(line(ack));
                const Duration took = answered(c, line(ack), 3h);
                c.check(took >= limit && took <= limit + 100ms, "from the last byte taken on");
                c.check(c.app.error() == Error::TimedOut, "timed out");
                c.check(reasons.last == SendReason::ResetNoProgress, "and the reason is true");
                c.stack().set_observer(nullptr);
            });
}

SCRIPT("each byte that the peer takes begins the application's user timeout anew",
       covers("RFC9293:MUST-21")) {
    t.setup.tcp.user_timeout = 5s;
    t.passive_open({.mss = 1000, .wscale = {}, .window = 1000});
    t.app.write(20'000);
    t.ignore_output();
    for (u32 taken = 1001; taken < 1101; ++taken) {
        t.inject(line("+4s < . 1:1(0) ack " + std::to_string(taken) + " win 1"));
        t.ignore_output();
    }
    t.state(State::Established);
    const Duration took = answered(t, "< . 1:1(0) ack 1100 win 0", 1h);
    CHECK(took >= 5s && took <= 5s + 300ms);  // the last byte left 200 ms later
}

SCRIPT("a window that was closed and has opened leaves no user timeout behind",
       covers("RFC9293:MUST-21")) {
    t.setup.tcp.user_timeout = 5s;
    t.passive_open({.mss = 1000, .wscale = {}, .window = 1000});
    t.app.write(1500);
    t.ignore_output();
    t.inject("+1ms < . 1:1(0) ack 1001 win 0");
    t.inject("+100ms < . 1:1(0) ack 1001 win 1000");
    t.expect("> P. 1001:1501(500) ack 1");
    CHECK(t.status().left(Timer::User) == 5s);
    t.inject("+1ms < . 1:1(0) ack 1501 win 1000");
    CHECK(!t.status().left(Timer::User));
    t.quiet(1h);
}

SCRIPT("the closed window is probed after one RTO, then at intervals that double to a cap",
       covers("RFC9293:MUST-36", "RFC9293:SHLD-29", "RFC9293:SHLD-30")) {
    close_window(t);
    Duration interval = 200ms;
    for (int i = 0; i < 14; ++i) {
        const Duration took = t.expect_within(121s, "> . 1001:1002(1) ack 1");
        CHECK(took == std::min<Duration>(interval, 120s));
        t.inject("< . 1:1(0) ack 1001 win 0");
        t.quiet();
        interval *= 2;
    }
}

SCRIPT("a lost window update does not matter: the answer to a probe opens the window",
       covers("RFC9293:MUST-36")) {
    close_window(t);
    t.expect("+200ms > . 1001:1002(1) ack 1");
    t.inject("< . 1:1(0) ack 1002 win 5000");
    t.expect("> P. 1002:2001(999) ack 1");
    t.inject("< . 1:1(0) ack 2001 win 5000");
    t.quiet(1000s);
}

SCRIPT("a probe that the peer threw away goes out again with the rest of its segment",
       covers("RFC9293:MUST-36")) {
    close_window(t);
    t.expect("+200ms > . 1001:1002(1) ack 1");
    t.inject("< . 1:1(0) ack 1001 win 5000");
    t.expect("> P. 1001:2001(1000) ack 1");
}

SCRIPT("a FIN in front of a closed window is the probe", covers("RFC9293:MUST-36")) {
    t.passive_open({.mss = 1000, .wscale = {}, .window = 1000});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 1001 win 0");
    t.app.close();
    const auto fin = t.next();
    if (!fin) t.expect_within(1s, "> F. 1001:1001(0) ack 1");
    t.inject("< . 1:1(0) ack 1002 win 0");
    t.state(State::FinWait2);
}

SCRIPT("the connection stays open for hours while probes are answered", covers("RFC9293:MUST-37")) {
    close_window(t);
    while (t.elapsed() < 12h) {
        const Duration waited = t.expect_within(121s, "> . 1001:1002(1) ack 1");
        CHECK(t.elapsed() < 1h || waited > 119s);  // and the count of them has no end that shows
        t.inject("+10ms < . 1:1(0) ack 1001 win 0");
    }
    t.state(State::Established);
    t.inject("< . 1:1(0) ack 1001 win 5000");
    t.expect("> P. 1001:2001(1000) ack 1");
}

SCRIPT("probes that nobody answers end at R2", covers("RFC9293:U-18", "RFC9293:MUST-20")) {
    close_window(t);
    t.advance(923s);
    t.state(State::Established);
    t.advance(2s);
    t.state(State::Closed);
    CHECK(t.app.error() == Error::TimedOut);
    t.ignore_output();
}

SCRIPT("an older segment does not move the window", covers("RFC9293:U-10")) {
    t.passive_open({.mss = 1000, .wscale = {}});
    t.inject("< . 101:201(100) ack 1 win 5000");  // overtook the one in front of it
    CHECK(t.status().snd_wnd == 5000);
    for (const char* late : {"< . 1:101(100) ack 1 win 9000", "< . 1:101(100) ack 1 win 10"}) {
        t.inject(line(late));
        CHECK(t.status().snd_wnd == 5000);
    }
    t.ignore_output();
}

SCRIPT("at the same number an older acknowledgement does not move the window",
       covers("RFC9293:U-10")) {
    t.passive_open({.mss = 1000, .wscale = {}});
    t.app.write(100);
    t.expect("> P. 1:101(100) ack 1");
    t.inject("< . 1:1(0) ack 101 win 4000");
    for (const char* late : {"< . 1:1(0) ack 1 win 8000", "< . 1:1(0) ack 1 win 0"}) {
        t.inject(line(late));
        CHECK(t.status().snd_wnd == 4000);
    }
    t.inject("< . 1:1(0) ack 101 win 4500");  // not older: it counts
    CHECK(t.status().snd_wnd == 4500);
}

SCRIPT("a reader of single bytes opens the window only by a segment, or half the buffer",
       covers("RFC9293:MUST-39", "RFC9293:U-16")) {
    one_case("half the buffer is more than a segment", [](Script& c) {
        fill(c, 4000);
        for (int i = 0; i < 1459; ++i) c.app.read(1);
        c.quiet(10s);
        c.app.read(1);
        c.expect("> . 1:1(0) ack 4001 win 1460");
    });
    one_case("half the buffer is less than a segment", [](Script& c) {
        fill(c, 2000);
        for (int i = 0; i < 999; ++i) c.app.read(1);
        c.quiet(10s);
        c.app.read(1);
        c.expect("> . 1:1(0) ack 2001 win 1000");
    });
}

SCRIPT("between window updates the right edge stays where it is",
       covers("RFC9293:U-16", "RFC9293:SHLD-14")) {
    fill(t, 4000);
    for (int i = 0; i < 1000; ++i) t.app.read(1);
    // A probe of the closed window: the answer must not offer the thousand bytes.
    t.inject("< . 4001:4002(1) ack 1");
    t.expect("> . 1:1(0) ack 4001 win 0");
}

SCRIPT("the right edge never moves to the left, whatever arrives and whoever reads",
       covers("RFC9293:SHLD-14")) {
    // The witness of tests/script/support looks at every segment; here are many of them.
    t.setup.tcp.receive_buffer = 300'000;
    t.passive_open();
    u32 next = 1, random = 12345;
    const auto draw = [&](u32 below) {
        random = random * 1664525 + 1013904223;
        return random >> 8 & 0xffff ? (random >> 8) % below : 0;
    };
    for (int i = 0; i < 3000; ++i) {
        const TcpStatus s = t.status();
        const u32 len = std::min(1 + draw(1460), s.rcv_wnd);
        if (len > 0 && draw(8) != 0) {
            t.inject(line_of({.seq = next, .len = len, .ack = 1}));
            next += len;
        }
        if (draw(5) == 0) t.app.read(draw(20'000));
        if (draw(7) == 0) t.advance(std::chrono::milliseconds(draw(100)));
        t.ignore_output();
    }
    CHECK(next > 100'000);
}

SCRIPT("who never reads may keep the window closed for ever; each probe is answered",
       covers("RFC9293:MAY-8")) {
    fill(t, 2000);
    for (int i = 0; i < 100; ++i) {
        t.inject("+60s < . 2001:2002(1) ack 1");
        t.expect("> . 1:1(0) ack 2001 win 0");
    }
    CHECK(t.drops(DropReason::TcpReceiveFull) == 100);
    t.state(State::Established);
}

SCRIPT("RST counts while the window is closed, with and without data",
       covers("RFC9293:MUST-66", "RFC9293:SHLD-2")) {
    for (const u32 len : {0u, 10u})
        one_case("RST", [&](Script& c) {
            fill(c, 2000);
            c.inject(line_of({.flags = wire::Rst | wire::Ack, .seq = 2001, .len = len, .ack = 1}));
            c.quiet();
            c.state(State::Closed);
            c.check(c.app.error() == Error::Reset, "reset");
        });
}

SCRIPT("URG counts while the window is closed", covers("RFC9293:MUST-66")) {
    for (const u32 len : {0u, 10u})
        one_case("URG", [&](Script& c) {
            fill(c, 2000);
            c.app.take_events();
            c.inject(line_of(
                {.flags = wire::Urg | wire::Ack, .seq = 2001, .len = len, .ack = 1, .urg = 50}));
            c.check(c.app.take_events() & Urgent, "told");
            c.check(c.status().urgent_ahead == 2050, "how far ahead");
            c.ignore_output();
        });
}

SCRIPT("ACK counts while the window is closed", covers("RFC9293:MUST-66")) {
    fill(t, 2000);
    t.app.write(100);
    t.expect("> P. 1:101(100) ack 2001");
    t.inject("< . 2001:2001(0) ack 101");
    CHECK(t.status().flight == 0);
}

SCRIPT("what arrives behind the offered window is not kept", covers("RFC9293:U-7")) {
    t.setup.limits.tcp_out_of_order_runs = 2;
    t.passive_open();
    t.inject("< . 101:201(100) ack 1");
    t.inject("< . 301:401(100) ack 1");
    t.inject("< . 501:601(100) ack 1");
    t.ignore_output();
    CHECK(t.drops(DropReason::TcpReassemblyFull) == 1);
    CHECK(t.status().out_of_order == 200);
}

}  // namespace tern

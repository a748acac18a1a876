// Buffers that find their size: who does not need more gets no more, and what was offered stays.
#include <algorithm>

#include "lab/script/on_gtest.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;
using script::Script;

std::string range(u32 from, u32 n) {
    return std::to_string(from) + ":" + std::to_string(from + n) + "(" + std::to_string(n) + ")";
}

// `n` segments of `size` from `next` on, all in this instant, that echo what we sent `echo` ago.
u32 burst(Script& t, u32 next, u32 n, u32 size, std::chrono::milliseconds echo = 100ms) {
    const auto now = t.elapsed() / 1ms;
    const std::string stamps = " ack 1 <nop,nop,TS val " + std::to_string(now + 1000) + " ecr " +
                               std::to_string(now - echo.count()) + ">";
    for (u32 i = 0; i < n; ++i, next += size)
        t.inject(script::line("< . " + range(next, size) + stamps));
    t.ignore_output();
    return next;
}

void open(Script& t) {
    t.passive_open({.timestamps = true});
    t.auto_timestamps(false);
}

// The peer fills the window each 100 ms, and its timestamps say that this is the round trip.
u32 fill_and_read(Script& t, u32 next, u32 rounds) {
    for (u32 i = 0; i < rounds; ++i) {
        t.advance(100ms);
        next = burst(t, next, t.status().rcv_wnd / 1448, 1448);
        t.app.read_all();
        t.pump();
        t.ignore_output();
    }
    return next;
}

SCRIPT("the receive buffer grows with what is read in a round trip, and its window with it") {
    open(t);
    const u32 first = t.status().receive_buffer;
    CHECK(first == 1 << 20);
    CHECK(t.status().receive_buffer_max == 32 << 20);
    fill_and_read(t, 1, 12);
    CHECK(t.status().receive_buffer >= 8u << 20);
    CHECK(t.status().rcv_wnd >= 8u << 20);
    CHECK(t.status().receive_rtt >= 90ms && t.status().receive_rtt <= 110ms);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("the right edge never moves left while the buffer grows", covers("RFC9293:SHLD-14")) {
    open(t);
    u32 next = 1, edge = 0;
    for (int i = 0; i < 8; ++i) {
        next = fill_and_read(t, next, 1);
        const TcpStatus s = t.status();
        const u32 right = s.rcv_nxt + s.rcv_wnd;
        CHECK(edge == 0 || static_cast<i32>(right - edge) >= 0);
        edge = right;
    }
    CHECK(t.status().receive_buffer > 1 << 20);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("a slow reader's buffer does not grow, however much waits for it") {
    open(t);
    u32 next = 1;
    for (int i = 0; i < 40; ++i) {
        t.advance(100ms);
        next = burst(t, next, t.status().rcv_wnd / 1448, 1448);
        t.app.read(20'000);
        t.pump();
        t.ignore_output();
    }
    CHECK(next > 1'000'000);
    CHECK(t.status().receive_buffer == 1 << 20);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("a reader in bursts reads slowly: the rate counts") {
    open(t);
    u32 next = 1;
    for (int i = 0; i < 8; ++i) {
        t.advance(5s);
        next = burst(t, next, t.status().rcv_wnd / 1448, 1448);
        t.ignore_output();
        t.app.read_all();
        t.pump();
        t.ignore_output();
    }
    CHECK(t.status().receive_buffer == 1 << 20);
    t.app.abort();
    t.ignore_output();
}

// spec/vulnerabilities.tsv: "Receive-buffer auto-tuning DoS".
SCRIPT("tiny segments make no buffer grow and pin little", covers("VULN:buffer-tuning")) {
    t.setup.memory_limit = u64{8} << 20;
    open(t);
    u32 next = 1;
    for (int i = 0; i < 200; ++i) {
        t.advance(1ms);
        next = burst(t, next, 1000, 1, 1ms);
        t.ignore_output();
        if (i % 10 == 9) t.app.read_all();
        CHECK(t.stack().memory_used() <= u64{8} << 20);
    }
    CHECK(t.status().bytes_received == 200'000);
    CHECK(t.status().receive_buffer == 1 << 20);
    CHECK(t.pool().packets_in_use() <= 16);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("under memory pressure buffers stop growing") {
    t.setup.memory_limit = u64{8} << 20;
    open(t);
    CHECK(t.status().receive_buffer_max == 2 << 20);
    std::vector<Packet> hog;
    while (Packet p = t.pool().allocate_to_keep(1000)) hog.push_back(std::move(p));
    hog.resize(hog.size() - 1000);
    for (u32 next = 1, i = 0; i < 10; ++i) {
        t.advance(100ms);
        next = burst(t, next, 700, 1448);
        t.app.read_all();
        t.pump();
        t.ignore_output();
    }
    CHECK(t.status().receive_buffer == 1 << 20);
    CHECK(t.status().bytes_received == 10u * 700 * 1448);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("sizes that the application gives stay, and are what it reads back") {
    t.setup.tcp.receive_buffer = 300'000;
    t.setup.tcp.send_buffer = 200'000;
    open(t);
    fill_and_read(t, 1, 10);
    const TcpStatus s = t.status();
    CHECK(s.receive_buffer == 300'000 && s.receive_buffer_max == 300'000);
    CHECK(s.send_buffer == 200'000 && s.send_buffer_max == 200'000);
    CHECK(s.options.receive_buffer == 300'000 && s.options.send_buffer == 200'000);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("the send buffer is the flight and its first size behind it") {
    t.passive_open(
        {.mss = 1460, .wscale = 14, .window = 65535u << 14, .initial_cwnd_segments = 1000});
    CHECK(t.status().cwnd == 1000 * 1460);
    CHECK(t.status().send_buffer == 512 << 10);
    CHECK(t.app.try_write(4 << 20).value() == 512 << 10);
    t.pump();
    const u32 flight = t.status().flight;
    CHECK(flight > 500'000);
    CHECK(t.status().send_buffer == flight + (512 << 10));
    CHECK(t.app.try_write(4 << 20).value() == flight);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("the send buffer is at most twice cwnd") {
    t.passive_open(
        {.mss = 1460, .wscale = 14, .window = 65535u << 14, .initial_cwnd_segments = 300});
    for (int i = 0; i < 2; ++i) {
        t.app.write(400'000);
        t.pump();
    }
    CHECK(t.status().flight == 300 * 1460);
    CHECK(t.status().send_buffer == 2 * 300 * 1460);
    t.app.abort();
    t.ignore_output();
}

// What waits is at most the first size, so three quarters of it must have left: an application that
// is told too late leaves the path empty.
SCRIPT("the application learns of room while the flight is larger than what may wait") {
    t.passive_open(
        {.mss = 1460, .wscale = 14, .window = 65535u << 14, .initial_cwnd_segments = 4000});
    for (int i = 0; i < 10; ++i) {
        t.app.write(500'000);
        t.pump();
    }
    CHECK(t.status().flight > 4'900'000);
    t.app.take_events();
    CHECK(t.app.try_write(4 << 20).value() < 2 << 20);
    t.pump();
    CHECK((t.app.take_events() & Writable) == 0);
    t.inject("< . 1:1(0) ack 1461 win 65535");
    CHECK((t.app.take_events() & Writable) != 0);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("the window scale of SYN is for the largest buffer") {
    t.listen();
    t.inject("< S 0:0(0) win 5000 <mss 1000,wscale 3>");
    CHECK(t.expect("> S. 0:0(0) ack 1").window_scale == 10);
    t.setup.tcp.receive_buffer = 100'000;
    t.peer_port(40'001);
    t.connect();
    CHECK(t.expect("> S 0:0(0)").window_scale == 1);
    t.app.abort();
}

}  // namespace
}  // namespace tern

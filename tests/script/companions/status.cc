// What STATUS tells beside RFC 9293 3.9.1.6: counts, limits and timers.
#include "lab/script/on_gtest.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;

SCRIPT("STATUS counts the bytes of the stream, without SYN and FIN") {
    t.passive_open({.mss = 1000});
    CHECK(t.status().bytes_acked == 0 && t.status().bytes_received == 0);
    t.app.write(2000);
    t.expect("> P. 1:2001(2000) ack 1");
    t.inject("< . 1:1(0) ack 1001");
    CHECK(t.status().bytes_acked == 1000);
    t.expect_within(1s, "> P. 1001:2001(1000) ack 1");
    CHECK(t.status().bytes_retransmitted == 1000);
    t.inject("< F. 1:101(100) ack 2001");
    t.expect("> . 2001:2001(0) ack 102");
    CHECK(t.status().bytes_received == 100);
    CHECK(t.app.read_all() == 100);
    t.app.close();
    t.expect("> F. 2001:2001(0) ack 102");
    CHECK(t.status().bytes_acked == 2000);
    t.inject("< . 102:102(0) ack 2002");
}

SCRIPT("STATUS says what holds the next byte back") {
    t.passive_open({.mss = 1000, .window = 30'000, .initial_cwnd_segments = 10});
    CHECK(t.status().limited_by == LimitedBy::Application);
    t.app.write(20'000);
    t.expect("> . 1:10001(10000) ack 1");
    CHECK(t.status().limited_by == LimitedBy::CongestionWindow);
    t.inject("+10ms < . 1:1(0) ack 10001 win 10");  // 1280 bytes
    t.expect("> . 10001:11001(1000) ack 1");
    CHECK(t.status().limited_by == LimitedBy::ReceiveWindow);
    t.inject("+10ms < . 1:1(0) ack 11001 win 200");
    t.expect("> P. 11001:20001(9000) ack 1");
    CHECK(t.status().limited_by == LimitedBy::Application);
    t.inject("+10ms < . 1:1(0) ack 20001 win 200");
    t.app.abort();
    t.ignore_output();
}

SCRIPT("STATUS: all that fits the send buffer has left, and there is more") {
    t.setup.tcp.send_buffer = 4000;
    t.passive_open({.mss = 1000});
    CHECK(t.app.try_write(5000).value() == 4000);
    t.expect("> P. 1:4001(4000) ack 1");
    CHECK(t.status().limited_by == LimitedBy::SendBuffer);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("STATUS tells which timers run and how long yet") {
    t.passive_open({.mss = 1000});
    for (const auto& left : t.status().time_left) CHECK(!left);
    t.app.write(100);
    t.expect("> P. 1:101(100) ack 1");
    t.advance(100ms);
    CHECK(t.status().left(Timer::Retransmission) == 900ms);
    CHECK(t.status().left(Timer::User) == 924s - 100ms);
    CHECK(!t.status().left(Timer::DelayedAck));
    t.inject("< P. 1:11(10) ack 1");
    CHECK(t.status().left(Timer::DelayedAck) == 40ms);
    CHECK(t.app.read_all() == 10);
    t.inject("< . 11:11(0) ack 101 win 0");
    t.expect_within(50ms, "> . 101:101(0) ack 11");
    t.app.write(100);
    CHECK(t.status().left(Timer::Persist).has_value());
    CHECK(!t.status().left(Timer::Retransmission));
    t.app.abort();
    t.ignore_output();
}

SCRIPT("STATUS tells of what is lost and SACKed, and the shortest round trip") {
    t.passive_open({.mss = 1000, .sack = true, .initial_cwnd_segments = 10});
    t.app.write(5000);
    t.expect("> P. 1:5001(5000) ack 1");
    t.inject("+20ms < . 1:1(0) ack 1001");
    CHECK(t.status().min_rtt == 20ms);
    t.inject("+1ms < . 1:1(0) ack 1001 <sack 2001:4001>");
    CHECK(t.status().sacked == 2000);
    CHECK(!t.status().reordering_seen);
    t.inject("+1ms < . 1:1(0) ack 1001 <sack 2001:5001>");
    t.ignore_output();
    CHECK(t.status().sacked == 3000);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("STATUS counts beyond 2^32") {
    t.passive_open({.mss = 1460, .timestamps = false});
    // Four gigabytes in super-segments; the reader keeps up.
    const u64 want = (u64{1} << 32) + 100'000'000;
    u64 got = 0;
    std::string big(60'000, 'x');
    u32 next = 1;
    while (got < want) {
        t.inject(script::line("< . " + std::to_string(next) + ":" + std::to_string(next + 60'000) +
                              "(60000) ack 1"),
                 {.payload = big});
        t.ignore_output();
        while (auto slice = t.stack().tcp().receive(t.app.handle())) got += slice->size();
        t.pump();
        t.ignore_output();
        next += 60'000;
    }
    CHECK(t.status().bytes_received == got);
    t.app.abort();
    t.ignore_output();
}

}  // namespace
}  // namespace tern

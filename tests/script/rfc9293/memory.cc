// When memory is exhausted: refusals that end, and a reserve so that they can. Not an RFC, but what
// RFC 9293 takes for granted (docs/decisions/0005-memory-for-what-waits.md).
#include "support/hog.hh"
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

constexpr u64 k_small = u64{4} << 20;

}  // namespace

SCRIPT("a SYN that found no buffer leaves when there is one", covers("RFC9293:MUST-22")) {
    t.setup.memory_limit = k_small;
    t.advance(1ms);
    Hog hog(t);
    CHECK(t.try_connect().has_value());
    t.quiet(950ms);
    CHECK(t.drops(DropReason::MemoryCeiling) >= 9);
    hog.let_go();
    t.expect_within(100ms, "> S 0:0(0)");
    t.app.abort();
    t.ignore_output();
}

SCRIPT("a SYN that never finds a buffer is reported as a time-out", covers("RFC9293:MUST-23")) {
    t.setup.memory_limit = k_small;
    t.advance(1ms);
    Hog hog(t);
    CHECK(t.try_connect().has_value());
    t.quiet(179s);
    CHECK(t.status().state == State::SynSent);
    t.quiet(2s);
    CHECK(t.app.error() == Error::TimedOut);
}

SCRIPT("a retransmission that found no buffer need not wait for the next RTO") {
    t.setup.memory_limit = k_small;
    t.passive_open({.mss = 1000});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    Hog hog(t);
    t.quiet(1050ms);  // RTO is 1 s
    hog.let_go();
    t.expect_within(100ms, "> P. 1:1001(1000) ack 1");
    t.inject("< . 1:1(0) ack 1001");
    t.quiet(5s);
}

SCRIPT("a FIN that found no buffer leaves when there is one") {
    t.setup.memory_limit = k_small;
    t.passive_open({.mss = 1000});
    Hog hog(t);
    t.app.close();
    t.quiet(500ms);
    hog.let_go();
    t.expect_within(100ms, "> F. 1:1(0) ack 1");
    t.inject("< F. 1:1(0) ack 2");
    t.expect("> . 2:2(0) ack 2");
}

SCRIPT("an acknowledgement that found no buffer leaves when there is one") {
    t.setup.memory_limit = k_small;
    t.passive_open({.mss = 1000});
    t.inject("< P. 1:11(10) ack 1");
    Hog hog(t);
    t.quiet(60ms);  // the delayed acknowledgement is due after 40 ms
    hog.let_go();
    t.expect_within(100ms, "> . 1:1(0) ack 11");
    t.app.read_all();
}

SCRIPT("a send() that was refused for want of memory is told when to try again") {
    t.setup.memory_limit = k_small;
    t.passive_open({.mss = 1000});
    Hog hog(t);
    const auto refused = t.app.try_write(1000);
    CHECK(!refused && refused.error() == Error::OutOfMemory);
    hog.let_go();
    t.app.take_events();
    t.quiet(100ms);
    CHECK((t.app.take_events() & Writable) != 0);
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("< . 1:1(0) ack 1001");
}

SCRIPT("what waits to be sent leaves room for acknowledgements") {
    t.setup.memory_limit = k_small;
    t.setup.tcp.send_buffer = 64 << 20;
    t.passive_open({.mss = 1000, .window = 4096});
    while (const auto n = t.app.try_write(100'000))
        if (*n < 100'000) break;
    CHECK(t.status().unsent >= k_small / 8);  // no queue has more than a quarter of all
    CHECK(t.pool().allocate(1000));
    t.ignore_output();
    t.inject("< . 1:1(0) ack 4001");
    t.expect("> . 4001:8001(4000) ack 1");
    t.app.abort();
    t.ignore_output();
}

SCRIPT("what waits to be read leaves room for acknowledgements, and for those who do read") {
    t.setup.memory_limit = k_small;
    t.setup.tcp.receive_buffer = 8 << 20;
    t.passive_open({.mss = 1000});
    u32 at = 1;
    while (t.drops(DropReason::MemoryCeiling) == 0) {
        CHECK(at < k_small);
        t.inject(
            line("< . " + std::to_string(at) + ":" + std::to_string(at + 1000) + "(1000) ack 1"));
        at += 1000;
        t.ignore_output();
    }
    CHECK(t.status().readable >= k_small / 4);
    CHECK(t.pool().allocate(1000));
    t.advance(1s);
    t.ignore_output();
    const std::string again = std::to_string(at - 1000), end = std::to_string(at);
    for (const std::string flags : {".", "F."}) {  // who is refused is told at once
        t.inject(line("< " + flags + " " + again + ":" + end + "(1000) ack 1"));
        t.expect(line("> . 1:1(0) ack " + again));
    }
    t.state(State::Established);
    t.peer_port(40001);
    t.passive_open({.mss = 1000});
    t.inject("< P. 1:1001(1000) ack 1");
    CHECK(t.app.read_all() == 1000);
    t.app.abort();
    t.ignore_output();
}

SCRIPT("a slice always finds room in an empty queue") {
    t.setup.tcp.send_buffer = 4096;
    t.passive_open({.mss = 1000});
    Packet big = t.pool().allocate(60'000);
    const std::string bytes = pattern(true, 0, 60'000);
    std::memcpy(big.append(60'000), bytes.data(), bytes.size());
    Slice slice{std::move(big)};
    CHECK(t.stack().tcp().send(t.app.handle(), slice).has_value());
    t.advance(1ms);
    t.ignore_output();
    CHECK(t.status().flight == 10'000);
    Slice second{t.pool().copy_of(std::as_bytes(std::span(bytes).first(10)))};
    const auto refused = t.stack().tcp().send(t.app.handle(), second);
    CHECK(!refused && refused.error() == Error::WouldBlock);
    t.app.abort();
    t.ignore_output();
}

}  // namespace tern

// Lost tails as bench/loss met them beside the kernel: what the probe brings to light, and when.
#include "lab/script/on_gtest.hh"

namespace tern {
namespace {

using namespace script;
using namespace std::chrono_literals;

std::string stamps(const wire::PacketLine& of, u32 echoed) {
    return "TS val " + std::to_string(of.ts_ecr + 1) + " ecr " + std::to_string(echoed);
}

}  // namespace

// The peer echoes the timestamp of what came before the hole (RFC 7323 4.3), not the probe's.
SCRIPT("behind a hole the echoed timestamp is old, and the probe's SACK counts all the same",
       covers("RFC8985:1")) {
    t.passive_open({.mss = 1012, .sack = true, .timestamps = true});
    t.advance(1s);
    t.app.write(1000);
    const auto first = t.expect("> P. 1:1001(1000) ack 1");
    t.inject(line("+5ms < . 1:1(0) ack 1001 <" + stamps(first, first.ts_val) + ">"));
    t.app.write(4000);
    const auto burst = t.expect("> P. 1001:5001(4000) ack 1");
    const std::string echo = stamps(burst, burst.ts_val);
    t.inject(line("+5ms < . 1:1(0) ack 3001 <" + echo + ">"));
    t.expect_within(11ms, "> P. 4001:5001(1000) ack 1");
    t.inject(line("+5ms < . 1:1(0) ack 3001 <" + echo + ",sack 4001:5001>"));
    t.expect_within(5ms, "> . 3001:4001(1000) ack 1");
    t.inject(line("+5ms < . 1:1(0) ack 5001 <" + echo + ">"));
    t.quiet(5s);
}

SCRIPT("a probe that is a little faster than every round trip before still counts",
       covers("RFC8985:1")) {
    t.passive_open({.mss = 1000, .sack = true});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001");
    t.app.write(4000);
    t.expect("> P. 1001:5001(4000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 3001");
    t.expect_within(201ms, "> P. 4001:5001(1000) ack 1");
    t.inject("+99ms < . 1:1(0) ack 3001 <sack 4001:5001>");
    t.expect_within(30ms, "> . 3001:4001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 5001");
    t.quiet(5s);
}

}  // namespace tern

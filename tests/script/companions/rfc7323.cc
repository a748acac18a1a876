// RFC 7323: window scale, timestamps, PAWS.
#include "lab/script/on_gtest.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;

SCRIPT("window scale is in SYN only, and needs both sides", covers("RFC7323:1")) {
    t.setup.tcp.timestamps = false;
    t.listen();
    t.inject("< S 0:0(0) win 5000 <mss 1000,wscale 3>");
    const auto syn_ack = t.expect("> S. 0:0(0) ack 1");
    CHECK(syn_ack.has_window_scale);
    CHECK(syn_ack.window <= 65535);
    t.inject("< . 1:1(0) ack 1 win 1000");
    t.accept();
    CHECK(t.status().snd_wnd == 8000);
    CHECK(t.status().snd_wind_shift == 3 && t.status().window_scale);
    // In a segment without SYN it means nothing.
    t.inject("< . 1:1(0) ack 1 win 1000 <wscale 9,nop>");
    CHECK(t.status().snd_wnd == 8000);
}

SCRIPT("without the peer's option nothing is scaled", covers("RFC7323:1")) {
    t.setup.tcp.receive_buffer = 65535;
    t.passive_open({.mss = 1000, .wscale = {}});
    CHECK(t.status().snd_wind_shift == 0);
    CHECK(t.status().rcv_wind_shift == 0 && !t.status().window_scale);
    t.inject("< P. 1:101(100) ack 1 win 500");
    CHECK(t.status().snd_wnd == 500);
    t.expect_within(100ms, "> . 1:1(0) ack 101 win 65435");
    CHECK(t.app.read_all() == 100);
}

SCRIPT("an embryo's answers without SYN offer no more than its SYN-ACK did", covers("RFC7323:1")) {
    t.setup.listen.options.receive_buffer = 1u << 20;
    t.listen();
    t.inject("< S 0:0(0) win 5000 <mss 1000,wscale 3>");
    const auto syn_ack = t.expect("> S. 0:0(0) ack 1");
    t.inject("< R 2:2(0) win 0");  // inside the window: challenged (RFC 5961 3.2)
    const auto challenge = t.expect("> . 1:1(0) ack 1");
    CHECK(challenge.window << syn_ack.window_scale <= 65535);
    CHECK(challenge.window > 0);
}

SCRIPT("a shift above 14 counts as 14", covers("RFC7323:1", "VULN:window-scale")) {
    t.listen();
    t.inject("< S 0:0(0) win 5000 <mss 1000,wscale 15>");
    t.expect("> S. 0:0(0) ack 1");
    t.inject("< . 1:1(0) ack 1 win 2");
    t.accept();
    CHECK(t.status().snd_wind_shift == 14);
    CHECK(t.status().snd_wnd == 2u << 14);
}

SCRIPT("what an earlier ACK has offered stays welcome; the edge never moves left",
       covers("RFC7323:2", "RFC9293:SHLD-14")) {
    t.setup.tcp.receive_buffer = 200'001;  // no multiple of the scale's unit
    t.passive_open({.mss = 1460});
    const u32 unit = 1u << t.status().rcv_wind_shift;
    CHECK(unit > 1);
    u32 edge = 0;
    u32 seq = 1;
    for (int i = 0; i < 400; ++i) {
        const u32 n = 1 + static_cast<u32>(i * 37 % 499);
        t.inject(script::line("+1ms < P. " + std::to_string(seq) + ":" + std::to_string(seq + n) +
                              "(" + std::to_string(n) + ") ack 1"));
        seq += n;
        while (auto sent = t.next()) {
            const u32 right = sent->ack + sent->window * unit;
            CHECK(right >= edge);
            CHECK(right <= 200'001 + 200'001 / 8 + unit);
            edge = right;
        }
    }
    t.advance(50ms);
    t.ignore_output();
    // The last byte of the widest offer is taken.
    const u32 left = edge - seq;
    CHECK(left > 0);
    CHECK(t.status().rcv_wnd >= left);
    t.app.release();
    t.ignore_output();
}

SCRIPT("every segment carries timestamps once they are agreed on", covers("RFC7323:3")) {
    t.passive_open({.mss = 1000, .timestamps = true});
    t.app.write(1500);
    CHECK(t.expect("> . 1:989(988) ack 1").has_timestamps);
    t.inject("+10ms < . 1:1(0) ack 989");
    CHECK(t.expect("> P. 989:1501(512) ack 1").has_timestamps);
    t.inject("+10ms < P. 1:101(100) ack 1501");
    CHECK(t.expect_within(100ms, "> . 1501:1501(0) ack 101") > 0ns);
    CHECK(t.app.read_all() == 100);
}

// docs/decisions/0020-segments-without-timestamps.md: peers leave the option out of keep-alives,
// bare acknowledgements and more. What they say counts; that they did so is counted and told.
SCRIPT("segments without the agreed timestamp are taken, counted and told", covers("RFC7323:3")) {
    t.passive_open({.mss = 1000, .timestamps = true});
    t.auto_timestamps(false);
    t.inject("< P. 1:101(100) ack 1");  // text
    t.expect_within(100ms, "> . 1:1(0) ack 101");
    CHECK(t.app.read_all() == 100);
    CHECK(t.counters().tcp_without_timestamp == 1);
    CHECK(t.story().find("accepted without the agreed timestamp") != std::string::npos);
    t.inject("+1s < . 100:100(0) ack 1");  // a keep-alive
    t.expect("> . 1:1(0) ack 101");
    t.app.write(988);
    t.expect("> P. 1:989(988) ack 101");
    t.inject("+10ms < . 101:101(0) ack 989 win 0");  // an acknowledgement that closes the window
    t.app.write(10);
    t.quiet(100ms);
    t.inject("< . 101:101(0) ack 989 win 1000");  // a window update
    t.expect("> P. 989:999(10) ack 101");
    t.inject("+10ms < F. 101:101(0) ack 999");  // a FIN
    t.expect("> . 999:999(0) ack 102");
    t.state(State::CloseWait);
    CHECK(t.counters().tcp_without_timestamp == 4);  // the keep-alive lies outside the window
    t.app.close();
    t.expect("> F. 999:999(0) ack 102");
    t.inject("+10ms < . 102:102(0) ack 1000");
    t.state(State::Closed);
}

SCRIPT("the third step, and the second of a simultaneous open, may come without a timestamp",
       covers("RFC7323:3")) {
    t.listen();
    t.inject("< S 0:0(0) win 65535 <mss 1000,TS val 1000 ecr 0>");
    t.expect("> S. 0:0(0) ack 1");
    t.auto_timestamps(false);
    t.inject("< P. 1:11(10) ack 1");
    t.accept();
    CHECK(t.app.read_all() == 10);
    t.expect_within(100ms, "> . 1:1(0) ack 11");
    CHECK(t.counters().tcp_without_timestamp == 1);
    script::Script s;
    s.connect();
    s.expect("> S 0:0(0)");
    s.inject("< S 0:0(0) win 65535 <mss 1000,TS val 1000 ecr 0>");
    s.expect("> S. 0:0(0) ack 1");
    s.auto_timestamps(false);
    s.inject("< . 1:1(0) ack 1");
    s.state(State::Established);
    CHECK(s.counters().tcp_without_timestamp == 1);
}

SCRIPT("a probe of a closed window without a timestamp is answered", covers("RFC7323:3")) {
    t.setup.tcp.receive_buffer = 1000;
    t.passive_open({.mss = 1000, .timestamps = true});
    t.auto_timestamps(false);
    t.inject("< P. 1:1001(1000) ack 1");
    t.expect_within(100ms, "> . 1:1(0) ack 1001 win 0");
    t.inject("+1s < P. 1001:1002(1) ack 1");
    t.expect("> . 1:1(0) ack 1001 win 0");
    CHECK(t.app.read_all() == 1000);
    t.ignore_output();
}

SCRIPT(
    "a segment without a timestamp opens no hole: sequence and ACK are checked as ever, TS.Recent "
    "stays, and PAWS judges what has one",
    covers("RFC7323:3", "RFC7323:6", "RFC5961:3")) {
    t.passive_open({.mss = 1000, .wscale = {}, .timestamps = true});
    t.auto_timestamps(false);
    t.inject("< . 1:1(0) ack 1 <nop,nop,TS val 5000 ecr 0>");
    t.inject("+1s < P. 1:11(10) ack 2");  // acknowledges what was never sent
    t.expect("> . 1:1(0) ack 1");
    t.inject("+1s < P. 70000:70010(10) ack 1");  // outside the window
    t.expect("> . 1:1(0) ack 1");
    CHECK(t.counters().tcp_without_timestamp == 0);
    t.inject("+1s < P. 1:11(10) ack 1");
    t.advance(50ms);
    const auto ack = t.next();
    CHECK(ack && ack->ack == 11 && ack->ts_ecr == 5000);
    t.inject("+1s < P. 11:21(10) ack 1 <nop,nop,TS val 4999 ecr 0>");
    t.expect("> . 1:1(0) ack 11");
    CHECK(t.drops(DropReason::TcpPaws) == 1);
    CHECK(t.app.read_all() == 10);
}

SCRIPT("an acknowledgement without a timestamp gives no sample of the round trip",
       covers("RFC7323:3")) {
    t.passive_open({.mss = 1000, .sack = true, .timestamps = true});
    t.app.write(100);
    t.expect("> P. 1:101(100) ack 1");
    t.inject("+20ms < . 1:1(0) ack 101");
    const Duration srtt = t.status().srtt;
    t.app.write(100);
    t.expect("> P. 101:201(100) ack 1");
    t.advance(300ms);  // it was lost: the probe, or RTO, sends it again
    t.ignore_output();
    t.auto_timestamps(false);
    t.inject("< . 1:1(0) ack 201");
    CHECK(t.status().srtt == srtt);
}

SCRIPT("the first SYN echoes nothing; uninvited timestamps are ignored", covers("RFC7323:4")) {
    t.connect();
    const auto syn = t.expect("> S 0:0(0)");
    CHECK(syn.has_timestamps);
    CHECK(syn.ts_ecr == 0);
    t.inject("+10ms < S. 0:0(0) ack 1 win 65535 <mss 1000>");
    CHECK(!t.expect("> . 1:1(0) ack 1").has_timestamps);
    t.inject("< P. 1:101(100) ack 1 <nop,nop,TS val 77 ecr 99>");
    CHECK(t.app.read_all() == 100);
    t.expect_within(100ms, "> . 1:1(0) ack 101 <>");
}

SCRIPT("the echo under delayed ACK is that of the earliest segment not acknowledged",
       covers("RFC7323:5")) {
    t.passive_open({.mss = 1460, .timestamps = true});
    t.auto_timestamps(false);
    t.inject("< P. 1:101(100) ack 1 <nop,nop,TS val 2000 ecr 0>");
    t.inject("+5ms < P. 101:201(100) ack 1 <nop,nop,TS val 2005 ecr 0>");
    t.advance(50ms);
    const auto ack = t.next();
    CHECK(ack && ack->ack == 201 && ack->ts_ecr == 2000);
    // Behind a hole the echo stays; what fills the hole moves it.
    t.inject("< P. 301:401(100) ack 1 <nop,nop,TS val 2100 ecr 0>");
    CHECK(t.expect("> . 1:1(0) ack 201").ts_ecr == 2000);
    t.inject("< P. 201:301(100) ack 1 <nop,nop,TS val 2090 ecr 0>");
    CHECK(t.expect("> . 1:1(0) ack 401").ts_ecr == 2090);
    CHECK(t.app.read_all() == 400);
}

SCRIPT("PAWS: an older timestamp is answered and dropped; a RST is not judged by it",
       covers("RFC7323:6")) {
    t.passive_open({.mss = 1000, .timestamps = true});
    t.auto_timestamps(false);
    t.inject("< P. 1:101(100) ack 1 <nop,nop,TS val 5000 ecr 0>");
    t.expect_within(100ms, "> . 1:1(0) ack 101");
    t.inject("+1ms < P. 101:201(100) ack 1 <nop,nop,TS val 4999 ecr 0>");
    t.expect("> . 1:1(0) ack 101");
    CHECK(t.drops(DropReason::TcpPaws) == 1);
    CHECK(t.app.read_all() == 100);
    t.inject("+1ms < R 101:101(0) <nop,nop,TS val 1 ecr 0>");
    t.state(State::Closed);
    CHECK(t.app.error() == Error::Reset);
}

SCRIPT("PAWS: after 24 days of silence the old timestamp says nothing",
       covers("RFC7323:6", "VULN:paws-wrap")) {
    t.passive_open({.mss = 1000, .timestamps = true});
    t.auto_timestamps(false);
    t.inject("< P. 1:101(100) ack 1 <nop,nop,TS val 5000 ecr 0>");
    t.expect_within(100ms, "> . 1:1(0) ack 101");
    t.quiet(std::chrono::hours(24 * 25));
    t.inject("< P. 101:201(100) ack 1 <nop,nop,TS val 10 ecr 0>");
    t.expect_within(100ms, "> . 1:1(0) ack 201");
    CHECK(t.app.read_all() == 200);
}

SCRIPT("the timestamp clock counts milliseconds from an offset of its own for each connection",
       covers("RFC7323:7", "VULN:timestamp-leak", "VULN:gvisor-weak-hash")) {
    t.listen();
    std::vector<u32> first;
    for (u16 port = 40'001; port < 40'009; ++port) {
        t.peer_port(port);
        t.inject("< S 0:0(0) win 5000 <mss 1000,nop,nop,TS val 1 ecr 0>");
        const std::string raw = t.next_raw();
        // The option block follows the 20 bytes of IP and TCP each: find kind 8.
        for (std::size_t at = 40; at + 10 <= raw.size(); ++at)
            if (raw[at] == 8 && raw[at + 1] == 10) {
                u32 value = 0;
                for (int b = 0; b < 4; ++b)
                    value = value << 8 | static_cast<u8>(raw[at + 2 + static_cast<std::size_t>(b)]);
                first.push_back(value);
                break;
            }
    }
    CHECK(first.size() == 8);
    for (std::size_t i = 1; i < first.size(); ++i)
        CHECK(first[i] - first[0] > 100'000 && first[0] - first[i] > 100'000);
}

SCRIPT("our timestamps advance with the millisecond", covers("RFC7323:7")) {
    t.passive_open({.mss = 1000, .timestamps = true});
    t.app.write(100);
    const u32 a = t.expect("> P. 1:101(100) ack 1").ts_val;
    t.inject("+150ms < . 1:1(0) ack 101");
    t.app.write(100);
    CHECK(t.expect("> P. 101:201(100) ack 1").ts_val - a == 150);
    t.inject("+1ms < . 1:1(0) ack 201");
}

SCRIPT("a RST carries timestamps when the segment that it answers did", covers("RFC7323:8")) {
    t.listen();
    t.peer_port(41'000);
    t.auto_timestamps(false);
    t.inject("< . 1:1(0) ack 1 win 100 <nop,nop,TS val 777 ecr 5>");
    const auto rst = t.next();
    CHECK(rst && (rst->flags & wire::Rst) && rst->has_timestamps && rst->ts_ecr == 777);
}

}  // namespace
}  // namespace tern

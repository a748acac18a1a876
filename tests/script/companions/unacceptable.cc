// RFC 9293 3.10.7.4, RFC 5961, RFC 7323 5.3: what any of the checks refuses changes nothing. Each
// of these segments carries all that a segment can say of itself: a new timestamp, another window,
// text, an urgent pointer, a user timeout, SACK blocks. Who sends it blindly must not get through
// to any of them, in whatever state the connection is.
#include <sstream>

#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;
using namespace std::string_literals;

namespace {

// Everything that can be asked of a connection, but for the time that has passed.
std::string known(const TcpStatus& s) {
    std::ostringstream o;
    o << name_of(s.state) << " una " << s.snd_una - s.iss << " nxt " << s.snd_nxt - s.iss << " wnd "
      << s.snd_wnd << " rcv " << s.rcv_nxt - s.irs << " wnd " << s.rcv_wnd << " cwnd " << s.cwnd
      << " ssthresh " << s.ssthresh << " flight " << s.flight << " unsent " << s.unsent
      << " readable " << s.readable << " behind holes " << s.out_of_order << " srtt "
      << s.srtt.count() << " rto " << s.rto.count() << " backoff " << s.backoff << " marks "
      << s.marks_received << " recovery " << s.in_recovery << " urgent " << s.urgent_pending << " "
      << s.urgent_ahead << " acked " << s.bytes_acked << " received " << s.bytes_received
      << " lost " << s.lost << " sacked " << s.sacked << " peer's timeout "
      << s.peer_user_timeout.value_or(0s).count() << " timers";
    for (u32 i = 0; i < k_timers; ++i)
        if (s.time_left[i])
            o << " " << name_of(static_cast<Timer>(i)) << " " << s.time_left[i]->count();
    return o.str();
}

std::string number(u32 n) {
    std::string bytes;
    for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(n >> shift & 0xff);
    return bytes;
}

std::string timestamps(u32 val) { return "\x01\x01\x08\x0a"s + number(val) + number(0); }
const std::string k_user_timeout = "\x1c\x04\x00\x2a"s;

// With timestamps, SACK, keep-alive and the user timeout option.
void go(Script& t, Place place) {
    t.setup.tcp.user_timeout_option = true;
    t.setup.tcp.keep_alive = true;
    t.setup.tcp.keep_alive_idle = 60s;
    const bool ours =
        place == Place::FinWait1 || place == Place::FinWait2 || place == Place::Closing;
    if (place == Place::SynReceived) {
        t.connect();
        t.inject("< S 0:0(0) win 65535 <mss 1000,sackOK,TS val 1000 ecr 0>");
        return t.ignore_output();
    }
    t.passive_open({.mss = 1000, .sack = true, .timestamps = true});
    if (place == Place::CloseWait || place == Place::LastAck) t.inject("< F. 1:1(0) ack 1");
    if (ours || place == Place::LastAck) t.app.close();
    if (place == Place::FinWait2) t.inject("< . 1:1(0) ack 2");
    if (place == Place::Closing) t.inject("< F. 1:1(0) ack 1");
    if (place == Place::Established) t.app.write(2000);
    t.ignore_output();
}

// A refused segment, by what is wrong with it.
struct Refused {
    const char* name;
    u16 flags = wire::Ack | wire::Urg;
    i64 seq = 0;       // from RCV.NXT
    i64 ack = 0;       // from SND.NXT
    u32 ts = 500'000;  // the clock of the peer is at about 1,000
};
constexpr Refused k_refused[] = {
    {"an ACK of what was never sent", wire::Ack | wire::Urg, 0, 1},
    {"an ACK far ahead", wire::Ack | wire::Urg, 0, 99'999},
    {"an ACK older than any in flight", wire::Ack | wire::Urg, 0, -100'000},
    {"no ACK", wire::Urg},
    {"a FIN with an ACK of what was never sent", wire::Ack | wire::Fin, 0, 1},
    {"a RST inside the window", wire::Rst, 5},
    {"a RST outside the window", wire::Rst, 2'000'000},
    {"a RST with an ACK, inside the window", wire::Rst | wire::Ack | wire::Urg, 5},
    {"a SYN", wire::Syn, 5},
    {"a SYN-ACK", wire::Syn | wire::Ack, 5},
    {"beyond the window", wire::Ack | wire::Urg, 2'000'000},
    {"beyond the window, with an ACK of what was never sent", wire::Ack, 2'000'000, 5},
    {"in front of the window", wire::Ack | wire::Urg, -5'000},
    {"an older timestamp", wire::Ack | wire::Urg, 0, 0, 1},
    {"an older timestamp and a FIN", wire::Ack | wire::Fin, 0, 0, 1},
};

void send(Script& t, const Refused& r, u32 len, const TcpStatus& s) {
    const auto near = [](u32 at, i64 offset) { return static_cast<u32>(at + offset); };
    Seg seg{r.flags, near(s.rcv_nxt - s.irs, r.seq), len, near(s.snd_nxt - s.iss, r.ack), 50};
    wire::PacketLine l;
    l.has_direction = true;
    l.flags = seg.flags;
    l.seq = seg.seq;
    l.seq_end = seg.seq + seg.len;
    l.length = seg.len;
    l.has_ack = (seg.flags & wire::Ack) != 0;
    l.ack = l.has_ack ? seg.ack : 0;
    l.has_urgent = (seg.flags & wire::Urg) != 0;
    l.urgent = l.has_urgent ? seg.urg : 0;
    l.has_window = true;
    l.window = 77;
    t.inject(line(wire::print_line(l)), {.options = timestamps(r.ts) + k_user_timeout, .tos = 3});
}

// What one refused segment leaves behind; `len` bytes of text are in it.
void refuse(Script& t, Place place, const Refused& r, u32 len) {
    go(t, place);
    const TcpStatus before = t.status();
    const u16 events = t.app.events();
    send(t, r, len, before);
    t.ignore_output();  // the answer, if there is one
    const std::string now = known(t.status()), was = known(before);
    if (now != was) t.fail("before: " + was + "\nafter:  " + now, Where::current());
    CHECK(t.app.events() == events);
    CHECK(t.counters().tcp_marks_in == 0 && t.counters().tcp_without_timestamp == 0);
    // TS.Recent is what it was: the peer's clock goes on from 1,000, and is heard.
    const Refused genuine{"", wire::Ack, 0, 0, 2000};
    const u64 paws = t.drops(DropReason::TcpPaws);
    send(t, genuine, 0, before);
    CHECK(t.drops(DropReason::TcpPaws) == paws);
    t.ignore_output();
}

constexpr Place k_states[] = {Place::SynReceived, Place::Established, Place::FinWait1,
                              Place::FinWait2,    Place::CloseWait,   Place::Closing,
                              Place::LastAck};

}  // namespace

SCRIPT("what one check refuses changes nothing, in any state",
       covers("RFC5961:3", "RFC9293:U-9", "RFC9293:U-8", "RFC7323:5", "VULN:blind-data")) {
    for (const Place place : k_states)
        for (const Refused& r : k_refused)
            for (const u32 len : {0u, 100u}) {
                const std::string name = std::string{standing(place).name} + ", " + r.name + ", " +
                                         std::to_string(len) + " bytes";
                one_case(name, [&](Script& s) { refuse(s, place, r, len); });
            }
}

SCRIPT("TS.Recent is not moved by who guesses no ACK number", covers("RFC5961:3", "RFC7323:5")) {
    t.passive_open({.mss = 1000, .timestamps = true});
    t.inject("< . 1:1(0) ack 99999 <nop,nop,TS val 500000 ecr 0>");
    t.expect("> . 1:1(0) ack 1");
    t.inject("+10ms < P. 1:101(100) ack 1");
    t.expect_within(100ms, "> . 1:1(0) ack 101");
    CHECK(t.app.read_all() == 100);
    CHECK(t.drops(DropReason::TcpPaws) == 0);
}

SCRIPT("a FIN in TIME-WAIT with an ACK of what was never sent does not wait anew",
       covers("RFC9293:U-13")) {
    t.active_close();
    t.advance(59s);
    t.inject("< F. 1:1(0) ack 3");
    t.inject("< F 1:1(0)");
    t.ignore_output();
    t.quiet(1s);
    t.state(State::Closed);
}

}  // namespace tern

// RFC 9293 3.10.7.4, first check: which segments are acceptable, swept over the edges of the window
// in each state; and what is done with RST and SYN there (RFC 5961).
#include "support/places.hh"

namespace tern {

using namespace script;
using namespace std::chrono_literals;

namespace {

// Table 6 of RFC 9293, word by word.
bool acceptable(u32 rcv_nxt, u32 wnd, u32 seq, u32 len) {
    const auto inside = [&](u32 s) { return s - rcv_nxt < wnd; };
    if (len == 0) return wnd == 0 ? seq == rcv_nxt : inside(seq);
    return wnd > 0 && (inside(seq) || inside(seq + len - 1));
}

// Where a window begins and ends, from just outside to just inside.
std::vector<u32> edges(u32 rcv_nxt, u32 wnd, u32 len) {
    return {rcv_nxt - 0x40000000,
            rcv_nxt - len - 1,
            rcv_nxt - len,
            rcv_nxt - 1,
            rcv_nxt,
            rcv_nxt + 1,
            rcv_nxt + wnd / 2,
            rcv_nxt + wnd - 1,
            rcv_nxt + wnd,
            rcv_nxt + wnd + 1,
            rcv_nxt + 0x40000000};
}

// A closed window: the application does not read.
void fill(Script& t) {
    t.setup.tcp.receive_buffer = 2000;
    t.passive_open();
    t.inject("< P. 1:1001(1000) ack 1");
    t.ignore_output();
    t.inject("< P. 1001:2001(1000) ack 1");
    t.ignore_output();
    t.advance(1s);
    t.ignore_output();
    t.check(t.status().rcv_wnd == 0, "the window is closed");
}

// The same edges wherever sequence numbers wrap: nowhere near, inside the window, at RCV.NXT, just
// before it.
constexpr std::array k_peer_isns{1'000'000'000u, 0xffff'f000u, 0xffff'fffeu, 0xffff'ffffu, 0u};

void sweep(Place place, u16 flags, u32 len, auto judge) {
    u32 wnd = 0;
    one_case("the window", [&](Script& t) {
        go_to(t, place);
        wnd = place == Place::Embryo ? 65535 : t.status().rcv_wnd;
    });
    const Standing at = standing(place);
    const auto every = [&](auto body) {
        for (const u32 isn : k_peer_isns)
            for (const u32 seq : edges(at.rcv_nxt, wnd, len)) body(isn, seq);
    };
    every([&](u32 isn, u32 seq) {
        const std::string name =
            std::string{at.name} + " seq " + std::to_string(seq) + " ISN " + std::to_string(isn);
        one_case(name, [&](Script& t) {
            t.setup.peer_isn = isn;
            go_to(t, place);
            const Seg seg{.flags = flags, .seq = seq, .len = len, .ack = at.snd_una};
            const u32 seg_len = len + (flags & wire::Fin ? 1 : 0) + (flags & wire::Syn ? 1 : 0);
            judge(t, seg, acceptable(at.rcv_nxt, wnd, seq, seg_len), answer_to(t, seg), wnd);
            t.advance(1s);
            t.ignore_output();
        });
    });
}

constexpr std::array k_with_tcb{Place::SynReceived, Place::Established, Place::FinWait1,
                                Place::FinWait2,    Place::CloseWait,   Place::Closing,
                                Place::LastAck};

}  // namespace

SCRIPT("an unacceptable segment gets an acknowledgement of what is expected, in every state",
       covers("RFC9293:U-7")) {
    for (const Place p : k_with_tcb)
        for (const u32 len : {0u, 1u, 10u})
            sweep(p, wire::Ack, len,
                  [&](Script& c, const Seg&, bool good, const auto& answer, u32) {
                      if (good) return;
                      const Standing at = standing(p);
                      c.check(answer && answer->flags == wire::Ack, "an ACK");
                      c.check(answer->seq == at.snd_nxt && answer->ack == at.rcv_nxt,
                              "SEQ=SND.NXT, ACK=RCV.NXT");
                      c.state(at.state);
                      c.check(c.drops(DropReason::TcpOutOfWindow) == 1, "TcpOutOfWindow");
                  });
}

SCRIPT("acceptable segments are taken: text moves RCV.NXT, or waits for what is before it",
       covers("RFC9293:U-7", "RFC9293:SHLD-31")) {
    for (const Place p : {Place::Established, Place::FinWait1, Place::FinWait2})
        for (const u32 len : {0u, 1u, 10u})
            sweep(p, wire::Ack, len, [&](Script& c, const Seg& s, bool good, const auto&, u32 wnd) {
                if (!good) return;
                c.check(c.drops(DropReason::TcpOutOfWindow) == 0, "not dropped");
                const TcpStatus now = c.status();
                const u32 nxt = now.rcv_nxt - now.irs;
                const u32 end = s.seq + s.len;
                const bool in_order = static_cast<i32>(s.seq - 1) <= 0;
                c.check(nxt == (in_order && len > 0 ? end : 1u), "RCV.NXT");
                // Text beyond the right edge is cut off.
                const u32 beyond = end - 1 > wnd ? end - 1 - wnd : 0;
                c.check(now.out_of_order == (in_order ? 0 : len - beyond), "bytes that wait");
            });
}

SCRIPT("TIME-WAIT: an old or early segment gets an acknowledgement, whatever its number",
       covers("RFC9293:U-7")) {
    const Standing at = standing(Place::TimeWait);
    for (const u32 isn : k_peer_isns)
        for (const u32 len : {0u, 1u, 10u})
            for (const u32 seq : edges(at.rcv_nxt, 65535, len))
                one_case("TIME-WAIT seq " + std::to_string(seq), [&](Script& c) {
                    c.setup.peer_isn = isn;
                    go_to(c, Place::TimeWait);
                    const auto a = answer_to(c, {.seq = seq, .len = len, .ack = at.snd_nxt});
                    if (len == 0 && seq == at.rcv_nxt)
                        c.check(!a, "what is expected needs no answer");
                    else
                        c.check(a && a->flags == wire::Ack && a->seq == at.snd_nxt &&
                                    a->ack == at.rcv_nxt,
                                "SEQ=SND.NXT, ACK=RCV.NXT");
                    c.state(State::TimeWait);
                });
}

SCRIPT("a closed window takes nothing but what has no length, at RCV.NXT", covers("RFC9293:U-7")) {
    for (const u32 len : {0u, 1u, 10u})
        for (const u32 seq : edges(2001, 0, len))
            one_case("window 0, seq " + std::to_string(seq), [&](Script& c) {
                fill(c);
                const auto answer = answer_to(c, {.seq = seq, .len = len, .ack = 1});
                if (acceptable(2001, 0, seq, len))
                    c.check(!answer, "nothing to answer");
                else
                    c.check(answer && answer->ack == 2001 && answer->window == 0,
                            "an ACK with the closed window");
                c.check(c.status().readable == 2000, "no text was taken");
            });
}

SCRIPT("RST: at RCV.NXT it resets, inside the window it is challenged, outside it dies",
       covers("RFC9293:U-5", "VULN:blind-rst")) {
    for (const Place p : k_with_tcb)
        for (const u16 ack : {u16{0}, u16{wire::Ack}})
            sweep(
                p, wire::Rst | ack, 0, [&](Script& c, const Seg& s, bool good, const auto& a, u32) {
                    const Standing at = standing(p);
                    if (s.seq == at.rcv_nxt) {
                        c.check(!a, "a RST is not answered");
                        c.state(State::Closed);
                        c.check(c.app.error() ==
                                    (p == Place::SynReceived ? Error::Refused : Error::Reset),
                                "the application learns it");
                    } else if (good) {
                        c.check(a && a->flags == wire::Ack && a->ack == at.rcv_nxt &&
                                    a->seq == at.snd_nxt,
                                "a challenge ACK");
                        c.state(at.state);
                        c.check(c.drops(DropReason::TcpResetChallenged) == 1, "TcpResetChallenged");
                    } else {
                        c.check(!a, "silence");
                        c.state(at.state);
                        c.check(c.drops(DropReason::TcpResetOutOfWindow) == 1,
                                "TcpResetOutOfWindow");
                    }
                });
}

SCRIPT("RST in SYN-RECEIVED from a listener: back to LISTEN only at RCV.NXT",
       covers("RFC9293:U-5", "RFC9293:MUST-11")) {
    sweep(Place::Embryo, wire::Rst, 0, [&](Script& c, const Seg& s, bool good, const auto& a, u32) {
        c.check(a.has_value() == (good && s.seq != 1), "challenged, or nothing");
        c.check(c.count().embryos == (s.seq == 1 ? 0u : 1u), "gone only at RCV.NXT");
        c.check(c.count().listeners == 1, "the listener stays");
    });
}

SCRIPT("SYN in a synchronized state: a challenge ACK whatever its number, and nothing else",
       covers("RFC9293:U-6", "VULN:blind-syn")) {
    for (const Place p : k_synchronized)
        for (const u16 ack : {u16{0}, u16{wire::Ack}})
            sweep(p, wire::Syn | ack, 0, [&](Script& c, const Seg&, bool, const auto& a, u32) {
                const Standing at = standing(p);
                c.check(a && a->flags == wire::Ack && a->seq == at.snd_nxt && a->ack == at.rcv_nxt,
                        "a challenge ACK");
                c.state(at.state);
                c.check(c.drops(DropReason::TcpSynChallenged) == 1, "TcpSynChallenged");
            });
}

SCRIPT("a SYN in SYN-RECEIVED does not end the handshake", covers("RFC9293:U-6", "RFC9293:U-7")) {
    sweep(Place::Embryo, wire::Syn, 0, [&](Script& c, const Seg& s, bool, const auto& a, u32) {
        c.check(a && (a->flags & wire::Ack) != 0, "answered");
        c.check(((a->flags & wire::Syn) != 0) == (s.seq == 0), "SYN-ACK for the same SYN alone");
        c.check(c.count().embryos == 1, "the embryo lives");
    });
}

SCRIPT("SYN-RECEIVED after a simultaneous open: their SYN again is acknowledged",
       covers("RFC9293:U-7", "RFC9293:MUST-10")) {
    go_to(t, Place::SynReceived);
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.expect("> . 1:1(0) ack 1");
    t.state(State::SynReceived);
    t.inject("< . 1:1(0) ack 1");
    t.state(State::Established);
}

SCRIPT("SYN-RECEIVED: an embryo says what it expects to a segment out of its window",
       covers("RFC9293:U-7")) {
    sweep(Place::Embryo, wire::Ack, 10, [&](Script& c, const Seg&, bool good, const auto& a, u32) {
        if (good) return;
        c.check(a && a->flags == wire::Ack && a->seq == 1 && a->ack == 1, "an ACK");
        c.check(c.count().embryos == 1, "it stays");
    });
}

SCRIPT("a segment without ACK is dropped in silence in every synchronized state",
       covers("RFC9293:U-8")) {
    for (const Place p : k_synchronized)
        one_case(standing(p).name, [&](Script& c) {
            go_to(c, p);
            const auto a = answer_to(c, {.flags = wire::Psh, .seq = standing(p).rcv_nxt, .len = 5});
            c.check(!a, "silence");
            c.state(standing(p).state);
            c.check(c.drops(DropReason::TcpNoAck) == 1, "TcpNoAck");
            c.check(c.status().readable == 0, "its text is not taken");
        });
}

SCRIPT("an acknowledgement of what was not sent gets an ACK and moves nothing",
       covers("RFC9293:U-9")) {
    for (const Place p : k_synchronized)
        for (const u32 beyond : {1u, 2u, 1000u, 0x40000000u})
            one_case(standing(p).name, [&](Script& c) {
                go_to(c, p);
                const Standing at = standing(p);
                const auto a = answer_to(c, {.seq = at.rcv_nxt, .ack = at.snd_nxt + beyond});
                c.check(a && a->flags == wire::Ack && a->seq == at.snd_nxt, "an ACK");
                c.state(at.state);
                c.check(c.status().snd_una - c.status().iss == at.snd_una, "SND.UNA stays");
                c.check(c.drops(DropReason::TcpAckUnsent) == 1, "TcpAckUnsent");
            });
}

SCRIPT("an acknowledgement older than the widest window is challenged, a younger one ignored",
       covers("RFC9293:MAY-12", "RFC9293:U-9")) {
    for (const Place p : k_synchronized)
        for (const u32 below : {0u, 1u, 65535u, 65536u, 0x70000000u})
            one_case(standing(p).name, [&](Script& c) {
                c.setup.tcp.window_scale = false;
                go_to(c, p);
                const Standing at = standing(p);
                const auto a = answer_to(c, {.seq = at.rcv_nxt, .ack = at.snd_una - below});
                c.check(a.has_value() == (below > 65535), "SND.UNA - MAX.SND.WND is the bound");
                c.check(c.drops(DropReason::TcpAckTooOld) == (below > 65535 ? 1u : 0u),
                        "TcpAckTooOld");
                c.state(at.state);
            });
}

SCRIPT("SYN-RECEIVED: an acknowledgement other than of our SYN gets RST with SEQ=SEG.ACK",
       covers("RFC9293:U-11")) {
    for (const Place p : {Place::Embryo, Place::SynReceived})
        for (const u32 ack : {0xfffffff0u, 0u, 1u, 2u, 1000u})
            one_case(standing(p).name, [&](Script& c) {
                go_to(c, p);
                const auto a = answer_to(c, {.seq = 1, .ack = ack});
                if (ack == 1) {
                    c.check(!a, "the handshake is over");
                    c.state(State::Established);
                    return;
                }
                c.check(a && a->flags == wire::Rst && a->seq == ack, "RST");
                c.state(State::SynReceived);
                c.check(c.drops(DropReason::TcpEmbryoBadAck) == 1, "TcpEmbryoBadAck");
            });
}

SCRIPT("a segment that begins before RCV.NXT and ends behind it gives only its new bytes",
       covers("RFC9293:U-7")) {
    t.passive_open();
    t.inject("< P. 1:101(100) ack 1");
    t.inject("< P. 51:151(100) ack 1");
    t.expect("+40ms > . 1:1(0) ack 151");
    CHECK(t.app.read_all() == 150);
}

SCRIPT("what lies beyond the window is cut off, its FIN as well", covers("RFC9293:U-7")) {
    t.setup.tcp.receive_buffer = 2000;
    t.passive_open();
    t.inject("< F. 1:3001(3000) ack 1");
    t.ignore_output();
    CHECK(t.status().readable == 2000);
    t.state(State::Established);
    CHECK(t.app.read_all() == 2000);
    t.ignore_output();
    t.inject("< F. 2001:3001(1000) ack 1");
    t.expect("> . 1:1(0) ack 3002");
    t.state(State::CloseWait);
    CHECK(t.app.read_all() == 1000);
}

}  // namespace tern

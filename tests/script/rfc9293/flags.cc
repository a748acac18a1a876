// RFC 9293 3.10.7: all 512 combinations of control bits in every state, with and without text; and
// those of RFC 9293's six at the edges of the window. What the RFC says of each is
// support/control_bits.hh.
#include "support/control_bits.hh"

namespace tern {

using namespace script;

namespace {

constexpr u32 k_text = 10;

std::string describe(const Arriving& a) {
    constexpr const char* starts[] = {"before RCV.NXT", "at RCV.NXT", "at the window's end",
                                      "behind the window"};
    return std::string{standing(a.place).name} + (a.acks ? ", ACK of all, " : ", old ACK, ") +
           starts[static_cast<u8>(a.start)] + ", " + std::to_string(a.len) + " bytes";
}

// SEG.SEQ, SEG.ACK and the rest of it, for a stack that stands at its place.
Seg segment_of(Script& t, const Arriving& a) {
    const Standing at = standing(a.place);
    const bool has_handle = a.place >= Place::SynReceived;
    const u32 window = has_handle ? t.status().rcv_wnd : 65535;
    u32 seq = at.rcv_nxt;
    if (a.start == Start::Before) seq -= 1;
    if (a.start == Start::LastOfWindow) seq += window - 1;
    if (a.start == Start::Beyond) seq += window;
    return {.flags = a.flags, .seq = seq, .len = a.len, .ack = a.acks ? at.snd_nxt : at.snd_una};
}

// SEQ=SEG.ACK when the ACK bit is on, otherwise SEQ 0 and ACK=SEG.SEQ+SEG.LEN with ACK; absolute.
bool is_right_reset(const RawTcp& got, const Arriving& a, const Seg& s, u32 iss, u32 peer_isn) {
    if (a.has(wire::Ack)) return got.flags == wire::Rst && got.seq == s.ack + iss;
    return got.flags == (wire::Rst | wire::Ack) && got.seq == 0 &&
           got.ack == s.seq + a.octets() + peer_isn;
}

bool is_right_answer(const RawTcp& got, const Arriving& a, const Seg& s, const Expected& want,
                     u32 iss, u32 peer_isn) {
    const Standing at = standing(a.place);
    const u32 first = a.place == Place::SynSent ? s.seq : at.rcv_nxt;
    switch (want.reply) {
        case Reply::None: return false;
        case Reply::Ack:  // SEQ=SND.NXT, ACK=RCV.NXT
            return got.flags == wire::Ack && got.seq == at.snd_nxt + iss &&
                   got.ack == first + want.taken + peer_isn;
        case Reply::SynAck:
            // What ECN the answer agrees to is for tests/script/ecn.
            return (got.flags & ~wire::k_ecn_flags) == (wire::Syn | wire::Ack) &&
                   got.ack == s.seq + 1 + peer_isn;
        case Reply::Reset: return is_right_reset(got, a, s, iss, peer_isn);
    }
    return false;
}

// The answer to `s` is the one wanted, and the only one.
void check_answer(Script& t, const Arriving& a, const Seg& s, const Expected& want) {
    const u32 iss = t.iss();
    t.inject(line_of(s));
    // Behind the RST that ends what the peer still holds our SYN goes again.
    const bool asks_again = a.place == Place::SynSent && want.reply == Reply::Reset;
    if (t.waiting() != (want.reply == Reply::None ? 0u : asks_again ? 2u : 1u))
        t.fail(describe(a) + ": " + std::to_string(t.waiting()) + " answers", Where::current());
    if (want.reply == Reply::None) return;
    if (!is_right_answer(raw_tcp(t.next_raw()), a, s, want, iss, t.setup.peer_isn))
        t.fail(describe(a) + ": the answer is not the RFC's", Where::current());
    if (asks_again) t.expect("> S 0:0(0)");
}

u64 all_drops(const Script& t) {
    u64 n = 0;
    for (const u64 d : t.counters().drops) n += d;
    return n;
}

void check_one(Script& t, const Arriving& a) {
    go_to(t, a.place);
    const Seg seg = segment_of(t, a);
    const u64 before = all_drops(t);
    const Expected want = expected(a);
    check_answer(t, a, seg, want);
    if (t.state() != want.after)
        t.fail(describe(a) + ": wanted " + std::string{name_of(want.after)} + ", got " +
                   std::string{name_of(t.state())},
               Where::current());
    // What is answered by nothing and changes nothing was dropped by name.
    const bool ignored =
        want.reply == Reply::None && want.after == standing(a.place).state && !a.has(wire::Ack);
    if (ignored) t.check(all_drops(t) == before + 1, "a drop with a name");
    t.advance(std::chrono::seconds(1));  // an acknowledgement that waits
    t.ignore_output();
}

void every_combination(Arriving a) {
    for (a.flags = 0; a.flags < 512; ++a.flags)
        one_case(describe(a), [&](Script& t) { check_one(t, a); });
}

// FIN, SYN, RST, PSH, ACK and URG; the three bits above them, which change nothing, by turns.
void every_combination_of_six(Arriving a) {
    for (u16 six = 0; six < 64; ++six) {
        a.flags = static_cast<u16>(six | (six % 8) << 6);
        one_case(describe(a), [&](Script& t) { check_one(t, a); });
    }
}

// Text at RCV.NXT; and both edges of the window, with text and without.
void everywhere_else(Place place, bool acks) {
    every_combination({.place = place, .acks = acks, .len = k_text});
    for (const Start start : {Start::Before, Start::LastOfWindow, Start::Beyond})
        for (const u32 len : {0u, k_text})
            every_combination_of_six({.place = place, .acks = acks, .start = start, .len = len});
}

}  // namespace

SCRIPT("CLOSED: every control bit but RST is answered by RST, with the fields of the RFC",
       covers("RFC9293:U-2", "RFC9293:U-12", "VULN:illegal-flags")) {
    for (const u32 len : {0u, k_text}) every_combination({.place = Place::Closed, .len = len});
}

SCRIPT("LISTEN: RST is ignored, ACK gets RST, SYN opens, the rest is dropped",
       covers("RFC9293:U-3", "RFC9293:U-12", "VULN:illegal-flags")) {
    for (const u32 len : {0u, k_text}) every_combination({.place = Place::Listen, .len = len});
}

SCRIPT("SYN-SENT: every combination of control bits, acceptable acknowledgement",
       covers("RFC9293:U-4", "RFC9293:U-12", "VULN:illegal-flags")) {
    for (const u32 len : {0u, k_text}) every_combination({.place = Place::SynSent, .len = len});
}

SCRIPT("SYN-SENT: an unacceptable acknowledgement gets RST, unless it is one",
       covers("RFC9293:U-4")) {
    for (const u32 ack : {0u, 2u, 1000u, 0x80000000u})
        for (u16 flags = 0; flags < 512; ++flags) {
            const Arriving a{.place = Place::SynSent, .flags = flags};
            if (!a.has(wire::Ack)) continue;
            one_case("SYN-SENT", [&](Script& c) {
                go_to(c, Place::SynSent);
                const Reply reply = a.has(wire::Rst) ? Reply::None : Reply::Reset;
                check_answer(c, a, {.flags = flags, .ack = ack}, {reply, State::SynSent});
                c.state(State::SynSent);
                c.check(c.drops(DropReason::TcpSynSentBadAck) == 1, "TcpSynSentBadAck");
            });
        }
}

SCRIPT("SYN-RECEIVED: every combination of control bits",
       covers("RFC9293:U-5", "RFC9293:U-8", "RFC9293:U-11", "RFC9293:U-12", "RFC9293:MUST-11",
              "VULN:illegal-flags")) {
    for (const Place p : {Place::Embryo, Place::SynReceived})
        for (const bool acks : {false, true}) every_combination({.place = p, .acks = acks});
}

SCRIPT("synchronized states: every combination of control bits, with an old acknowledgement",
       covers("RFC9293:U-5", "RFC9293:U-6", "RFC9293:U-8", "RFC9293:U-12", "VULN:illegal-flags")) {
    for (const Place p : k_synchronized) every_combination({.place = p, .acks = false});
}

SCRIPT("synchronized states: every combination of control bits, acknowledging all",
       covers("RFC9293:U-5", "RFC9293:U-6", "RFC9293:U-8", "RFC9293:U-12", "VULN:illegal-flags")) {
    for (const Place p : k_synchronized) every_combination({.place = p});
}

SCRIPT("TIME-WAIT: every combination of control bits",
       covers("RFC9293:U-8", "RFC9293:U-12", "VULN:illegal-flags")) {
    every_combination({.place = Place::TimeWait});
}

SCRIPT("SYN-RECEIVED: every combination of control bits, with text and at the edges of the window",
       covers("RFC9293:U-5", "RFC9293:U-7", "RFC9293:U-8", "RFC9293:U-11", "RFC9293:U-12")) {
    for (const Place p : {Place::Embryo, Place::SynReceived})
        for (const bool acks : {false, true}) everywhere_else(p, acks);
}

SCRIPT("synchronized states: every combination of control bits, with text and at the edges",
       covers("RFC9293:U-5", "RFC9293:U-6", "RFC9293:U-7", "RFC9293:U-8", "RFC9293:U-12",
              "VULN:fin-desync")) {
    for (const Place p : k_synchronized)
        for (const bool acks : {false, true}) everywhere_else(p, acks);
}

SCRIPT("TIME-WAIT: every combination of control bits, with text and at the edges of the window",
       covers("RFC9293:U-7", "RFC9293:U-8", "RFC9293:U-13")) {
    everywhere_else(Place::TimeWait, true);
}

}  // namespace tern

// RFC 9293 3.10.7: all 512 combinations of control bits, in every state. The expectation is a
// second reading of the RFC, written apart from the code.
#include "support/places.hh"

namespace tern {

using namespace script;

namespace {

enum class Reply : u8 { None, Ack, Reset, SynAck };

struct Expected {
    Reply reply = Reply::None;
    State after = State::Closed;
};

bool has(u16 flags, u16 f) { return (flags & f) != 0; }

// 3.10.7.1
Expected in_closed(u16 f) {
    return {has(f, wire::Rst) ? Reply::None : Reply::Reset, State::Closed};
}

// 3.10.7.2; SYN with FIN is refused by name.
Expected in_listen(u16 f) {
    if (has(f, wire::Rst)) return {};
    if (has(f, wire::Ack)) return {Reply::Reset, State::Closed};
    if (!has(f, wire::Syn) || has(f, wire::Fin)) return {};
    return {Reply::SynAck, State::SynReceived};
}

// 3.10.7.3, the acknowledgement being acceptable.
Expected in_syn_sent(u16 f) {
    if (has(f, wire::Rst)) return {Reply::None, has(f, wire::Ack) ? State::Closed : State::SynSent};
    if (!has(f, wire::Syn) || has(f, wire::Fin)) return {Reply::None, State::SynSent};
    if (has(f, wire::Ack)) return {Reply::Ack, State::Established};
    return {Reply::SynAck, State::SynReceived};
}

// 3.10.7.4, SEG.SEQ = RCV.NXT; `acks` says whether SEG.ACK covers what we have sent.
Expected in_other_states(Place p, u16 f, bool acks) {
    const State s = standing(p).state;
    if (has(f, wire::Rst)) {
        if (p == Place::Embryo) return {Reply::None, State::Listen};
        // RFC 1337: a RST does not end TIME-WAIT.
        return {Reply::None, p == Place::TimeWait ? s : State::Closed};
    }
    if (has(f, wire::Syn)) return {Reply::Ack, s};  // RFC 5961 4
    if (!has(f, wire::Ack)) return {Reply::None, s};
    State now = s;
    if (s == State::SynReceived) {
        if (!acks) return {Reply::Reset, s};  // [U-11]
        now = State::Established;
    }
    if (acks && s == State::FinWait1) now = State::FinWait2;
    if (acks && s == State::Closing) return {Reply::None, State::TimeWait};
    if (acks && s == State::LastAck) return {Reply::None, State::Closed};
    if (!has(f, wire::Fin)) return {Reply::None, now};
    switch (now) {
        case State::Established: return {Reply::Ack, State::CloseWait};
        case State::FinWait1: return {Reply::Ack, State::Closing};
        case State::FinWait2: return {Reply::Ack, State::TimeWait};
        default: return {Reply::None, now};  // their FIN was taken already
    }
}

Expected expected(Place p, u16 f, bool acks) {
    switch (p) {
        case Place::Closed: return in_closed(f);
        case Place::Listen: return in_listen(f);
        case Place::SynSent: return in_syn_sent(f);
        default: return in_other_states(p, f, acks);
    }
}

// SEQ=SEG.ACK when the ACK bit is on, otherwise SEQ 0 and ACK=SEG.SEQ+SEG.LEN with ACK; absolute.
bool is_right_reset(const RawTcp& got, const Seg& s, u32 iss, u32 peer_isn) {
    if (has(s.flags, wire::Ack)) return got.flags == wire::Rst && got.seq == s.ack + iss;
    const u32 len = s.len + (has(s.flags, wire::Syn) ? 1 : 0) + (has(s.flags, wire::Fin) ? 1 : 0);
    return got.flags == (wire::Rst | wire::Ack) && got.seq == 0 &&
           got.ack == s.seq + len + peer_isn;
}

// The answer to `s` is the one wanted, and the only one.
void check_answer(Script& t, const std::string& what, const Seg& s, Reply want) {
    const u32 iss = t.iss();
    t.inject(line_of(s));
    if (t.waiting() != (want == Reply::None ? 0u : 1u))
        t.fail(what + ": " + std::to_string(t.waiting()) + " answers", Where::current());
    if (want == Reply::None) return;
    const RawTcp got = raw_tcp(t.next_raw());
    const bool right = want == Reply::Ack      ? got.flags == wire::Ack
                       : want == Reply::SynAck ? got.flags == (wire::Syn | wire::Ack)
                                               : is_right_reset(got, s, iss, t.setup.peer_isn);
    t.check(right, (what + ": the answer is the RFC's").c_str());
}

u64 all_drops(const Script& t) {
    u64 n = 0;
    for (const u64 d : t.counters().drops) n += d;
    return n;
}

void check_one(Script& t, Place place, u16 flags, bool acks) {
    go_to(t, place);
    const Standing at = standing(place);
    const Seg seg{.flags = flags, .seq = at.rcv_nxt, .ack = acks ? at.snd_nxt : at.snd_una};
    const u64 before = all_drops(t);
    const Expected want = expected(place, flags, acks);
    const std::string what = std::string{at.name} + (acks ? ", ACK of all" : ", old ACK");
    check_answer(t, what, seg, want.reply);
    if (t.state() != want.after)
        t.fail(what + ": wanted " + std::string{name_of(want.after)} + ", got " +
                   std::string{name_of(t.state())},
               Where::current());
    // What is answered by nothing and changes nothing was dropped by name.
    const bool ignored = want.reply == Reply::None && want.after == at.state &&
                         !has(flags, wire::Ack) && place != Place::TimeWait;
    if (ignored) t.check(all_drops(t) == before + 1, "a drop with a name");
}

void every_combination(Place place, bool acks) {
    for (u16 flags = 0; flags < 512; ++flags)
        one_case(standing(place).name, [&](Script& t) { check_one(t, place, flags, acks); });
}

}  // namespace

SCRIPT("CLOSED: every control bit but RST is answered by RST, with the fields of the RFC",
       covers("RFC9293:U-2", "RFC9293:U-12")) {
    every_combination(Place::Closed, true);
}

SCRIPT("LISTEN: RST is ignored, ACK gets RST, SYN opens, the rest is dropped",
       covers("RFC9293:U-3", "RFC9293:U-12")) {
    every_combination(Place::Listen, true);
}

SCRIPT("SYN-SENT: every combination of control bits, acceptable acknowledgement",
       covers("RFC9293:U-4", "RFC9293:U-12")) {
    every_combination(Place::SynSent, true);
}

SCRIPT("SYN-SENT: an unacceptable acknowledgement gets RST, unless it is one",
       covers("RFC9293:U-4")) {
    for (const u32 ack : {0u, 2u, 1000u, 0x80000000u})
        for (u16 flags = 0; flags < 512; ++flags) {
            if (!has(flags, wire::Ack)) continue;
            one_case("SYN-SENT", [&](Script& c) {
                go_to(c, Place::SynSent);
                const Seg seg{.flags = flags, .ack = ack};
                check_answer(c, "SYN-SENT", seg,
                             has(flags, wire::Rst) ? Reply::None : Reply::Reset);
                c.state(State::SynSent);
                c.check(c.drops(DropReason::TcpSynSentBadAck) == 1, "TcpSynSentBadAck");
            });
        }
}

SCRIPT("SYN-RECEIVED: every combination of control bits",
       covers("RFC9293:U-5", "RFC9293:U-8", "RFC9293:U-11", "RFC9293:U-12", "RFC9293:MUST-11")) {
    for (const Place p : {Place::Embryo, Place::SynReceived})
        for (const bool acks : {false, true}) every_combination(p, acks);
}

SCRIPT("synchronized states: every combination of control bits, with an old acknowledgement",
       covers("RFC9293:U-5", "RFC9293:U-6", "RFC9293:U-8", "RFC9293:U-12")) {
    for (const Place p : k_synchronized) every_combination(p, false);
}

SCRIPT("synchronized states: every combination of control bits, acknowledging all",
       covers("RFC9293:U-5", "RFC9293:U-6", "RFC9293:U-8", "RFC9293:U-12")) {
    for (const Place p : k_synchronized) every_combination(p, true);
}

SCRIPT("TIME-WAIT: every combination of control bits", covers("RFC9293:U-8", "RFC9293:U-12")) {
    for (u16 flags = 0; flags < 512; ++flags)
        one_case("TIME-WAIT", [&](Script& c) {
            go_to(c, Place::TimeWait);
            const Seg seg{.flags = flags, .seq = 2, .ack = 2};
            // An unacceptable FIN is answered whatever else it carries or lacks.
            const bool silent =
                has(flags, wire::Rst) || (!has(flags, wire::Syn) && !has(flags, wire::Ack));
            if (silent)
                check_answer(c, "TIME-WAIT", seg, Reply::None);
            else if (has(flags, wire::Syn))
                check_answer(c, "TIME-WAIT", seg, Reply::Ack);
            else
                c.inject(line_of(seg));
            c.ignore_output();
            c.state(State::TimeWait);
        });
}

}  // namespace tern

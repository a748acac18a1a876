// Who agrees to what: the flags of SYN and SYN-ACK (RFC 3168 6.1.1 [RFC3168:1], RFC 9768 3.1
// [RFC9768:1], RFC 9293 3.8.2 [SHLD-8]), and what the last ACK of the handshake tells.
#include "core/tcp/room.hh"

namespace tern {

namespace {

// RFC 9768 3.1.1, table 2 and 3.2.2.1, table 3: the IP-ECN field of a SYN or SYN-ACK, told back.
constexpr std::array<u8, 4> k_told_back = {0b010, 0b011, 0b100, 0b110};

// Flags on so many SYNs; the ones after them go without, for what swallows such a SYN.
u32 syns_that_ask(Ecn asked) {
    switch (asked) {
        case Ecn::Accurate: return 2;  // RFC 9768 3.1.4.1 [RFC9768:6]
        case Ecn::Classic: return 1;   // RFC 3168 6.1.1.1 [RFC3168:5]
        default: return 0;
    }
}
constexpr u32 k_syn_acks_that_agree = 2;  // RFC 9768 3.2.3.2.2 [RFC9768:6]

void begin(Room& room, Tcb& tcb, Ecn agreed) {
    tcb.ecn = agreed;
    tcb.ect = agreed != Ecn::Off;
    if (agreed == Ecn::Accurate) room.colds[tcb.cold].acc_ecn = {};
}

// What a SYN-ACK means to who has asked: table 2, from the top. 111 is a peer that sends reserved
// flags back.
Ecn agreed_by(u16 syn_ack_flags, Ecn asked) {
    const u8 ace = wire::ace_of(syn_ack_flags);
    if (asked <= Ecn::Accept || ace == 0b000 || ace == 0b111) return Ecn::Off;
    const bool ecn_setup = (ace & 0b011) == 0b001;  // RFC 3168 6.1.1: ECE without CWR
    if (asked == Ecn::Accurate && !ecn_setup) return Ecn::Accurate;
    return ecn_setup ? Ecn::Classic : Ecn::Off;
}

}  // namespace

Ecn ecn_wanted(const Room& room, const TcpOptions& o) {
    const auto algorithm = find_algorithm(room, o.congestion);
    const bool marks = room.algorithms[algorithm.value_or(0)]->wants_marks();
    return o.ecn == Ecn::Accept && marks ? Ecn::Accurate : o.ecn;
}

u16 ecn_of_syn(const Tcb& tcb) {
    if (tcb.backoff >= syns_that_ask(tcb.ecn)) return 0;
    return tcb.ecn == Ecn::Accurate ? wire::k_ecn_flags : wire::Cwr | wire::Ece;
}

Ecn ecn_answer(Ecn ours, u16 syn_flags) {
    const u8 asked = wire::ace_of(syn_flags);
    if (ours == Ecn::Off || asked == 0b000) return Ecn::Off;
    // RFC 9768 3.1.3: what is not the classic request asks for the accurate form, or for its heir.
    const bool classic = asked == 0b011 || (ours == Ecn::Classic && asked == 0b111);
    if (classic) return Ecn::Classic;
    return ours == Ecn::Classic ? Ecn::Off : Ecn::Accurate;
}

u16 ecn_of_syn_ack(const Embryo& e) {
    if (e.retries >= k_syn_acks_that_agree || e.ecn == Ecn::Off) return 0;
    return e.ecn == Ecn::Accurate ? wire::ace_flags(k_told_back[e.syn_mark]) : u16{wire::Ece};
}

u16 ecn_of_syn_ack(const Room& room, const Tcb& tcb) {
    if (tcb.backoff >= k_syn_acks_that_agree || tcb.ecn == Ecn::Off) return 0;
    if (tcb.ecn == Ecn::Classic) return wire::Ece;
    return wire::ace_flags(room.colds[tcb.cold].acc_ecn.handshake_ace);
}

void ecn_of_syn_again(Embryo& e, u16 syn_flags) {
    // RFC 9768 3.1.5: who asks again without has taken the request back, and neither side marks.
    if (wire::ace_of(syn_flags) == 0b000) e.ecn = Ecn::Off;
}

void learn_ecn_of_syn_ack(Room& room, Tcb& tcb, const Segment& seg) {
    const Ecn asked = tcb.ecn;
    const bool taken_back = ecn_of_syn(tcb) == 0;
    begin(room, tcb, agreed_by(seg.flags, asked));
    if (taken_back) tcb.ect = false;
    if (tcb.ecn != Ecn::Accurate) return;
    AccEcn& a = room.colds[tcb.cold].acc_ecn;
    // RFC 9768 3.2.2.3: our SYN was not ECN-capable; if it came so, somebody rewrites the field.
    if (wire::ace_of(seg.flags) != k_told_back[k_not_ect]) tcb.ect = false;
    a.last = seg.arrival->tos & 3;
    a.handshake_ace = k_told_back[a.last];
    if (a.last == k_ce) ++a.in.cep;
    learn_option_test(room, a);
}

void learn_ecn_of_syn(Room& room, Tcb& tcb, const Segment& seg) {
    const Ecn answer = ecn_answer(tcb.ecn, seg.flags);
    const bool possible = answer != Ecn::Accurate || cold(room, tcb) != nullptr;
    begin(room, tcb, possible ? answer : Ecn::Off);
    if (tcb.ecn == Ecn::Accurate)
        room.colds[tcb.cold].acc_ecn.handshake_ace = k_told_back[seg.arrival->tos & 3];
}

void ecn_of_embryo(Room& room, Tcb& tcb, const Embryo& e) {
    begin(room, tcb, e.ecn);
    if (e.ecn == Ecn::Accurate)
        room.colds[tcb.cold].acc_ecn.handshake_ace = k_told_back[e.syn_mark];
    // It may be the SYN-ACK without the flags that the peer has seen.
    if (e.retries >= k_syn_acks_that_agree) tcb.ect = false;
}

void learn_ecn_of_last_ack(Room& room, Tcb& tcb, const Segment& seg) {
    if (tcb.ecn != Ecn::Accurate) return;
    AccEcn& a = room.colds[tcb.cold].acc_ecn;
    a.handshake_ace = 0;
    const u8 ace = wire::ace_of(seg.flags);
    const bool pure = seg.len == 0 && !(seg.has_options && room.options.sack_count > 0);
    if (!pure || ace == 0) return take_marks(room, tcb, seg);
    // Table 4 [RFC9768:2]; 001, 101 and 111 are not in use.
    const auto* field = std::find(k_told_back.begin(), k_told_back.end(), ace);
    if (field == k_told_back.begin() + k_ce) ++a.told.cep;
    if (field != k_told_back.end() && field != k_told_back.begin()) tcb.ect = false;
    a.heard = true;
    if (seg.has_options) learn_option_test(room, a);
}

}  // namespace tern

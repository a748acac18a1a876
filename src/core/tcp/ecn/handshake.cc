// Who agrees to what: the flags of SYN and SYN-ACK (RFC 3168 6.1.1 [RFC3168:1], RFC 9768 3.1
// [RFC9768:1], RFC 9293 3.8.2 [SHLD-8]), and what the last ACK of the handshake tells.
#include "core/tcp/room.hh"

namespace tern::tcp {

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

// RFC 9768 3.1.4.1: a blockage is persistent when so many connections in a row have met it.
constexpr u8 k_swallowed_for_sure = 3;

void begin(Room& room, Tcb& tcb, Ecn agreed) {
    tcb.ecn = agreed;
    tcb.ect = agreed != Ecn::Off;
    if (agreed != Ecn::Accurate) return;
    AccEcn& a = room.colds[tcb.cold].acc_ecn = {};
    a.path.blocked = option_blocked(room, tcb.key.remote_address());
}

// What a SYN-ACK means to who has asked: table 2, from the top. 111 is a peer that sends reserved
// flags back; 101 is for the heirs of RFC 9768, and agrees (3.1.3).
Ecn agreed_by(u16 syn_ack_flags, Ecn asked) {
    const u8 ace = wire::ace_of(syn_ack_flags);
    if (asked <= Ecn::Accept || ace == 0b000 || ace == 0b111) return Ecn::Off;
    if (asked == Ecn::Accurate) return ace == 0b001 ? Ecn::Classic : Ecn::Accurate;
    return (ace & 0b011) == 0b001 ? Ecn::Classic : Ecn::Off;  // RFC 3168 6.1.1: ECE without CWR
}

// RFC 9768 3.1.4.1 [RFC9768:6]: were SYNs with the flags swallowed, or refused by RST?
void remember_syn_fate(Room& room, const Tcb& tcb, bool swallowed) {
    const IpAddress host = tcb.key.remote_address();
    if (!swallowed && known_host(room, host) == nullptr) return;
    KnownHost* h = remember_host(room, host);
    if (h == nullptr) return;
    h->swallowed = swallowed ? static_cast<u8>(std::min(h->swallowed + 1, 0xff)) : u8{0};
    if (h->swallowed >= k_swallowed_for_sure)
        h->no_ecn_until = second_after(room, room.cx.limits.tcp_ecn_retry);
}

// 3.2.2.1, 3.1.5: of the latest SYN-ACK. r.cep counts a mark of theirs once.
void tell_back(AccEcn& a, u8 field) {
    a.handshake_ace = k_told_back[field];
    if (field == k_ce && !std::exchange(a.syn_ack_marked, true)) ++a.in.cep;
}

}  // namespace

Ecn ecn_wanted(const Room& room, const TcpOptions& o) {
    const auto algorithm = find_algorithm(room, o.congestion);
    const bool marks = room.algorithms[algorithm.value_or(0)]->wants_marks();
    return o.ecn == Ecn::Accept && marks ? Ecn::Accurate : o.ecn;
}

Ecn ecn_to_ask(const Room& room, const TcpOptions& o, const IpAddress& host) {
    const Ecn wanted = ecn_wanted(room, o);
    const KnownHost* h = known_host(room, host);
    const bool spared = wanted > Ecn::Accept && h != nullptr && is_ahead(room, h->no_ecn_until);
    return spared ? Ecn::Accept : wanted;
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
    if (e.ecn == Ecn::Accurate) return wire::ace_flags(k_told_back[e.syn_mark]);
    return e.ecn_taken_back ? u16{0} : u16{wire::Ece};
}

u16 ecn_of_syn_ack(const Room& room, const Tcb& tcb) {
    if (tcb.backoff >= k_syn_acks_that_agree || tcb.ecn == Ecn::Off) return 0;
    if (tcb.ecn == Ecn::Classic) return tcb.ect ? u16{wire::Ece} : u16{0};
    return wire::ace_flags(room.colds[tcb.cold].acc_ecn.handshake_ace);
}

// RFC 9768 3.1.5 [RFC9768:6]: nobody could know which of the two has arrived.
bool mixes_ecn(Ecn ours, Ecn first, u16 syn_flags) {
    const Ecn again = ecn_answer(ours, syn_flags);
    return first > Ecn::Accept && again != Ecn::Off && again != first;
}

// RFC 9768 3.1.5 [RFC9768:6]: what the first SYN has agreed stays. But who asks again without may
// end up without, and a server sends nothing ECN-capable then.
void ecn_of_syn_again(Embryo& e, const Segment& seg) {
    e.syn_mark = seg.arrival->tos & 3;
    if (wire::ace_of(seg.flags) == 0b000) e.ecn_taken_back = 1;
}

void ecn_of_syn_again(Room& room, Tcb& tcb, const Segment& seg) {
    if (wire::ace_of(seg.flags) == 0b000) tcb.ect = false;
    if (tcb.ecn == Ecn::Accurate)
        room.colds[tcb.cold].acc_ecn.handshake_ace = k_told_back[seg.arrival->tos & 3];
}

void ecn_of_syn_ack_again(Room& room, Tcb& tcb, const Segment& seg) {
    const bool same = seg.has(wire::Ack) && !tcb.has(k_passive) && seg.seq == tcb.rcv.irs &&
                      seg.ack == tcb.snd.iss + 1;
    if (!same || tcb.ecn != Ecn::Accurate) return;
    if (agreed_by(seg.flags, Ecn::Accurate) == Ecn::Accurate)
        tell_back(room.colds[tcb.cold].acc_ecn, seg.arrival->tos & 3);
}

void learn_ecn_of_syn_ack(Room& room, Tcb& tcb, const Segment& seg) {
    const Ecn asked = tcb.ecn;
    const bool taken_back = ecn_of_syn(tcb) == 0;
    const Ecn agreed = agreed_by(seg.flags, asked);
    // RST has made it Off (3168 6.1.1.1); who never asked has nothing to learn.
    const bool refused = asked == Ecn::Off && ecn_wanted(room, options_of(room, tcb)) > Ecn::Accept;
    if (refused || asked > Ecn::Accept)
        remember_syn_fate(room, tcb, taken_back && agreed == Ecn::Off);
    begin(room, tcb, agreed);
    // RFC 3168 6.1.1.1 [RFC3168:5]. With RFC 9768 an answer that agrees knows what it agrees to.
    if (taken_back && agreed == Ecn::Classic) tcb.ect = false;
    if (tcb.ecn != Ecn::Accurate) return;
    AccEcn& a = room.colds[tcb.cold].acc_ecn;
    // RFC 9768 3.2.2.3: our SYN was not ECN-capable; if it came so, somebody rewrites the field.
    const u8 ace = wire::ace_of(seg.flags);
    if (ace != k_told_back[k_not_ect] && ace != 0b101) tcb.ect = false;
    a.last = seg.arrival->tos & 3;
    tell_back(a, a.last);
    learn_option_test(seg.options(), a);
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
    if (e.retries >= k_syn_acks_that_agree || e.ecn_taken_back) tcb.ect = false;
    if (e.ecn != Ecn::Accurate) return;
    OptionPath& path = room.colds[tcb.cold].acc_ecn.path;
    path.tested = true;
    if (e.retries > 0) path.lost = 1;  // the SYN-ACK that had the option
}

void learn_ecn_of_last_ack(Room& room, Tcb& tcb, const Segment& seg) {
    if (tcb.ecn != Ecn::Accurate) return;
    AccEcn& a = room.colds[tcb.cold].acc_ecn;
    a.handshake_ace = 0;
    const u8 ace = wire::ace_of(seg.flags);
    const bool pure = seg.len == 0 && !seg.has_sack();
    if (!pure || ace == 0) return take_marks(room, tcb, seg);
    // Table 4 [RFC9768:2]; 001, 101 and 111 are not in use.
    const auto* field = std::find(k_told_back.begin(), k_told_back.end(), ace);
    if (field == k_told_back.begin() + k_ce) ++a.told.cep;
    if (field != k_told_back.end() && field != k_told_back.begin()) tcb.ect = false;
    a.heard = true;
    if (seg.others != nullptr) learn_option_test(seg.options(), a);
}

}  // namespace tern::tcp

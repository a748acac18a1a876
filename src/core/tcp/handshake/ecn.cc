// ECN in the handshake (ecn/negotiation.cc) of a connection, and what of it is remembered of a
// host.
#include "core/tcp/ecn/negotiation.hh"

#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// RFC 9768 3.1.4.1: a blockage is persistent when so many connections in a row have met it.
constexpr u8 k_swallowed_for_sure = 3;

u8 mark_of(const Segment& seg) { return seg.arrival->tos & 3; }

void begin(Room& room, Tcb& tcb, Ecn agreed) {
    tcb.ecn = agreed;
    tcb.ect = agreed != Ecn::Off;
    if (agreed != Ecn::Accurate) return;
    AccEcn& a = room.colds[tcb.cold].acc_ecn = {};
    if (option_blocked(room, tcb.key.remote_address())) a.path().block();
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

}  // namespace

bool option_blocked(const Room& room, const IpAddress& host) {
    const KnownHost* h = known_host(room, host);
    return h != nullptr && is_ahead(room, h->no_option_until);
}

void remember_option_lost(Room& room, const Tcb& tcb) {
    if (KnownHost* h = remember_host(room, tcb.key.remote_address()))
        h->no_option_until = second_after(room, room.cx.limits.tcp_ecn_retry);
}

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

u16 ecn_of_syn(const Tcb& tcb) { return flags_of_syn(tcb.ecn, tcb.backoff); }

u16 ecn_of_syn_ack(const Embryo& e) {
    if (e.retries >= k_syn_acks_that_agree || e.ecn == Ecn::Off) return 0;
    if (e.ecn == Ecn::Accurate) return wire::ace_flags(told_back(e.syn_mark));
    return e.ecn_taken_back ? u16{0} : u16{wire::Ece};
}

u16 ecn_of_syn_ack(const Room& room, const Tcb& tcb) {
    if (tcb.backoff >= k_syn_acks_that_agree || tcb.ecn == Ecn::Off) return 0;
    if (tcb.ecn == Ecn::Classic) return tcb.ect ? u16{wire::Ece} : u16{0};
    return room.colds[tcb.cold].acc_ecn.handshake_flags();
}

// RFC 9768 3.1.5 [RFC9768:6]: what the first SYN has agreed stays. But who asks again without may
// end up without, and a server sends nothing ECN-capable then.
void ecn_of_syn_again(Embryo& e, const Segment& seg) {
    e.syn_mark = mark_of(seg) & 3;
    if (wire::ace_of(seg.flags) == 0b000) e.ecn_taken_back = 1;
}

void ecn_of_syn_again(Room& room, Tcb& tcb, const Segment& seg) {
    if (wire::ace_of(seg.flags) == 0b000) tcb.ect = false;
    if (tcb.ecn == Ecn::Accurate) room.colds[tcb.cold].acc_ecn.syn_arrived(mark_of(seg));
}

void ecn_of_syn_ack_again(Room& room, Tcb& tcb, const Segment& seg) {
    const bool same = seg.has(wire::Ack) && !tcb.has(k_passive) && seg.seq == tcb.rcv.irs() &&
                      seg.ack == tcb.snd.iss + 1;
    if (!same || tcb.ecn != Ecn::Accurate) return;
    if (agreed_by(seg.flags, Ecn::Accurate) == Ecn::Accurate)
        room.colds[tcb.cold].acc_ecn.syn_ack_arrived(mark_of(seg), true);
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
    // RFC 9768 3.2.2.3: our SYN was not ECN-capable; if it came so, somebody rewrites the field.
    const u8 ace = wire::ace_of(seg.flags);
    if (ace != told_back(k_not_ect) && ace != 0b101) tcb.ect = false;
    AccEcn& a = room.colds[tcb.cold].acc_ecn;
    a.syn_ack_arrived(mark_of(seg), false);
    a.learn_option_test(seg.options());
}

void learn_ecn_of_syn(Room& room, Tcb& tcb, const Segment& seg) {
    const Ecn answer = answer_to_syn(tcb.ecn, seg.flags);
    const bool possible = answer != Ecn::Accurate || cold(room, tcb) != nullptr;
    begin(room, tcb, possible ? answer : Ecn::Off);
    if (tcb.ecn == Ecn::Accurate) room.colds[tcb.cold].acc_ecn.syn_arrived(mark_of(seg));
}

void ecn_of_embryo(Room& room, Tcb& tcb, const Embryo& e) {
    begin(room, tcb, e.ecn);
    // It may be the SYN-ACK without the flags that the peer has seen.
    if (e.retries >= k_syn_acks_that_agree || e.ecn_taken_back) tcb.ect = false;
    if (e.ecn != Ecn::Accurate) return;
    AccEcn& a = room.colds[tcb.cold].acc_ecn;
    a.syn_arrived(e.syn_mark);
    a.path().syn_ack_left(e.retries > 0);
}

void learn_ecn_of_last_ack(Room& room, Tcb& tcb, const Segment& seg) {
    if (tcb.ecn != Ecn::Accurate) return;
    AccEcn& a = room.colds[tcb.cold].acc_ecn;
    a.handshake_over();
    const u8 ace = wire::ace_of(seg.flags);
    const bool pure = seg.len == 0 && !seg.has_sack();
    if (!pure || ace == 0) return take_marks(room, tcb, seg);
    if (!a.learn_last_ack(ace)) tcb.ect = false;
    a.learn_option_test(seg.options());
}

}  // namespace tern::tcp

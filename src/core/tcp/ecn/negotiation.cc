#include "core/tcp/ecn/negotiation.hh"

#include <array>

#include "core/wire/tcp.hh"

namespace tern::tcp {

namespace {

constexpr std::array<u8, 4> k_told_back = {0b010, 0b011, 0b100, 0b110};

// Flags on so many SYNs; the ones after them go without, for what swallows such a SYN.
u32 syns_that_ask(Ecn asked) {
    switch (asked) {
        case Ecn::Accurate: return 2;  // RFC 9768 3.1.4.1 [RFC9768:6]
        case Ecn::Classic: return 1;   // RFC 3168 6.1.1.1 [RFC3168:5]
        default: return 0;
    }
}

}  // namespace

u8 told_back(u8 field) { return k_told_back[field & 3]; }

u8 field_told_back(u8 ace) {
    for (u8 field = 0; field < k_told_back.size(); ++field)
        if (k_told_back[field] == ace) return field;
    return 0xff;
}

u16 flags_of_syn(Ecn asked, u32 retries) {
    if (retries >= syns_that_ask(asked)) return 0;
    return asked == Ecn::Accurate ? wire::k_ecn_flags : wire::Cwr | wire::Ece;
}

Ecn answer_to_syn(Ecn ours, u16 syn_flags) {
    const u8 asked = wire::ace_of(syn_flags);
    if (ours == Ecn::Off || asked == 0b000) return Ecn::Off;
    // RFC 9768 3.1.3: what is not the classic request asks for the accurate form, or for its heir.
    const bool classic = asked == 0b011 || (ours == Ecn::Classic && asked == 0b111);
    if (classic) return Ecn::Classic;
    return ours == Ecn::Classic ? Ecn::Off : Ecn::Accurate;
}

// Table 2, from the top. 111 is a peer that sends reserved flags back; 101 is for the heirs of RFC
// 9768, and agrees (3.1.3).
Ecn agreed_by(u16 syn_ack_flags, Ecn asked) {
    const u8 ace = wire::ace_of(syn_ack_flags);
    if (asked <= Ecn::Accept || ace == 0b000 || ace == 0b111) return Ecn::Off;
    if (asked == Ecn::Accurate) return ace == 0b001 ? Ecn::Classic : Ecn::Accurate;
    return (ace & 0b011) == 0b001 ? Ecn::Classic : Ecn::Off;  // RFC 3168 6.1.1: ECE without CWR
}

// RFC 9768 3.1.5 [RFC9768:6]: nobody could know which of the two has arrived.
bool mixes_ecn(Ecn ours, Ecn first, u16 syn_flags) {
    const Ecn again = answer_to_syn(ours, syn_flags);
    return first > Ecn::Accept && again != Ecn::Off && again != first;
}

}  // namespace tern::tcp

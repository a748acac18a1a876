#include "core/offload/mark.hh"

#include "core/packet/copy.hh"
#include "core/wire/frame.hh"

namespace tern::offload {

EcnMark mark_congestion(Packet& p, Medium medium) {
    constexpr u8 not_capable = 0, congestion = 3;  // RFC 3168 5
    const auto found = wire::find_ip(medium, p.bytes());
    if (!found || found->ip.ecn() == not_capable) return EcnMark::NotCapable;
    if (found->ip.ecn() == congestion) return EcnMark::Marked;
    if (!make_exclusive(p)) return EcnMark::NoMemory;
    wire::set_ecn_ce(p.data() + found->at);
    return EcnMark::Marked;
}

}  // namespace tern::offload

// RFC 9937: during recovery as many bytes leave as brings the flight to ssthresh by its end, paced
// by what arrives.
#include "core/tcp/room.hh"

namespace tern::tcp {

void prr_begin(Flight& f, u32 flight_before, u32 sacked_before) {
    f.prr = {flight_before - sacked_before, 0, 0};
}

// RFC 9937 6 [RFC9937:1], [RFC9937:2]: cwnd for what may leave now; [RFC9937:3]: what was delivered
// pays for what is sent.
void prr_update(const Room& room, Tcb& tcb, Flight& f, const AckSample& a) {
    const auto above_zero = [](u64 x, u64 y) { return x > y ? x - y : 0; };
    Flight::Prr& p = f.prr;
    // An ACK that delivers nothing changes nothing; but recovery has to begin with something.
    if (a.delivered == 0 && p.out != 0) return;
    p.delivered += a.delivered;
    const u32 in_flight = pipe(room, tcb);
    u64 more;
    if (in_flight > tcb.ssthresh) {
        const u64 share =
            (u64{p.delivered} * tcb.ssthresh + p.recover_fs - 1) / std::max<u32>(p.recover_fs, 1);
        more = above_zero(share, p.out);
    } else {
        more = std::max<u64>(above_zero(p.delivered, p.out), a.delivered);
        const bool safe = a.advanced && a.lost == 0;
        if (safe) more += tcb.send_mss;
        more = std::min<u64>(more, tcb.ssthresh - in_flight);
    }
    // The retransmission that recovery begins with waits for nothing: a whole segment, where the
    // RFC asks for it only if there would be none at all.
    if (p.out == 0) more = std::max<u64>(more, tcb.send_mss);
    tcb.cwnd = std::max<u32>(in_flight + static_cast<u32>(more), tcb.send_mss);
}

}  // namespace tern::tcp

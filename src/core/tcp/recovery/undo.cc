// Was it spurious? D-SACK for all that was sent again (RFC 3708), an echo of a timestamp from
// before (RFC 3522), an original that arrives after the timeout (RFC 5682): then nothing was lost,
// and the window is given back.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

bool all_were_duplicates(const Flight& f, const AckSample& a) {
    return a.dsack_pieces != 0 && f.undo.resent <= 0;
}

bool echoes_an_original(const Tcb& tcb, const Flight& f, const Segment& seg, const AckSample& a) {
    if (!a.advanced || !tcb.has(k_timestamps) || !seg.has_timestamps) return false;
    return tcb.has(k_recovery | k_after_timeout) &&
           static_cast<i32>(seg.ts_ecr - f.undo.first_ts) < 0;
}

// RFC 5682 3.1 [RFC5682:1]: the first ACK after the timeout, then the first after new data.
bool forward_rto_recovery(const Tcb& tcb, Flight& f, const AckSample& a) {
    if (f.frto == 0 || !tcb.has(k_after_timeout)) return false;
    if (a.original) return true;
    f.frto = f.frto == 1 && a.advanced ? 2 : 0;
    return false;
}

}  // namespace

void remember_for_undo(Tcb& tcb, Flight& f) {
    f.undo = {};
    // Undoing walks all records: once in a window, whatever the peer says.
    f.undo.possible = tcb.snd.una >= f.walked;
    f.undo.cwnd = tcb.cwnd;
    f.undo.ssthresh = tcb.ssthresh;
    f.undo.from = tcb.snd.una;
}

bool undo_if_spurious(Room& room, Tcb& tcb, Flight& f, const Segment& seg, const AckSample& a) {
    if (!f.undo.possible || !f.undo.any) return false;
    if (!all_were_duplicates(f, a) && !echoes_an_original(tcb, f, seg, a) &&
        !forward_rto_recovery(tcb, f, a))
        return false;
    tcb.cwnd = std::max(tcb.cwnd, f.undo.cwnd);
    tcb.ssthresh = std::max(tcb.ssthresh, f.undo.ssthresh);
    tcb.clear(k_recovery | k_after_timeout);
    for (u32 n = 0; n < f.sent.size(); ++n) f.sent[n].lost = 0;
    f.lost = 0;
    f.judged = tcb.snd.una;
    f.walked = tcb.snd.max;
    f.reneged = false;
    f.rack.reordering_seen = true;
    f.undo = {};
    f.frto = 0;
    congestion_undone(room, tcb, f);
    tell_window(room, tcb, "nothing was lost: cwnd and ssthresh as before");
    return true;
}

}  // namespace tern::tcp

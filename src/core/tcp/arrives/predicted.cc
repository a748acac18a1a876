// Header prediction: the fast twin of other_states.cc. The segment that everybody expects, in an
// established connection without holes, recovery or urgent data; "not mine" at the first doubt.
#include "core/tcp/room.hh"

namespace tern::tcp {

bool predicted(Room& room, Handle<Tcb> i, Segment& seg) {
    Tcb& tcb = room.tcbs[i];
    constexpr u32 special = k_recovery | k_released | k_urgent_in | k_persist | k_after_timeout |
                            k_fin_queued | k_urgent_out;
    if (tcb.state != State::Established || tcb.has(special)) return false;
    const u16 any = tcb.ecn == Ecn::Off ? wire::Psh : wire::Psh | wire::k_ecn_flags;
    if ((seg.flags & ~any) != wire::Ack || seg.seq != tcb.rcv.nxt()) return false;
    if (seg.others != nullptr && (seg.others->sack_count != 0 || seg.others->has_user_timeout))
        return false;
    if (tcb.has(k_timestamps)) {
        if (!seg.has_timestamps || static_cast<i32>(seg.ts_val - tcb.ts_recent) < 0) return false;
    }
    // A window may move, as it does with every small segment; one that was or gets closed, or that
    // a later segment told, is not the usual day.
    const u32 window = seg.wnd << tcb.snd_wind_shift;
    if (window == 0 || tcb.snd.wnd == 0 || tcb.snd.wl1 > seg.seq) return false;
    if (seg.len > tcb.rcv_wnd()) return false;
    if (seg.ack < tcb.snd.una || seg.ack > tcb.snd.max) return false;
    const bool advances = seg.ack != tcb.snd.una;
    if (!advances && (seg.len == 0 || tcb.dup_acks != 0)) return false;
    if (tcb.receive_queue != 0 && !room.receive_queues[tcb.receive_queue].holes().empty())
        return false;
    // A shrunken window keeps the connection alive at step 5; that is not the usual day.
    if (tcb.snd.una + tcb.snd.wnd < tcb.snd.max || seg.ack + window < tcb.snd.max) return false;
    // From here on it is the same as the steps do, in their order.
    note_marks(room, tcb, seg);
    update_ts_recent(room, tcb, seg);
    note_activity(room, tcb);
    take_marks(room, tcb, seg);
    if (advances) acknowledged(room, i, seg);
    if (window != tcb.snd.wnd) {
        learn_window(room, tcb, seg, true);
    } else {
        tcb.snd.wl1 = seg.seq;
        tcb.snd.wl2 = seg.ack;
    }
    if (seg.len > 0) {
        const DropReason bad = accept_bytes(room, tcb, seg);
        if (bad != DropReason::None) {
            acknowledge(room, tcb, SendReason::AckNoRoom);
            room.cx.drop(bad, seg.arrival->interface);
        }
    }
    return true;
}

}  // namespace tern::tcp

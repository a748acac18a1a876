// RFC 9768 3.2.3.2.2 [RFC9768:5]: do segments with the AccECN option get through? Text that had one
// is acknowledged, or has to be sent again; of a bare ACK that had one the peer echoes the
// timestamp, or sends once more what it acknowledged. Two losses before any success, and the
// option stays out of this connection, and for a while out of the next ones with that host.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

constexpr u8 k_losses_for_sure = 2;

void option_lost(Room& room, Tcb& tcb, OptionPath& path) {
    if (path.passes || ++path.lost < k_losses_for_sure) return;
    path.blocked = true;
    if (KnownHost* h = remember_host(room, tcb.key.remote_address()))
        h->no_option_until = second_after(room, room.cx.limits.tcp_ecn_retry);
}

}  // namespace

bool option_blocked(const Room& room, const IpAddress& host) {
    const KnownHost* h = known_host(room, host);
    return h != nullptr && is_ahead(room, h->no_option_until);
}

// 3.2.3.2.1: the SYN-ACK of a server and the first text of a client, where there is room.
bool is_option_test(const Tcb& tcb, const OptionPath& path, const Plan& plan) {
    if (path.tested) return false;
    if (plan.flags & wire::Syn) return true;
    const bool client = !tcb.has(k_passive);
    return client && plan.len > 0 && plan.seq >= tcb.snd.max && plan.len + 12 <= tcb.send_mss;
}

void note_option(Room& room, Tcb& tcb, const Plan& plan, bool carried) {
    OptionPath& path = room.colds[tcb.cold].acc_ecn.path;
    if (path.passes || path.blocked) return;
    const Seq end = plan.seq + plan.len;
    const bool again = plan.len > 0 && plan.seq < tcb.snd.max;
    if (again && path.in_text && plan.seq < path.text_end && path.text_end <= end) {
        path.in_text = false;
        option_lost(room, tcb, path);
    }
    const u32 ts = room.ts_clock(tcb.ts_offset);
    if (!carried) {
        if (path.ts == ts) path.timed = false;
        if ((plan.flags & wire::Syn) != 0 && path.tested) path.lost = 1;
        return;
    }
    if (!path.timed && tcb.has(k_timestamps)) {
        path.timed = true;
        path.ts = ts;
    }
    if (plan.flags & wire::Syn) {
        path.tested = true;
    } else if (plan.len == 0) {
        path.in_ack = true;
        path.acked = tcb.rcv.nxt;
    } else {
        path.tested = true;
        if (!path.in_text) path.text_end = end;
        path.in_text = true;
    }
}

void option_acknowledged(OptionPath& path, const Segment& seg) {
    if (path.in_text && seg.ack >= path.text_end) path.passes = true;
}

void option_echoed(OptionPath& path, const Segment& seg) {
    if (!path.timed || !seg.has_timestamps) return;
    const i32 later = static_cast<i32>(seg.ts_ecr - path.ts);
    if (later == 0) path.passes = true;
    if (later >= 0) path.timed = false;
}

void option_unheard(Room& room, Tcb& tcb, const Segment& seg) {
    if (tcb.ecn != Ecn::Accurate || tcb.cold == 0 || seg.len == 0) return;
    OptionPath& path = room.colds[tcb.cold].acc_ecn.path;
    option_echoed(path, seg);
    if (!path.in_ack || seg.seq + seg.len > path.acked) return;
    path.in_ack = false;
    option_lost(room, tcb, path);
}

}  // namespace tern::tcp

// First check of RFC 9293 3.10.7.4: is the segment acceptable? PAWS and the four cases. Nothing of
// the connection changes here: what a segment says of itself is taken by admit(), when RST, SYN and
// ACK have been checked as well.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

constexpr u32 k_paws_idle_seconds = 24 * 24 * 3600;  // RFC 7323 5.5

// The four cases of RFC 9293 table 6 [U-7].
bool acceptable(const Tcb& tcb, const Segment& seg) {
    const u32 wnd = tcb.rcv_wnd();
    const u32 len = seg.seg_len();
    if (len == 0 && wnd == 0) return seg.seq == tcb.rcv.nxt();
    auto inside = [&](Seq s) { return tcb.rcv.nxt() <= s && s < tcb.rcv.nxt() + wnd; };
    // RFC 5961 3.2, RFC 9293 3.5.3 [SHLD-2]: data in a RST says nothing about its place.
    if (seg.rst()) return seg.seq == tcb.rcv.nxt() || inside(seg.seq);
    if (len == 0) return inside(seg.seq);
    if (wnd == 0) return false;
    return inside(seg.seq) || inside(seg.seq + len - 1);
}

Verdict check_timestamps(const Room& room, const Tcb& tcb, const Segment& seg) {
    // RFC 7323 3.2 [RFC7323:3]: a segment without the agreed timestamp has no age that PAWS could
    // judge (docs/decisions/0020-segments-without-timestamps.md).
    if (!tcb.has(k_timestamps) || !seg.has_timestamps || seg.rst()) return Verdict::next();
    // RFC 7323 5.3 [RFC7323:6]: PAWS comes before the sequence check.
    if (static_cast<i32>(seg.ts_val - tcb.ts_recent) >= 0) return Verdict::next();
    if (room.now_second() - tcb.ts_recent_second > k_paws_idle_seconds) return Verdict::next();
    return Verdict::ack(DropReason::TcpPaws);
}

// RFC 9293 3.10.7.4 [MUST-66]: while the window is closed, ACK, URG and RST still count; the text
// of a probe does not.
bool probes_closed_window(const Tcb& tcb, const Segment& seg) {
    return tcb.rcv_wnd() == 0 && seg.seq == tcb.rcv.nxt() && seg.len > 0 && !seg.rst();
}

}  // namespace

void trim_to_window(Room& room, Tcb& tcb, Segment& seg) {
    if (seg.seq < tcb.rcv.nxt()) {
        const u32 old = std::min(static_cast<u32>(tcb.rcv.nxt() - seg.seq), seg.len);
        remember_duplicate(room, tcb, seg, seg.seq, seg.seq + old);
        seg.packet.pull(old);
        seg.seq += old;
        seg.len -= old;
    }
    const i32 beyond = (seg.seq + seg.len) - tcb.rcv.edge();
    if (beyond > 0 && seg.len > 0) {
        const u32 cut = std::min(static_cast<u32>(beyond), seg.len);
        seg.packet.trim(cut);
        seg.len -= cut;
        seg.flags &= static_cast<u16>(~wire::Fin);
    }
}

// RFC 5961 5.2, for a segment that has not come as far as step 5.
bool acknowledges_plausibly(const Tcb& tcb, const Segment& seg) {
    return seg.has(wire::Ack) && seg.ack >= tcb.snd.una - std::max<u32>(tcb.snd.max_wnd, 1) &&
           seg.ack <= tcb.snd.max;
}

Verdict step1_sequence(const Room& room, const Tcb& tcb, Segment& seg) {
    // RFC 9293 3.5 [MUST-10], simultaneous open: the SYN of the peer's SYN-ACK was counted when its
    // SYN came. A bare SYN again is old, and is told what we expect.
    if (tcb.state == State::SynReceived && seg.syn() && seg.has(wire::Ack) && !seg.rst() &&
        seg.seq == tcb.rcv.irs()) {
        seg.seq += 1;
        seg.flags &= static_cast<u16>(~wire::Syn);
    }
    // RFC 5961 4.2 [U-6]: a SYN is challenged at step 4 whatever its sequence number.
    if (seg.syn() && !seg.rst() && is_synchronized(tcb.state)) return Verdict::next();
    if (auto v = check_timestamps(room, tcb, seg)) return v;
    if (probes_closed_window(tcb, seg)) return Verdict::next();
    // A FIN needs no room: it is accepted into a closed window.
    const bool bare_fin = seg.fin() && seg.len == 0 && seg.seq == tcb.rcv.nxt() && !seg.rst();
    if (acceptable(tcb, seg) || bare_fin) return Verdict::next();
    return seg.rst() ? Verdict::drop(DropReason::TcpResetOutOfWindow)  // [U-5]
                     : Verdict::ack(DropReason::TcpOutOfWindow);
}

void admit(Room& room, Tcb& tcb, Segment& seg) {
    if (probes_closed_window(tcb, seg)) {
        room.cx.drop(DropReason::TcpReceiveFull, seg.arrival->interface);
        seg.packet.trim(seg.len);
        seg.len = 0;
        seg.flags &= static_cast<u16>(~wire::Fin);
        acknowledge_each(room, tcb, SendReason::AckWindowProbe);
    }
    note_marks(room, tcb, seg);
    if (tcb.has(k_timestamps) && !seg.has_timestamps) note_missing_timestamp(room, seg);
    // RFC 7323 4.3 (2) [RFC7323:5]: judged by where the segment begins, before any trimming.
    update_ts_recent(room, tcb, seg);
    note_activity(room, tcb);
    trim_to_window(room, tcb, seg);
}

void note_missing_timestamp(Room& room, Segment& seg) {
    ++room.cx.counters.tcp_without_timestamp;
    seg.lacks_timestamp = true;
}

SendReason why_unacceptable(Seq rcv_nxt, u32 rcv_wnd, const Segment& seg) {
    // RFC 9293 3.8.4: a keep-alive stands in front of RCV.NXT, without text or with one octet.
    // Linux asks a closed window in the same form.
    const bool control = seg.syn() || seg.fin() || seg.rst();
    const bool probe = seg.seq + 1 == rcv_nxt && seg.len <= 1 && !control;
    if (rcv_wnd == 0 && (probe || seg.seq >= rcv_nxt)) return SendReason::AckWindowProbe;
    if (probe) return SendReason::AckKeepAlive;
    const bool old = seg.seg_len() > 0 && seg.seq + seg.seg_len() <= rcv_nxt;
    return old ? SendReason::AckDuplicate : SendReason::AckUnacceptable;
}

void update_ts_recent(Room& room, Tcb& tcb, const Segment& seg) {
    if (!tcb.has(k_timestamps) || !seg.has_timestamps || seg.rst()) return;
    // With delayed ACKs the earliest segment not acknowledged yet is the one to echo.
    if (seg.seq > tcb.last_ack_sent) return;
    const bool stale = room.now_second() - tcb.ts_recent_second > k_paws_idle_seconds;
    if (static_cast<i32>(seg.ts_val - tcb.ts_recent) < 0 && !stale) return;
    tcb.ts_recent = seg.ts_val;
    tcb.ts_recent_second = room.now_second();
}

}  // namespace tern::tcp

// RFC 8985 6: what was sent before something that has arrived by now is lost, once reordering is no
// explanation any more.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

// RFC 8985 5.1: of two transmissions in the same instant the one with the higher end is later.
bool sent_after(u32 at1, Seq end1, u32 at2, Seq end2) {
    const i32 later = static_cast<i32>(at1 - at2);
    return later > 0 || (later == 0 && end1 > end2);
}

// Is the acknowledgement one of an earlier transmission (RFC 8985 6.2 step 2)? Behind a hole the
// timestamp does not tell: the peer echoes that of the last segment in order (RFC 7323 4.3).
bool acknowledges_earlier(const Room& room, const Tcb& tcb, const Flight& f, const Segment& seg,
                          u32 at_us, Seq end) {
    const u32 ago_us = room.now_us() - at_us;
    if (tcb.has(k_timestamps) && seg.has_timestamps && end <= tcb.snd.una) {
        const u32 sent_ts = room.ts_clock(tcb.ts_offset) - (ago_us + 999) / 1000;
        if (static_cast<i32>(seg.ts_ecr - sent_ts) < 0) return true;
    }
    // A short segment is faster than the full ones that the least round trip comes from.
    const u32 least = f.rack.min_rtt_us;
    return ago_us < least - least / 8;
}

void learn_min_rtt(Flight& f, u32 rtt_us) {
    if (f.rack.min_rtt_us == 0 || rtt_us < f.rack.min_rtt_us)
        f.rack.min_rtt_us = std::max(rtt_us, 1u);
}

// [RFC8985:2]: how much later a piece may come because it was overtaken.
u32 reordering_window(const Tcb& tcb, const Flight& f) {
    constexpr u32 k_dup_thresh = 3;
    const Flight::Rack& r = f.rack;
    if (!r.reordering_seen && (tcb.has(k_recovery) || f.sacked_pieces >= k_dup_thresh)) return 0;
    const u32 window = r.min_rtt_us / 4 * r.reo_mult;
    // SRTT is the upper bound as soon as there is one.
    return tcb.srtt_us != 0 ? std::min(window, tcb.srtt_us) : window;
}

// RFC 8985 6.2 step 5 [RFC8985:1]: how long until a transmission counts as lost; 0: it does.
// Nothing: something sent before it has to arrive first.
std::optional<u32> patience(const Room& room, const Tcb& tcb, const Flight& f, u32 at_us, Seq end) {
    const Flight::Rack& r = f.rack;
    if (!sent_after(r.xmit_us, r.end_seq, at_us, end)) return {};
    const u32 due = r.rtt_us + reordering_window(tcb, f);
    const u32 ago = room.now_us() - at_us;
    return ago >= due ? 0 : due - ago;
}

// The originals, which left in the order of their numbers.
std::optional<u32> judge_originals(Room& room, Tcb& tcb, Flight& f, AckSample& a) {
    for (u32 n = find_record(f, f.judged); n < f.sent.size(); ++n) {
        Sent& s = f.sent[n];
        const u64 settled = s.sacked | s.lost | s.resent;
        for (u32 i = s.seq < f.judged ? s.piece_at(f.judged) : 0; i < s.pieces; ++i) {
            f.judged = s.start_of(i);
            if (settled >> i & 1) continue;
            const auto wait = patience(room, tcb, f, s.at_us, s.end_of(i));
            if (!wait) return {};
            if (*wait != 0) return wait;
            lose(f, s, i, tcb.snd.una, a);
        }
        f.judged = s.end();
    }
    return {};
}

// Retransmissions, in the order in which they left.
std::optional<u32> judge_resent(Room& room, Tcb& tcb, Flight& f, AckSample& a) {
    for (; !f.resent.empty(); f.resent.pop_front()) {
        const Resent r = f.resent.front();
        if (f.sent.empty() || r.seq < f.sent.front().seq) continue;  // acknowledged
        const u32 n = find_record(f, r.seq);
        if (n >= f.sent.size()) continue;
        Sent& s = f.sent[n];
        const u32 i = s.piece_at(r.seq);
        const bool gone = s.end_of(i) <= tcb.snd.una || (s.sacked >> i & 1) || (s.lost >> i & 1) ||
                          s.times == 0 || room.resent_times[s.times].at_us[i] != r.at_us;
        if (gone) continue;
        const auto wait = patience(room, tcb, f, r.at_us, s.end_of(i));
        if (!wait) return {};
        if (*wait != 0) return wait;
        lose(f, s, i, tcb.snd.una, a);
    }
    return {};
}

}  // namespace

void rack_delivered(Room& room, Tcb& tcb, Flight& f, Sent& s, u32 piece, const Segment& seg,
                    AckSample& a) {
    Flight::Rack& r = f.rack;
    const Seq end = s.end_of(piece);
    const bool again = s.resent >> piece & 1;
    const u32 at_us = again && s.times != 0 ? room.resent_times[s.times].at_us[piece] : s.at_us;
    if (!again) {
        a.rtt_us = std::max(room.now_us() - at_us, 1u);
        learn_min_rtt(f, a.rtt_us);
        if (end <= tcb.recover) a.original = true;
        note_newest(s, a);
        // RFC 8985 6.2 step 3: an original that arrives behind a later one was overtaken.
        if (end < r.fack) r.reordering_seen = true;
    }
    r.fack = max(r.fack, end);
    a.resent |= again;
    if (again && acknowledges_earlier(room, tcb, f, seg, at_us, end)) return;
    if (r.any && !sent_after(at_us, end, r.xmit_us, r.end_seq)) return;
    r.any = true;
    r.xmit_us = at_us;
    r.end_seq = end;
    r.rtt_us = room.now_us() - at_us;
}

void rack_detect_losses(Room& room, Tcb& tcb, Flight& f, AckSample& a) {
    f.reordering_wait = false;
    // Nothing outstanding was overtaken.
    if (!f.rack.any || (f.sacked == 0 && f.resent.empty())) return;
    const auto originals = judge_originals(room, tcb, f, a);
    const auto resent = judge_resent(room, tcb, f, a);
    if (!originals && !resent) return;
    const u32 wait = std::min(originals.value_or(~0u), resent.value_or(~0u));
    f.reordering_wait = true;
    f.reordering_at = room.tick_after(std::chrono::microseconds(wait));
}

// [RFC8985:2]: D-SACK says that we were too impatient: a quarter of the least round trip more, for
// sixteen recoveries.
void rack_learn_dsack(Tcb& tcb, Flight& f, const AckSample& a) {
    Flight::Rack& r = f.rack;
    if (r.dsack_round_set && tcb.snd.una >= r.dsack_round) r.dsack_round_set = false;
    if (a.dsack_pieces == 0 || r.dsack_round_set) return;
    r.dsack_round_set = true;
    r.dsack_round = tcb.snd.nxt;
    if (r.reo_mult < 255) ++r.reo_mult;
    r.reo_persist = 16;
}

void rack_recovery_ended(Flight& f) {
    if (f.rack.reo_persist > 0 && --f.rack.reo_persist == 0) f.rack.reo_mult = 1;
}

}  // namespace tern::tcp

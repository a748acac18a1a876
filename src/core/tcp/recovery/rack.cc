#include "core/tcp/recovery/rack.hh"

namespace tern::tcp {

namespace {

// RFC 8985 5.1: of two transmissions in the same instant the one with the higher end is later.
bool sent_after(u32 at1, Seq end1, u32 at2, Seq end2) {
    const i32 later = static_cast<i32>(at1 - at2);
    return later > 0 || (later == 0 && end1 > end2);
}

void note_newest(const Sent& s, AckSample& a) {
    if (a.newest.any && static_cast<i32>(s.at_us - a.newest.sent_us) < 0) return;
    a.newest = {.any = true,
                .app_limited = s.app_limited,
                .sent_us = s.at_us,
                .delivered = s.delivered,
                .delivered_us = s.delivered_us,
                .first_sent_us = s.first_sent_us,
                .lost_before = s.lost_before,
                .in_flight = s.in_flight};
}

}  // namespace

// Is the acknowledgement one of an earlier transmission (RFC 8985 6.2 step 2)? Behind a hole the
// timestamp does not tell: the peer echoes that of the last segment in order (RFC 7323 4.3).
bool Rack::acknowledges_earlier(const DeliveredPiece& piece, const AckInHand& ack) const {
    const u32 ago_us = ack.now_us - piece.at_us;
    if (ack.has_echo && piece.end <= ack.una) {
        const u32 sent_ts = ack.ts_now - (ago_us + 999) / 1000;
        if (static_cast<i32>(ack.ts_ecr - sent_ts) < 0) return true;
    }
    // A short segment is faster than the full ones that the least round trip comes from.
    return ago_us < min_rtt_us_ - min_rtt_us_ / 8;
}

void Rack::delivered(const DeliveredPiece& piece, const AckInHand& ack, AckSample& a) {
    if (!piece.again) {
        a.rtt_us = std::max(ack.now_us - piece.at_us, 1u);
        if (min_rtt_us_ == 0 || a.rtt_us < min_rtt_us_) min_rtt_us_ = a.rtt_us;
        if (piece.end <= ack.recover) a.original = true;
        note_newest(*piece.record, a);
        // RFC 8985 6.2 step 3: an original that arrives behind a later one was overtaken.
        if (piece.end < fack_) reordering_seen_ = true;
    }
    fack_ = max(fack_, piece.end);
    a.resent |= piece.again;
    if (piece.again && acknowledges_earlier(piece, ack)) return;
    if (any_ && !sent_after(piece.at_us, piece.end, xmit_us_, end_seq_)) return;
    any_ = true;
    xmit_us_ = piece.at_us;
    end_seq_ = piece.end;
    rtt_us_ = ack.now_us - piece.at_us;
}

// [RFC8985:2]: how much later a piece may come because it was overtaken.
u32 Rack::reordering_window(const Query& q) const {
    constexpr u32 k_dup_thresh = 3;
    if (!reordering_seen_ && (q.recovering || q.sacked_pieces >= k_dup_thresh)) return 0;
    const u32 window = min_rtt_us_ / 4 * reo_mult_;
    // SRTT is the upper bound as soon as there is one.
    return q.srtt_us != 0 ? std::min(window, q.srtt_us) : window;
}

std::optional<u32> Rack::patience(u32 at_us, Seq end, const Query& q) const {
    if (!sent_after(xmit_us_, end_seq_, at_us, end)) return {};
    const u32 due = rtt_us_ + reordering_window(q);
    const u32 ago = q.now_us - at_us;
    return ago >= due ? 0 : due - ago;
}

// A quarter of the least round trip more, for sixteen recoveries.
void Rack::count_dsack(const AckSample& a, Seq una, Seq nxt) {
    if (dsack_round_set_ && una >= dsack_round_) dsack_round_set_ = false;
    if (a.dsack_pieces == 0 || dsack_round_set_) return;
    dsack_round_set_ = true;
    dsack_round_ = nxt;
    if (reo_mult_ < 255) ++reo_mult_;
    reo_persist_ = 16;
}

void Rack::recovery_ended() {
    if (reo_persist_ > 0 && --reo_persist_ == 0) reo_mult_ = 1;
}

}  // namespace tern::tcp

#include "core/tcp/recovery/scoreboard.hh"

#include <bit>
#include <utility>

namespace tern::tcp {

using wire::SackBlock;

void Scoreboard::free_times(Pool<ResentTimes>& times) {
    for (u32 n = 0; n < sent_.size(); ++n)
        if (sent_[n].times != 0) times.free(std::exchange(sent_[n].times, {}));
}

u32 Scoreboard::find(Seq s) const {
    u32 low = 0, high = sent_.size();
    while (low < high) {
        const u32 middle = (low + high) / 2;
        if (sent_[middle].end() <= s)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

// --- what leaves

Sent* Scoreboard::left(const Departure& d) {
    const u32 text = d.len - (d.fin ? 1 : 0);
    const u32 pieces = std::max<u32>(1, (text + d.mss - 1) / d.mss);
    if (!sent_.empty()) {
        Sent& last = sent_.back();
        const bool whole = last.len == u32{last.pieces} * last.mss;
        if (last.at_us == d.now_us && whole && last.mss == d.mss && text > 0 &&
            last.pieces + pieces <= k_sent_pieces && last.times == 0 && last.sacked == 0) {
            last.pieces = static_cast<u8>(last.pieces + pieces);
            last.len += d.len;
            last.in_flight += d.len;
            return nullptr;
        }
    }
    // In its place at once: a copy of what was just written would wait for it.
    Sent& s = sent_.append();
    s.seq = d.seq;
    s.len = d.len;
    s.at_us = d.now_us;
    s.mss = d.mss;
    s.pieces = static_cast<u8>(pieces);
    return &s;
}

u32 Scoreboard::left_again(Seq seq, u32 len, Seq una, u32 now_us, Memory memory) {
    const Seq end = seq + len;
    u32 count = 0;
    for (u32 n = find(seq); n < sent_.size() && sent_[n].seq < end; ++n) {
        Sent& s = sent_[n];
        if (s.times == 0) {
            s.times = memory.times.allocate();
            if (s.times != 0) memory.times[s.times].at_us.fill(s.at_us);
        }
        const u32 first = s.seq < seq ? s.piece_at(seq) : 0;
        for (u32 i = first; i < s.pieces && s.start_of(i) < end; ++i) {
            const u64 bit = u64{1} << i;
            if (s.lost & bit) lost_ -= s.bytes_above(i, una);
            s.lost &= ~bit;
            s.resent |= bit;
            ++count;
            if (s.times == 0 || !resent_.make_room(memory.budget)) continue;
            memory.times[s.times].at_us[i] = now_us;
            resent_.push_back({s.start_of(i), now_us});
        }
    }
    return count;
}

// --- what an acknowledgement says

void Scoreboard::tell(const Sent& s, u32 piece, const Telling& t) const {
    const bool again = s.resent >> piece & 1;
    const u32 at_us = again && s.times != 0 ? t.times[s.times].at_us[piece] : s.at_us;
    t.rack.delivered({&s, s.end_of(piece), at_us, again}, t.ack, t.a);
}

// Pieces [first, last) of s lie below the cumulative acknowledgement now, and did not before.
void Scoreboard::deliver(Sent& s, u32 first, u32 last, Seq before, const Telling& t) {
    for (u32 i = first; i < last; ++i) {
        const u64 bit = u64{1} << i;
        const u32 bytes = s.bytes_above(i, before);
        if (s.sacked & bit) {
            sacked_ -= bytes;
            --sacked_pieces_;
            continue;
        }
        if (s.lost & bit) lost_ -= bytes;
        s.lost &= ~bit;
        t.a.delivered += bytes;
        tell(s, i, t);
    }
}

// SND.UNA came to lie within a piece: what is marked counts from there.
void Scoreboard::cut_piece(Sent& s, u32 piece, Seq before, Seq ack, AckSample& a) {
    const Seq from = max(s.start_of(piece), before);
    if (ack <= from) return;
    const u32 bytes = static_cast<u32>(ack - from);
    const u64 bit = u64{1} << piece;
    if (s.sacked & bit) {
        sacked_ -= bytes;
    } else {
        if (s.lost & bit) lost_ -= bytes;
        a.delivered += bytes;
    }
}

void Scoreboard::take_cumulative(const AckInHand& ack, Seq before, Rack& rack,
                                 Pool<ResentTimes>& times, AckSample& a) {
    const Seq una = ack.una;
    const Telling t{ack, rack, times, a};
    while (!sent_.empty() && sent_.front().seq < una) {
        Sent& s = sent_.front();
        const bool whole = s.end() <= una;
        const u32 first = s.seq < before ? s.piece_at(before) : 0;
        const u32 last = whole ? s.pieces : s.piece_at(una);
        if (whole && first == 0 && (s.sacked | s.lost | s.resent) == 0 && s.seq >= before) {
            a.delivered += s.len;
            tell(s, s.pieces - 1u, t);
        } else {
            deliver(s, first, last, before, t);
        }
        if (!whole) {
            cut_piece(s, last, before, una, a);
            break;
        }
        if (s.times != 0) times.free(s.times);
        sent_.pop_front();
    }
    judged_ = max(judged_, una);
    lost_from_ = max(lost_from_, una);
    walked_ = max(walked_, una);
}

// The first record from n on that has something left to mark. What it steps over it will pass in
// one step the next time, or a peer could have it walk the flight with every acknowledgement.
u32 Scoreboard::next_open(u32 n) {
    const auto covered = [this](u32 i) {
        return i < sent_.size() && sent_[i].sacked == sent_[i].all();
    };
    u32 open = n;
    while (covered(open)) open += sent_[open].covered + 1;
    while (n < open) {
        const u32 next = n + sent_[n].covered + 1;
        sent_[n].covered = open - n - 1;
        n = next;
    }
    return open;
}

// The pieces that touch [from, to) and lie wholly within the block.
void Scoreboard::mark(Seq from, Seq to, const SackBlock& block, const Telling& t) {
    for (u32 n = next_open(find(from)); n < sent_.size() && sent_[n].seq < to;
         n = next_open(n + 1)) {
        Sent& s = sent_[n];
        for (u64 open = s.between(from, to) & ~s.sacked; open != 0; open &= open - 1) {
            const u32 i = static_cast<u32>(std::countr_zero(open));
            const u64 bit = u64{1} << i;
            if (s.start_of(i) < block.left || s.end_of(i) > block.right) continue;
            const u32 bytes = s.bytes_above(i, t.ack.una);
            tell(s, i, t);
            s.sacked |= bit;
            sacked_ += bytes;
            ++sacked_pieces_;
            t.a.delivered += bytes;
            if (s.lost & bit) lost_ -= bytes;
            s.lost &= ~bit;
        }
    }
}

// What the last ACK's blocks did not cover.
void Scoreboard::mark_news(const SackBlock& block, const Telling& t) {
    Seq from = block.left;
    for (u32 k = 0; k < seen_count_ && from < block.right; ++k) {
        const SackBlock& seen = seen_[k];
        if (seen.right <= from || seen.left >= block.right) continue;
        if (from < seen.left) mark(from, seen.left, block, t);
        from = max(from, seen.right);
    }
    if (from < block.right) mark(from, block.right, block, t);
}

namespace {

// RFC 2883 4 [RFC2883:1]: below the acknowledgement, or within the second block.
bool is_dsack(const AckInHand& ack, std::span<const SackBlock> blocks) {
    if (blocks.empty()) return false;
    const SackBlock& first = blocks[0];
    if (first.left >= first.right || first.right > ack.max) return false;
    if (first.right <= ack.una) return true;
    return blocks.size() > 1 && blocks[1].left <= first.left && first.right <= blocks[1].right;
}

void learn_dsack(const SackBlock& block, u32 mss, AckSample& a) {
    const u32 bytes = static_cast<u32>(block.right - block.left);
    if (bytes > u32{1} << 24) return;  // nobody sent so much twice
    a.dsack_pieces = (bytes + mss - 1) / mss;
    a.dsack_left = block.left;
    a.dsack_end = block.right;
}

}  // namespace

void Scoreboard::take_sack_blocks(const AckInHand& ack, std::span<const SackBlock> blocks, u32 mss,
                                  Rack& rack, const Pool<ResentTimes>& times, AckSample& a) {
    const bool dsack = is_dsack(ack, blocks);
    if (dsack) learn_dsack(blocks[0], mss, a);
    std::array<SackBlock, 4> news;
    u32 count = 0;
    for (const SackBlock& b : blocks.subspan(dsack ? 1 : 0)) {
        // RFC 2018 5 [RFC2018:4]: nothing outside of what is in flight. What begins at SND.UNA
        // would have been acknowledged.
        if (b.left >= b.right || b.left <= ack.una || b.right > ack.max) continue;
        u32 at = count++;  // sorted, so that what arrived late does not look overtaken
        for (; at > 0 && b.left < news[at - 1].left; --at) news[at] = news[at - 1];
        news[at] = b;
    }
    for (u32 k = 0; k < count; ++k) mark_news(news[k], {ack, rack, times, a});
    seen_ = news;
    seen_count_ = static_cast<u8>(count);
}

// Once in a window, or a peer could make us walk the flight with every ACK.
bool Scoreboard::head_reneged(Seq una, Seq max, AckSample& a) {
    Sent& s = sent_.front();
    const u32 head = s.piece_at(tern::max(s.seq, una));
    if (!(s.sacked >> head & 1)) return false;
    if (may_walk(una)) {
        lose_all(una, max, true);
        walked_ = max;
        reneged_ = true;
        a.lost = lost_;
        return true;
    }
    s.sacked &= ~(u64{1} << head);
    sacked_ -= s.bytes_above(head, una);
    --sacked_pieces_;
    lose(s, head, una, a);
    return false;
}

// --- what is lost

void Scoreboard::lose(Sent& s, u32 piece, Seq una, AckSample& a) {
    const u32 bytes = s.bytes_above(piece, una);
    s.lost |= u64{1} << piece;
    lost_ += bytes;
    a.lost += bytes;
    lost_ever_ += bytes;
    a.lost_in_flight = s.in_flight;
    a.lost_before = s.lost_before;
    lost_from_ = min(lost_from_, s.start_of(piece));
}

// They left in the order of their numbers.
std::optional<u32> Scoreboard::judge_originals(const Rack& rack, const Rack::Query& q, Seq una,
                                               AckSample& a) {
    for (u32 n = find(judged_); n < sent_.size(); ++n) {
        Sent& s = sent_[n];
        const u64 settled = s.sacked | s.lost | s.resent;
        for (u32 i = s.seq < judged_ ? s.piece_at(judged_) : 0; i < s.pieces; ++i) {
            judged_ = s.start_of(i);
            if (settled >> i & 1) continue;
            const auto wait = rack.patience(s.at_us, s.end_of(i), q);
            if (!wait) return {};
            if (*wait != 0) return wait;
            lose(s, i, una, a);
        }
        judged_ = s.end();
    }
    return {};
}

std::optional<u32> Scoreboard::judge_resent(const Rack& rack, const Rack::Query& q, Seq una,
                                            const Pool<ResentTimes>& times, AckSample& a) {
    for (; !resent_.empty(); resent_.pop_front()) {
        const Resent r = resent_.front();
        if (sent_.empty() || r.seq < sent_.front().seq) continue;  // acknowledged
        const u32 n = find(r.seq);
        if (n >= sent_.size()) continue;
        Sent& s = sent_[n];
        const u32 i = s.piece_at(r.seq);
        const bool gone = s.end_of(i) <= una || (s.sacked >> i & 1) || (s.lost >> i & 1) ||
                          s.times == 0 || times[s.times].at_us[i] != r.at_us;
        if (gone) continue;
        const auto wait = rack.patience(r.at_us, s.end_of(i), q);
        if (!wait) return {};
        if (*wait != 0) return wait;
        lose(s, i, una, a);
    }
    return {};
}

std::optional<u32> Scoreboard::judge(const Rack& rack, const Rack::Query& q, Seq una,
                                     const Pool<ResentTimes>& times, AckSample& a) {
    if (!was_overtaken(rack)) return {};
    const auto originals = judge_originals(rack, q, una, a);
    const auto resent = judge_resent(rack, q, una, times, a);
    if (!originals && !resent) return {};
    return std::min(originals.value_or(~0u), resent.value_or(~0u));
}

void Scoreboard::lose_all(Seq una, Seq max, bool sacked_too) {
    if (sacked_too) sacked_ = sacked_pieces_ = 0;
    for (u32 n = 0; n < sent_.size(); ++n) {
        Sent& s = sent_[n];
        if (sacked_too) s.sacked = s.covered = 0;
        s.lost = s.all() & ~s.sacked;
        if (s.seq < una) s.lost &= ~u64{0} << s.piece_at(una);
    }
    lost_ = static_cast<u32>(max - una) - sacked_;
    resent_.clear();
    seen_count_ = 0;
    judged_ = max;
    lost_from_ = una;
}

void Scoreboard::lose_nothing(Seq una, Seq max) {
    for (u32 n = 0; n < sent_.size(); ++n) sent_[n].lost = 0;
    lost_ = 0;
    judged_ = una;
    walked_ = max;
    reneged_ = false;
}

Scoreboard::LostRange Scoreboard::next_lost(Seq una) const {
    if (lost_ == 0) return {};
    for (u32 n = find(max(lost_from_, una)); n < sent_.size(); ++n) {
        const Sent& s = sent_[n];
        if (s.lost == 0) continue;
        const u32 first = static_cast<u32>(std::countr_zero(s.lost));
        const u32 run = static_cast<u32>(std::countr_one(s.lost >> first));
        lost_from_ = s.start_of(first);
        const Seq from = max(s.start_of(first), una);
        return {from, static_cast<u32>(s.end_of(first) - from),
                static_cast<u32>(s.end_of(first + run - 1) - from)};
    }
    return {};
}

}  // namespace tern::tcp

// RFC 2018 5: from the blocks of an ACK to the flight; RFC 2883: the first one may report a
// duplicate.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

using wire::SackBlock;

// The first record from n on that has something left to mark. What it steps over it will pass in
// one step the next time, or a peer could have it walk the flight with every acknowledgement.
u32 next_open(Flight& f, u32 n) {
    const auto covered = [&f](u32 i) {
        return i < f.sent.size() && f.sent[i].sacked == f.sent[i].all();
    };
    u32 open = n;
    while (covered(open)) open += f.sent[open].covered + 1;
    while (n < open) {
        const u32 next = n + f.sent[n].covered + 1;
        f.sent[n].covered = open - n - 1;
        n = next;
    }
    return open;
}

// The pieces that touch [from, to) and lie wholly within the block.
void mark(Room& room, Tcb& tcb, Flight& f, Seq from, Seq to, const SackBlock& block,
          const Segment& seg, AckSample& a) {
    for (u32 n = next_open(f, find_record(f, from)); n < f.sent.size() && f.sent[n].seq < to;
         n = next_open(f, n + 1)) {
        Sent& s = f.sent[n];
        for (u64 open = s.between(from, to) & ~s.sacked; open != 0; open &= open - 1) {
            const u32 i = static_cast<u32>(std::countr_zero(open));
            const u64 bit = u64{1} << i;
            if (s.start_of(i) < block.left || s.end_of(i) > block.right) continue;
            const u32 bytes = bytes_above(s, i, tcb.snd.una);
            rack_delivered(room, tcb, f, s, i, seg, a);
            s.sacked |= bit;
            f.sacked += bytes;
            ++f.sacked_pieces;
            a.delivered += bytes;
            if (s.lost & bit) f.lost -= bytes;
            s.lost &= ~bit;
        }
    }
}

// What the last ACK's blocks did not cover.
void mark_news(Room& room, Tcb& tcb, Flight& f, const SackBlock& block, const Segment& seg,
               AckSample& a) {
    Seq from = block.left;
    for (u32 k = 0; k < f.seen_count && from < block.right; ++k) {
        const SackBlock& seen = f.seen[k];
        if (seen.right <= from || seen.left >= block.right) continue;
        if (from < seen.left) mark(room, tcb, f, from, seen.left, block, seg, a);
        from = max(from, seen.right);
    }
    if (from < block.right) mark(room, tcb, f, from, block.right, block, seg, a);
}

// RFC 2883 4 [RFC2883:1]: below the acknowledgement, or within the second block.
bool is_dsack(const Tcb& tcb, const std::array<SackBlock, 4>& blocks, u32 count) {
    const SackBlock& first = blocks[0];
    if (first.right <= tcb.snd.una) return true;
    return count > 1 && blocks[1].left <= first.left && first.right <= blocks[1].right;
}

void learn_dsack(Tcb& tcb, Flight& f, const SackBlock& block, AckSample& a) {
    const u32 bytes = static_cast<u32>(block.right - block.left);
    if (bytes > u32{1} << 24) return;  // nobody sent so much twice
    a.dsack_pieces = (bytes + tcb.send_mss - 1) / tcb.send_mss;
    a.dsack_end = block.right;
    if (f.undo.possible && block.left >= f.undo.from)
        f.undo.resent -= static_cast<i32>(a.dsack_pieces);
}

}  // namespace

void take_sack_blocks(Room& room, Tcb& tcb, Flight& f, const Segment& seg, AckSample& a) {
    const wire::TcpOptions& o = seg.options();
    std::array<SackBlock, 4> news;
    u32 count = 0;
    const bool dsack = o.sack_count > 0 && o.sack[0].left < o.sack[0].right &&
                       o.sack[0].right <= tcb.snd.max && is_dsack(tcb, o.sack, o.sack_count);
    if (dsack) learn_dsack(tcb, f, o.sack[0], a);
    for (u32 k = dsack ? 1 : 0; k < o.sack_count; ++k) {
        const SackBlock& b = o.sack[k];
        // RFC 2018 5 [RFC2018:4]: nothing outside of what is in flight. What begins at SND.UNA
        // would have been acknowledged.
        if (b.left >= b.right || b.left <= tcb.snd.una || b.right > tcb.snd.max) continue;
        u32 at = count++;  // sorted, so that what arrived late does not look overtaken
        for (; at > 0 && b.left < news[at - 1].left; --at) news[at] = news[at - 1];
        news[at] = b;
    }
    for (u32 k = 0; k < count; ++k) mark_news(room, tcb, f, news[k], seg, a);
    f.seen = news;
    f.seen_count = static_cast<u8>(count);
}

}  // namespace tern::tcp

#include "core/tcp/receiver/reassembly.hh"

#include "core/base/splay.hh"
#include "core/packet/chain_invariant.hh"
#include "core/tcp/receiver/packing.hh"

namespace tern::tcp {

namespace {

// Up to n bytes off the front of a packet; empty: no memory.
Packet cut_front(Packet& packet, u32 n) {
    if (packet.size() <= n) return std::move(packet);
    Packet front = packet.share();
    if (!front) return {};
    front.trim(packet.size() - n);
    packet.pull(n);
    front->payload_sum_known = packet->payload_sum_known = false;
    return front;
}

// Bytes from `left` on that are here already, up to `held_to`: off the front. The first such piece
// of a segment is the one to remember.
void drop_repeated(Packet& packet, Seq left, Seq held_to, Reassembly::Repeated& first) {
    const u32 old = std::min(static_cast<u32>(held_to - left), packet.size());
    if (first.left == first.right) first = {left, left + old};
    packet.pull(old);
}

}  // namespace

void Reassembly::take_from_ages(Pool<Run>& runs, Handle<Run> i) {
    const Run& run = runs[i];
    (run.newer != 0 ? runs[run.newer].older : newest_) = run.older;
    if (run.older != 0) runs[run.older].newer = run.newer;
}

void Reassembly::put_newest(Pool<Run>& runs, Handle<Run> i) {
    runs[i].newer = 0;
    runs[i].older = newest_;
    if (newest_ != 0) runs[newest_].newer = i;
    newest_ = i;
}

// RFC 2018 4 [RFC2018:2]: the run that the latest segment belongs to is the first block.
void Reassembly::renew(Pool<Run>& runs, Handle<Run> i) {
    if (newest_ == i) return;
    take_from_ages(runs, i);
    put_newest(runs, i);
}

// The last that begins at or before s; or 0.
Handle<Run> Reassembly::before(Pool<Run>& runs, Seq s) {
    root_ = splay(runs, root_, s);
    if (root_ == 0 || runs[root_].left <= s) return root_;
    return runs[root_].prev;
}

// An empty one behind `before`; 0: refused.
Handle<Run> Reassembly::make(Pool<Run>& runs, Seq at, Handle<Run> before) {
    const Handle<Run> i = runs.allocate();
    if (i == 0) return 0;
    Run& run = runs[i];
    run.left = run.right = at;
    run.prev = before;
    run.next = before != 0 ? runs[before].next : first_;
    (before != 0 ? runs[before].next : first_) = i;
    if (run.next != 0) runs[run.next].prev = i;
    root_ = splay_insert(runs, root_, i);
    put_newest(runs, i);
    ++count_;
    return i;
}

void Reassembly::remove(Pool<Run>& runs, Handle<Run> i) {
    const Run& run = runs[i];
    (run.prev != 0 ? runs[run.prev].next : first_) = run.next;
    if (run.next != 0) runs[run.next].prev = run.prev;
    root_ = splay_erase(runs, root_, i);
    take_from_ages(runs, i);
    --count_;
    runs.free(i);
}

// The run behind it has no hole in front any more.
void Reassembly::join_next(Pool<Run>& runs, Handle<Run> i) {
    Run& run = runs[i];
    const Handle<Run> next = run.next;
    if (next == 0 || runs[next].left != run.right) return;
    run.chain.splice_back(std::move(runs[next].chain));
    run.right = runs[next].right;
    remove(runs, next);
}

Reassembly::Held Reassembly::hold(Pool<Run>& runs, u32 most, Seq seq, Packet text) {
    Held held;
    while (text && text.size() > 0) {
        const Handle<Run> at_or_before = before(runs, seq);
        // What arrived first stays (Ptacek and Newsham): only new bytes are taken.
        if (at_or_before != 0 && seq < runs[at_or_before].right) {
            drop_repeated(text, seq, runs[at_or_before].right, held.repeated);
            renew(runs, at_or_before);
            seq = runs[at_or_before].right;
            continue;
        }
        const Handle<Run> after = at_or_before != 0 ? runs[at_or_before].next : first_;
        const bool grows = at_or_before != 0 && runs[at_or_before].right == seq;
        if (!grows && count_ >= most) return {DropReason::TcpReassemblyFull, held.repeated};
        const u32 gap = after != 0 ? static_cast<u32>(runs[after].left - seq) : text.size();
        Packet part = cut_front(text, gap);
        const Handle<Run> at = !part ? 0 : grows ? at_or_before : make(runs, seq, at_or_before);
        if (at == 0) return {DropReason::MemoryCeiling, held.repeated};
        seq += part.size();
        bytes_ += part.size();
        runs[at].right = seq;
        append_packed(runs[at].chain, std::move(part));
        renew(runs, at);
        join_next(runs, at);
    }
    return held;
}

Reassembly::Filled Reassembly::fill(Pool<Run>& runs, Seq nxt, Packet text, Chain& in_order) {
    Filled filled{nxt, {}};
    while (text && text.size() > 0) {
        const u32 gap =
            first_ != 0 ? static_cast<u32>(runs[first_].left - filled.nxt) : text.size();
        Packet part = cut_front(text, gap);
        if (!part) break;
        filled.nxt += part.size();
        append_packed(in_order, std::move(part));
        if (first_ == 0 || runs[first_].left != filled.nxt) break;
        Run& run = runs[first_];
        bytes_ -= run.size();
        in_order.splice_back(std::move(run.chain));
        filled.nxt = run.right;
        if (text) drop_repeated(text, run.left, run.right, filled.repeated);
        remove(runs, first_);
    }
    return filled;
}

void Reassembly::remember(Repeated again, bool first_of_segment) {
    const bool touches =
        repeats() && again.left <= repeated_.right && repeated_.left <= again.right;
    if (touches)
        repeated_ = {min(again.left, repeated_.left), max(again.right, repeated_.right)};
    else if (first_of_segment)
        repeated_ = again;
}

u32 Reassembly::blocks(Pool<Run>& runs, Seq nxt, std::span<wire::SackBlock> out) {
    u32 n = 0;
    const auto tell = [&](Handle<Run> i) { out[n++] = {runs[i].left, runs[i].right}; };
    // RFC 2883 4 [RFC2883:1]: the duplicate, then the run that it is part of if that is not
    // acknowledged.
    Handle<Run> around = 0;
    if (repeats()) {
        const wire::SackBlock again = out[n++] = std::exchange(repeated_, {});
        if (again.left >= nxt) around = before(runs, again.left);
        if (around != 0) tell(around);
    }
    // RFC 2018 4 [RFC2018:2]: those that changed last.
    for (Handle<Run> i = newest_; i != 0 && n < out.size(); i = runs[i].older)
        if (i != around) tell(i);
    return n;
}

void Reassembly::clear(Pool<Run>& runs) {
    while (first_ != 0) runs.free(std::exchange(first_, runs[first_].next));
    root_ = newest_ = 0;
    count_ = bytes_ = 0;
}

namespace {

u32 size_of_tree(const Pool<Run>& runs, Handle<Run> root) {
    if (root == 0) return 0;
    const Run& run = runs[root];
    return 1 + size_of_tree(runs, run.child[0]) + size_of_tree(runs, run.child[1]);
}

std::string_view broken_run(const Run& run, Seq behind, Seq edge) {
    if (run.left <= behind) return "a run overlaps or touches what lies before it";
    if (run.right <= run.left || edge < run.right) return "a run lies outside the window";
    if (run.chain.bytes() != run.size()) return "a run's bytes are not its range";
    return broken_chain(run.chain);
}

}  // namespace

std::string_view Reassembly::broken(const Pool<Run>& runs, Seq nxt, Seq edge) const {
    u32 count = 0;
    u64 bytes = 0;
    Seq behind = nxt;
    for (Handle<Run> i = first_; i != 0; i = runs[i].next) {
        if (auto b = broken_run(runs[i], behind, edge); !b.empty()) return b;
        behind = runs[i].right;
        bytes += runs[i].chain.bytes();
        ++count;
    }
    if (count != count_) return "the count of runs is not what is there";
    if (bytes != bytes_) return "the count of bytes behind holes is not what is there";
    u32 aged = 0;
    for (Handle<Run> i = newest_; i != 0 && aged <= count; i = runs[i].older) ++aged;
    if (aged != count) return "not every run has its place by age";
    if (size_of_tree(runs, root_) != count) return "not every run is in the tree";
    return {};
}

}  // namespace tern::tcp

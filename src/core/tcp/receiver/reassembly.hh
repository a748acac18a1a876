// Bytes behind holes wait in runs: found in a tree by their sequence numbers, told in SACK blocks
// by their age (RFC 2018). What came first stays, and what comes once more is remembered (RFC
// 2883).
#pragma once

#include <span>
#include <string_view>

#include "core/base/handle.hh"
#include "core/base/pool.hh"
#include "core/base/seq.hh"
#include "core/wire/tcp_options.hh"
#include "tern/drop_reason.hh"
#include "tern/packet_batch.hh"

namespace tern::tcp {

// A run of bytes without a hole that lies ahead of RCV.NXT; none touches another.
struct Run {
    Seq left, right;
    Handle<Run> next, prev;    // in the order of sequence numbers
    Handle<Run> older, newer;  // in the order in which they changed
    Handle<Run> child[2];      // core/base/splay.hh
    Chain chain;

    Seq key() const { return left; }
    u32 size() const { return static_cast<u32>(right - left); }
};

class Reassembly {
public:
    bool empty() const { return first_ == 0; }
    u32 runs() const { return count_; }
    u32 bytes() const { return bytes_; }

    // The first bytes of a segment that had come before; empty: none had.
    using Repeated = wire::SackBlock;

    struct Held {
        DropReason reason = DropReason::None;  // why the rest was not kept
        Repeated repeated;
    };
    // Text that begins at `seq`, behind a hole. `most`: runs that may be kept.
    Held hold(Pool<Run>& runs, u32 most, Seq seq, Packet text);

    struct Filled {
        Seq nxt;  // RCV.NXT now
        Repeated repeated;
    };
    // Text that begins at RCV.NXT: it goes to the end of `in_order`, and so do runs that have no
    // hole in front any more. Without memory for a view of its first part nothing is taken.
    Filled fill(Pool<Run>& runs, Seq nxt, Packet text, Chain& in_order);

    // RFC 2883 4 (1) and 4.2.2 [RFC2883:1]: of the latest segment, and of its duplicate pieces the
    // first. What touches makes one block, of two segments too when no ACK has left in between.
    void remember(Repeated again, bool first_of_segment);
    bool repeats() const { return repeated_.left != repeated_.right; }
    // Is there anything that blocks() would tell?
    bool has_blocks() const { return !empty() || repeats(); }
    // What an acknowledgement tells, up to out.size() blocks, which are two at least; a duplicate
    // is told once.
    u32 blocks(Pool<Run>& runs, Seq nxt, std::span<wire::SackBlock> out);

    void clear(Pool<Run>& runs);  // the runs

    // The first thing that does not hold; empty: everything does.
    std::string_view broken(const Pool<Run>& runs, Seq nxt, Seq edge) const;

private:
    Handle<Run> before(Pool<Run>& runs, Seq s);
    Handle<Run> make(Pool<Run>& runs, Seq at, Handle<Run> before);
    void remove(Pool<Run>& runs, Handle<Run> i);
    void join_next(Pool<Run>& runs, Handle<Run> i);
    void take_from_ages(Pool<Run>& runs, Handle<Run> i);
    void put_newest(Pool<Run>& runs, Handle<Run> i);
    void renew(Pool<Run>& runs, Handle<Run> i);

    Handle<Run> first_;   // in the order of sequence numbers
    Handle<Run> root_;    // of the tree in which a run is found
    Handle<Run> newest_;  // the run that changed last: the first SACK block
    u32 count_ = 0;
    u32 bytes_ = 0;
    Repeated repeated_;  // not told yet
};

}  // namespace tern::tcp

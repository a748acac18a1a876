// One burst that left at one instant: up to 64 pieces of a segment each, told apart in bit masks,
// so that the cost of an ACK does not grow with the holes or the bytes in flight.
#pragma once

#include <algorithm>
#include <array>

#include "core/base/handle.hh"
#include "core/base/seq.hh"

namespace tern::tcp {

inline constexpr u32 k_sent_pieces = 64;

// When the pieces of a record left, of which one at least has left again.
struct ResentTimes {
    std::array<u32, k_sent_pieces> at_us;
};

// The last piece may be shorter than `mss`, and holds the FIN if there is one.
struct Sent {
    Seq seq;
    u32 len = 0;  // sequence numbers
    u32 at_us = 0;
    u16 mss = 0;
    u8 pieces = 0;
    bool app_limited = false;
    Handle<ResentTimes> times;  // when pieces left again; none: none did
    u32 covered = 0;  // so many records behind it are SACKed wholly, as it is itself; or more
    u64 sacked = 0;
    u64 lost = 0;    // and not sent again since
    u64 resent = 0;  // ever
    // The connection's counts when it left, of which draft-ietf-ccwg-bbr 4.1 makes a rate.
    u32 delivered = 0, delivered_us = 0, first_sent_us = 0, lost_before = 0;
    u32 in_flight = 0;

    Seq end() const { return seq + len; }
    Seq start_of(u32 piece) const { return seq + piece * mss; }
    Seq end_of(u32 piece) const { return piece + 1u == pieces ? end() : start_of(piece + 1); }
    u32 piece_at(Seq s) const {
        return std::min<u32>(static_cast<u32>(s - seq) / mss, pieces - 1u);
    }
    // Of a piece, from `una` on.
    u32 bytes_above(u32 piece, Seq una) const {
        return static_cast<u32>(end_of(piece) - max(start_of(piece), una));
    }
    u64 all() const { return ~u64{0} >> (64 - pieces); }
    // The pieces that touch [from, to), of which this record has some.
    u64 between(Seq from, Seq to) const {
        const u32 first = seq < from ? piece_at(from) : 0;
        const u32 last = to < end() ? piece_at(to - 1) : pieces - 1u;
        return all() >> first << first & ~u64{0} >> (63 - last);
    }
};

}  // namespace tern::tcp

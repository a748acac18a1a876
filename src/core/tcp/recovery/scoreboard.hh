// What is in flight: when each piece left, what SACK says of it, and what is lost. RFC 2018 5,
// RFC 6675 3 and 4, RFC 8985 5.
//
// A record is a burst that left at one instant (sent.hh). Records lie from SND.UNA to SND.MAX
// without a gap. Nothing here grows with the number of holes or the bytes in flight: blocks that an
// earlier ACK had are skipped, records that are SACKed wholly are passed in one step, and what is
// judged or sent again is searched from where the last was found.
#pragma once

#include <span>

#include "core/base/pool.hh"
#include "core/base/ring.hh"
#include "core/tcp/recovery/rack.hh"
#include "core/wire/tcp_options.hh"

namespace tern::tcp {

class Scoreboard {
public:
    struct Departure {
        Seq seq;
        u32 len = 0;  // sequence numbers
        bool fin = false;
        u16 mss = 0;
        u32 now_us = 0;
    };
    // Where it finds memory. Without it a piece is still tracked; but RTO has to look after one
    // that was sent again.
    struct Memory {
        MemoryBudget& budget;
        Pool<ResentTimes>& times;
    };
    struct LostRange {
        Seq seq;
        u32 piece = 0;  // bytes of the first piece; 0: nothing is lost
        u32 run = 0;    // of all that follow it without a gap
    };

    // Nothing is in flight, and what lies before `una` is no concern.
    void begin(Seq una) { judged_ = lost_from_ = walked_ = una; }
    void free_times(Pool<ResentTimes>& times);  // before it goes
    // For one record more; false: memory is refused.
    bool make_room(MemoryBudget& budget) { return sent_.make_room(budget); }

    // --- what leaves
    // There must be room for a record. Null: it has joined the last one.
    Sent* left(const Departure& d);
    // The number of pieces.
    u32 left_again(Seq seq, u32 len, Seq una, u32 now_us, Memory memory);

    // --- what an acknowledgement says
    // SND.UNA was `before` and is ack.una.
    void take_cumulative(const AckInHand& ack, Seq before, Rack& rack, Pool<ResentTimes>& times,
                         AckSample& a);
    void take_sack_blocks(const AckInHand& ack, std::span<const wire::SackBlock> blocks, u32 mss,
                          Rack& rack, const Pool<ResentTimes>& times, AckSample& a);
    // RFC 2018 8 [RFC2018:3]: has the peer SACKed what it now asks for again? True: then all the
    // rest may be gone as well, and counts as lost.
    bool take_reneging(Seq una, Seq max, AckSample& a) {
        return sacked_ != 0 && !sent_.empty() && head_reneged(una, max, a);
    }

    // --- what is lost
    // Was anything outstanding overtaken? Otherwise there is nothing to judge.
    bool was_overtaken(const Rack& rack) const {
        return rack.any() && (sacked_ != 0 || !resent_.empty());
    }
    // Of the originals, and of what was sent again: the shortest wait that `rack` asks for, in
    // microseconds. Nothing: no timer is needed.
    std::optional<u32> judge(const Rack& rack, const Rack::Query& q, Seq una,
                             const Pool<ResentTimes>& times, AckSample& a);
    // All that was not SACKed; `sacked_too`: all.
    void lose_all(Seq una, Seq max, bool sacked_too);
    void lose_nothing(Seq una, Seq max);
    LostRange next_lost(Seq una) const;
    // Whoever walks all records may do so once in a flight, whatever the peer says.
    bool may_walk(Seq una) const { return una >= walked_; }
    // Is what lies there lost because the peer has reneged?
    bool reneged(Seq seq) const { return reneged_ && seq < walked_; }

    // --- counts
    u32 sacked() const { return sacked_; }  // bytes, above SND.UNA
    u32 lost() const { return lost_; }      // the same; what was sent again does not count
    u32 sacked_pieces() const { return sacked_pieces_; }
    u64 lost_ever() const { return lost_ever_; }  // bytes
    u32 records() const { return sent_.size(); }
    const Sent& record(u32 n) const { return sent_[n]; }
    bool empty() const { return sent_.empty(); }

private:
    // Retransmissions in the order in which they left.
    struct Resent {
        Seq seq;
        u32 at_us = 0;
    };
    // What the pieces that an acknowledgement reaches are told to, and where.
    struct Telling {
        const AckInHand& ack;
        Rack& rack;
        const Pool<ResentTimes>& times;
        AckSample& a;
    };

    u32 find(Seq s) const;  // the first record that ends behind s
    u32 next_open(u32 n);
    void tell(const Sent& s, u32 piece, const Telling& t) const;
    void deliver(Sent& s, u32 first, u32 last, Seq before, const Telling& t);
    void cut_piece(Sent& s, u32 piece, Seq before, Seq ack, AckSample& a);
    void mark(Seq from, Seq to, const wire::SackBlock& block, const Telling& t);
    void mark_news(const wire::SackBlock& block, const Telling& t);
    bool head_reneged(Seq una, Seq max, AckSample& a);
    void lose(Sent& s, u32 piece, Seq una, AckSample& a);
    std::optional<u32> judge_originals(const Rack& rack, const Rack::Query& q, Seq una,
                                       AckSample& a);
    std::optional<u32> judge_resent(const Rack& rack, const Rack::Query& q, Seq una,
                                    const Pool<ResentTimes>& times, AckSample& a);

    Ring<Sent, 2> sent_;
    Ring<Resent, 4> resent_;
    u32 sacked_ = 0, lost_ = 0;
    u32 sacked_pieces_ = 0;
    Seq judged_;                             // every original before it has been judged
    mutable Seq lost_from_;                  // no lost piece is before it: searches go on there
    Seq walked_;                             // nothing walks all records until SND.UNA is here
    std::array<wire::SackBlock, 4> seen_{};  // the blocks of the last ACK: their pieces are marked
    u8 seen_count_ = 0;
    bool reneged_ = false;  // what lies before `walked_` is lost for that
    u64 lost_ever_ = 0;
};

}  // namespace tern::tcp

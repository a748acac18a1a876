// What is in flight: when each piece left, what SACK says of it, and what is lost. RFC 2018 5,
// RFC 8985 5. It exists while data is in flight and a moment longer.
//
// A record is a burst that left at one instant, up to 64 pieces of a segment each, told apart in
// bit masks: the cost of an ACK does not grow with the holes or the bytes in flight.
#pragma once

#include "core/base/handle.hh"
#include "core/base/ring.hh"
#include "core/base/seq.hh"
#include "core/wire/tcp_options.hh"
#include "tern/congestion.hh"

namespace tern::tcp {

struct Tcb;
struct ResentTimes;

// The last piece may be shorter than `mss`, and holds the FIN if there is one.
struct Sent {
    Seq seq;
    u32 len = 0;  // sequence numbers
    u32 at_us = 0;
    u16 mss = 0;
    u8 pieces = 0;
    bool app_limited = false;
    Handle<ResentTimes> times;  // when pieces left again: a ResentTimes; 0: none did
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
    u64 all() const { return ~u64{0} >> (64 - pieces); }
    // The pieces that touch [from, to), of which this record has some.
    u64 between(Seq from, Seq to) const {
        const u32 first = seq < from ? piece_at(from) : 0;
        const u32 last = to < end() ? piece_at(to - 1) : pieces - 1u;
        return all() >> first << first & ~u64{0} >> (63 - last);
    }
};
inline constexpr u32 k_sent_pieces = 64;

struct ResentTimes {
    std::array<u32, k_sent_pieces> at_us;
};
// Retransmissions in the order in which they left.
struct Resent {
    Seq seq;
    u32 at_us = 0;
};

struct LargeState {
    alignas(8) std::array<std::byte, k_congestion_state> bytes{};
};

// Which of the three the retransmission deadline is.
enum class LossTimer : u8 { Timeout, Probe, Reordering };

struct Flight {
    Ring<Sent, 2> sent;  // from SND.UNA to SND.MAX without a gap
    Ring<Resent, 4> resent;
    u32 sacked = 0, lost = 0;  // bytes marked so, above SND.UNA
    u32 sacked_pieces = 0;
    Seq judged;                             // RACK has decided about every original before it
    Seq lost_from;                          // no lost piece is before it
    Seq walked;                             // nothing walks all records until SND.UNA is here
    std::array<wire::SackBlock, 4> seen{};  // the blocks of the last ACK: their pieces are marked
    u8 seen_count = 0;

    struct Rack {  // RFC 8985 5.3
        u32 xmit_us = 0;
        Seq end_seq;
        Seq fack;
        u32 rtt_us = 0, min_rtt_us = 0;
        bool any = false;  // something was delivered: the fields above mean something
        bool reordering_seen = false;
        bool dsack_round_set = false;
        Seq dsack_round;
        u8 reo_mult = 1, reo_persist = 0;
    } rack;

    struct Prr {  // RFC 9937 6
        u32 recover_fs = 0, delivered = 0, out = 0;
    } prr;

    struct Undo {  // what to go back to when the recovery proves spurious
        bool possible = false;
        u32 cwnd = 0, ssthresh = 0;
        Seq from;        // SND.UNA when it began
        i32 resent = 0;  // pieces sent again since and not reported by D-SACK
        bool any = false;
        u32 first_ts = 0;  // TSval of the first retransmission
    } undo;

    struct Probe {         // RFC 8985 7.1: TLP
        bool due = false;  // to be sent
        bool out = false;  // sent, and not answered
        bool is_retransmission = false;
        Seq end;
    } probe;

    struct Delivery {  // draft-ietf-ccwg-bbr 4.1
        u64 delivered = 0, lost = 0;
        u64 app_limited_until = 0;  // until so much is delivered, samples are too low
        u32 delivered_us = 0, first_sent_us = 0;
        u64 rate = 0;  // the last sample, bytes per second
    } delivery;

    struct Pace {
        u64 ns_per_mib = 0;  // 0: not paced
        i64 next_ns = 0;     // when the next segment may leave
        u32 quantum = 0;     // bytes that may leave together
        u32 free = 0;        // bytes that leave unpaced, after silence
        u64 asked = 0;       // bytes per second, by the algorithm; 0: the usual
    } pace;

    u32 marked = 0;  // bytes that met congestion, not told to congestion control yet

    // Congestion control.
    Handle<LargeState> large_state;  // a LargeState, when it does not fit here
    Seq full_until;                  // what is before it was sent when cwnd was full
    alignas(8) std::array<std::byte, 128> state{};

    LossTimer timer = LossTimer::Timeout;
    bool reordering_wait = false;
    bool reneged = false;                   // what lies before `walked` is lost for that
    u32 timeout_at = 0, reordering_at = 0;  // ticks
    u32 probe_armed_us = 0;
    bool probe_armed_alone = false;  // for one segment in flight
    u8 frto = 0;                     // RFC 5682 3.1: the step that waits for an ACK

    // Idle flights, in the order in which they became so.
    Handle<Tcb> owner;
    bool idle = false;
    u32 deadline = 0;
    Handle<Flight> next, prev;
};

// What one ACK told.
struct AckSample {
    u32 delivered = 0;  // bytes newly acknowledged or SACKed
    u32 lost = 0;       // bytes newly marked
    u32 rtt_us = 0;     // of the newest piece that was sent once; 0: none
    bool resent =
        false;  // a piece that was sent again is among them: others may have waited for it
    bool advanced = false;
    bool original = false;  // a piece from before the timeout, sent only once, has arrived
    u32 dsack_pieces = 0;
    Seq dsack_end;
    // Of the newest piece that was sent once and has arrived.
    struct Newest {
        bool any = false;
        bool app_limited = false;
        u32 sent_us = 0;
        u32 delivered = 0, delivered_us = 0, first_sent_us = 0, lost_before = 0, in_flight = 0;
    } newest;
    u32 lost_in_flight = 0, lost_before = 0;  // of the newest piece that was lost
};

}  // namespace tern::tcp

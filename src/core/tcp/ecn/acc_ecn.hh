// Accurate ECN of one connection (RFC 9768): the marks that have arrived and how the peer is told
// of them, and the marks that the peer tells of.
#pragma once

#include "core/base/seq.hh"
#include "core/tcp/ecn/mark_counts.hh"
#include "core/tcp/ecn/option_path.hh"
#include "core/wire/tcp_options.hh"

namespace tern::tcp {

class AccEcn {
public:
    // --- the handshake
    // The peer's SYN has come, for the first time or again: what our SYN-ACK tells back.
    void syn_arrived(u8 field);
    // A SYN-ACK that agrees, for the first time or again: what the ACK of it tells back. r.cep
    // counts a mark of theirs once.
    void syn_ack_arrived(u8 field, bool again);
    u16 handshake_flags() const;
    // The ACK of our SYN-ACK: what it tells back is not to be told any more.
    void handshake_over() { handshake_ace_ = 0; }
    // It is bare, and its flags are the handshake's. False: our SYN-ACK arrived as ECN-capable, and
    // so somebody rewrites the field.
    bool learn_last_ack(u8 ace);
    // 3.2.3.2.4: an option whose first counters are zero was zeroed on its way.
    void learn_option_test(const wire::TcpOptions& o);

    // --- marks that arrive
    // True: an acknowledgement is due at once.
    bool arrived(u8 field, u32 packets, u32 bytes);
    u16 count_flags() const;  // ACE as it counts
    // The flags of a segment that leaves. `opening`: before the handshake is over; `pure`: without
    // text, FIN and SACK blocks.
    u16 flags_to_send(bool opening, bool pure);
    // Adds an option to those of a segment that leaves, if it is due and has room. True: it has
    // turned out that options do not get through.
    bool put_option(const Leaving& s, wire::TcpOptionsToSend& o);

    // --- marks that the peer tells of
    struct Telling {
        Seq ack;
        u8 ace = 0;
        u32 acked = 0;  // bytes that are acknowledged for the first time
        u32 mss = 0;    // Eff.snd.MSS
        const wire::TcpOptions& options;
    };
    struct Told {
        u32 bytes = 0;         // newly told to have met congestion
        bool mangled = false;  // the field does not get through as it should
    };
    Told told(const Telling& t);

    OptionPath& path() { return path_; }
    u32 marks_received() const { return in_.marked(); }
    u32 marks_told() const { return told_packets_ - MarkCounts::k_first_cep; }

private:
    bool option_due(const Leaving& s) const;
    struct Option {
        bool known = false;  // ECEB was there, or left off because it never moved
        u32 bytes = 0;       // newly marked
    };
    Option read_option(const wire::TcpOptions& o);

    MarkCounts in_;                               // r.*: of what has arrived
    u32 told_packets_ = MarkCounts::k_first_cep;  // s.cep, of what we sent, as the peer tells
    u32 told_bytes_ = 0;                          // s.ceb
    u32 bytes_sent_ = 0;    // sum of our byte counters in the last option; 0: none was sent
    u32 ahead_ = 0;         // marked bytes believed from ACE alone, which ECEB will count again
    u8 unacked_marks_ = 0;  // packets marked CE since the last ACK left
    u8 last_ = k_not_ect;   // the IP-ECN field of the last packet
    u8 handshake_ace_ = 0;  // what SYN-ACK, or the ACK of it, has to say; 0: nothing any more
    bool heard_ = false;    // a segment without SYN has come
    bool deaf_ = false;     // what the peer tells was mangled: believed no more
    bool option_seen_ = false;
    bool option_bad_ = false;
    bool syn_ack_marked_ = false;  // r.cep counts CE on SYN-ACKs once
    OptionPath path_;
};

}  // namespace tern::tcp

// The transmission control block: one established (or opening, or closing) connection in four
// cache lines. What only few connections need lives elsewhere and is reached by a handle.
#pragma once

#include <array>

#include "core/base/flow_key.hh"
#include "core/base/handle.hh"
#include "core/base/seq.hh"
#include "core/base/timer_wheel.hh"
#include "core/inet/inet.hh"
#include "core/tcp/congestion/window.hh"
#include "core/tcp/receiver/receive_window.hh"
#include "core/tcp/recovery/rtt.hh"
#include "tern/tcp.hh"

namespace tern::tcp {

// Deadlines a connection may have at once. Persist shares the place of Retransmission: a closed
// window has nothing to retransmit. Linger shares that of KeepAlive: a connection that the
// application has released is not kept alive; the peer has to end it in time.
enum class Deadline : u8 { Retransmission, DelayedAck, KeepAlive, User, Pace, Override };
inline constexpr Deadline k_linger = Deadline::KeepAlive;
inline constexpr u32 k_deadlines = 6;

enum TcbFlag : u32 {
    k_timestamps = 1 << 0,  // negotiated, RFC 7323
    k_sack = 1 << 1,        // negotiated, RFC 2018
    k_no_delay = 1 << 2,    // Nagle is off
    // 1 << 3, 1 << 4 and 1 << 5 are free.
    k_passive = 1 << 6,           // came from a listener (RFC 9293 [MUST-11])
    k_waits_for_accept = 1 << 7,  // in its listener's accept queue
    k_released = 1 << 8,          // the application has given up its handle
    k_fin_queued = 1 << 9,        // CLOSE was called; FIN follows the data
    k_on_ready = 1 << 10,         // in the interface's ready list
    k_on_events = 1 << 11,        // in the event list
    k_ack_now = 1 << 12,
    k_syn_due = 1 << 13,    // SYN or SYN-ACK wants to be sent
    k_persist = 1 << 14,    // the Retransmission deadline is the persist timer
    k_probe_due = 1 << 15,  // persist timer fired
    k_keep_probe_due = 1 << 16,
    k_override_due = 1 << 17,     // silly-window override fired
    k_retransmit_head = 1 << 18,  // the segment at SND.UNA wants to be sent again
    k_recovery = 1 << 19,         // fast recovery (RFC 6582)
    k_partial_seen = 1 << 20,     // the first partial ACK of this recovery has reset RTO
    k_rtt_timing = 1 << 21,       // rtt_seq is being timed: a SYN, or anything without SACK
    k_syn_retried = 1 << 22,      // RFC 6298 5.7, RFC 5681 3.1
    k_urgent_out = 1 << 23,       // cold.snd_up is ahead of SND.UNA
    k_urgent_in = 1 << 24,        // cold.rcv_up is ahead of the reader
    k_write_blocked = 1 << 25,    // a send() was short: tell when there is room
    k_read_armed = 1 << 26,       // a receive() found nothing: tell when there is something
    k_fin_received = 1 << 27,
    k_after_timeout = 1 << 28,  // resending behind an RTO, until SND.UNA passes `recover`
    k_r1_told = 1 << 29,
    k_detached = 1 << 30,  // out of the flow table: over, or in TIME-WAIT
    k_starved = 1u << 31,  // no memory or no route: the Override deadline tries again
};

struct Tcb;
struct Cold;
struct Buffers;
struct SendQueue;
class ReceiveQueue;
struct Flight;

// Does the application answer what it reads, so soon that the ACK of it can travel with the answer?
// docs/decisions/0019-acknowledge-what-was-read.md
enum class Answers : u8 {
    InTime,   // the last ACK that waited travelled with text
    Unknown,  // none has waited yet
    Late,     // the last one did so in vain
};

// What an orphan waits for: a connection that the application has released and that is not over.
enum class OrphanWait : u16 {
    Nothing,   // it is no orphan
    Delivery,  // the peer has not acknowledged everything, or the handshake is not over
    PeerFin,   // FIN-WAIT-2: everything is delivered, and only the peer's FIN is missing
};
// Links of Orphans, in the order in which the peer made progress last.
struct OrphanLinks {
    Handle<Tcb> next, prev;
};

struct alignas(64) Tcb {
    // --- line 0: every segment reads it
    struct Send {
        Seq una, nxt;
        Seq max;      // highest sequence number sent, plus one: SND.NXT before any go-back
        u32 wnd = 0;  // scaled
        Seq wl1, wl2;
        Seq iss;
        u32 max_wnd = 0;  // Max.SND.WND (RFC 9293 3.8.6.2.1, RFC 5961 5.2)
    } snd;
    ReceiveWindow rcv;
    State state = State::Closed;
    u8 timers = 0;              // which deadlines are set
    u8 snd_wind_shift : 4 = 0;  // Snd.Wind.Shift
    u8 rcv_wind_shift : 4 = 0;  // Rcv.Wind.Shift
    Ecn ecn : 2 = Ecn::Off;     // as agreed; in SYN-SENT as asked for
    bool ect : 1 = false;       // new data leaves as ECN-capable
    bool ece_due : 1 = false;   // Classic: a mark has arrived, CWR has not
    bool cwr_due : 1 = false;   // Classic: the next new data says that cwnd was reduced
    bool marked : 1 = false;    // cwnd was reduced for a mark: not again until `recover` is passed
    bool probed : 1 = false;    // a tail probe has left since the round trip was measured last
    u32 flags = 0;
    Handle<Tcb> self;
    u16 retransmissions = 0;  // segments sent again; stays at its top
    u8 challenge_second = 0;
    u8 challenges : 4 = 0;   // challenge ACKs sent in that second
    u8 keep_probes : 4 = 0;  // keep-alive probes sent without an answer

    // --- line 1: sending
    Handle<ReceiveQueue> receive_queue;
    Handle<SendQueue> send_queue;
    Handle<Cold> cold;
    u32 ts_recent = 0;  // TS.Recent
    u32 ts_recent_second = 0;
    u32 ts_offset = 0;  // added to the millisecond clock: hides the uptime
    Seq last_ack_sent;  // Last.ACK.sent
    CongestionWindow window;
    Seq recover;  // RFC 6582
    Answers answers : 2 = Answers::Unknown;
    bool ack_when_read : 1 = false;    // the ACK that waits leaves when all has been read
    bool acked_when_read : 1 = false;  // one has left so at read_ack_at, and no text since
    u8 read_ack_at = 0;                // ticks / 256
    u16 rcv_mss = 0;                   // the longest segment of the peer, or 536; 0: none yet
    u16 send_mss = 536;                // Eff.snd.MSS, or what of it is cut for a narrow window
    u16 peer_mss = 536;                // SendMSS
    u8 dup_acks : 4 = 0;
    u8 algorithm : 4 = 0;  // of congestion control: Room::algorithms
    u8 backoff = 0;    // expirations of RTO since the last new ACK (rtt.rto() is doubled itself)
    u8 acks_owed = 0;  // duplicate ACKs that must leave one by one
    SendReason ack_reason = SendReason::AckEverySecond;
    union {
        Seq rtt_seq{};          // with k_rtt_timing
        Handle<Flight> flight;  // otherwise, with k_sack; 0: none
    };
    u32 rtt_start_us = 0;

    // --- line 2: time
    TimerNode timer;
    std::array<u32, k_deadlines> deadlines{};  // ticks
    Rtt rtt;
    Handle<Tcb> ready_next;
    Handle<Tcb> event_next;  // event list; accept queue while nobody has the handle
    union {
        u16 events = 0;     // TcpEventBits, while the application has the handle
        OrphanWait orphan;  // afterwards
    };
    Error error = Error::None;
    Error soft_error = Error::None;

    // --- line 3: identity
    FlowKey key;
    union {
        u32 generation = 0;  // while the application has the handle
        u32 orphan_mark;     // afterwards: SND.UNA when the peer made progress last
    };
    inet::Way way;
    union {
        u64 user = 0;              // while the application has the handle
        OrphanLinks orphan_links;  // afterwards
    };
    Handle<Buffers> buffers;  // 0: sizes of Limits, and no bulk data yet
    u8 ttl = 64;
    u8 tos = 0;
    std::array<u8, 2> spare_identity{};  // free, as above

    // Of each union the member with an initial value lives; the compiler would refuse to choose.
    Tcb() {}

    bool has(u32 f) const { return (flags & f) != 0; }
    void set(u32 f) { flags |= f; }
    void clear(u32 f) { flags &= ~f; }
    u32 rcv_wnd() const { return rcv.wnd(); }  // RCV.WND
    // Octets of the sequence space received since the last ACK left.
    u32 unacked() const { return static_cast<u32>(rcv.nxt() - last_ack_sent); }
    u32 flight_size() const { return static_cast<u32>(snd.max - snd.una); }
};
static_assert(sizeof(Tcb) == 256);
static_assert(offsetof(Tcb, receive_queue) == 64 && offsetof(Tcb, timer) == 128 &&
              offsetof(Tcb, key) == 192);

// The state in which both sides have agreed on sequence numbers.
constexpr bool is_synchronized(State s) { return s >= State::Established; }
// May the application still send?
constexpr bool may_send_state(State s) {
    return s == State::Established || s == State::CloseWait || s == State::SynSent ||
           s == State::SynReceived;
}
// May data still arrive?
constexpr bool may_receive_state(State s) {
    return s == State::Established || s == State::FinWait1 || s == State::FinWait2;
}

}  // namespace tern::tcp

// Congestion control as a plug. An algorithm is one constant object for all connections; what it
// knows of a connection lies in that connection's state. It is called on the stack's thread, from
// within the stack: it must not call the stack, allocate or throw. examples/vegas.hh is one.
//   struct Mine final : tern::CongestionControl { ... };
//   stack.tcp().add_congestion_control(mine);             // must outlive the stack
//   stack.tcp().connect(peer, {.options = {.congestion = "mine"}});
// Built in: "cubic" (RFC 9438 with HyStart++, RFC 9406; the default), "reno" (RFC 5681), "bbr"
// (draft-ietf-ccwg-bbr, version 3), "dctcp" (RFC 8257). A peer without SACK gets reno.
#pragma once

#include <array>
#include <cstddef>
#include <string_view>
#include <type_traits>

#include "tern/export.hh"
#include "tern/int.hh"

namespace tern TERN_API {

// Largest CongestionControl::state_bytes().
inline constexpr u32 k_congestion_state = 512;

// A connection as its algorithm sees it. Sizes in bytes, times in microseconds; absolute times
// count from an arbitrary instant.
struct Congestion {
    // What the algorithm decides.
    u32 cwnd, ssthresh;
    u64 pacing_rate;  // bytes per second; 0: 2 cwnd / srtt in slow start, else 1.2 cwnd / srtt

    // What it may read.
    u64 now_us;
    u32 mss;
    u32 initial_window;    // RFC 6928
    u32 flight_size;       // sent and not acknowledged (RFC 5681 2)
    u32 in_flight;         // neither acknowledged, SACKed nor lost (RFC 6675: pipe)
    u32 snd_una, snd_nxt;  // to count rounds; sequence numbers, which wrap
    u32 srtt_us, min_rtt_us;
    u64 delivered, lost;  // ever, since begin()
    bool cwnd_limited;    // the last flight had filled cwnd (RFC 7661)
    bool paced;           // false: the round trip is too short for that
    u32 chance;           // begin() only: a number to draw one's own from

    void* memory;
    // What the algorithm keeps of this connection, as its own type; zeros at begin().
    template <class State>
    State& state() const {
        static_assert(std::is_trivially_copyable_v<State> && sizeof(State) <= k_congestion_state);
        return *static_cast<State*>(memory);
    }
    // RFC 5681 3.1.
    bool in_slow_start() const { return cwnd < ssthresh; }
};

// The rate at which data arrived, measured over the flight of the newest piece that did
// (draft-ietf-ccwg-bbr 4.1).
struct DeliveryRate {
    u64 rate = 0;             // bytes per second; 0: no sample
    u64 prior_delivered = 0;  // Congestion::delivered when that piece left
    u32 delivered = 0;        // since then
    u32 lost = 0;             // since then
    u32 in_flight = 0;        // when it had left, itself included
    u32 interval_us = 0;
    bool app_limited = false;  // the application had not enough to send: the path may bear more
};

// What one ACK told.
struct CongestionAck {
    u32 acked = 0;      // by which a window may grow: newly acknowledged in order
    u32 delivered = 0;  // newly acknowledged or SACKed
    u32 lost = 0;       // newly taken for lost
    u32 marked = 0;     // of `delivered`: had met congestion (RFC 3168: CE)
    u32 rtt_us = 0;     // 0: no sample
    bool in_recovery = false;
    DeliveryRate rate;
    // Of the newest piece taken for lost: what was in flight when it had left, and lost since then.
    u32 lost_in_flight = 0, lost_since = 0;
};

// Why a window is to become smaller.
enum class CongestionSignal : u8 {
    Loss,     // once for each flight
    Mark,     // RFC 3168 6.1.2: ECN, once for each flight
    Timeout,  // RTO; the stack then goes on with one segment in slow start
};

// An algorithm. It is asked on the thread of the stack, about one connection at a time.
class CongestionControl {
public:
    virtual ~CongestionControl() = default;
    // Lower case, by which TcpOptions::congestion asks for it.
    virtual std::string_view name() const = 0;
    // What it keeps of each connection, at most k_congestion_state. Zeros at first. It is forgotten
    // after a second of silence; cwnd and ssthresh stay.
    virtual u32 state_bytes() const { return 0; }
    // The connection is established, or was silent for so long that its state was forgotten.
    virtual void begin(Congestion&) const {}
    // Not during recovery, unless rules_recovery().
    virtual void acknowledged(Congestion& c, const CongestionAck& ack) const = 0;
    // Congestion: returns the new ssthresh. `c` is as before the signal.
    virtual u32 reduced(Congestion& c, CongestionSignal signal) const = 0;
    // The recovery that a Loss or Timeout began is over.
    virtual void recovered(Congestion&) const {}
    // The last Loss or Timeout was none (RFC 9438 4.9); cwnd and ssthresh are as before it already.
    virtual void undone(Congestion&) const {}
    // Data leaves while nothing is in flight, `idle_us` after the last that did. That is more than
    // two round trips: a client that asks again as soon as it has its answer was not idle.
    // RFC 5681 4.1: back to the initial window after more than an RTO.
    virtual void restarts(Congestion& c, u32 idle_us, u32 rto_us) const {
        if (idle_us > rto_us && c.cwnd > c.initial_window) c.cwnd = c.initial_window;
    }
    // True: cwnd during recovery is the algorithm's as well; otherwise PRR (RFC 9937) brings it to
    // ssthresh.
    virtual bool rules_recovery() const { return false; }
    // True: ECN is asked for, and acknowledged mark by mark (RFC 8257 3.2).
    virtual bool wants_marks() const { return false; }
};

}  // namespace tern

// What a connection with SACK keeps while data is in flight, and a moment longer: the parts of
// recovery, pacing, and the state of its congestion control.
#pragma once

#include "core/tcp/recovery/delivery_meter.hh"
#include "core/tcp/recovery/prr.hh"
#include "core/tcp/recovery/scoreboard.hh"
#include "core/tcp/recovery/tail_probe.hh"
#include "core/tcp/recovery/undo.hh"
#include "tern/congestion.hh"

namespace tern::tcp {

struct Tcb;

struct LargeState {
    alignas(8) std::array<std::byte, k_congestion_state> bytes{};
};

// Which of the three the retransmission deadline is.
enum class LossTimer : u8 { Timeout, Probe, Reordering };

struct Flight {
    Scoreboard board;
    Rack rack;
    Prr prr;
    Undo undo;
    TailProbe probe;
    DeliveryMeter delivery;

    struct Pace {
        u64 ns_per_mib = 0;  // 0: not paced
        i64 next_ns = 0;     // when the next segment may leave
        u32 quantum = 0;     // bytes that may leave together
        u32 free = 0;        // bytes that leave unpaced, after silence
        u64 asked = 0;       // bytes per second, by the algorithm; 0: the usual
    } pace;

    u32 marked = 0;  // bytes that met congestion, not told to congestion control yet

    // Congestion control.
    Handle<LargeState> large_state;  // when it does not fit here
    Seq full_until;                  // what is before it was sent when cwnd was full
    alignas(8) std::array<std::byte, 128> state{};

    LossTimer timer = LossTimer::Timeout;
    bool reordering_wait = false;
    u32 timeout_at = 0, reordering_at = 0;  // ticks

    // Idle flights, in the order in which they became so.
    Handle<Tcb> owner;
    bool idle = false;
    u32 deadline = 0;
    Handle<Flight> next, prev;
};

}  // namespace tern::tcp

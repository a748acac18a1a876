// How large the receive buffer becomes when the application does not say: as large as what is read
// in a round trip asks for (docs/decisions/0008-autotuning.md).
#pragma once

#include "core/base/seq.hh"

namespace tern::tcp {

class Autotuning {
public:
    struct Reading {
        u32 bytes = 0;  // that the application takes now
        u32 now_us = 0;
        u32 echo_ms = 0;  // the shortest since the last reading, or k_no_echo
        bool timestamps = false;
        u32 srtt_us = 0;    // our own estimate; 0: none
        Seq nxt{}, edge{};  // RCV.NXT, the right edge of the window
    };
    // The size that the buffer should have; 0: nothing new.
    u64 read(const Reading& r);
    u32 round_trip_us() const { return rtt_us_; }  // 0: unknown

private:
    void take_echo(u32 ms);
    u32 round_over(const Reading& r, u32 elapsed_us);
    void learn_round_trip(u32 sample_us);
    u64 tune(const Reading& r);
    void begin_round(const Reading& r);

    // A round is about a round-trip time of reading.
    u32 rtt_us_ = 0, round_rtt_us_ = 0;  // 0: unknown
    u32 round_began_us_ = 0;
    u32 round_read_ = 0, most_read_ = 0;  // bytes; of this round, and of the best one in an RTT
    Seq round_edge_;                      // RCV.EDGE when it began
};

// The buffer after it asked for `wanted`: never smaller, and what it grows by has to leave memory
// to others.
u32 grown_buffer(u32 buffer, u64 wanted, u32 most, u64 keepable);

}  // namespace tern::tcp

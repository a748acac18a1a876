// RFC 6298 2 and 3: SRTT, RTTVAR and RTO.
#pragma once

#include <algorithm>

#include "tern/int.hh"

namespace tern::tcp {

class Rtt {
public:
    // Of RTO, in ticks.
    struct Bounds {
        u32 lowest = 0, highest = 0;
        u32 tick_us = 0;
    };

    // 2.1: before the first sample.
    void begin(u32 rto_ticks) { rto_ = rto_ticks; }
    // 2.2 and 2.3. `rtt_us` of a segment that was sent once, or that a timestamp tells apart
    // (section 3 [RFC6298:3]: Karn).
    void sample(u32 rtt_us, const Bounds& bounds);
    // 5.5 [RFC6298:4]. It stays so until a round trip has been measured (the end of section 5): the
    // acknowledgement of what was sent twice does not tell how long one takes, and a path that has
    // become longer than RTO would see everything twice for ever.
    void back_off(u32 highest) { rto_ = static_cast<u32>(std::min<u64>(u64{rto_} * 2, highest)); }
    // 5.7 [RFC6298:5]: at least so much, whatever the expiries of a SYN have made of it.
    void restart_at_least(u32 initial_ticks, u32 least_ticks);

    u32 srtt_us() const { return srtt_us_; }  // 0: not measured yet
    u32 rttvar_us() const { return rttvar_us_; }
    u32 rto() const { return rto_; }  // ticks; doubled by each expiry since the last sample

private:
    u32 srtt_us_ = 0, rttvar_us_ = 0;
    u32 rto_ = 0;
};

}  // namespace tern::tcp

// The algorithms that are built in.
#pragma once

#include "tern/congestion.hh"

namespace tern::tcp {

const CongestionControl& cubic();
const CongestionControl& reno();
const CongestionControl& bbr();
const CongestionControl& dctcp();

// RFC 5681 3.1, RFC 3465: what an ACK adds to cwnd. `credit` collects bytes in congestion
// avoidance; `most` bounds a step of slow start.
u32 reno_growth(u32 cwnd, u32 ssthresh, u32 acked, u32 most, u32 mss, u32& credit);

}  // namespace tern::tcp

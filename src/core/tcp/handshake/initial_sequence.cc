// RFC 6528: ISN = M + F(connection, secret). One SipHash gives the sequence number and the offset
// of the timestamp clock, from different halves.
#include "core/tcp/room.hh"

namespace tern::tcp {

Sequence initial_sequence(const Room& room, const FlowKey& key) {
    // RFC 6528 3 [RFC6528:1] [MUST-9] [SHLD-1]: keyed by a secret that never leaves this object.
    const u64 f = key.strong_hash(room.isn_key);
    // [MUST-8]: M ticks every 4 microseconds.
    const u64 m = static_cast<u64>(room.cx.now.time_since_epoch().count()) / 4000;
    return {Seq{static_cast<u32>(f) + static_cast<u32>(m)}, static_cast<u32>(f >> 32)};
}

}  // namespace tern::tcp

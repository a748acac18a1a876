// RFC 6528: ISN = M + F(connection, secret). One SipHash gives the sequence number and the offset
// of the timestamp clock, from different halves.
#include "core/tcp/room.hh"

namespace tern {

Sequence initial_sequence(const Room& room, const FlowKey& key) {
    u64 words[5] = {};
    std::memcpy(words, &key, sizeof key);
    // [MUST-9] [SHLD-1]: keyed by a secret that never leaves this object.
    const u64 f = siphash24_words(room.isn_key, words[0], words[1], words[2], words[3], words[4]);
    // [MUST-8]: M ticks every 4 microseconds.
    const u64 m = static_cast<u64>(room.cx.now.time_since_epoch().count()) / 4000;
    return {Seq{static_cast<u32>(f) + static_cast<u32>(m)}, static_cast<u32>(f >> 32)};
}

}  // namespace tern

// RFC 4987 3.6: a listener under flood keeps nothing about a SYN; its sequence number is a cookie.
// Bits: 5 of time (periods of 64 s), 3 of MSS, 24 of a keyed hash. A forged ACK is believed with
// probability 2 x 2^-24: two periods are accepted.
#include "core/tcp/room.hh"

namespace tern::tcp {

namespace {

constexpr std::array<u16, 8> k_mss = {536, 1220, 1300, 1400, 1440, 1460, 4312, 8960};

u32 mac(const Room& room, const FlowKey& key, Seq irs, u32 low_bits, u32 period) {
    u64 words[5] = {};
    std::memcpy(words, &key, sizeof key);
    return static_cast<u32>(siphash24_words(room.cookie_key, words[0], words[1], words[2], words[3],
                                            words[4], u64{irs.value} << 32 | period,
                                            u64{low_bits})) &
           0xffffff;
}

}  // namespace

Seq make_cookie(const Room& room, const FlowKey& key, Seq irs, u16 peer_mss, u32 period) {
    u32 which = 0;  // the largest that the peer can take
    for (u32 i = 0; i < k_mss.size(); ++i)
        if (k_mss[i] <= peer_mss) which = i;
    return Seq{(period & 31) << 27 | which << 24 | mac(room, key, irs, which, period)};
}

std::optional<u16> check_cookie(const Room& room, const FlowKey& key, Seq irs, Seq cookie) {
    const u32 now = room.now_second() / 64;
    const u32 age = (now - (cookie.value >> 27)) & 31;
    if (age > 1) return std::nullopt;
    const u32 which = cookie.value >> 24 & 7;
    if (mac(room, key, irs, which, now - age) != (cookie.value & 0xffffff)) return std::nullopt;
    return k_mss[which];
}

}  // namespace tern::tcp

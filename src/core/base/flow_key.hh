// Who talks to whom: the key of every record of a flow. 36 bytes hold either IP family, and the
// zone of link-local addresses (RFC 4007): the same fe80:: address on another interface is another
// host.
#pragma once

#include <cstring>

#include "core/base/siphash.hh"
#include "tern/trace.hh"

namespace tern {

struct FlowKey {
    u32 local[4]{};
    u32 remote[4]{};
    u16 local_port = 0;
    u16 remote_port = 0;

    FlowKey() = default;
    // `zone`: the interface, if one of the addresses is a link-local one of IPv6; otherwise none.
    FlowKey(const IpAddress& l, u16 lp, const IpAddress& r, u16 rp, u8 zone = 0)
        : local_port(lp), remote_port(rp) {
        std::memcpy(local, l.bytes.data(), 16);
        std::memcpy(remote, r.bytes.data(), 16);
        if (zone == 0) return;
        put_zone(local, zone);
        put_zone(remote, zone);
    }
    IpAddress local_address() const { return address(local); }
    IpAddress remote_address() const { return address(remote); }
    // 0: none of the addresses is link-local, or nobody has said where.
    u8 zone() const { return has_zone(remote) ? zone_of(remote) : zone_of(local); }
    FlowId id() const { return {{local_address(), local_port}, {remote_address(), remote_port}}; }
    friend bool operator==(const FlowKey& a, const FlowKey& b) {
        // Part by part: a key that was just put together is still on its way to memory, and
        // could not be read back in wider pieces without waiting.
        return (pair(a.local, 0) ^ pair(b.local, 0)) == 0 &&
               ((pair(a.local, 2) ^ pair(b.local, 2)) | (pair(a.remote, 2) ^ pair(b.remote, 2)) |
                (pair(a.remote, 0) ^ pair(b.remote, 0))) == 0 &&
               a.local_port == b.local_port && a.remote_port == b.remote_port;
    }
    // Keyed, so that nobody outside can aim at one bucket.
    u64 hash(const SipKey& key) const {
        return in_words([&](auto... words) { return siphash13(key, words...); });
    }
    // The same for secrets that peers get to see a part of.
    u64 strong_hash(const SipKey& key) const {
        return in_words([&](auto... words) { return siphash24_words(key, words...); });
    }

    // Not keyed, eight bits: for a cache of what was used last, never for the table.
    u32 slot() const {
        const u32 mixed = remote[3] ^ local[3] ^ (u32{remote_port} << 16 | local_port);
        return mixed * 0x9e3779b1u >> 24;
    }

private:
    // The key as words: two are enough for IPv4, and no IPv6 key has as few.
    template <class F>
    u64 in_words(F&& f) const {
        const u64 ports = u64{local_port} << 16 | remote_port;
        if (is_v4()) return f(u64{local[3]} << 32 | remote[3], ports);
        return f(word(local, 0), word(local, 2), word(remote, 0), word(remote, 2), ports);
    }
    static u64 pair(const u32* w, int i) {
        u64 two;
        std::memcpy(&two, w + i, sizeof two);
        return two;
    }
    bool is_v4() const {
        constexpr u32 mapped = 0xffff0000u;  // bytes 0 0 ff ff in memory, little-endian
        return (local[0] | local[1] | remote[0] | remote[1]) == 0 && local[2] == mapped &&
               remote[2] == mapped;
    }
    static u64 word(const u32* w, int i) { return u64{w[i]} << 32 | w[i + 1]; }
    // RFC 4291 2.5.6: behind its first ten bits a link-local address has 54 zeros, and the zone
    // lies in some of them. An address on a wire that has other bits there is none that anybody may
    // use.
    static constexpr std::size_t k_zone_byte = 3;
    static bool has_zone(const u32* words) {
        constexpr u32 mask = 0x0000c0ffu, link_local = 0x000080feu;  // bytes fe 80 in memory
        return (words[0] & mask) == link_local;
    }
    static u8 zone_of(const u32* words) {
        return has_zone(words) ? static_cast<u8>(words[0] >> 8 * k_zone_byte) : u8{0};
    }
    static void put_zone(u32* words, u8 zone) {
        if (has_zone(words)) words[0] |= u32{zone} << 8 * k_zone_byte;
    }
    static IpAddress address(const u32* words) {
        IpAddress a;
        std::memcpy(a.bytes.data(), words, 16);
        if (has_zone(words)) [[unlikely]]
            a.bytes[k_zone_byte] = 0;
        return a;
    }
};
static_assert(sizeof(FlowKey) == 36);

}  // namespace tern

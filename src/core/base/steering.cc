// Which shard a flow is at home in.
#include "tern/steering.hh"

#include <cstring>

#include "core/base/siphash.hh"

namespace tern {

namespace {

u32 share(u64 hash, u32 shards) { return static_cast<u32>((hash >> 32) * shards >> 32); }

u64 word(const IpAddress& a, int i) {
    u64 w;
    std::memcpy(&w, a.bytes.data() + 8 * i, sizeof w);
    return w;
}

}  // namespace

u32 Steering::home_of_tcp(const Endpoint& local, const Endpoint& remote) const {
    if (shards == 1) return 0;
    const SipKey secret{key[0], key[1]};
    const u64 ports = u64{local.port} << 16 | remote.port;
    if (local.address.is_v4() && remote.address.is_v4()) {
        const u64 both = u64{local.address.v4().value} << 32 | remote.address.v4().value;
        return share(siphash13(secret, both, ports), shards);
    }
    const IpAddress &l = local.address, &r = remote.address;
    return share(siphash13(secret, word(l, 0), word(l, 1), word(r, 0), word(r, 1), ports), shards);
}

u32 Steering::home_of_udp(const Endpoint& local, const Endpoint& remote) const {
    if (!owns_port(local.port)) return home_of_tcp(local, remote);
    return share(siphash13({key[0], key[1]}, u64{local.port}), shards);
}

}  // namespace tern

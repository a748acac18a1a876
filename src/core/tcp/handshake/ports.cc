// RFC 6056 3.3.4, "double-hash": ephemeral ports that advance per destination, from an offset that
// nobody outside can compute. 1,024 counters and random steps, because small tables leaked
// (CVE-2022-1012).
#include "core/tcp/room.hh"

namespace tern::tcp {

bool at_home(const Room& room, const FlowKey& key) {
    const Steering& s = room.cx.steering;
    // A listener's port is for all shards.
    if (s.shards == 1 || key.remote_port == 0) return true;
    const FlowId flow = key.id();
    return s.home_of_tcp(flow.local, flow.remote) == s.shard;
}

std::optional<ChosenPort> choose_port(Room& room, const IpAddress& local, const Endpoint& remote) {
    const u32 first = room.cx.limits.ephemeral_port_first;
    const u32 range = room.cx.limits.ephemeral_port_last - first + 1u;
    FlowKey key(local, 0, remote.address, remote.port);
    const u64 f = key.strong_hash(room.port_key);
    u16& counter = room.port_counters[(f >> 32) % k_port_counters];
    for (u32 attempt = 0; attempt < range; ++attempt) {
        counter = static_cast<u16>(counter + 1);
        key.local_port = static_cast<u16>(first + (static_cast<u32>(f) + counter) % range);
        if (!at_home(room, key)) continue;
        const u64 hash = key.hash(room.table_key);
        if (find_flow(room, key, hash) != 0) continue;
        counter = static_cast<u16>(counter + room.cx.random.below(8));
        return ChosenPort{key.local_port, hash};
    }
    return std::nullopt;
}

}  // namespace tern::tcp

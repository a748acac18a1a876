// RFC 6056 3.3.4, "double-hash": ephemeral ports that advance per destination, from an offset that
// nobody outside can compute. 1,024 counters and random steps, because small tables leaked
// (CVE-2022-1012).
#include "core/tcp/room.hh"

namespace tern {

std::optional<u16> choose_port(Room& room, const IpAddress& local, const Endpoint& remote) {
    const u32 first = room.cx.limits.ephemeral_port_first;
    const u32 range = room.cx.limits.ephemeral_port_last - first + 1u;
    const u64 f = siphash24_words(room.port_key, local.high(), local.low(), remote.address.high(),
                                  remote.address.low(), u64{remote.port});
    u16& counter = room.port_counters[(f >> 32) % k_port_counters];
    for (u32 attempt = 0; attempt < range; ++attempt) {
        counter = static_cast<u16>(counter + 1);
        const u16 port = static_cast<u16>(first + (static_cast<u32>(f) + counter) % range);
        const FlowKey key(local, port, remote.address, remote.port);
        const u32 taken = room.flows.find(key.hash(room.table_key), [&](u32 v) {
            const Index i = index_of(v);
            switch (kind_of(v)) {
                case RecordKind::Tcb: return room.tcbs[i].key == key;
                case RecordKind::Embryo: return room.embryos[i].key == key;
                case RecordKind::TimeWait: return room.time_waits[i].key == key;
            }
            return false;
        });
        if (taken == 0) {
            counter = static_cast<u16>(counter + room.cx.random.below(8));
            return port;
        }
    }
    return std::nullopt;
}

}  // namespace tern

// Among millions of connections every packet finds its record out of the cache, in two places of
// the flow table and four lines of the Tcb; and a SYN its listener, where there are many. So a
// batch is looked through before it is worked on: the misses of all its packets overlap. Nothing is
// decided here.
#include "core/base/endian.hh"
#include "core/tcp/room.hh"
#include "core/wire/ip.hh"

namespace tern::tcp {

namespace {

// The flow of a packet whose IP header begins at `at`; false: not TCP, or not whole.
bool peek(const PacketDescriptor& d, u32 at, FlowKey& key) {
    const u32 size = d.end - d.begin;
    if (size < at) return false;
    const std::byte* packet = d.slot + d.begin + at;
    const auto ip = wire::read_ip({packet, size - at});
    if (!ip || !ip->carries(wire::IpProtocol::Tcp)) return false;
    if (size - at < ip->header_length + wire::k_tcp_header) return false;
    const std::byte* tcp = packet + ip->header_length;
    key = {ip->destination, load16(tcp + 2), ip->source, load16(tcp)};
    return true;
}

}  // namespace

void Room::look_ahead(const PacketBatch& batch, u32 network_at) {
    if (!looks_ahead()) return;
    const bool many_listeners = listener_table.size() >= k_many_records;
    struct Wanted {
        u64 hash;
        u32 slot;
        Ipv4Address address;
        u16 port;
    };
    std::array<Wanted, PacketBatch::k_capacity> wanted;
    u32 count = 0, strangers = 0;
    for (u32 k = 0; k < batch.size(); ++k) {
        FlowKey key;
        if (!peek(*batch.peek(k), network_at, key)) continue;
        const u64 hash = key.hash(table_key);
        flows.prefetch(hash);
        wanted[count++] = {hash, key.slot(), key.local_address().v4(), key.local_port};
    }
    for (u32 k = 0; k < count; ++k) {
        const Wanted w = wanted[k];
        const FlowEntry entry = flows.find(w.hash, [](FlowEntry) { return true; });
        const Handle<Tcb> i = entry.tcb();
        if (entry.kind() != RecordKind::Tcb) {
            HashOfFlow{this}.prefetch(entry);
        } else if (i != 0) {
            // Very likely the one: record_of() will see, and need no second hash.
            lately[w.slot] = i;
            prefetch(i);
        } else if (many_listeners) {
            const u64 hash = hash_of_listener(table_key, w.address, w.port);
            listener_table.prefetch(hash);
            wanted[strangers++].hash = hash;
        }
    }
    for (u32 k = 0; k < strangers; ++k) {
        const Handle<Listener> l =
            listener_table.find(wanted[k].hash, [](Handle<Listener>) { return true; });
        for (u64 line = 0; line < sizeof(Listener); line += 64) listeners.prefetch(l, line);
    }
}

}  // namespace tern::tcp

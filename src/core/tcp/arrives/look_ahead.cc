// Among millions of connections every packet finds its record out of the cache, in two places of
// the flow table and four lines of the Tcb. So a batch is looked through before it is worked on:
// the misses of all its packets overlap. Nothing is decided here.
#include "core/base/endian.hh"
#include "core/tcp/room.hh"
#include "core/wire/ipv4.hh"

namespace tern {

namespace {

// Below so many records all of it stays in the cache anyhow.
constexpr u64 k_worth_it = 4096;

// The flow of a packet whose IPv4 header begins at `at`; false: not TCP, or not whole.
bool peek(const PacketDescriptor& d, u32 at, FlowKey& key) {
    const u32 size = d.end - d.begin;
    if (size < at + wire::k_ipv4_header + wire::k_tcp_header) return false;
    const std::byte* ip = d.slot + d.begin + at;
    const u32 header = (std::to_integer<u32>(ip[0]) & 15) * 4;
    if (std::to_integer<u8>(ip[0]) >> 4 != 4 || std::to_integer<u8>(ip[9]) != 6) return false;
    if (header < wire::k_ipv4_header || size < at + header + wire::k_tcp_header) return false;
    key = {Ipv4Address{load32(ip + 16)}, load16(ip + header + 2), Ipv4Address{load32(ip + 12)},
           load16(ip + header)};
    return true;
}

}  // namespace

void Room::look_ahead(const PacketBatch& batch, u32 network_at) {
    if (flows.size() < k_worth_it) return;
    struct Wanted {
        u64 hash;
        u32 slot;
    };
    std::array<Wanted, PacketBatch::k_capacity> wanted;
    u32 count = 0;
    for (u32 k = 0; k < batch.size(); ++k) {
        FlowKey key;
        if (!peek(*batch.peek(k), network_at, key)) continue;
        const u64 hash = key.hash(table_key);
        flows.prefetch(hash);
        wanted[count++] = {hash, key.slot()};
    }
    for (u32 k = 0; k < count; ++k) {
        const u32 value = flows.find(wanted[k].hash, [](u32) { return true; });
        const Index i = index_of(value);
        if (kind_of(value) != RecordKind::Tcb) {
            HashOfFlow{this}.prefetch(value);
        } else if (value != 0) {
            // Very likely the one: record_of() will see, and need no second hash.
            lately[wanted[k].slot] = i;
            for (u64 line = 0; line < sizeof(Tcb); line += 64) tcbs.prefetch(i, line);
        }
    }
}

}  // namespace tern

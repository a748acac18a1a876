// Memory and texts for the parts that keep what has arrived.
#pragma once

#include <vector>

#include "core/base/pool.hh"
#include "core/base/seq.hh"
#include "tern/packet_batch.hh"

namespace tern::test {

struct Memory {
    MemoryBudget budget{u64{64} << 20};
    PacketPool packets{budget};

    Packet text(u32 n, u8 filling) {
        Packet packet = packets.allocate(n);
        std::memset(packet.append(n), filling, n);
        return packet;
    }
    Packet text(std::vector<u8> bytes) { return packets.copy_of(std::as_bytes(std::span(bytes))); }
};

inline std::vector<u8> bytes_of(const Chain& chain) {
    std::vector<u8> all;
    for (const PacketDescriptor* d = chain.front(); d != nullptr; d = d->next)
        for (u32 i = d->begin; i < d->end; ++i) all.push_back(static_cast<u8>(d->slot[i]));
    return all;
}

}  // namespace tern::test

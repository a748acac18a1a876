#include "core/packet/chain_invariant.hh"

namespace tern {

std::string_view broken_chain(const Chain& chain) {
    u32 count = 0;
    u64 bytes = 0;
    const PacketDescriptor* last = nullptr;
    for (const PacketDescriptor* d = chain.front(); d != nullptr; last = d, d = d->next) {
        if (d->end <= d->begin) return "an empty buffer in a queue";
        ++count;
        bytes += d->end - d->begin;
    }
    if (count != chain.count()) return "a queue's count of buffers is not what it holds";
    if (bytes != chain.bytes()) return "a queue's count of bytes is not what it holds";
    if (last != chain.back()) return "a queue's end is not its last buffer";
    return {};
}

}  // namespace tern

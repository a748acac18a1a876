#include "core/tcp/receiver/packing.hh"

namespace tern::tcp {

namespace {

constexpr u32 k_copy_below = 512;  // tiny segments are copied together: a slot each is too dear

// Moves small payloads into the spare room of the buffer before them, or out of a big buffer.
Packet packed(Chain& chain, Packet packet) {
    const u32 size = packet.size();
    if (size < k_copy_below && !chain.empty()) {
        Packet tail{chain.back()};
        const bool fits = tail.exclusive() && tail.tailroom() >= size;
        if (fits) {
            std::memcpy(tail.append(size), packet.data(), size);
            tail->payload_sum_known = false;
            chain.grew(size);
        }
        tail.release();
        if (fits) return {};
    }
    const bool too_large = (packet->size_class > 0 && size <= PacketPool::k_payload_small) ||
                           (packet->size_class > 1 && size <= PacketPool::k_payload_jumbo);
    if (too_large) {
        if (Packet smaller = packet->pool->copy_of(packet.bytes())) return smaller;
    }
    return packet;
}

}  // namespace

void append_packed(Chain& chain, Packet packet) {
    if (Packet rest = packed(chain, std::move(packet))) chain.push_back(std::move(rest));
}

}  // namespace tern::tcp

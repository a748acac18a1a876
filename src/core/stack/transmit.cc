// Packets out: what waits in the interface's queue first (answers, resolved packets), then the
// connections that want to send, in turn.
#include "core/stack/inside.hh"

namespace tern {

PacketBatch Stack::transmit(Instant now, Interface i) {
    Inside& in = *inside_;
    in.begin(now);
    PacketBatch batch;
    if (!in.inet.has_interface(i.index)) [[unlikely]]
        return batch;
    Chain& queue = in.inet.queue(i.index);
    while (!batch.full()) {
        if (queue.empty()) {
            const u32 room = PacketBatch::k_capacity - batch.size();
            if (!in.tcp_room.transmit(i.index, room)) break;
            continue;  // to an unresolved neighbour nothing is queued
        }
        Packet packet = queue.pop_front();
        ++in.cx.counters.packets_out;
        in.cx.counters.bytes_out += packet.size();
        if (in.cx.observer) [[unlikely]]
            in.inet.told_frame(i.index, packet, true);
        batch.push(std::move(packet));
    }
    return batch;
}

}  // namespace tern

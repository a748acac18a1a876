// Packets in. Each goes through the internet layer, which says whose it is; acknowledgements wait
// for transmit(), so the whole batch has been processed before one leaves.
#include "core/stack/inside.hh"

namespace tern {

void Stack::receive(Instant now, Interface i, PacketBatch&& batch) {
    Inside& in = *inside_;
    in.begin(now);
    if (!in.inet.has_interface(i.index)) [[unlikely]] {
        for (u32 k = 0; k < batch.size(); ++k) in.cx.drop(DropReason::LinkNoInterface, 0);
        return batch.clear();
    }
    // RFC 9293 3.10.7.4 [MUST-58] [MUST-59]: no ACK leaves before the whole batch was processed.
    inet::Arrival arrival;
    inet::IcmpError error;
    tcp::Room::Train& train = in.tcp_room.train;
    const u32 size = batch.size();
    in.tcp_room.look_ahead(batch, in.inet.link_header(i.index));
    for (u32 k = 0; k < size; ++k) {
        const bool more = k + 1 < size;
        if (more) {
            const PacketDescriptor* next = batch.peek(k + 1);
            __builtin_prefetch(next->slot + next->begin);
        }
        Packet packet = batch.take(k);
        ++in.cx.counters.packets_in;
        in.cx.counters.bytes_in += packet.size();
        if (train.open && in.inet.arrives_alike(i.index, packet, *train.first.packet)) {
            in.tcp_room.arrives(std::move(packet), train.arrival, more);
            continue;
        }
        switch (in.inet.arrives(i.index, packet, arrival, error)) {
            case inet::Arrived::Tcp: in.tcp_room.arrives(std::move(packet), arrival, more); break;
            case inet::Arrived::Udp: in.udp_room.arrives(std::move(packet), arrival); break;
            case inet::Arrived::IcmpError:
                in.tcp_room.end_train();
                if (error.protocol == 6)
                    in.tcp_room.icmp_error(error);
                else if (error.protocol == 17)
                    in.udp_room.icmp_error(error);
                else
                    in.cx.drop(DropReason::IcmpNoFlow, i.index);
                break;
            case inet::Arrived::Consumed: break;
        }
    }
    in.tcp_room.end_train();
    batch.clear();
}

}  // namespace tern

// Copies of packets, with their facts.
#include "core/packet/copy.hh"

namespace tern {

namespace {

// The same place in the copy; 0 stays "not known".
u16 moved_offset(u16 offset, const PacketDescriptor& from, const PacketDescriptor& to) {
    return offset < from.begin ? u16{0} : static_cast<u16>(offset - from.begin + to.begin);
}

}  // namespace

Packet copy_with_facts(PacketPool& to, const PacketDescriptor& from) {
    Packet p = to.copy_of({from.slot + from.begin, from.end - from.begin});
    if (!p) return p;
    p->network = moved_offset(from.network, from, *p);
    p->transport = moved_offset(from.transport, from, *p);
    p->payload_sum = from.payload_sum;
    p->payload_sum_known = from.payload_sum_known;
    p->tag = from.tag;
    p->gso_size = from.gso_size;
    p->gso_segments = from.gso_segments;
    p->checksum = from.checksum;
    p->link_broadcast = from.link_broadcast;
    p->note = from.note;
    return p;
}

bool make_exclusive(Packet& packet) {
    if (packet.exclusive()) return true;
    Packet own = copy_with_facts(*packet->pool, *packet);
    if (!own) return false;
    packet = std::move(own);
    return true;
}

}  // namespace tern

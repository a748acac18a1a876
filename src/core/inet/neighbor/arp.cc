// Asks and answers: RFC 826, with the bounds of RFC 1122 2.3.2.
#include "core/inet/inside.hh"

namespace tern::inet {

namespace {

using Operation = wire::ArpPacket::Operation;

}  // namespace

void Inet::Inside::arp_input(u8 interface, Packet& packet) {
    ++context.counters.arp_in;
    const auto arp = wire::parse_arp(packet.bytes());
    const bool link_broadcast = packet->link_broadcast;
    packet.reset();
    if (!arp) return context.drop(arp.error(), interface);
    const InterfaceState& i = at(interface);
    // A frame of our own that some bridge sent back says nothing (RFC 5227 2.1.1).
    if (arp->sender_mac == i.config.mac) return context.drop(DropReason::ArpOwnSender, interface);
    if (check_conflict(interface, *arp)) return;

    const OwnPrefix* prefix = i.prefix_of(arp->target_ip);
    const bool hidden = prefix != nullptr && !prefix->answer_arp;
    const bool to_us =
        !(hidden && i.own(arp->target_ip) == nullptr) && owns(interface, arp->target_ip);
    const bool merged = merge(interface, *arp, to_us, link_broadcast);
    if (to_us && arp->operation == Operation::Request) {
        // RFC 826 [RFC826:1]: the fields swap sides, and the answer goes to whoever asked.
        return send_arp(interface,
                        {.operation = Operation::Reply,
                         .sender_mac = i.config.mac,
                         .sender_ip = arp->target_ip,
                         .target_mac = arp->sender_mac,
                         .target_ip = arp->sender_ip},
                        arp->sender_mac, SendReason::ArpReply);
    }
    if (!merged) context.drop(DropReason::ArpNotForUs, interface);
}

// RFC 826 [RFC826:1]: what a known sender says is merged, whomever it is for; an unknown one is
// entered only when it asks for us, for then it is about to talk to us. An answer that nobody
// asked for makes no entry.
bool Inet::Inside::merge(u8 interface, const wire::ArpPacket& arp, bool to_us,
                         bool link_broadcast) {
    if (arp.sender_ip.is_any()) return false;  // a probe, RFC 5227 2.1.1
    Handle<Neighbor> n = neighbors.find(interface, arp.sender_ip);
    if (n == 0) {
        if (!to_us || arp.operation != Operation::Request) return false;
        // Another link may have the same subnet; this one must lead there directly.
        const auto hop = next_hop(arp.sender_ip, interface);
        if (!hop || hop->next != arp.sender_ip) return false;
        n = neighbor_for(interface, arp.sender_ip, true);
        if (n == 0) return false;
    }
    const bool answer = arp.operation == Operation::Reply && to_us && !link_broadcast;
    neighbors.learn(n, arp.sender_mac, answer);
    release_waiting(n);
    return true;
}

void Inet::Inside::send_arp(u8 interface, const wire::ArpPacket& arp, const MacAddress& to,
                            SendReason reason) {
    Packet packet = context.pool->allocate(wire::k_arp_length);
    if (!packet) return context.drop(DropReason::MemoryCeiling, interface);
    wire::emit_arp(arp, packet.append(wire::k_arp_length));
    push_link(interface, packet, to, wire::EtherType::Arp);
    context.sent(packet, reason);
    ++context.counters.arp_out;
    enqueue(interface, std::move(packet));
}

void Inet::Inside::act(Handle<Neighbor> neighbor, Ask ask) {
    switch (ask) {
        case Ask::Nothing: return;
        case Ask::Everybody: return ask_for(neighbors[neighbor], MacAddress::broadcast());
        case Ask::Itself: return ask_for(neighbors[neighbor], neighbors[neighbor].mac);
        case Ask::GaveUp: return give_up_waiting(neighbor);
    }
}

void Inet::Inside::ask_for(const Neighbor& neighbor, const MacAddress& to) {
    const OwnAddress* source = source_on(neighbor.interface, neighbor.address, neighbor.address);
    if (source == nullptr) return;  // it was taken away; nobody could answer us
    send_arp(neighbor.interface,
             {.operation = Operation::Request,
              .sender_mac = at(neighbor.interface).config.mac,
              .sender_ip = source->ip,
              .target_mac = {},
              .target_ip = neighbor.address},
             to, SendReason::ArpRequest);
}

// RFC 1122 2.4: the link layer says that the destination cannot be reached, as an ICMP host
// unreachable would.
void Inet::Inside::give_up_waiting(Handle<Neighbor> neighbor) {
    Neighbor& n = neighbors[neighbor];
    while (!n.waiting.empty()) {
        const Packet packet = waiting.take(n.waiting);
        IcmpError error;
        error.type = 3;
        error.code = 1;
        if (read_quote(packet.bytes(), error)) {
            error.reporter = error.local.address;
            undelivered.push(error);
        }
        drop_outgoing(packet, DropReason::NeighborUnreachable, n.interface);
    }
}

}  // namespace tern::inet

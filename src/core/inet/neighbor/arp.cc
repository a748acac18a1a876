#include "core/inet/neighbor/arp.hh"

namespace tern::inet {

namespace {

using Operation = wire::ArpPacket::Operation;

}  // namespace

void Arp::arrives(u8 interface, Packet& packet, bool link_broadcast) {
    ++context_->counters.arp_in;
    const auto arp = wire::parse_arp(packet.bytes());
    packet.reset();
    if (!arp) return context_->drop(arp.error(), interface);
    const MacAddress mac = surroundings_->mac(interface);
    // A frame of our own that some bridge sent back says nothing (RFC 5227 2.1.1).
    if (arp->sender_mac == mac) return context_->drop(DropReason::ArpOwnSender, interface);
    if (surroundings_->spoken_with(interface, arp->sender_ip)) return;
    // RFC 5227 2.1.1 [RFC5227:2]: somebody wants the address at the same time as we.
    const bool probe = arp->sender_ip.is_unspecified() && arp->operation == Operation::Request;
    if (probe && surroundings_->probed_for(interface, arp->target_ip)) return;

    const bool to_us = surroundings_->answers(interface, arp->target_ip);
    const bool merged = merge(interface, *arp, to_us, link_broadcast);
    if (to_us && arp->operation == Operation::Request) {
        // RFC 826 [RFC826:1]: the fields swap sides, and the answer goes to whoever asked.
        return send(interface,
                    {.operation = Operation::Reply,
                     .sender_mac = mac,
                     .sender_ip = arp->target_ip,
                     .target_mac = arp->sender_mac,
                     .target_ip = arp->sender_ip},
                    arp->sender_mac, SendReason::ArpReply);
    }
    if (!merged) context_->drop(DropReason::ArpNotForUs, interface);
}

// RFC 826 [RFC826:1]: what a known sender says is merged, whomever it is for; an unknown one is
// entered only when it asks for us, for then it is about to talk to us. An answer that nobody
// asked for makes no entry.
bool Arp::merge(u8 interface, const wire::ArpPacket& arp, bool to_us, bool link_broadcast) {
    if (arp.sender_ip.is_unspecified()) return false;  // a probe, RFC 5227 2.1.1
    Handle<Neighbor> n = resolver_->find(interface, arp.sender_ip);
    if (n == 0) {
        if (!to_us || arp.operation != Operation::Request) return false;
        if (!surroundings_->is_neighbor(interface, arp.sender_ip)) return false;
        n = resolver_->entry_for(interface, arp.sender_ip, true);
        if (n == 0) return false;
    }
    const bool answer = arp.operation == Operation::Reply && to_us && !link_broadcast;
    resolver_->learn(n, arp.sender_mac, answer);
    return true;
}

void Arp::request(const Neighbor& neighbor, const MacAddress& to) {
    const Ipv4Address ip = neighbor.address.v4();
    const auto source = surroundings_->source_for(neighbor.interface, ip);
    if (!source) return;  // it was taken away; nobody could answer us
    send(neighbor.interface,
         {.operation = Operation::Request,
          .sender_mac = surroundings_->mac(neighbor.interface),
          .sender_ip = *source,
          .target_mac = {},
          .target_ip = ip},
         to, SendReason::ArpRequest);
}

void Arp::probe(u8 interface, Ipv4Address ip) {
    send(interface,
         {.operation = Operation::Request,
          .sender_mac = surroundings_->mac(interface),
          .sender_ip = {},
          .target_mac = {},
          .target_ip = ip},
         MacAddress::broadcast(), SendReason::ArpProbe);
}

void Arp::announce(u8 interface, Ipv4Address ip, SendReason why) {
    send(interface,
         {.operation = Operation::Request,
          .sender_mac = surroundings_->mac(interface),
          .sender_ip = ip,
          .target_mac = {},
          .target_ip = ip},
         MacAddress::broadcast(), why);
}

void Arp::send(u8 interface, const wire::ArpPacket& arp, const MacAddress& to, SendReason why) {
    Packet packet = context_->pool->allocate(wire::k_arp_length);
    if (!packet) return context_->drop(DropReason::MemoryCeiling, interface);
    wire::emit_arp(arp, packet.append(wire::k_arp_length));
    ++context_->counters.arp_out;
    surroundings_->transmit_arp(interface, std::move(packet), to, why);
}

}  // namespace tern::inet

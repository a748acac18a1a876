// Requests, answers, probes and announcements: RFC 826, with the bounds of RFC 1122 2.3.2. Keeps
// nothing: what it learns goes to the Resolver, and who owns an address is asked of others.
#pragma once

#include "core/inet/neighbor/resolver.hh"
#include "core/wire/arp.hh"

namespace tern::inet {

class Arp {
public:
    // What it asks of its surroundings.
    class Surroundings {
    public:
        virtual MacAddress mac(u8 interface) const = 0;
        // Ours, usable, and neighbours may know it.
        virtual bool answers(u8 interface, Ipv4Address ip) const = 0;
        // The link leads to it, and not through a gateway.
        virtual bool is_neighbor(u8 interface, Ipv4Address ip) const = 0;
        // From which address of ours `ip` is asked; none: there is none any more.
        virtual std::optional<Ipv4Address> source_for(u8 interface, Ipv4Address ip) const = 0;
        // Somebody speaks with this address, or probes for it (RFC 5227 2.1.1). True: it is a
        // single one of ours, or one that we want, and the packet is done with.
        virtual bool spoken_with(u8 interface, Ipv4Address ip) = 0;
        virtual bool probed_for(u8 interface, Ipv4Address ip) = 0;
        // `packet` is ARP; its link header is still missing. `why` is for the event log.
        virtual void transmit_arp(u8 interface, Packet packet, const MacAddress& to,
                                  SendReason why) = 0;

    protected:
        ~Surroundings() = default;
    };

    Arp(Context& context, Resolver& resolver, Surroundings& surroundings)
        : context_(&context), resolver_(&resolver), surroundings_(&surroundings) {}

    // The view begins behind the link header. `link_broadcast`: it was for everybody on the link.
    void arrives(u8 interface, Packet& packet, bool link_broadcast);
    // Asks for the link address of `neighbor`, at `to`.
    void request(const Neighbor& neighbor, const MacAddress& to);
    // RFC 5227 2.1.1: does anybody have `ip`?
    void probe(u8 interface, Ipv4Address ip);
    // RFC 5227 2.3: `ip` is ours. `why`: ArpAnnounce, or ArpDefend.
    void announce(u8 interface, Ipv4Address ip, SendReason why);

private:
    bool merge(u8 interface, const wire::ArpPacket& arp, bool to_us, bool link_broadcast);
    void send(u8 interface, const wire::ArpPacket& arp, const MacAddress& to, SendReason why);

    Context* context_;
    Resolver* resolver_;
    Surroundings* surroundings_;
};

}  // namespace tern::inet

// The internet layer's face to the transports and to core/stack: RFC 791, 792, 826, 1122, 5227.
// Nothing here calls upwards: arrives() says what a packet is, and core/stack hands it on.
#pragma once

#include <optional>
#include <vector>

#include "core/event/context.hh"
#include "core/inet/route/way.hh"
#include "core/inet/v4/icmp_meaning.hh"
#include "core/inet/values.hh"
#include "tern/stack.hh"

namespace tern::inet {

enum class Arrived : u8 { Consumed, Tcp, Udp, IcmpError };

class Inet {
public:
    explicit Inet(Context& context);
    ~Inet();
    Inet(const Inet&) = delete;

    // --- configuration, as in tern/stack.hh
    Result<u8> add_interface(const InterfaceConfig& config);
    Result<void> add_address(u8 interface, Cidr address, bool probe);
    Result<void> remove_address(u8 interface, IpAddress address);
    Result<void> add_prefix(u8 interface, Cidr prefix, bool answer_arp);
    Result<void> remove_prefix(u8 interface, Cidr prefix);
    Result<void> add_route(Cidr destination, u8 interface, std::optional<IpAddress> gateway);
    Result<void> clear_interface(u8 interface);
    Result<void> add_neighbor(u8 interface, IpAddress address, MacAddress mac);
    void flush_neighbors();
    const InterfaceConfig& interface(u8 index) const;  // 1..count
    u8 interface_count() const;
    bool has_interface(u8 index) const;
    u32 link_header(u8 interface) const;  // bytes in front of the IP header

    // --- a packet arrives (link header first). Tcp and Udp: `packet` now begins at the transport
    // header and ends with the IP payload, `arrival` is filled. IcmpError: `error` is filled.
    // Consumed: `packet` is empty (answered, dropped and counted, or queued for the application).
    Arrived arrives(u8 interface, Packet& packet, Arrival& arrival, IcmpError& error);
    // The fast twin for a packet whose link and IP headers are those of `like`, which arrives()
    // found to be TCP, of the same interface and batch, but for the ID. False: nothing was done.
    bool arrives_alike(u8 interface, Packet& packet, const PacketDescriptor& like) const;

    // --- a packet leaves
    // Which local address would reach `destination` (RFC 1122 3.3.4.3)? NoRoute.
    Result<IpAddress> source_for(const IpAddress& destination) const;
    bool is_local_address(const IpAddress& address) const;  // ours and usable
    // Strong host model (RFC 1122 3.3.4.2): a packet leaves from an address of its interface.
    bool is_source_on(const Way& way, const IpAddress& source) const;
    // The same, or from 0.0.0.0 to everybody on a link where we have no address yet: a host that
    // asks for one has nothing else to say (RFC 1122 3.2.1.3 (a), RFC 2131 4.1).
    bool may_leave(const Way& way, const IpAddress& source, const IpAddress& destination) const;
    bool is_broadcast_address(const IpAddress& address) const;  // limited, or of a subnet of ours
    // Resolves or mends `way`, which leaves by the interface of `source` (any: not chosen yet), the
    // same for the life of `way`. NoRoute.
    Result<void> find_way(const IpAddress& destination, const IpAddress& source, Way& way);
    u32 mtu(const Way& way) const;
    // Pushes the IP and link headers in front of `packet`, whose view begins at the transport
    // header and whose checksum state and gso facts are set, and queues it at the interface (or
    // at the neighbour while it is being resolved). Losses are counted and told.
    // The frame, if it is in the interface's queue now; null: it waits for the neighbour, or is
    // lost.
    const PacketDescriptor* send(Packet packet, const Outgoing& outgoing, Way& way);
    // The same for a packet of the same size to the same place as `like`, a frame that send() has
    // just queued with dont_fragment: its headers once more.
    void send_alike(Packet packet, const PacketDescriptor& like, const Way& way);
    // The transport saw forward progress: the neighbour is reachable (RFC 4861 7.3.1).
    void confirm(const Way& way);
    // The transport suspects the way (RFC 9293 [MUST-20], R1): probe the neighbour again.
    void suspect(const Way& way);
    // Answers `packet` (view from its IP header, as it arrived) by an ICMP error, unless RFC 1122
    // 3.2.2 or the rate limit forbids it.
    void send_icmp_error(u8 type, u8 code, const Packet& packet, const Arrival& arrival);
    // Drops by ICMP error are counted by the caller.

    // --- the queue of an interface, drained by core/stack
    Chain& queue(u8 interface);
    // Called for every packet that leaves the queue: tells the observer.
    void told_frame(u8 interface, const Packet& packet, bool outbound);

    // --- echo
    Result<void> send_echo(const IpAddress& to, u16 identifier, u16 sequence,
                           std::span<const std::byte> data);
    std::optional<EchoReply> next_echo_reply();

    // --- timers and events
    void advance();  // to context.now
    Instant next_deadline() const;
    std::optional<Event> next_event();  // Echo, Address
    // Packets of ours whose neighbour did not answer, as a host unreachable (3/1) would quote them;
    // for the transports.
    std::optional<IcmpError> next_undelivered();

private:
    struct Inside;
    Inside* inside_;
};

}  // namespace tern::inet

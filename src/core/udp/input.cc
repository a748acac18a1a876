// A datagram arrives: RFC 768, RFC 1122 4.1.
#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "core/packet/copy.hh"
#include "core/udp/inside.hh"
#include "core/wire/icmpv4.hh"
#include "core/wire/ip.hh"
#include "core/wire/udp.hh"

namespace tern {

namespace {

constexpr u8 k_udp = static_cast<u8>(wire::IpProtocol::Udp);

// RFC 768 [RFC768:2], RFC 1122 4.1.3.4 [RFC1122:16]: zero means that there is none.
bool checksum_holds(const Packet& packet, const wire::UdpHeader& header,
                    const inet::Arrival& arrival) {
    if (header.checksum == 0 || packet->checksum != ChecksumState::Unknown) return true;
    const u32 pseudo = checksum_pseudo(arrival.source, arrival.destination, k_udp, header.length);
    const auto datagram = std::span<const std::byte>(packet.bytes()).first(header.length);
    return checksum_finish(checksum_add(pseudo, datagram)) == 0;
}

// The size class that the packet, from its IP header on, would fit.
u8 fitting_class(const Packet& packet) {
    const u32 needed = packet->end - packet->network;
    if (needed <= PacketPool::k_payload_small) return 0;
    return needed <= PacketPool::k_payload_jumbo ? 1 : 2;
}

// A copy in a slot of its own, with the headers in front of the view. Empty: refused.
Packet copied(Packet packet) {
    const u32 headers = packet->begin - packet->network;
    packet.push(headers);
    Packet copy = copy_with_facts(*packet->pool, *packet);
    if (copy) copy.pull(headers);
    return copy;
}

}  // namespace

void UdpRoom::arrives(Packet packet, const inet::Arrival& arrival) {
    Inside& in = *inside_;
    ++in.context.counters.udp_in;
    const u8 interface = arrival.interface;
    const auto header = wire::parse_udp(packet.bytes());
    if (!header) return in.context.drop(header.error(), interface);
    if (!checksum_holds(packet, *header, arrival))
        return in.context.drop(DropReason::UdpBadChecksum, interface);
    if (header->destination_port == 0) return in.context.drop(DropReason::UdpBadPort, interface);

    packet->tag = interface;
    const Endpoint local{arrival.destination, header->destination_port};
    const Endpoint remote{arrival.source, header->source_port};
    if (arrival.broadcast) return in.deliver_to_group(std::move(packet), local, remote);
    if (const Handle<udp::Socket> socket = in.ports.find(local, remote))
        return in.deliver(socket, std::move(packet));
    // The drop is told first: the error gets a note of its own.
    in.context.drop(DropReason::UdpNoPort, interface);
    // RFC 1122 4.1.3.1 [RFC1122:19].
    packet.push(packet->begin - packet->network);
    in.inet.send_icmp_error(static_cast<u8>(wire::IcmpType::DestinationUnreachable), 3, packet,
                            arrival);
}

// RFC 1122 4.1.3.5: everybody who listens gets a view of the same bytes.
void UdpRoom::Inside::deliver_to_group(Packet packet, const Endpoint& local,
                                       const Endpoint& remote) {
    bool wanted = false;
    ports.for_group(local, remote, [&](Handle<udp::Socket> socket) {
        wanted = true;
        Packet view = packet.share();
        if (!view) return context.drop(DropReason::MemoryCeiling, static_cast<u8>(packet->tag));
        deliver(socket, std::move(view));
    });
    if (!wanted) context.drop(DropReason::UdpNoPort, static_cast<u8>(packet->tag));
}

void UdpRoom::Inside::deliver(Handle<udp::Socket> socket, Packet packet) {
    udp::Socket& s = sockets[socket];
    const u8 interface = static_cast<u8>(packet->tag);
    // RFC 768 [RFC768:1]: what lies behind UDP's own length is not data.
    packet.trim(packet.size() - load16(packet.data() + wire::k_udp_length_at));
    packet.pull(wire::k_udp_header);
    // A small datagram in a large slot would pin memory that it does not need.
    const u8 size_class = fitting_class(packet);
    const bool oversized = packet->size_class > size_class;
    const u32 size = oversized ? PacketPool::k_slot_bytes[size_class] + u32{sizeof *packet}
                               : PacketPool::true_size(*packet);
    // The first datagram is always taken, or a small limit would mean none at all.
    if (!s.queue.empty() && size > s.queue_limit - std::min(s.pinned, s.queue_limit))
        return context.drop(DropReason::UdpQueueFull, interface);
    if (oversized) packet = copied(std::move(packet));
    if (!packet) return context.drop(DropReason::MemoryCeiling, interface);
    s.pinned += size;
    s.queue.push_back(std::move(packet));
    tell(socket, UdpReadable);
}

// The headers are still there, in front of the view.
Result<Datagram> UdpRoom::receive(UdpSocket handle) {
    udp::Socket* s = inside_->find(handle);
    if (s == nullptr) return std::unexpected(Error::NoSuchConnection);
    if (s->pending != Error::None) return std::unexpected(std::exchange(s->pending, Error::None));
    if (s->queue.empty()) return std::unexpected(Error::WouldBlock);
    Packet packet = s->queue.pop_front();
    s->pinned -= PacketPool::true_size(*packet);
    const wire::IpView ip =
        *wire::read_ip({packet.network_header(), u32{packet->transport} - packet->network});
    // RFC 1122 4.1.3.5 [RFC1122:18]: the address that the datagram was sent to.
    Datagram datagram{.data = {},
                      .from = {ip.source, load16(packet.transport_header())},
                      .to = ip.destination,
                      .interface = static_cast<u8>(packet->tag),
                      .ttl = ip.hop_limit,
                      .tos = ip.traffic_class};
    datagram.to_group =
        datagram.to.v4().is_multicast() || inside_->inet.is_broadcast_address(datagram.to);
    datagram.data = Slice{std::move(packet)};
    return datagram;
}

// RFC 8085 5.2 [RFC8085:2]: only the four-tuple that really sent; others learn nothing.
bool UdpRoom::Inside::tell_error(const inet::IcmpError& error) {
    const Handle<udp::Socket> socket = ports.find_connected(error.local, error.remote);
    if (socket == 0) return false;
    // RFC 1122 4.1.3.3 [RFC1122:17]: the application is told of all, but a soft one fails no call.
    const inet::IcmpMeaning meaning = inet::meaning_of_icmp(error.type, error.code);
    udp::Socket& s = sockets[socket];
    (meaning.hard_for_udp ? s.pending : s.soft) = meaning.error;
    tell(socket, UdpError);
    return true;
}

void UdpRoom::icmp_error(const inet::IcmpError& error) {
    if (!inside_->tell_error(error)) inside_->context.drop(DropReason::IcmpNoFlow, 0);
}

void UdpRoom::undelivered(const inet::IcmpError& error) { (void)inside_->tell_error(error); }

}  // namespace tern

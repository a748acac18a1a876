// The calls of tern/udp.hh, passed on to UdpRoom.
#include "core/udp/udp_room.hh"

namespace tern {

Result<UdpSocket> Udp::open(const UdpOptions& options) { return room_->open(options); }

Result<void> Udp::send(UdpSocket s, std::span<const std::byte> data, std::optional<Endpoint> to,
                       std::optional<IpAddress> source) {
    return room_->send(s, data, to, source);
}

Result<Datagram> Udp::receive(UdpSocket s) { return room_->receive(s); }

Result<LocalEndpoint> Udp::local_endpoint(UdpSocket s) const { return room_->local_endpoint(s); }

void Udp::close(UdpSocket s) { room_->close(s); }

}  // namespace tern

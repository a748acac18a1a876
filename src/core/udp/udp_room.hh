// UDP of one stack: sockets by port, datagrams in and out (RFC 768, RFC 1122 4.1).
#pragma once

#include "core/inet/inet.hh"
#include "tern/udp.hh"

namespace tern {

class UdpRoom {
public:
    UdpRoom(Context& context, inet::Inet& inet);
    ~UdpRoom();
    UdpRoom(const UdpRoom&) = delete;

    Result<UdpSocket> open(const UdpOptions& options);
    Result<void> send(UdpSocket s, std::span<const std::byte> data, std::optional<Endpoint> to,
                      std::optional<IpAddress> source);
    Result<Datagram> receive(UdpSocket s);
    Result<LocalEndpoint> local_endpoint(UdpSocket s) const;
    void close(UdpSocket s);

    // A datagram: the view begins at the UDP header.
    void arrives(Packet packet, const inet::Arrival& arrival);
    void icmp_error(const inet::IcmpError& error);
    void undelivered(const inet::IcmpError& error);  // the neighbour did not answer
    std::optional<Event> next_event();

private:
    struct Inside;
    Inside* inside_;
};

}  // namespace tern

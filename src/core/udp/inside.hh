// The one object behind UdpRoom.
#pragma once

#include "core/udp/ports.hh"
#include "core/udp/udp_room.hh"

namespace tern {

struct UdpRoom::Inside {
    Inside(Context& c, inet::Inet& i)
        : context(c), inet(i), sockets(*c.budget), ports(c, sockets) {}

    Context& context;
    inet::Inet& inet;
    Pool<udp::Socket> sockets;
    udp::Ports ports;
    u32 generation = 0;  // of the newest socket
    Index event_first = 0, event_last = 0;

    // Null when the handle is out of date.
    udp::Socket* find(UdpSocket s) {
        if (s.index == 0 || !sockets.is_live(s.index)) return nullptr;
        udp::Socket& socket = sockets[s.index];
        return socket.generation == s.generation ? &socket : nullptr;
    }
    void tell(Index socket, u16 bits);
    bool tell_error(const inet::IcmpError& error);  // false: no socket sent that
    void forget_events(Index socket);

    // input.cc
    void deliver(Index socket, Packet packet);
    void deliver_to_group(Packet packet, const Endpoint& local, const Endpoint& remote);
};

}  // namespace tern

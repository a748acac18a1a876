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
    Handle<udp::Socket> event_first, event_last;

    // Null when the handle is out of date.
    udp::Socket* find(UdpSocket s) {
        const Handle<udp::Socket> i(s.index);
        if (i == 0 || !sockets.is_live(i)) return nullptr;
        udp::Socket& socket = sockets[i];
        return socket.generation == s.generation ? &socket : nullptr;
    }
    void tell(Handle<udp::Socket> socket, u16 bits);
    bool tell_error(const inet::IcmpError& error);  // false: no socket sent that
    void forget_events(Handle<udp::Socket> socket);

    // input.cc
    void deliver(Handle<udp::Socket> socket, Packet packet);
    void deliver_to_group(Packet packet, const Endpoint& local, const Endpoint& remote);
};

}  // namespace tern

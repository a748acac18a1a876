// Several stacks that are one host share its traffic: each flow is at home in one of them, by a
// keyed hash that all of them know (tern/shards.hh).
#pragma once

#include <array>

#include "tern/address.hh"
#include "tern/export.hh"

namespace tern TERN_API {

// Which of several stacks has a flow. The same fields, but `shard`, in all of them.
struct Steering {
    u32 shard = 0;                // which of them this stack is
    u32 shards = 1;               // 1: alone, everything is at home
    std::array<u64, 2> key = {};  // secret, and the same for all
    // A UDP socket here has one port for many peers, so the port alone decides. Other UDP ports,
    // and all of TCP, are at home by both endpoints, and a server opens them on every shard.
    u16 own_port_first = 32768;
    u16 own_port_last = 60999;

    // The shard, from 0, that has this connection.
    u32 home_of_tcp(const Endpoint& local, const Endpoint& remote) const;
    // Likewise for a datagram.
    u32 home_of_udp(const Endpoint& local, const Endpoint& remote) const;
    // True: of the ports that belong to one shard.
    bool owns_port(u16 udp_port) const {
        return udp_port >= own_port_first && udp_port <= own_port_last;
    }
};

}  // namespace tern

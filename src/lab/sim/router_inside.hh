#pragma once

#include <unordered_map>

#include "core/wire/ipv4.hh"
#include "lab/sim/inside.hh"

namespace tern::sim {

struct Router::Inside {
    struct Route {
        Cidr destination;
        u32 port;
    };

    Inside(WorldInside& w, Ipv4Address a) : world(w), address(a) {}

    WorldInside& world;
    Ipv4Address address;
    std::vector<Lane*> ports{};
    std::vector<Route> routes{};           // that were given, the longest prefix first
    std::unordered_map<u32, u32> hosts{};  // port by host address, found by ways.cc
    RouterCounters counters{};
    PacketBatch leaving{};  // through `leaving_port`
    u32 leaving_port = 0;

    void forward(Packet packet);
    std::optional<u32> port_for(Ipv4Address destination) const;
    void leave(u32 port, Packet packet);
    void flush();
    void send_error(u8 type, u8 code, u32 rest, const Packet& about,
                    const wire::Ipv4Header& header);
};

}  // namespace tern::sim

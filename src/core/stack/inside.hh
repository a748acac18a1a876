// What a Stack is made of.
#pragma once

#include "core/inet/inet.hh"
#include "core/tcp/room.hh"
#include "core/udp/udp_room.hh"

namespace tern {

// Aligned, so that stacks of other threads share no cache line with it.
struct alignas(64) Stack::Inside {
    explicit Inside(const StackConfig& config);

    MemoryBudget budget;
    PacketPool own_pool;  // empty when the configuration shares one
    Context cx;
    inet::Inet inet;
    tcp::Room tcp_room;
    UdpRoom udp_room;
    Tcp tcp;
    Udp udp;

    void begin(Instant now) {
        cx.now = now;
        tcp_room.begin(now);
    }
};

}  // namespace tern

// What a part of the internet layer needs of a stack, and no stack: clock, chance, memory, limits.
#pragma once

#include "inet/bench.hh"

namespace tern::test {

struct Alone {
    explicit Alone(const Limits& limits = {}) : context(1, limits, {}) {
        context.budget = &budget;
        context.pool = &pool;
        context.now = Instant{} + 1h;
    }
    Packet packet_of(const Bytes& bytes) { return pool.copy_of(std::as_bytes(std::span{bytes})); }

    MemoryBudget budget{u64{64} << 20};
    PacketPool pool{budget};
    Context context;
};

inline IpAddress ip_of(const char* text) { return *IpAddress::parse(text); }
inline Cidr net_of(const char* text) { return *Cidr::parse(text); }
inline Bytes bytes_of(const Packet& p) {
    Bytes b(p.size());
    std::memcpy(b.data(), p.data(), p.size());
    return b;
}

}  // namespace tern::test

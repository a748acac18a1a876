// Two stacks on one pool, joined by handing batches across: the smallest network there is.
#pragma once

#include <gtest/gtest.h>

#include "tern/stack.hh"

namespace tern {

struct Pair {
    struct Options {
        bool header_prediction = true;
        u32 mtu = 1500;
        bool segmentation = false;  // the link takes super-segments, and completes checksums
        u64 seed = 1;
        Limits limits{};
        u64 memory_limit = StackConfig{}.memory_limit;  // of `a`
        Observer* observer = nullptr;                   // of `a`
    };

    MemoryBudget budget{u64{1} << 30};
    PacketPool pool{budget};
    Stack a, b;
    Interface on_a, on_b;
    Instant now = Instant{} + std::chrono::seconds(1);
    TcpListener listener;

    explicit Pair(const Options& o)
        : a(watched(config(o, o.seed), o)), b(config(o, o.seed + 1)),
          on_a(join(a, "10.0.0.1/24", o)), on_b(join(b, "10.0.0.2/24", o)) {
        ListenOptions any;
        any.local.port = 80;
        listener = *b.tcp().listen(any);
    }
    Pair() : Pair(Options()) {}

    TcpConnection connect(const TcpOptions& options = {}) {
        return *a.tcp().connect({IpAddress(Ipv4Address(10, 0, 0, 2)), 80}, {.options = options});
    }
    // Everything that wants to leave leaves, both ways, until nothing moves.
    void exchange() {
        for (bool moved = true; moved;) {
            moved = false;
            for (PacketBatch x = a.transmit(now, on_a); !x.empty(); x = a.transmit(now, on_a)) {
                moved = true;
                b.receive(now, on_b, std::move(x));
            }
            for (PacketBatch x = b.transmit(now, on_b); !x.empty(); x = b.transmit(now, on_b)) {
                moved = true;
                a.receive(now, on_a, std::move(x));
            }
        }
    }
    void pass(Duration d) {
        now += d;
        a.advance(now);
        b.advance(now);
        exchange();
    }
    void forget_events() {
        while (a.next_event()) continue;
        while (b.next_event()) continue;
    }

private:
    StackConfig config(const Options& o, u64 seed) {
        StackConfig c;
        c.seed = seed;
        c.pool = &pool;
        c.limits = o.limits;
        return c;
    }
    static StackConfig watched(StackConfig c, const Options& o) {
        c.memory_limit = o.memory_limit;
        c.observer = o.observer;
        return c;
    }
    static Interface join(Stack& s, const char* address, const Options& o) {
        InterfaceConfig wire;
        wire.name = "wire";
        wire.medium = Medium::Ip;
        wire.mtu = o.mtu;
        wire.segmentation = wire.transmit_checksum = o.segmentation;
        const Interface i = s.add_interface(wire).value();
        EXPECT_TRUE(s.add_address(i, *Cidr::parse(address)).has_value());
        s.set_header_prediction(o.header_prediction);
        return i;
    }
};

}  // namespace tern

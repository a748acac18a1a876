// An impaired end and a plain end, for the tests of impairments.
#pragma once

#include <gtest/gtest.h>

#include <cmath>
#include <numeric>

#include "link/frames.hh"
#include "os/link/impair.hh"
#include "os/link/virtual_wire.hh"

namespace tern::test {

using namespace std::chrono_literals;

constexpr Instant at(Duration since_start) { return Instant{since_start}; }

// An impaired end and a plain end; frames are known by their sequence number.
struct Line {
    MemoryBudget budget{256 << 20};
    PacketPool pool{budget};
    VirtualWire wire{{.transmit_checksum = true, .segmentation = true, .queue_packets = 1 << 15}};
    Impair bad;

    explicit Line(ImpairOptions options) : bad(wire.a(), std::move(options)) {}

    void send(Instant now, Packet p) {
        PacketBatch batch;
        batch.push(std::move(p));
        bad.transmit(now, std::move(batch));
    }
    void send(Instant now, u32 seq, u32 payload = 10) {
        send(now, tcp_frame(pool, {.seq = seq, .payload = payload}));
    }
    void tick(Instant now) { bad.transmit(now, {}); }
    // What the plain end has got, all of it.
    std::vector<Packet> arrived() {
        std::vector<Packet> all;
        for (;;) {
            PacketBatch batch;
            wire.b().receive(Instant{}, pool, batch);
            if (batch.empty()) return all;
            for (u32 i = 0; i < batch.size(); ++i) all.push_back(batch.take(i));
        }
    }
    std::vector<u32> numbers() {
        std::vector<u32> all;
        for (const Packet& p : arrived()) all.push_back(seq_of(*p));
        return all;
    }
    std::vector<u32> outcome(u32 count) {
        for (u32 i = 0; i < count; ++i) send(at(1us * i), i);
        tick(at(100s));
        return numbers();
    }
};

inline std::vector<u32> iota(u32 count) {
    std::vector<u32> v(count);
    std::iota(v.begin(), v.end(), 0u);
    return v;
}

// Within four standard deviations of a binomial; the seed is fixed, so it cannot flicker.
inline void expect_share(u64 got, u64 of, double probability) {
    const double n = static_cast<double>(of);
    EXPECT_NEAR(static_cast<double>(got), n * probability,
                4 * std::sqrt(n * probability * (1 - probability)));
}

}  // namespace tern::test

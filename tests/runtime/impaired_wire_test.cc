// The wire between two devices, with frames of our own at its ends; the kernel at its ends is in
// tests/interop/test_wire.py.
#include "tern/impaired_wire.hh"

#include <gtest/gtest.h>

#include <thread>

#include "link/frames.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;
using test::seq_of;
using test::tcp_frame;

struct Ends {
    MemoryBudget budget{64 << 20};
    PacketPool pool{budget};
    std::unique_ptr<Link> left, right;  // what hosts would hold

    ImpairedWireConfig config(Impairment a_to_b, Impairment b_to_a = {}) {
        auto [host_a, wire_a] = make_wire();
        auto [host_b, wire_b] = make_wire();
        left = std::move(host_a);
        right = std::move(host_b);
        return {.device_a = std::move(wire_a),
                .device_b = std::move(wire_b),
                .a_to_b = std::move(a_to_b),
                .b_to_a = std::move(b_to_a)};
    }
    void send(Link& from, u32 seq, u32 payload = 100, u16 gso_size = 0) {
        PacketBatch batch;
        batch.push(tcp_frame(
            pool, {.seq = seq, .payload = payload, .gso_size = gso_size, .partial = true}));
        from.transmit(monotonic_now(), std::move(batch));
    }
    std::vector<u32> arrived(Link& at) {
        std::vector<u32> all;
        for (;;) {
            PacketBatch batch;
            at.receive(monotonic_now(), pool, batch);
            if (batch.empty()) return all;
            for (u32 i = 0; i < batch.size(); ++i) all.push_back(seq_of(*batch.peek(i)));
        }
    }
};

TEST(ImpairedWire, ItDelaysEachDirectionByItsOwn) {
    Ends ends;
    ImpairedWire wire{ends.config({.delay = 20ms}, {.delay = 60ms})};
    const Instant start = monotonic_now();
    ends.send(*ends.left, 1);
    ends.send(*ends.right, 2);
    EXPECT_TRUE(wire.run_until(start + 15ms));
    EXPECT_TRUE(ends.arrived(*ends.right).empty());
    EXPECT_TRUE(wire.run_until(start + 45ms));
    EXPECT_EQ(ends.arrived(*ends.right), std::vector<u32>{1});
    EXPECT_TRUE(ends.arrived(*ends.left).empty());
    EXPECT_TRUE(wire.run_until(start + 90ms));
    EXPECT_EQ(ends.arrived(*ends.left), std::vector<u32>{2});
    const WireWay forth = wire.a_to_b(), back = wire.b_to_a();
    EXPECT_EQ(forth.packets, 1u);
    EXPECT_EQ(forth.impaired.delayed, 1u);
    EXPECT_EQ(forth.lateness.count(), 1u);
    EXPECT_GE(forth.lateness.max(), 0ns);
    EXPECT_EQ(back.packets, 1u);
    EXPECT_EQ(forth.overrun + forth.no_memory + back.overrun + back.no_memory, 0u);
}

TEST(ImpairedWire, FaultsAreAppliedAndCounted) {
    Ends ends;
    ImpairedWire wire{ends.config({.loss = 0.3, .duplicate = 0.2})};
    for (u32 i = 0; i < 500; ++i) ends.send(*ends.left, i);
    wire.run_until(monotonic_now() + 100ms);
    const WireWay way = wire.a_to_b();
    const auto got = ends.arrived(*ends.right);
    EXPECT_EQ(way.impaired.seen, 500u);
    EXPECT_GT(way.impaired.lost, 100u);
    EXPECT_GT(way.impaired.duplicated, 30u);
    EXPECT_EQ(got.size(), 500 - way.impaired.lost + way.impaired.duplicated);
    EXPECT_EQ(got.size(), way.packets);
    EXPECT_EQ(wire.b_to_a().impaired.seen, 0u);
}

TEST(ImpairedWire, SuperSegmentsCrossWholeAndCountAsTheirSegments) {
    Ends ends;
    ImpairedWire wire{ends.config({.delay = 1ms})};
    ends.send(*ends.left, 1, 4000, 1000);
    wire.run_until(monotonic_now() + 30ms);
    EXPECT_EQ(ends.arrived(*ends.right).size(), 1u);
    EXPECT_EQ(wire.a_to_b().packets, 4u);
    EXPECT_EQ(wire.a_to_b().impaired.seen, 4u);
}

TEST(ImpairedWire, TheNetworkChangesOnItsWay) {
    Ends ends;
    ImpairedWire wire{ends.config({.loss = 1})};
    ends.send(*ends.left, 1);
    wire.run_until(monotonic_now() + 10ms);
    wire.change({}, {});
    ends.send(*ends.left, 2);
    wire.run_until(monotonic_now() + 10ms);
    EXPECT_EQ(ends.arrived(*ends.right), std::vector<u32>{2});
    EXPECT_THROW(wire.change({.ecn = true}, {}), RuntimeError);
}

TEST(ImpairedWire, AnotherThreadEndsItsWait) {
    for (const Wait wait : {Wait::Sleep, Wait::Adaptive, Wait::Spin}) {
        Ends ends;
        auto config = ends.config({.delay = 1ms});
        config.wait = wait;
        ImpairedWire wire{std::move(config)};
        std::thread other([&] {
            std::this_thread::sleep_for(20ms);
            wire.wake();
        });
        EXPECT_FALSE(wire.run_until(monotonic_now() + 60s));
        other.join();
        EXPECT_TRUE(wire.run_until(monotonic_now() + 1ms));
    }
}

// A thread that was not there while packets came cannot know how long they have waited.
TEST(ImpairedWire, ItOwnsUpToItsAbsence) {
    Ends ends;
    ImpairedWire wire{ends.config({.delay = 60ms})};
    for (u32 i = 0; i < 100; ++i) ends.send(*ends.left, i);
    wire.run_until(monotonic_now() + 20ms);
    std::this_thread::sleep_for(60ms);  // while they fall due
    wire.run_until(monotonic_now() + 20ms);
    const WireWay way = wire.a_to_b();
    EXPECT_EQ(way.late, 100u);
    EXPECT_GE(way.lateness.max(), 10ms);
    EXPECT_GE(way.lateness.quantile(0.5), 10ms);
    EXPECT_FALSE(way.kept_up());
    EXPECT_TRUE(wire.b_to_a().kept_up());
}

TEST(ImpairedWire, WhatDoesNotFitTogetherIsRefused) {
    const auto refused = [](const char* a, const char* b) {
        ImpairedWireConfig config;
        config.a = a;
        config.b = b;
        try {
            ImpairedWire wire{std::move(config)};
        } catch (const RuntimeError& e) {
            return std::string{e.what()};
        }
        return std::string{};
    };
    EXPECT_NE(refused("tap:x", "tap:x").find("name two devices"), std::string::npos);
    EXPECT_NE(refused("eth0", "tap:x").find("tap:NAME"), std::string::npos);
    EXPECT_NE(refused("tap:x@", "tap:y").find("namespace after @"), std::string::npos);
    Ends one, other;
    auto config = one.config({});
    config.device_b = make_wire({.offloads = false}).first;
    EXPECT_THROW(ImpairedWire{std::move(config)}, RuntimeError);
}

// As one end of a wire, but with buffers of its own.
class Holder final : public Link {
public:
    explicit Holder(u64 bytes) { facts_.memory = bytes; }
    const LinkFacts& facts() const override { return facts_; }
    void receive(Instant, PacketPool&, PacketBatch&) override {}
    void transmit(Instant, PacketBatch&&) override {}

private:
    LinkFacts facts_{.name = "holder"};
};

TEST(ImpairedWire, WhatDevicesHoldCountsAsItsMemory) {
    const auto joined = [](u64 bytes) {
        ImpairedWireConfig config;
        config.device_a = std::make_unique<Holder>(bytes);
        config.device_b = std::make_unique<Holder>(bytes);
        config.memory_limit = 10 << 20;
        ImpairedWire wire{std::move(config)};
    };
    EXPECT_NO_THROW(joined(4 << 20));
    EXPECT_THROW(joined(6 << 20), RuntimeError);
}

}  // namespace
}  // namespace tern

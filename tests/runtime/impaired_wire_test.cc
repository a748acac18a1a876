// The wire between two devices, with frames of our own at its ends; the kernel at its ends is in
// tests/interop/test_wire.py.
#include "tern/impaired_wire.hh"

#include <gtest/gtest.h>

#include <thread>

#include "link/frames.hh"
#include "support/patience.hh"

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

// Carries packets until `holds()`, however slow the machine is.
template <class Holds>
void carry_until(ImpairedWire& wire, Holds holds) {
    EXPECT_TRUE(test::repeat_until(holds, [&] { wire.run_until(monotonic_now() + 1ms); }));
}
void carry_until_out(ImpairedWire& wire, u64 packets) {
    carry_until(wire, [&] { return wire.a_to_b().packets == packets; });
}

// What is planned for the next hour stays, what is planned for the next moment comes: not before
// its time, and how late it comes is the machine's affair.
TEST(ImpairedWire, ItDelaysEachDirectionByItsOwn) {
    for (const bool forth_is_slow : {false, true}) {
        Ends ends;
        const Impairment slow{.delay = 1h}, quick{.delay = 20ms};
        ImpairedWire wire{forth_is_slow ? ends.config(slow, quick) : ends.config(quick, slow)};
        const Instant start = monotonic_now();
        ends.send(*ends.left, 1);
        ends.send(*ends.right, 2);
        const auto way = [&](bool forth) { return forth ? wire.a_to_b() : wire.b_to_a(); };
        const auto all_seen = [&] {
            return way(true).impaired.seen == 1 && way(false).impaired.seen == 1;
        };
        carry_until(wire, all_seen);
        carry_until(wire, [&] { return way(!forth_is_slow).packets == 1; });
        EXPECT_GE(monotonic_now() - start, 20ms);
        EXPECT_EQ(ends.arrived(forth_is_slow ? *ends.left : *ends.right),
                  std::vector<u32>{forth_is_slow ? 2u : 1u});
        EXPECT_TRUE(ends.arrived(forth_is_slow ? *ends.right : *ends.left).empty());
        const WireWay came = way(!forth_is_slow), waits = way(forth_is_slow);
        EXPECT_EQ(came.impaired.delayed, 1u);
        EXPECT_EQ(came.lateness.count(), 1u);
        EXPECT_GE(came.lateness.max(), 0ns);
        EXPECT_EQ(waits.packets, 0u);
        EXPECT_EQ(came.overrun + came.no_memory + waits.overrun + waits.no_memory, 0u);
    }
}

TEST(ImpairedWire, FaultsAreAppliedAndCounted) {
    Ends ends;
    ImpairedWire wire{ends.config({.loss = 0.3, .duplicate = 0.2})};
    for (u32 i = 0; i < 500; ++i) ends.send(*ends.left, i);
    carry_until(wire, [&] {
        const WireWay w = wire.a_to_b();
        return w.impaired.seen == 500 && w.packets + w.impaired.lost == 500 + w.impaired.duplicated;
    });
    const WireWay way = wire.a_to_b();
    EXPECT_GT(way.impaired.lost, 100u);
    EXPECT_LT(way.impaired.lost, 200u);
    EXPECT_GT(way.impaired.duplicated, 30u);
    EXPECT_EQ(ends.arrived(*ends.right).size(), way.packets);
    EXPECT_EQ(wire.b_to_a().impaired.seen, 0u);
}

TEST(ImpairedWire, SuperSegmentsCrossWholeAndCountAsTheirSegments) {
    Ends ends;
    ImpairedWire wire{ends.config({.delay = 1ms})};
    ends.send(*ends.left, 1, 4000, 1000);
    carry_until_out(wire, 4);
    EXPECT_EQ(ends.arrived(*ends.right).size(), 1u);
    EXPECT_EQ(wire.a_to_b().impaired.seen, 4u);
}

// A device whose frames come from a kernel that left their checksums to it, and which finishes
// none: AF_XDP on a veth pair, with a TAP without offloads at the other end.
class UnfinishedLink final : public Link {
public:
    const LinkFacts& facts() const override { return facts_; }
    void receive(Instant, PacketPool& pool, PacketBatch& into) override {
        for (; left > 0 && !into.full(); --left)
            into.push(tcp_frame(pool, {.seq = left, .payload = 100, .partial = true}));
    }
    void transmit(Instant, PacketBatch&& batch) override {
        for (u32 i = 0; i < batch.size(); ++i) {
            const Packet p = batch.take(i);
            unfinished += p->checksum == ChecksumState::Partial;
            good += test::read_tcp(p.bytes()).tcp_sum_good;
        }
        batch.clear();
    }

    u32 left = 0;
    u32 unfinished = 0, good = 0;

private:
    LinkFacts facts_{.name = "unfinished"};
};

TEST(ImpairedWire, AChecksumThatTheFarEndCannotFinishIsFinishedHere) {
    auto near = std::make_unique<UnfinishedLink>(), far = std::make_unique<UnfinishedLink>();
    near->left = 3;
    const UnfinishedLink& sent = *far;
    ImpairedWire wire{{.device_a = std::move(near), .device_b = std::move(far)}};
    while (wire.a_to_b().packets < 3) wire.run_until(monotonic_now() + 1ms);
    EXPECT_EQ(sent.unfinished, 0u);
    EXPECT_EQ(sent.good, 3u);
}

TEST(ImpairedWire, TheNetworkChangesOnItsWay) {
    Ends ends;
    ImpairedWire wire{ends.config({.loss = 1})};
    ends.send(*ends.left, 1);
    carry_until(wire, [&] { return wire.a_to_b().impaired.lost == 1; });
    wire.change({}, {});
    ends.send(*ends.left, 2);
    carry_until_out(wire, 1);
    EXPECT_EQ(ends.arrived(*ends.right), std::vector<u32>{2});
    EXPECT_THROW(wire.change({.ecn = true}, {}), RuntimeError);
}

// The pause makes it likely that the other side sleeps when it is woken; the result is the same if
// it does not yet.
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
        EXPECT_FALSE(wire.run_until(monotonic_now() + test::k_patience));
        other.join();
        EXPECT_TRUE(wire.run_until(monotonic_now() + 1ms));
    }
}

// A thread that was not there while packets came cannot know how long they have waited.
TEST(ImpairedWire, ItOwnsUpToItsAbsence) {
    bool absent = false;
    for (Duration delay = 60ms; !absent && delay < test::k_patience; delay *= 2) {
        Ends ends;
        ImpairedWire wire{ends.config({.delay = delay})};
        for (u32 i = 0; i < 100; ++i) ends.send(*ends.left, i);
        carry_until(wire, [&] { return wire.a_to_b().impaired.seen == 100; });
        // On a machine that is as slow as the delay is long they are out already: once more.
        absent = wire.a_to_b().packets == 0;
        if (!absent) continue;
        std::this_thread::sleep_for(delay + 20ms);  // while they fall due
        carry_until_out(wire, 100);
        const WireWay way = wire.a_to_b();
        EXPECT_EQ(way.late, 100u);
        EXPECT_GE(way.lateness.max(), 20ms);
        EXPECT_GE(way.lateness.quantile(0.5), 15ms) << "steps of the histogram";
        EXPECT_FALSE(way.kept_up());
        EXPECT_TRUE(wire.b_to_a().kept_up());
    }
    EXPECT_TRUE(absent);
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

// The chaos runner and its judge: random worlds hold under sanitizers too, repeat, and read back;
// and each thing that is checked can fail.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <deque>

#include "chaos_draw.hh"
#include "sim_run.hh"
#include "sim_shrink.hh"
#include "support/rewrite.hh"
#include "tern/sim_judge.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;
using sim::Door;
using sim::Host;
using sim::World;

std::string text_of(const tools::SimResult& r) {
    std::string text;
    for (const tools::SimFailure& f : r.failures) text += f.text + "\n";
    return text;
}

TEST(Chaos, random_worlds_hold) {
    u64 segments = 0, struck = 0;
    for (u64 seed = 1; seed <= 150; ++seed) {
        const tools::SimResult r = run_scenario(tools::draw_chaos(seed), seed);
        EXPECT_TRUE(r.failures.empty()) << "tern chaos --seed " << seed << "\n" << text_of(r);
        segments += r.segments;
        struck += r.faults.struck;
    }
    EXPECT_GT(segments, 20'000u);
    EXPECT_GT(struck, 100u);
}

// What 10^8 segments have found: worlds in which the rules, and not the stack, asked too much.
TEST(Chaos, worlds_that_once_failed_hold) {
    for (const u64 seed : {10'011'271u, 20'036'884u, 30'052'871u}) {
        const tools::SimResult r = run_scenario(tools::draw_chaos(seed), seed);
        EXPECT_TRUE(r.failures.empty()) << "tern chaos --seed " << seed << "\n" << text_of(r);
    }
}

TEST(Chaos, a_world_repeats_and_reads_back) {
    for (const u64 seed : {3u, 25u, 48u}) {
        const tools::Scenario drawn = tools::draw_chaos(seed);
        const std::string file = write_scenario(drawn, "as drawn");
        const tools::Scenario again = tools::read_scenario(file, "f");
        EXPECT_EQ(write_scenario(again, "as drawn"), file);
        const u64 digest = run_scenario(drawn, seed).digest;
        EXPECT_EQ(run_scenario(again, seed).digest, digest);
    }
}

TEST(Chaos, draws_every_load_and_every_fault) {
    std::array<u32, 4> flows{};
    std::array<u32, 6> faults{};
    std::array<u32, 4> oddities{};
    u32 simultaneous = 0, aborting = 0, little_memory = 0;
    for (u64 seed = 1; seed <= 300; ++seed) {
        const tools::Scenario s = tools::draw_chaos(seed);
        for (const tools::SimFlow& f : s.flows) {
            ++flows[static_cast<u8>(f.kind)];
            simultaneous += f.simultaneous;
            aborting += f.abort_every != 0;
        }
        for (const tools::SimFault& f : s.faults) {
            ++faults[static_cast<u8>(f.kind)];
            if (f.kind == tools::SimFault::Kind::Odd) ++oddities[static_cast<u8>(f.odd)];
        }
        little_memory += s.memory != 0;
    }
    EXPECT_TRUE(std::ranges::all_of(flows, [](u32 n) { return n > 20; }));
    EXPECT_TRUE(std::ranges::all_of(faults, [](u32 n) { return n > 20; }));
    EXPECT_TRUE(std::ranges::all_of(oddities, [](u32 n) { return n > 20; }));
    EXPECT_GT(simultaneous, 20u);
    EXPECT_GT(aborting, 20u);
    EXPECT_GT(little_memory, 5u);
}

// --- What is planted must be found.

struct Two {
    World world;
    Host& a = world.host("a", "10.0.0.1/24");
    Host& b = world.host("b", "10.0.0.2/24");
    sim::Wire& wire = world.wire(a, b, {.delay = 5ms, .rate = 20'000'000});
    sim::Judge judge{world};

    std::string complaints() const {
        std::string all;
        for (const std::string& c : judge.complaints()) all += c + "\n";
        return all;
    }
    std::string leftovers() const {
        std::string all;
        for (const std::string& c : judge.leftovers()) all += c + "\n";
        return all;
    }
};

// Changes the n-th segment with text that leaves, and puts its checksum right again.
class Editor final : public Door {
public:
    using Edit = std::function<void(wire::TcpHeader&, std::span<std::byte> payload)>;
    Editor(u32 nth, Edit edit) : nth_(nth), edit_(std::move(edit)) {}
    void leaving(Packet packet, const Pass& on) override {
        const auto ip = wire::parse_ipv4(packet.bytes());
        auto tcp = wire::parse_tcp(packet.bytes().subspan(ip->header_length));
        const u32 headers = u32{ip->header_length} + tcp->header_length;
        if (packet.size() == headers || ++seen_ != nth_) return on(std::move(packet));
        Packet copy = packet->pool->copy_of(packet.bytes());
        edit_(*tcp, copy.bytes().subspan(headers));
        test::rewrite(copy.bytes().subspan(ip->header_length), *tcp, *ip);
        on(std::move(copy));
    }

private:
    u32 nth_, seen_ = 0;
    Edit edit_;
};

TEST(Planted, nothing_is_found_where_nothing_is) {
    Two net;
    sim::Exchange exchange(net.world, net.a, net.b, {.count = 3, .interval = 10ms});
    net.world.run_for(200s);
    EXPECT_TRUE(exchange.done());
    EXPECT_TRUE(exchange.intact());
    EXPECT_FALSE(exchange.lost_any());
    EXPECT_EQ(net.complaints() + net.leftovers(), "");
    EXPECT_GT(net.judge.segments(), 600u);
}

TEST(Planted, a_byte_that_was_altered_under_a_right_checksum) {
    Two net;
    Editor editor(5, [](wire::TcpHeader&, std::span<std::byte> text) { text[7] ^= std::byte{1}; });
    net.a.add_door(editor);
    sim::Exchange exchange(net.world, net.a, net.b);
    net.world.run_for(200s);
    EXPECT_FALSE(exchange.intact());
}

TEST(Planted, a_stream_that_ends_too_early) {
    Two net;
    Editor editor(3, [](wire::TcpHeader& tcp, std::span<std::byte>) { tcp.flags |= wire::Fin; });
    net.a.add_door(editor);
    sim::Exchange exchange(net.world, net.a, net.b);
    net.world.run_for(200s);
    EXPECT_FALSE(exchange.intact());
}

// Says that everything has arrived, and lets nothing through.
class Liar final : public Door {
public:
    void arriving(Packet packet, const Pass& on) override {
        if (packet.size() < 1000) on(std::move(packet));
    }
};

TEST(Planted, a_load_that_never_finishes) {
    Two net;
    Liar liar;
    net.b.add_door(liar);
    sim::Exchange exchange(net.world, net.a, net.b);
    net.world.run_for(300s);
    EXPECT_FALSE(exchange.done());
    EXPECT_NE(net.leftovers().find("b: 1 connections, 0 embryos and 0 TIME-WAITs are left"),
              std::string::npos)
        << net.leftovers();
}

TEST(Planted, a_packet_that_came_from_nowhere_or_went_there) {
    Two net;
    sim::Exchange exchange(net.world, net.a, net.b);
    net.world.run_for(20ms);
    PacketBatch batch;
    const std::array<std::byte, 20> junk{};
    batch.push(net.b.stack().pool().copy_of(junk));
    net.b.stack().receive(net.b.clock(), Interface{1}, std::move(batch));
    net.world.run_for(200s);
    EXPECT_NE(net.complaints().find("packets came to the stack, it counted"), std::string::npos);
}

TEST(Planted, a_packet_that_left_unseen) {
    Two net;
    net.a.on_start([&] {
        (void)net.a.stack().tcp().connect({net.b.address(), 80});
        PacketBatch stolen = net.a.stack().transmit(net.a.clock(), Interface{1});
        EXPECT_EQ(stolen.size(), 1u);
        stolen.clear();
    });
    net.world.run_for(100ms);
    EXPECT_NE(net.complaints().find("the stack counted 1 packets sent, 0 left"), std::string::npos)
        << net.complaints();
}

TEST(Planted, a_packet_that_nobody_gave_back) {
    Two net;
    Slice kept;
    net.b.on_datagram(9, [&](Datagram d) { kept = std::move(d.data); });
    net.a.on_datagram(9, [](const Datagram&) {});
    const std::array<std::byte, 20> text{};
    net.world.run_for(1ms);
    ASSERT_TRUE(net.a.send_datagram(9, {net.b.address(), 9}, text));
    net.world.run_for(200s);
    EXPECT_NE(net.leftovers().find("1 packets were not released"), std::string::npos);
}

TEST(Planted, a_connection_that_nobody_closed) {
    Two net;
    net.b.listen(7, [](const sim::StreamPtr&) {});
    const sim::StreamPtr s = net.a.connect(net.b, 7);
    net.world.run_for(200s);
    EXPECT_NE(net.leftovers().find("a: 1 connections"), std::string::npos);
    EXPECT_EQ(net.complaints(), "");
}

// The event log of a stack that does what none may: told to the judge as a stack would.
struct Told : Two {
    Observer& observer() { return *a.observer(); }
    SegmentSentEvent sent(u32 seq, u32 length, u32 ack, u32 window) {
        SegmentSentEvent e{};
        e.reason = SendReason::Data;
        e.state = State::Established;
        e.flow = {{IpAddress(Ipv4Address(10, 0, 0, 1)), 1},
                  {IpAddress(Ipv4Address(10, 0, 0, 2)), 2}};
        e.iss = 1000, e.irs = 5000;
        e.seq = 1000 + seq, e.ack = 5000 + ack;
        e.length = length, e.window = window;
        e.flags = wire::Ack;
        e.cwnd = 10'000;
        return e;
    }
    SegmentArrivedEvent arrived(u32 ack, u32 window) {
        SegmentArrivedEvent e{};
        e.flow = sent(0, 0, 0, 0).flow;
        e.iss = 1000, e.irs = 5000;
        e.ack = 1000 + ack;
        e.window = window;
        e.flags = wire::Ack;
        return e;
    }
    void expect(const std::string& what) {
        EXPECT_NE(complaints().find(what), std::string::npos) << what << " in:\n" << complaints();
    }
};

TEST(PlantedEvents, of_every_rule) {
    Told t;
    t.observer().on_segment_sent(t.sent(1, 0, 1, 5000));
    t.observer().on_segment_arrived(t.arrived(1, 3000));
    EXPECT_EQ(t.complaints(), "");
    t.observer().on_segment_sent(t.sent(1, 1000, 1, 5000));
    t.observer().on_segment_sent(t.sent(1001, 2000, 1, 5000));
    EXPECT_EQ(t.complaints(), "");
    t.observer().on_segment_sent(t.sent(3001, 1, 1, 5000));
    t.expect("sent beyond the window that the peer has offered, up to 3001");
    t.observer().on_segment_arrived(t.arrived(2001, 3000));
    t.observer().on_segment_sent(t.sent(1001, 1000, 1, 5000));
    t.expect("sent again what the peer had acknowledged");
    t.observer().on_segment_sent(t.sent(3500, 100, 1, 5000));
    t.expect("sent beyond a gap in its own numbers");
    t.observer().on_segment_arrived(t.arrived(9000, 3000));
    t.expect("accepted an acknowledgement of what it had not sent");
}

TEST(PlantedEvents, of_the_own_window_and_cwnd) {
    Told t;
    t.observer().on_segment_sent(t.sent(1, 0, 1, 5000));
    t.observer().on_segment_sent(t.sent(1, 0, 1001, 4000));
    EXPECT_EQ(t.complaints(), "");
    t.observer().on_segment_sent(t.sent(1, 0, 1001, 3800));
    t.expect("took back a part of the window that it had offered");
    t.observer().on_segment_sent(t.sent(1, 0, 901, 5000));
    t.expect("took an acknowledgement back");
    SegmentSentEvent small = t.sent(1, 1000, 1001, 4000);
    small.cwnd = 999;
    t.observer().on_segment_sent(small);
    t.expect("has a cwnd below one segment");
}

TEST(PlantedEvents, of_what_leaves) {
    Told t;
    std::array<std::byte, 40> bytes{};
    wire::emit_ipv4({.total_length = 40,
                     .protocol = 6,
                     .source = Ipv4Address(10, 0, 0, 1),
                     .destination = Ipv4Address(10, 0, 0, 2)},
                    bytes.data());
    FrameEvent e{};
    e.outbound = true;
    e.bytes = bytes;
    t.observer().on_frame(e);
    t.expect("a packet with a wrong checksum left");
    e.bytes = std::span{bytes}.first(39);
    t.observer().on_frame(e);
    t.expect("a packet with a wrong IPv4 header left");
}

TEST(Odd, peers_do_what_their_names_say_and_streams_survive_them) {
    for (const sim::Oddity oddity : sim::k_oddities) {
        World world{{.seed = 5}};
        Host& a = world.host("a", "10.0.0.1/24");
        Host& b = world.host("b", "10.0.0.2/24");
        world.wire(a, b, {.delay = 10ms, .rate = 20'000'000});
        sim::Judge judge(world);
        world.make_odd(b, oddity, Instant{} + 100ms, Instant{} + 2s);
        sim::Bulk bulk(world, a, b, {.bytes = 2'000'000});
        world.run_for(1000s);
        EXPECT_TRUE(bulk.done()) << name_of(oddity);
        EXPECT_TRUE(judge.complaints().empty()) << name_of(oddity) << judge.complaints()[0];
        EXPECT_TRUE(judge.leftovers().empty()) << name_of(oddity) << judge.leftovers()[0];
        world.finish();  // throws when the peer did nothing odd
    }
}

TEST(Leaks, memory_does_not_grow_from_round_to_round) {
    World world;
    Host& a = world.host("a", "10.0.0.1/24");
    Host& b = world.host("b", "10.0.0.2/24");
    world.wire(a, b, {.delay = 2ms, .rate = 50'000'000});
    std::deque<sim::Exchange> rounds;
    std::array<u64, 6> used{};
    for (u16 i = 0; i < used.size(); ++i) {
        rounds.emplace_back(world, a, b,
                            sim::ExchangeOptions{.count = 20,
                                                 .interval = 5ms,
                                                 .there = 30'000,
                                                 .back = 30'000,
                                                 .port = static_cast<u16>(1000 + i),
                                                 .abort_every = 3});
        world.run_for(300s);
        EXPECT_TRUE(rounds.back().done());
        used[i] = a.stack().memory_used() + b.stack().memory_used() + world.memory_used();
    }
    EXPECT_EQ(used[5], used[2]);
}

}  // namespace
}  // namespace tern

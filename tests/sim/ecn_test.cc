// ECN end to end: what a queue that marks instead of dropping saves.
#include <gtest/gtest.h>

#include <chrono>

#include "core/wire/ipv4.hh"
#include "core/wire/tcp.hh"
#include "support/covers.hh"
#include "tern/sim_flow.hh"

namespace tern::sim {
namespace {

using namespace std::chrono_literals;

// 40 Mbit/s and 20 ms, behind a queue that CoDel keeps short by marking what may be marked.
constexpr Impairment k_marking{
    .delay = 10ms, .rate = 40'000'000, .queue_packets = 1000, .codel = CodelOptions{}, .ecn = true};

struct Outcome {
    double rate = 0;  // bits per second
    u64 retransmissions = 0, dropped = 0, marks = 0, reductions = 0;
    Ecn agreed = Ecn::Off;
};

// Every packet of a host against the rules on what may be marked.
class Lint final : public Observer {
public:
    void on_frame(const FrameEvent& e) override {
        const auto ip = wire::parse_ipv4(e.bytes);
        if (!e.outbound || !ip || ip->protocol != 6) return;
        const auto segment = e.bytes.subspan(ip->header_length);
        const auto tcp = wire::parse_tcp(segment);
        ASSERT_TRUE(tcp.has_value());
        const u32 length =
            static_cast<u32>(ip->total_length - ip->header_length) - tcp->header_length;
        const bool fresh = !any_ || tcp->seq >= end_;
        const u8 expected = agreed_ && length > 0 && fresh ? 2 : 0;
        EXPECT_EQ(ip->tos & 3, expected) << "segment of " << length;
        if (fresh) end_ = tcp->seq + length;
        any_ = true;
        (length == 0 ? bare : fresh ? data : again) += 1;
    }
    void agree() { agreed_ = true; }
    u64 bare = 0, data = 0, again = 0;

private:
    bool any_ = false, agreed_ = false;
    Seq end_;
};

Outcome transfer(Ecn ecn, std::string_view congestion, const Impairment& wire, u64 bytes,
                 Lint* lint = nullptr) {
    World world;
    Host& a = world.host("a", "10.0.0.1/24");
    Host& b = world.host("b", "10.0.0.2/24");
    Wire& w = world.wire(a, b, wire);
    if (lint != nullptr) a.observe(lint);
    Bulk bulk(world, a, b, {.bytes = bytes, .tcp = {.congestion = congestion, .ecn = ecn}});
    Outcome o;
    const bool up = world.run_until([&] { return bulk.received() > 0; }, 5s);
    EXPECT_TRUE(up);
    o.agreed = bulk.status().ecn;
    EXPECT_TRUE(world.run_until([&] { return bulk.done(); }, 60s));
    EXPECT_TRUE(bulk.intact());
    o.rate = bulk.bits_per_second();
    o.retransmissions = a.counters().tcp_retransmissions;
    o.dropped = w.counters(Way::There).lost + w.counters(Way::There).queue_dropped;
    o.marks = b.counters().tcp_marks_in;
    o.reductions = a.counters().tcp_mark_reductions;
    return o;
}

TEST(Ecn, a_queue_that_marks_costs_no_retransmission_and_no_rate) {
    test::covers({"RFC3168:3", "RFC9293:SHLD-8"});
    const Outcome without = transfer(Ecn::Off, "cubic", k_marking, 30'000'000);
    EXPECT_GT(without.retransmissions, 5u);  // the queue does overflow
    EXPECT_EQ(without.marks, 0u);
    for (const Ecn ecn : {Ecn::Classic, Ecn::Accurate}) {
        const Outcome with = transfer(ecn, "cubic", k_marking, 30'000'000);
        EXPECT_EQ(with.agreed, ecn);
        EXPECT_GT(with.marks, 3u);
        EXPECT_GT(with.reductions, 3u);
        EXPECT_LE(with.reductions, with.marks);
        EXPECT_EQ(with.retransmissions, 0u);
        EXPECT_GT(with.rate, 0.95 * without.rate);
        EXPECT_GT(with.rate, 33e6);
    }
}

// A queue of a data centre: marked above 20 packets, as RFC 8257 3.1 asks of switches.
TEST(Ecn, dctcp_keeps_the_queue_at_the_mark) {
    test::covers({"RFC3168:3"});
    constexpr Impairment k_switch{
        .delay = 250us, .rate = 500'000'000, .queue_packets = 1000, .mark = {.packets = 20}};
    const auto worst_queue = [&](std::string_view congestion, Ecn ecn) {
        World world;
        Host& a = world.host("a", "10.0.0.1/24");
        Host& b = world.host("b", "10.0.0.2/24");
        Wire& w = world.wire(a, b, k_switch);
        const TcpOptions tcp{.send_buffer = 4 << 20,
                             .receive_buffer = 4 << 20,
                             .congestion = congestion,
                             .ecn = ecn};
        Bulk bulk(world, a, b, {.bytes = 1'000'000'000, .tcp = tcp});
        world.run_for(1s);  // past slow start
        (void)w.worst_delay(Way::There);
        const u64 before = bulk.received();
        world.run_for(2s);
        EXPECT_GT(static_cast<double>(bulk.received() - before) * 8 / 2, 0.93 * 500e6)
            << congestion;
        EXPECT_EQ(a.counters().tcp_retransmissions, 0u) << congestion;
        const Duration packet{24'000};  // 1500 bytes at 500 Mbit/s
        return (w.worst_delay(Way::There) - 250us) / packet;
    };
    EXPECT_LT(worst_queue("dctcp", Ecn::Accept), 60);  // asks by itself
    EXPECT_LT(worst_queue("dctcp", Ecn::Classic), 60);
}

TEST(Ecn, nothing_but_new_data_may_be_marked) {
    test::covers({"RFC3168:2"});
    for (const Ecn ecn : {Ecn::Classic, Ecn::Accurate}) {
        Lint lint;
        lint.agree();
        const Outcome o = transfer(
            ecn, "cubic", {.loss = 0.01, .delay = 5ms, .rate = 40'000'000, .mark = {.packets = 30}},
            5'000'000, &lint);
        EXPECT_EQ(o.agreed, ecn);
        EXPECT_GT(lint.data, 3000u);
        EXPECT_GT(lint.again, 10u);
        EXPECT_GE(lint.bare, 1u);
    }
    Lint lint;
    transfer(Ecn::Accept, "cubic", {.loss = 0.01, .delay = 5ms}, 1'000'000, &lint);
    EXPECT_GT(lint.data, 600u);
}

}  // namespace
}  // namespace tern::sim

// Algorithms from outside: names, state, what they are told; and pacing.
#include <gtest/gtest.h>

#include <chrono>

#include "../../examples/vegas.hh"
#include "support/covers.hh"
#include "tern/sim_flow.hh"

namespace tern::sim {
namespace {

using namespace std::chrono_literals;

// Reno's rule, and what it was told.
struct Recorder final : CongestionControl {
    mutable std::vector<std::pair<Congestion, CongestionAck>> acks;
    mutable std::vector<CongestionSignal> signals;
    mutable std::vector<u32> pauses_us;
    mutable u32 begun = 0;
    std::string_view name() const override { return "recorder"; }
    void begin(Congestion&) const override { ++begun; }
    void acknowledged(Congestion& c, const CongestionAck& ack) const override {
        acks.emplace_back(c, ack);
        if (c.cwnd_limited) c.cwnd += c.in_slow_start() ? ack.acked : c.mss * ack.acked / c.cwnd;
    }
    u32 reduced(Congestion& c, CongestionSignal signal) const override {
        signals.push_back(signal);
        return c.cwnd / 2;
    }
    void restarts(Congestion&, u32 idle_us, u32) const override { pauses_us.push_back(idle_us); }
};

struct Pair {
    World world{{.seed = 7}};
    Host& a = world.host("a", "10.0.0.1/24");
    Host& b = world.host("b", "10.0.0.2/24");
    Wire& wire;
    Pair(const Impairment& there, const Impairment& back) : wire(world.wire(a, b, there, back)) {}
};

TcpOptions with(std::string_view name) {
    TcpOptions o;
    o.congestion = name;
    o.send_buffer = o.receive_buffer = 8u << 20;
    return o;
}

const Impairment k_slow{.delay = 20ms, .rate = 10'000'000, .queue_packets = 100};
const Impairment k_back{.delay = 20ms};

}  // namespace

TEST(Plug, knows_the_built_in_names_and_refuses_others) {
    Pair p(k_slow, k_back);
    Tcp& tcp = p.a.stack().tcp();
    for (const char* name : {"cubic", "reno", "bbr", "dctcp"}) {
        const auto c = tcp.connect({p.b.address(), 80}, {.options = with(name)});
        ASSERT_TRUE(c) << name;
        EXPECT_EQ(tcp.options(*c)->congestion, name);
    }
    const auto c = tcp.connect({p.b.address(), 80}, {});
    EXPECT_EQ(tcp.options(*c)->congestion, "cubic");
    EXPECT_EQ(tcp.connect({p.b.address(), 80}, {.options = with("tahoe")}).error(),
              Error::InvalidArgument);
    EXPECT_EQ(tcp.listen({.local = {{}, 80}, .options = with("tahoe")}).error(),
              Error::InvalidArgument);
    EXPECT_EQ(tcp.set_options(*c, with("tahoe")).error(), Error::InvalidArgument);
    EXPECT_TRUE(tcp.set_options(*c, with("bbr")));
    EXPECT_EQ(tcp.options(*c)->congestion, "bbr");
}

TEST(Plug, takes_sixteen_algorithms_with_bounded_state) {
    struct Named final : CongestionControl {
        std::string label;
        u32 bytes = 0;
        std::string_view name() const override { return label; }
        u32 state_bytes() const override { return bytes; }
        void acknowledged(Congestion&, const CongestionAck&) const override {}
        u32 reduced(Congestion& c, CongestionSignal) const override { return c.cwnd / 2; }
    };
    std::array<Named, 13> named;
    Pair p(k_slow, k_back);
    Tcp& tcp = p.a.stack().tcp();
    EXPECT_EQ(tcp.add_congestion_control(named[0]).error(), Error::InvalidArgument);  // no name
    named[0].label = "large";
    named[0].bytes = k_congestion_state + 1;
    EXPECT_EQ(tcp.add_congestion_control(named[0]).error(), Error::InvalidArgument);
    named[0].label = "cubic";
    named[0].bytes = 0;
    EXPECT_EQ(tcp.add_congestion_control(named[0]).error(), Error::AlreadyExists);
    for (u32 i = 0; i < 12; ++i) {
        named[i].label = "n" + std::to_string(i);
        EXPECT_TRUE(tcp.add_congestion_control(named[i])) << i;
    }
    named[12].label = "one too many";
    EXPECT_EQ(tcp.add_congestion_control(named[12]).error(), Error::OutOfMemory);
}

TEST(Plug, a_listener_gives_its_algorithm_to_its_connections) {
    Pair p(k_slow, k_back);
    std::string_view seen;
    p.b.listen(80, [&](const StreamPtr& s) { seen = s->status().options.congestion; },
               {.options = with("dctcp")});
    const StreamPtr s = p.a.connect(p.b, 80);
    p.world.run_for(1s);
    EXPECT_EQ(seen, "dctcp");
}

TEST(Plug, who_asks_again_at_once_was_not_idle) {
    const Recorder recorder;
    Pair p(k_slow, k_back);
    ASSERT_TRUE(p.a.stack().tcp().add_congestion_control(recorder));
    p.b.listen(80, [](const StreamPtr& s) {
        s->on_data = [s = s.get()](std::span<const std::byte> bytes) { s->send(bytes); };
    });
    const StreamPtr s = p.a.connect(p.b, 80, {.options = with("recorder")});
    const auto say_after = [&](Duration pause) {
        p.world.run_for(pause);
        s->send("x");
    };
    // A round trip takes 40 ms.
    for (int i = 0; i < 10; ++i) say_after(60ms);
    EXPECT_EQ(recorder.pauses_us.size(), 0u);
    EXPECT_GT(recorder.acks.size(), 8u);
    say_after(400ms);
    p.world.run_for(1ms);
    ASSERT_EQ(recorder.pauses_us.size(), 1u);
    EXPECT_EQ(recorder.pauses_us[0], 400'000u);
}

// [BBR:1]: what leaves after the application had nothing to send tells too low a rate.
TEST(Plug, who_sends_little_is_limited_by_the_application) {
    test::covers({"BBR:1"});
    const Recorder recorder;
    Pair p(k_slow, k_back);
    ASSERT_TRUE(p.a.stack().tcp().add_congestion_control(recorder));
    p.b.listen(80, [](const StreamPtr& s) {
        s->on_data = [s = s.get()](std::span<const std::byte> bytes) { s->send(bytes); };
    });
    TcpOptions o = with("recorder");
    o.no_delay = true;
    const StreamPtr s = p.a.connect(p.b, 80, {.options = o});
    p.world.run_for(100ms);
    for (int i = 0; i < 3; ++i) {
        s->send("x");
        p.world.run_for(10ms);
    }
    p.world.run_for(100ms);
    ASSERT_GE(recorder.acks.size(), 2u);
    EXPECT_TRUE(recorder.acks.back().second.rate.app_limited);
}

// [BBR:1]: ACKs that come in bunches do not make the path look faster than it is.
TEST(Plug, delivery_rates_never_exceed_the_path) {
    test::covers({"BBR:1"});
    const Recorder recorder;
    // ACKs wait at a gate which opens every few milliseconds.
    Pair p(k_slow, {.delay = 20ms, .jitter = 8ms});
    ASSERT_TRUE(p.a.stack().tcp().add_congestion_control(recorder));
    ASSERT_TRUE(p.b.stack().tcp().add_congestion_control(recorder));
    Bulk bulk(p.world, p.a, p.b, {.bytes = 3'000'000, .tcp = with("recorder")});
    p.world.run_for(20s);
    ASSERT_GT(recorder.acks.size(), 500u);
    u64 most = 0, samples = 0;
    for (const auto& [c, ack] : recorder.acks) {
        most = std::max(most, ack.rate.rate);
        samples += ack.rate.rate != 0;
        EXPECT_LE(ack.rate.prior_delivered + ack.rate.delivered, c.delivered);
    }
    EXPECT_LE(most, 1'250'000 * 105 / 100);
    EXPECT_GE(most, 1'250'000 * 90 / 100);  // and not far below
    EXPECT_GT(samples, recorder.acks.size() / 2);
}

TEST(Plug, an_algorithm_is_told_of_losses_and_begins_anew_after_silence) {
    const Recorder recorder;
    Pair p({.loss = 0.01, .delay = 20ms, .rate = 10'000'000, .queue_packets = 100}, k_back);
    ASSERT_TRUE(p.a.stack().tcp().add_congestion_control(recorder));
    p.b.listen(80, [](const StreamPtr& s) { s->on_data = [](auto) {}; });
    const StreamPtr s = p.a.connect(p.b, 80, {.options = with("recorder")});
    const std::vector<std::byte> bytes(1'000'000);
    s->send(bytes);
    p.world.run_for(20s);
    EXPECT_EQ(recorder.begun, 1u);
    EXPECT_FALSE(recorder.signals.empty());
    EXPECT_EQ(s->status().unacknowledged, 0u);
    s->send(bytes);
    p.world.run_for(20s);
    EXPECT_EQ(recorder.begun, 2u);
}

TEST(Plug, an_algorithm_of_a_page_keeps_the_queue_short) {
    const example::Vegas vegas;
    const auto worst_delay = [&](std::string_view name, u64& goodput) {
        Pair p(k_slow, k_back);
        for (Host* host : {&p.a, &p.b})
            EXPECT_TRUE(host->stack().tcp().add_congestion_control(vegas));
        Bulk bulk(p.world, p.a, p.b, {.bytes = 1'000'000'000, .tcp = with(name)});
        p.world.run_for(20s);
        p.wire.worst_delay(Way::There);
        const u64 before = bulk.received();
        p.world.run_for(10s);
        goodput = (bulk.received() - before) / 10;
        return p.wire.worst_delay(Way::There);
    };
    u64 calm = 0, full = 0;
    EXPECT_LT(worst_delay("vegas", calm), 28ms);
    EXPECT_GT(worst_delay("cubic", full), 60ms);
    EXPECT_GT(calm, 1'250'000u * 90 / 100);
    EXPECT_GT(full, 1'250'000u * 90 / 100);
}

namespace {

// As much as it likes, at a rate of its own.
struct Metronome final : CongestionControl {
    u64 rate = 0;
    std::string_view name() const override { return "metronome"; }
    void begin(Congestion& c) const override {
        c.cwnd = 1u << 24;
        c.pacing_rate = rate;
    }
    void acknowledged(Congestion&, const CongestionAck&) const override {}
    u32 reduced(Congestion& c, CongestionSignal) const override { return c.cwnd; }
};

// When data left, and how many timers that took.
struct Departures final : Observer {
    std::vector<Instant> at;
    u64 timers = 0;
    void on_segment_sent(const SegmentSentEvent& e) override {
        if (e.length > 1000) at.push_back(e.at);
    }
    void on_timer(const TimerEvent& e) override {
        timers += e.timer == Timer::Pace && e.what == TimerEvent::What::Fired;
    }
};

Departures depart_at(u64 rate, bool pacing = true) {
    Metronome metronome;
    metronome.rate = rate;
    Departures told;
    World world{{.seed = 3}};
    Limits limits;
    limits.tcp_pacing = pacing;
    Host& a = world.host("a", "10.0.0.1/24", {.limits = limits});
    Host& b = world.host("b", "10.0.0.2/24");
    world.wire(a, b, {.delay = 10ms});
    for (Host* host : {&a, &b}) EXPECT_TRUE(host->stack().tcp().add_congestion_control(metronome));
    a.observe(&told);
    Bulk bulk(world, a, b, {.bytes = 3'000'000, .tcp = with("metronome")});
    world.run_for(10s);
    a.observe(nullptr);
    EXPECT_TRUE(bulk.done() && bulk.intact());
    return told;
}

}  // namespace

// [BBR:4]: the gaps between packets are those of the rate that the algorithm asked for.
TEST(Pacing, packets_leave_in_the_time_that_the_rate_gives_each) {
    test::covers({"BBR:4"});
    const Departures told = depart_at(500'000);
    ASSERT_GT(told.at.size(), 2000u);
    const std::size_t first = 20;  // behind the initial window, which leaves at once
    const Duration gap{1448 * 1'000'000'000ll / 500'000};
    for (std::size_t i = first; i + 1 < told.at.size(); ++i) {
        EXPECT_GE(told.at[i + 1] - told.at[i], gap - 200us) << i;
        EXPECT_LE(told.at[i + 1] - told.at[i], gap + 200us) << i;
    }
    const auto whole = told.at.back() - told.at[first];
    const auto due = gap * static_cast<i64>(told.at.size() - 1 - first);
    EXPECT_LT(std::max(whole, due) - std::min(whole, due), due / 100);
}

TEST(Pacing, takes_no_timer_for_each_packet) {
    const Departures told = depart_at(100'000'000);  // seven packets in a tick
    ASSERT_GT(told.at.size(), 2000u);
    EXPECT_GT(told.timers, 100u);
    EXPECT_LT(told.timers * 4, told.at.size());
}

TEST(Pacing, can_be_left_off) {
    const Departures told = depart_at(500'000, false);
    EXPECT_EQ(told.timers, 0u);
    EXPECT_LT(told.at.back() - told.at.front(), 2s);
}

}  // namespace tern::sim

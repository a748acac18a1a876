// The event log is complete: every timer, window and change of state that can be asked for has been
// told, with its cause, and nothing is told twice.
#include <map>
#include <set>

#include "lab/script/on_gtest.hh"
#include "lab/trace/reasons.hh"
#include "support/pair.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;
using script::Script;

class Log final : public Observer {
public:
    void on_timer(const TimerEvent& e) override {
        std::string& told = timers_[e.timer];
        if (!told.empty()) told += ", ";
        switch (e.what) {
            case TimerEvent::What::Set: told += "set " + trace::short_text(e.in); break;
            case TimerEvent::What::Cancelled: told += "cancelled"; break;
            case TimerEvent::What::Fired: told += "fired"; break;
        }
    }
    void on_state(const StateEvent& e) override {
        states += std::string{name_of(e.from)} + ">" + std::string{name_of(e.to)} + " " +
                  std::string{name_of(e.cause)} + " of " + std::to_string(e.flow.remote.port) +
                  "\n";
    }
    void on_segment_sent(const SegmentSentEvent& e) override { sent = e.reason; }
    void on_segment_arrived(const SegmentArrivedEvent& e) override {
        after = e.after;
        arrived_window = e.window;
    }
    void on_window(const WindowEvent& e) override {
        window = e;
        ++whys[std::string{e.why}];
    }

    // What was told of a timer since the last call.
    std::string of(Timer timer) { return std::exchange(timers_[timer], {}); }

    std::string states;
    SendReason sent = SendReason::Unknown;
    State after = State::Closed;
    u32 arrived_window = 0;
    WindowEvent window{};
    std::map<std::string, int> whys;

private:
    std::map<Timer, std::string> timers_;
};

struct EventLog : ::testing::Test {
    Log log;
    Script t;
    EventLog() { t.setup.observer = &log; }
};

TcpOptions keep_alive(Duration idle) {
    TcpOptions o;
    o.keep_alive = true;
    o.keep_alive_idle = idle;
    o.keep_alive_interval = 10s;
    return o;
}

TEST_F(EventLog, KeepAliveStartsAndIsMovedByTheApplicationAlone) {
    t.setup.tcp = keep_alive(60s);
    t.passive_open();
    EXPECT_EQ(log.of(Timer::KeepAlive), "set 60 s");
    for (u32 n = 0; n < 5; ++n) t.inject("+1s < . 1:1(0) ack 1");
    EXPECT_EQ(log.of(Timer::KeepAlive), "") << "traffic puts it off";
    t.expect("+60s > . 0:0(0) ack 1");
    EXPECT_EQ(log.of(Timer::KeepAlive), "fired, set 10 s");
    t.options(keep_alive(30s));
    EXPECT_EQ(log.of(Timer::KeepAlive), "cancelled, set 30 s");
    t.options({});
    EXPECT_EQ(log.of(Timer::KeepAlive), "cancelled");
}

TEST_F(EventLog, UserTimeoutRunsWhileSomethingIsUnacknowledged) {
    t.setup.tcp.user_timeout = 30s;
    t.active_open({.mss = 1000});
    EXPECT_EQ(log.of(Timer::User), "set 30 s, cancelled") << "the SYN";
    t.app.write(3000);
    EXPECT_EQ(log.of(Timer::User), "set 30 s");
    t.inject("< . 1:1(0) ack 1001");
    t.inject("< . 1:1(0) ack 2001");
    EXPECT_EQ(log.of(Timer::User), "") << "acknowledgements put it off";
    t.inject("< . 1:1(0) ack 3001");
    EXPECT_EQ(log.of(Timer::User), "cancelled");
    t.app.write(1000);
    TcpOptions shorter;
    shorter.user_timeout = 20s;
    t.options(shorter);
    EXPECT_EQ(log.of(Timer::User), "set 30 s, cancelled, set 20 s");
    t.advance(20s);
    EXPECT_EQ(log.of(Timer::User), "fired");
    t.ignore_output();
}

TEST_F(EventLog, PersistIsNotToldAsRetransmission) {
    t.passive_open({.mss = 1000, .wscale = {}, .window = 1000});
    t.app.write(2000);
    t.expect("> . 1:1001(1000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 1001 win 0");
    EXPECT_EQ(log.of(Timer::Retransmission), "set 1 s, cancelled, set 1 s, cancelled");
    t.expect_within(1s, "> . 1001:1002(1) ack 1");
    t.inject("+10ms < . 1:1(0) ack 1001 win 1000");
    EXPECT_EQ(log.of(Timer::Persist), "set 200 ms, fired, set 400 ms, cancelled");
    t.ignore_output();
}

TEST_F(EventLog, TheTailProbeIsNotToldAsRetransmission) {
    t.passive_open({.mss = 1000, .sack = true});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001");
    log.of(Timer::Retransmission);
    t.app.write(3000);
    t.expect("> P. 1001:4001(3000) ack 1");
    t.expect_within(200ms, "> P. 3001:4001(1000) ack 1");
    // RTO has its turn when the probe is out.
    EXPECT_EQ(log.of(Timer::TailProbe), "set 300 ms, set 200 ms, fired");
    EXPECT_EQ(log.of(Timer::Retransmission), "set 300 ms");
    t.inject("+100ms < . 1:1(0) ack 4001");
    EXPECT_EQ(log.of(Timer::TailProbe), "");
    EXPECT_EQ(log.of(Timer::Retransmission), "cancelled");
}

TEST_F(EventLog, TheReorderingWaitIsNotToldAsRetransmission) {
    t.passive_open({.mss = 1000, .sack = true});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+100ms < . 1:1(0) ack 1001");
    t.app.write(4000);
    t.expect("> P. 1001:5001(4000) ack 1");
    log.of(Timer::TailProbe);
    log.of(Timer::Retransmission);
    t.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:3001>");
    EXPECT_EQ(log.of(Timer::TailProbe), "cancelled");
    t.expect_within(25ms, "> . 1001:2001(1000) ack 1");
    EXPECT_EQ(log.of(Timer::Reordering), "set 25 ms, fired");
    // RTO as before, and anew when the repair has left.
    EXPECT_EQ(log.of(Timer::Retransmission), "set 175 ms, set 300 ms");
    t.inject("< . 1:1(0) ack 5001");
    EXPECT_EQ(log.of(Timer::Retransmission), "cancelled");
}

TEST_F(EventLog, AWishBeyondTheClockIsToldAsItIsMet) {
    t.setup.tcp = keep_alive(48h);
    t.passive_open();
    EXPECT_EQ(log.of(Timer::KeepAlive), "set " + trace::short_text((1 << 30) * Duration{100us}));
    t.expect_within(48h, "> . 0:0(0) ack 1");
    EXPECT_EQ(t.elapsed(), (1 << 30) * Duration{100us});
}

TEST_F(EventLog, TimersEndWithTheConnection) {
    t.setup.tcp = keep_alive(60s);
    t.passive_open();
    t.app.write(10);
    t.inject("< P. 1:11(10) ack 1");
    log.of(Timer::Retransmission);
    t.app.abort();
    EXPECT_EQ(log.of(Timer::KeepAlive), "set 60 s, cancelled");
    EXPECT_EQ(log.of(Timer::Retransmission), "cancelled");
    EXPECT_EQ(log.of(Timer::DelayedAck), "set 40 ms, cancelled");
    t.ignore_output();
}

TEST_F(EventLog, AnEmbryoHasATimer) {
    t.listen();
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.expect("> S. 0:0(0) ack 1");
    EXPECT_EQ(log.of(Timer::Retransmission), "set 1 s");
    t.expect("+1s > S. 0:0(0) ack 1");
    EXPECT_EQ(log.of(Timer::Retransmission), "fired, set 2 s");
    t.inject("< . 1:1(0) ack 1");
    EXPECT_EQ(log.of(Timer::Retransmission), "cancelled");
}

TEST_F(EventLog, AnEmbryoThatIsNotConfirmedEndsWithItsTimer) {
    t.setup.limits.tcp_syn_ack_retries = 1;
    t.listen();
    t.inject("< S 0:0(0) win 65535 <mss 1460>");
    t.advance(10s);
    EXPECT_EQ(log.of(Timer::Retransmission), "set 1 s, fired, set 2 s, fired");
    t.ignore_output();
}

TEST_F(EventLog, TimeWaitIsSetRestartedAndFires) {
    t.active_close();
    EXPECT_EQ(log.of(Timer::TimeWait), "set 60 s");
    t.inject("+30s < F. 1:1(0) ack 2");
    t.expect("> . 2:2(0) ack 2");
    EXPECT_EQ(log.of(Timer::TimeWait), "set 60 s");
    t.quiet(60s);
    EXPECT_EQ(log.of(Timer::TimeWait), "fired");
    EXPECT_TRUE(log.states.ends_with("TIME-WAIT>CLOSED TwoMslPassed of 40000\n")) << log.states;
}

TEST_F(EventLog, ANewSynEndsTimeWait) {
    t.active_close();
    t.inject("< S 3:3(0) win 65535 <mss 1460>");
    t.ignore_output();
    EXPECT_EQ(log.of(Timer::TimeWait), "set 60 s, cancelled");
    EXPECT_EQ(log.after, State::SynReceived);
}

TEST_F(EventLog, AnOpenOfOursEndsTimeWait) {
    t.active_close();
    log.states.clear();
    ConnectOptions again;
    again.local_port = 80;
    again.reuse_address = true;
    ASSERT_TRUE(t.stack().tcp().connect({IpAddress(Ipv4Address(10, 0, 0, 2)), 40000}, again));
    t.pump();
    t.ignore_output();
    EXPECT_EQ(log.of(Timer::TimeWait), "set 60 s, cancelled");
    EXPECT_EQ(log.states,
              "TIME-WAIT>CLOSED OpenActive of 40000\n"
              "CLOSED>SYN-SENT OpenActive of 40000\n");
}

TEST_F(EventLog, TheOldestTimeWaitLeavesForWantOfRoom) {
    t.setup.limits.tcp_time_waits = 1;
    t.active_close();
    t.peer_port(41001);
    t.passive_open();
    log.of(Timer::TimeWait);
    log.states.clear();
    t.active_close();
    EXPECT_EQ(log.states,
              "ESTABLISHED>FIN-WAIT-1 Close of 41001\n"
              "FIN-WAIT-1>FIN-WAIT-2 AckOfFin of 41001\n"
              "FIN-WAIT-2>TIME-WAIT FinArrived of 41001\n"
              "TIME-WAIT>CLOSED NoRoom of 40000\n");
    EXPECT_EQ(log.of(Timer::TimeWait), "cancelled, set 60 s");
    EXPECT_EQ(log.after, State::TimeWait) << "what the segment did to its own flow";
}

// The smallest ceiling under which a connection opens leaves no room for the record of its end.
TEST(EventLogAtTheCeiling, ATimeWaitThatCannotBeRecordedIsClosed) {
    for (u64 limit = 1024;; limit += 1024) {
        ASSERT_LT(limit, u64{1} << 20) << "TIME-WAIT was always recorded";
        Log log;
        Pair pair({.memory_limit = limit, .observer = &log});
        const auto opened = pair.a.tcp().connect({IpAddress(Ipv4Address(10, 0, 0, 2)), 80});
        if (!opened) continue;
        pair.exchange();
        const auto accepted = pair.b.tcp().accept(pair.listener);
        ASSERT_TRUE(accepted);
        ASSERT_TRUE(pair.a.tcp().close(*opened));
        pair.exchange();
        if (pair.a.tcp().status(*opened)->state != State::FinWait2) continue;  // nor was the FIN
        ASSERT_TRUE(pair.b.tcp().close(*accepted));
        pair.exchange();
        if (pair.b.tcp().status(*accepted)->state == State::CloseWait) continue;
        ASSERT_EQ(pair.a.tcp().count().time_waits, 0u) << "no ceiling is low enough";
        EXPECT_TRUE(
            log.states.ends_with("FIN-WAIT-2>TIME-WAIT FinArrived of 80\n"
                                 "TIME-WAIT>CLOSED NoRoom of 80\n"))
            << log.states;
        EXPECT_EQ(log.of(Timer::TimeWait), "");
        EXPECT_EQ(log.after, State::Closed);
        return;
    }
}

TEST_F(EventLog, WhyAnUnacceptableSegmentIsAnswered) {
    t.passive_open({.mss = 1000});
    t.inject("< P. 1:1001(1000) ack 1");
    t.expect("+40ms > . 1:1(0) ack 1001");
    const auto answer = [&](const char* text) {
        t.inject(script::line(text));
        t.expect("> . 1:1(0) ack 1001");
        return log.sent;
    };
    EXPECT_EQ(answer("+1s < P. 1:1001(1000) ack 1"), SendReason::AckDuplicate);
    EXPECT_EQ(answer("+1s < P. 501:1001(500) ack 1"), SendReason::AckDuplicate);
    EXPECT_EQ(answer("+1s < . 1000:1000(0) ack 1"), SendReason::AckKeepAlive);
    EXPECT_EQ(answer("+1s < . 1000:1001(1) ack 1"), SendReason::AckKeepAlive);
    EXPECT_EQ(answer("+1s < . 999:999(0) ack 1"), SendReason::AckUnacceptable);
    EXPECT_EQ(answer("+1s < . 3000000:3000100(100) ack 1"), SendReason::AckUnacceptable);
}

TEST_F(EventLog, AProbeOfAClosedWindowIsToldFromAKeepAlive) {
    t.setup.tcp.receive_buffer = 1000;
    t.passive_open({.mss = 1000});
    t.inject("< P. 1:1001(1000) ack 1");
    t.expect("+40ms > . 1:1(0) ack 1001 win 0");
    for (const char* probe : {"+1s < . 1000:1000(0) ack 1", "+1s < . 1001:1002(1) ack 1"}) {
        t.inject(script::line(probe));
        t.expect("> . 1:1(0) ack 1001 win 0");
        EXPECT_EQ(log.sent, SendReason::AckWindowProbe) << probe;
    }
    t.inject("+1s < P. 1:1001(1000) ack 1");
    t.expect("> . 1:1(0) ack 1001 win 0");
    EXPECT_EQ(log.sent, SendReason::AckDuplicate);
}

TEST_F(EventLog, ARepeatedFinAndOldTextFindTimeWait) {
    t.active_close();
    t.inject("< F. 1:1(0) ack 2");
    t.expect("> . 2:2(0) ack 2");
    EXPECT_EQ(log.sent, SendReason::AckTimeWait);
    t.inject("< P. 1:2(1) ack 2");
    t.expect("> . 2:2(0) ack 2");
    EXPECT_EQ(log.sent, SendReason::AckKeepAlive);
    t.inject("< P. 4294967293:2(5) ack 2");
    t.expect("> . 2:2(0) ack 2");
    EXPECT_EQ(log.sent, SendReason::AckDuplicate);
    t.inject("< . 7:7(0) ack 2");
    t.expect("> . 2:2(0) ack 2");
    EXPECT_EQ(log.sent, SendReason::AckUnacceptable);
}

// What was told last is what there is.
void agrees(Script& t, const Log& log, const char* when) {
    const TcpStatus now = t.status();
    EXPECT_EQ(log.window.cwnd, now.cwnd) << when;
    EXPECT_EQ(log.window.ssthresh, now.ssthresh) << when;
    EXPECT_EQ(log.window.snd_wnd, now.snd_wnd) << when;
    EXPECT_EQ(log.window.srtt, now.srtt) << when;
    EXPECT_TRUE(now.backoff != 0 || log.window.rto == now.rto) << when;
}

// `first` and the next acknowledgements in steps of 1,000, 20 ms apart.
void acknowledge(Script& t, Log& log, u32 first, u32 last, const char* when) {
    for (u32 ack = first; ack <= last; ack += 1000) {
        t.inject(script::line("+20ms < . 1:1(0) ack " + std::to_string(ack)));
        t.ignore_output();
        agrees(t, log, when);
    }
}

TEST_F(EventLog, EveryMoveOfTheSendersWindowsIsTold) {
    t.active_open({.mss = 1000, .timestamps = false, .window = 60'000});
    agrees(t, log, "established");
    t.app.write(200'000);
    t.ignore_output();
    acknowledge(t, log, 1001, 8001, "slow start");
    for (int n = 0; n < 8; ++n) {
        t.inject("+1ms < . 1:1(0) ack 8001");
        t.ignore_output();
        agrees(t, log, "duplicate ACKs");
    }
    EXPECT_TRUE(t.status().in_recovery);
    acknowledge(t, log, 9001, 40'001, "recovery and congestion avoidance");
    t.inject("+20ms < . 1:1(0) ack 40001 win 100");
    agrees(t, log, "the peer's window");
    t.inject("+20ms < . 1:1(0) ack 40001 win 400");
    t.ignore_output();
    t.advance(3s);
    t.ignore_output();
    agrees(t, log, "RTO");
    acknowledge(t, log, 41'001, 200'001, "to the end");
    EXPECT_EQ(t.status().flight, 0u);
    ASSERT_GT(t.status().cwnd, 10'000u);
    t.advance(60s);
    t.app.write(1000);
    agrees(t, log, "after a pause");
    t.ignore_output();
    const std::set<std::string> wanted{"established",
                                       "peer's window",
                                       "RTT sample",
                                       "slow start",
                                       "three duplicate ACKs: fast recovery",
                                       "a duplicate ACK in recovery: a segment has left",
                                       "partial ACK",
                                       "congestion avoidance",
                                       "retransmission timeout",
                                       "nothing was sent for longer than RTO"};
    for (const std::string& why : wanted) EXPECT_GT(log.whys[why], 0) << why;
}

SCRIPT("the window of the third step is told scaled, as that of every later segment") {
    Log log;
    t.setup.observer = &log;
    t.listen();
    t.inject("< S 0:0(0) win 5000 <mss 1000,wscale 3>");
    CHECK(log.arrived_window == 5000);  // in a SYN it is not
    t.expect("> S. 0:0(0) ack 1");
    t.inject("< . 1:1(0) ack 1 win 1000");
    CHECK(log.arrived_window == 8000);
}

}  // namespace
}  // namespace tern

// The reasons that the event log gives, each provoked. That their sentences and figures are true is
// judged in every script (tests/support/truth.hh); here stands when each has to be given.
#include <vector>

#include "lab/script/on_gtest.hh"
#include "lab/trace/reasons.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;
using script::Script;

class Told final : public Observer {
public:
    void on_segment_sent(const SegmentSentEvent& e) override { sent.push_back(e); }
    void on_hold(const HoldEvent& e) override { held.push_back(e); }

    // The reasons since the last call.
    std::string reasons() {
        std::string all;
        for (const SegmentSentEvent& e : sent)
            all.append(all.empty() ? "" : " ").append(name_of(e.reason));
        sent.clear();
        return all;
    }
    // The last hold since the last call; none: nothing was held.
    std::optional<HoldEvent> hold() {
        std::optional<HoldEvent> last;
        if (!held.empty()) last = held.back();
        held.clear();
        return last;
    }

    std::vector<SegmentSentEvent> sent;
    std::vector<HoldEvent> held;
};

void one_case(const std::string& what, const std::function<void(Script&, Told&)>& body) {
    SCOPED_TRACE(what);
    Told told;
    Script t;
    t.setup.observer = &told;
    try {
        body(t, told);
        const std::string wrong = t.finish();
        EXPECT_EQ(wrong, "") << t.story();
    } catch (const script::Failure& f) {
        ADD_FAILURE() << f.what();
    }
}

SCRIPT("what is held back has a reason, with the figures of that moment",
       covers("RFC9293:SHLD-7")) {
    one_case("Nagle", [](Script& c, Told& told) {
        c.passive_open({.mss = 1000});
        c.app.write(100);
        c.expect("> P. 1:101(100) ack 1");
        c.check(!told.hold(), "nothing is held");
        c.app.write(200);
        const auto hold = told.hold();
        ASSERT_TRUE(hold);
        EXPECT_EQ(hold->reason, HoldReason::Nagle);
        EXPECT_EQ(hold->bytes, 200u);
        EXPECT_EQ(hold->bytes, c.status().unsent);
        EXPECT_EQ(hold->unacknowledged, 100u);
        EXPECT_EQ(trace::explain(*hold),
                  "holds 200 bytes back: less than a segment, while earlier data is not "
                  "acknowledged: Nagle (100 bytes)");
        c.inject("+10ms < . 1:1(0) ack 101");
        c.expect("> P. 101:301(200) ack 1");
        c.check(!told.hold(), "nothing is held");
        c.inject("< . 1:1(0) ack 301");
    });
    one_case("the tail of a large write", [](Script& c, Told& told) {
        c.passive_open({.mss = 1000});
        c.app.write(2300);
        c.expect("> . 1:2001(2000) ack 1");
        const auto hold = told.hold();
        ASSERT_TRUE(hold);
        EXPECT_EQ(hold->reason, HoldReason::Nagle);
        EXPECT_EQ(hold->bytes, 300u);
        c.inject("< . 1:1(0) ack 2001");
        c.expect("> P. 2001:2301(300) ack 1");
        c.inject("< . 1:1(0) ack 2301");
    });
    one_case("cwnd", [](Script& c, Told& told) {
        c.passive_open({.mss = 1000});
        c.app.write(12'000);
        c.expect("> . 1:10001(10000) ack 1");
        const auto hold = told.hold();
        ASSERT_TRUE(hold);
        EXPECT_EQ(hold->reason, HoldReason::Cwnd);
        EXPECT_EQ(hold->bytes, 2000u);
        EXPECT_EQ(hold->flight, 10'000u);
        EXPECT_EQ(hold->cwnd, c.status().cwnd);
        c.inject("< . 1:1(0) ack 10001");
        c.expect("> P. 10001:12001(2000) ack 1");
        c.inject("< . 1:1(0) ack 12001");
    });
    one_case("the peer's window", [](Script& c, Told& told) {
        c.passive_open({.mss = 1000, .wscale = {}, .window = 3000});
        c.app.write(4000);
        c.expect("> . 1:3001(3000) ack 1");
        auto hold = told.hold();
        ASSERT_TRUE(hold);
        EXPECT_EQ(hold->reason, HoldReason::PeerWindow);
        EXPECT_EQ(hold->bytes, 1000u);
        EXPECT_EQ(hold->unacknowledged, 3000u);
        c.inject("< . 1:1(0) ack 3001 win 300");
        hold = told.hold();
        ASSERT_TRUE(hold);
        EXPECT_EQ(hold->reason, HoldReason::SillyWindow);
        EXPECT_EQ(hold->snd_wnd, 300u);
        c.inject("< . 1:1(0) ack 3001 win 0");
        hold = told.hold();
        ASSERT_TRUE(hold);
        EXPECT_EQ(hold->reason, HoldReason::WindowClosed);
        c.inject("< . 1:1(0) ack 3001 win 3000");
        c.expect("> P. 3001:4001(1000) ack 1");
        c.inject("< . 1:1(0) ack 4001");
    });
    one_case("the pace", [](Script& c, Told& told) {
        c.setup.limits.tcp_pacing = true;
        c.passive_open({.mss = 1000, .sack = true});
        c.app.write(1000);
        c.expect("> P. 1:1001(1000) ack 1");
        c.inject("+100ms < . 1:1(0) ack 1001");
        c.app.write(12'000);
        c.expect("> . 1001:11001(10000) ack 1");  // the initial window, at once
        c.inject("+100ms < . 1:1(0) ack 2001");
        c.expect("> . 11001:12001(1000) ack 1");
        const auto hold = told.hold();
        ASSERT_TRUE(hold);
        EXPECT_EQ(hold->reason, HoldReason::Pace);
        EXPECT_EQ(hold->bytes, 1000u);
        c.expect_within(10ms, "> P. 12001:13001(1000) ack 1");
        c.inject("< . 1:1(0) ack 13001");
    });
}

SCRIPT("a SYN that comes again is answered for that, and a timer for its own reason") {
    one_case("the same SYN", [](Script& c, Told& told) {
        c.listen();
        c.inject("< S 0:0(0) win 65535 <mss 1460>");
        c.expect("> S. 0:0(0) ack 1 <mss 1460>");
        c.inject("+100ms < S 0:0(0) win 65535 <mss 1460>");
        c.expect("> S. 0:0(0) ack 1 <mss 1460>");
        EXPECT_EQ(told.reasons(), "OpenAnswer OpenAnswerAgain");
        c.expect_within(1s, "> S. 0:0(0) ack 1 <mss 1460>");
        EXPECT_EQ(told.reasons(), "OpenAnswerRetry");
        c.inject("< R 1:1(0)");
    });
}

SCRIPT("a FIN that goes again says so, with SACK and without") {
    for (const bool sack : {false, true}) {
        one_case(sack ? "SACK" : "no SACK", [&](Script& c, Told& told) {
            c.passive_open({.mss = 1000, .sack = sack});
            c.app.close();
            c.expect("> F. 1:1(0) ack 1");
            told.reasons();
            c.expect_within(2s, "> F. 1:1(0) ack 1");
            EXPECT_EQ(told.reasons(), "FinRetry");
            c.expect_within(4s, "> F. 1:1(0) ack 1");
            EXPECT_EQ(told.reasons(), "FinRetry");
            c.inject("< . 1:1(0) ack 2");
        });
        one_case(sack ? "SACK, with text" : "no SACK, with text", [&](Script& c, Told& told) {
            c.passive_open({.mss = 1000, .sack = sack});
            c.app.write(500);
            c.expect("> P. 1:501(500) ack 1");
            c.app.close();
            c.expect("> F. 501:501(0) ack 1");
            told.reasons();
            c.advance(1500ms);
            const std::string again = told.reasons();
            EXPECT_TRUE(again.starts_with("RetransmitTimeout")) << again;
            c.ignore_output();
            c.inject("< . 1:1(0) ack 502");
            c.ignore_output();
        });
    }
}

SCRIPT("behind an RTO the first segment is told from those that follow as cwnd grows") {
    for (const bool sack : {false, true}) {
        one_case(sack ? "SACK" : "no SACK", [&](Script& c, Told& told) {
            c.passive_open({.mss = 1000, .sack = sack});
            c.app.write(5000);
            c.expect("> P. 1:5001(5000) ack 1");
            told.reasons();
            c.expect_within(2s, "> . 1:1001(1000) ack 1");
            ASSERT_EQ(told.sent.size(), 1u);
            EXPECT_EQ(told.sent[0].flight, 0u) << "what an RTO gives up is not on its way";
            EXPECT_EQ(told.reasons(), "RetransmitTimeout");
            c.inject("+10ms < . 1:1(0) ack 1001");
            c.expect("> . 1001:3001(2000) ack 1");
            const std::string again = told.reasons();
            EXPECT_TRUE(again.starts_with("RetransmitAfterTimeout")) << again;
            EXPECT_EQ(again.find("RetransmitTimeout"), again.npos);
            c.inject("+10ms < . 1:1(0) ack 5001");
            c.ignore_output();
        });
    }
}

SCRIPT("a window probe's byte goes again because the window opened, not because it was lost") {
    for (const bool sack : {false, true}) {
        one_case(sack ? "SACK" : "no SACK", [&](Script& c, Told& told) {
            c.passive_open({.mss = 1000, .sack = sack, .wscale = {}, .window = 1000});
            c.app.write(3000);
            c.expect("> . 1:1001(1000) ack 1");
            c.inject("< . 1:1(0) ack 1001 win 0");
            c.expect_within(2s, "> . 1001:1002(1) ack 1");
            told.reasons();
            c.inject("< . 1:1(0) ack 1001 win 5000");
            c.ignore_output();
            const std::string again = told.reasons();
            EXPECT_TRUE(again.starts_with("RetransmitProbed")) << again;
            c.inject("< . 1:1(0) ack 3001 win 5000");
            c.ignore_output();
        });
    }
}

SCRIPT("data behind a hole: the answer may acknowledge more, and several have a reason together") {
    one_case("it advances", [](Script& c, Told& told) {
        c.passive_open({.mss = 1000, .sack = true});
        told.reasons();
        c.inject_together({"< . 1:1001(1000) ack 1", "< . 2001:3001(1000) ack 1"});
        c.expect("> . 1:1(0) ack 1001 <sack 2001:3001>");
        EXPECT_EQ(told.reasons(), "AckOutOfOrder");
        c.inject("< . 1001:2001(1000) ack 1");
        c.expect("> . 1:1(0) ack 3001");
        EXPECT_EQ(told.reasons(), "AckHoleFilled");
        c.app.read_all();
    });
    one_case("hole and filling in one batch", [](Script& c, Told& told) {
        c.passive_open({.mss = 1000, .sack = true});
        told.reasons();
        c.inject_together({"< . 1001:2001(1000) ack 1", "< . 1:1001(1000) ack 1"});
        c.ignore_output();
        EXPECT_EQ(told.reasons(), "AckHoleFilled");
        c.app.read_all();
    });
    one_case("two reasons in one batch", [](Script& c, Told& told) {
        c.passive_open({.mss = 1000});
        c.inject("< . 1:501(500) ack 1");
        c.expect("+40ms > . 1:1(0) ack 501");
        told.reasons();
        c.inject_together({"< . 1:501(500) ack 1", "< . 1001:1501(500) ack 1"});
        c.ignore_output();
        const std::string both = told.reasons();
        EXPECT_TRUE(both.starts_with("AckSeveral")) << both;
        c.app.read_all();
    });
}

SCRIPT("who closes a listener has not aborted a connection") {
    one_case("closing", [](Script& c, Told& told) {
        c.listen();
        c.inject("< S 0:0(0) win 65535 <mss 1460>");
        c.expect("> S. 0:0(0) ack 1 <mss 1460>");
        told.reasons();
        c.check(c.stack().tcp().close_listener(c.listener()).has_value(), "it closes");
        c.pump();
        c.expect("> R. 1:1(0) ack 1");
        EXPECT_EQ(told.reasons(), "ResetListenerClosed");
    });
    one_case("an ACK to a listener", [](Script& c, Told& told) {
        c.listen();
        c.inject("< . 500:500(0) ack 700");
        c.ignore_output();
        EXPECT_EQ(told.reasons(), "ResetListen");
    });
}

SCRIPT("what the peer has SACKed and forgotten goes again for that") {
    one_case("reneging", [](Script& c, Told& told) {
        c.passive_open({.mss = 1000, .sack = true});
        c.app.write(1000);
        c.expect("> P. 1:1001(1000) ack 1");
        c.inject("+100ms < . 1:1(0) ack 1001");
        c.app.write(4000);
        c.expect("> P. 1001:5001(4000) ack 1");
        c.inject("+100ms < . 1:1(0) ack 1001 <sack 2001:4001>");
        c.expect_within(50ms, "> . 1001:2001(1000) ack 1");
        told.reasons();
        c.inject("+100ms < . 1:1(0) ack 2001");  // and the SACKed bytes are not there any more
        c.ignore_output();
        const std::string again = told.reasons();
        EXPECT_TRUE(again.starts_with("RetransmitReneged")) << again;
        c.inject("+100ms < . 1:1(0) ack 5001");
        c.ignore_output();
    });
}

}  // namespace
}  // namespace tern

// The script language itself: it must complain about a stack that does something else.
#include "lab/script/on_gtest.hh"

namespace tern {
namespace {

using script::Script;
using namespace std::chrono_literals;

// What a script that fails says; empty: it did not fail.
template <class Body>
std::string failure_of(Body body) {
    Script t;
    try {
        body(t);
    } catch (const script::Failure& f) {
        return f.what();
    }
    return t.finish();
}

SCRIPT("passive open, data both ways, orderly close") {
    t.passive_open({.mss = 1000, .sack = true});
    t.app.write(1000);
    t.expect("> P. 1:1001(1000) ack 1");
    t.inject("+10ms < P. 1:501(500) ack 1001 win 500");
    CHECK(t.app.read_all() == 500);
    t.ignore_output();
    t.passive_close();
}

SCRIPT("active open, and TIME-WAIT for its time", covers("RFC9293:MUST-13")) {
    t.active_open({.timestamps = true});
    t.active_close();
    t.quiet(59s);
    t.inject("< F. 1:1(0) ack 2");
    t.expect("> . 2:2(0) ack 2");
    t.quiet(59s);
    t.state(State::TimeWait);
    t.quiet(2s);
    t.state(State::Closed);
}

SCRIPT("a range may be one segment or ten") {
    t.passive_open({.mss = 1000, .initial_cwnd_segments = 10});
    t.app.write(10'000);
    t.expect("> P. 1:10001(10000) ack 1");
    t.inject("+10ms < . 1:1(0) ack 10001");
    t.quiet(100ms);
}

SCRIPT("run-time lines") {
    t.passive_open();
    for (int n : {500, 600}) {
        const std::string s = std::to_string(n);
        t.inject(script::line("< S " + s + ":" + s + "(0) win 1000"));
        t.expect("> . 1:1(0) ack 1");
    }
}

TEST(Script, WrongFieldIsToldWithTheStory) {
    const std::string text = failure_of([](Script& t) {
        t.passive_open();
        t.app.write(100);
        t.expect("> P. 1:101(100) ack 2");
    });
    EXPECT_NE(text.find("expected: > P. 1:101(100) ack 2"), std::string::npos) << text;
    EXPECT_NE(text.find("ack differs"), std::string::npos) << text;
    EXPECT_NE(text.find("<  S 0:0(0) win 65535 <mss 1460,wscale 7>"), std::string::npos) << text;
}

TEST(Script, SilenceIsAFailureAndSoIsNoise) {
    std::string text = failure_of([](Script& t) {
        t.passive_open();
        t.expect("> . 1:1(0) ack 1");
    });
    EXPECT_NE(text.find("got: nothing"), std::string::npos) << text;
    text = failure_of([](Script& t) {
        t.passive_open();
        t.app.write(1);
        t.quiet();
    });
    EXPECT_NE(text.find("expected: silence"), std::string::npos) << text;
    text = failure_of([](Script& t) {
        t.passive_open();
        t.app.write(1);
    });
    EXPECT_NE(text.find("never expected"), std::string::npos) << text;
}

TEST(Script, TimeIsExact) {
    const std::string text = failure_of([](Script& t) {
        t.active_open();
        t.app.write(1);
        t.advance(10ms);
        t.expect("> P. 1:2(1) ack 1");
    });
    EXPECT_NE(text.find("it left 10 ms earlier"), std::string::npos) << text;
}

}  // namespace
}  // namespace tern

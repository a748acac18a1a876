// The ladder of one stack (the script plays the peer): what is drawn, and what is inferred.
#include "tern/ladder.hh"

#include "lab/script/on_gtest.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;
using script::Script;

// Runs a script whose stack is the ladder's left side.
template <class Body>
std::string ladder_of(Ladder& ladder, Body body) {
    script::Script t;
    t.setup.observer = &ladder.left();
    body(t);
    t.ignore_output();
    return ladder.text();
}

bool has(const std::string& text, std::string_view part) {
    return text.find(part) != std::string::npos;
}

TEST(Ladder, DrawsWhatTheScriptSaysAndInfersThePeer) {
    Ladder ladder{{.left = "us", .right = "them"}};
    const std::string text = ladder_of(ladder, [](Script& t) {
        t.active_open({.mss = 1000});
        t.app.close();
        t.expect("> F. 1:1(0) ack 1");
        t.inject("+10ms < F. 1:1(0) ack 2");
        t.expect("> . 2:2(0) ack 2");
    });
    EXPECT_TRUE(has(text, "SYN-SENT |--- S 0:0(0) win 65535")) << text;
    EXPECT_TRUE(has(text, "S. 0:0(0) ack 1 win 65535 ---| (SYN-RECEIVED)")) << text;
    EXPECT_TRUE(has(text, "ESTABLISHED |<")) << text;
    EXPECT_TRUE(has(text, "<mss 1000,wscale 7>")) << text;
    EXPECT_TRUE(has(text, "| (ESTABLISHED)")) << text;
    EXPECT_TRUE(has(text, "FIN-WAIT-1 |--- F. 1:1(0) ack 1")) << text;
    EXPECT_TRUE(has(text, "| (LAST-ACK)")) << text;
    EXPECT_TRUE(has(text, "TIME-WAIT |<")) << text;
    EXPECT_FALSE(has(text, "our FIN is acknowledged")) << "the arrow shows it" << text;
    EXPECT_TRUE(has(text, "the application called OPEN")) << text;
    EXPECT_FALSE(has(text, "\033")) << "no colour unless asked for";
    for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = text.find('\n', at);
        EXPECT_LE(end - at, 80u) << text.substr(at, end - at);
        at = end + 1;
    }
}

TEST(Ladder, InfersAClientFromItsServerToo) {
    Ladder ladder;
    Script t;
    t.setup.observer = &ladder.right();
    t.passive_open();
    t.inject("+10ms < F. 1:1(0) ack 1");
    t.expect("> . 1:1(0) ack 2");
    t.app.close();
    t.expect("> F. 1:1(0) ack 2");
    t.inject("+10ms < . 2:2(0) ack 2");
    const std::string text = ladder.text();
    for (const char* line : {"(SYN-SENT) |--- S 0:0(0)", "| SYN-RECEIVED", "(ESTABLISHED) |<",
                             "| ESTABLISHED", "(FIN-WAIT-1) |--- F. 1:1(0) ack 1", "| CLOSE-WAIT",
                             "(FIN-WAIT-2) |<", "(TIME-WAIT) |<", "| LAST-ACK", "| CLOSED"})
        EXPECT_TRUE(has(text, line)) << line << "\n" << text;
    EXPECT_TRUE(has(ladder.json(), "\"left_inferred\":true")) << ladder.json();
}

TEST(Ladder, DropsEndInAnX) {
    Ladder ladder{{.width = 100}};
    const std::string text = ladder_of(ladder, [](Script& t) {
        t.passive_open();
        t.inject("< . 1:1(0) ack 1", {.bad_checksum = true});
        t.inject("< . 400000:400000(0) ack 1");
    });
    EXPECT_TRUE(has(text, "|x-")) << text;
    EXPECT_TRUE(has(text, "dropped: TCP checksum wrong")) << text;
    EXPECT_TRUE(has(text, "dropped: segment outside the receive window")) << text;
}

TEST(Ladder, LongRunsAreCollapsed) {
    Ladder ladder;
    const auto body = [](Script& t) {
        t.passive_open({.mss = 1000, .initial_cwnd_segments = 40});
        t.app.write(40'000);
        t.expect("> P. 1:40001(40000) ack 1");
    };
    EXPECT_TRUE(has(ladder_of(ladder, body), "35 segments, 35 kB, at once")) << ladder.text();
    Ladder all{{.collapse = false}};
    EXPECT_TRUE(has(ladder_of(all, body), "20001:21001(1000)"));
}

TEST(Ladder, MemoryIsBounded) {
    Ladder ladder{{.rows_max = 10}};
    const std::string text = ladder_of(ladder, [](Script& t) {
        t.passive_open();
        for (int i = 0; i < 100; ++i) t.inject("+1s < . 1:1(0) ack 1");
    });
    EXPECT_TRUE(has(text, "rows before")) << text;
}

TEST(Ladder, JsonHasTheReason) {
    Ladder ladder{{.left = "a \"quoted\" name"}};
    ladder_of(ladder, [](Script& t) { t.active_open(); });
    const std::string json = ladder.json();
    EXPECT_TRUE(has(json, "\"reason\":\"OpenActive\"")) << json;
    EXPECT_TRUE(has(json, "\"from\":\"a \\\"quoted\\\" name\"")) << json;
    EXPECT_TRUE(json.starts_with("[\n  {")) << json;
    EXPECT_TRUE(json.ends_with("}\n]\n")) << json;
}

}  // namespace
}  // namespace tern

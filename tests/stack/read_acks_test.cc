// What an application does in one turn, and segments that are handled as a train, which only
// happens when nobody watches: docs/decisions/0019-acknowledge-what-was-read.md
#include "support/covers.hh"
#include "support/pair.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;

// `a` has connected to `b`, whose application has let one acknowledgement wait in vain.
struct Late : Pair {
    TcpConnection sender = connect({.no_delay = true}), receiver;

    Late() {
        exchange();
        receiver = *b.tcp().accept(listener);
        say(100);
        EXPECT_EQ(read(), 100u);
        pass(50ms);
    }
    void say(std::size_t n) {
        const std::vector<std::byte> text(n);
        EXPECT_EQ(a.tcp().send(sender, text).value_or(0), n);
        exchange();
    }
    std::size_t read() {
        std::vector<std::byte> into(10'000);
        return b.tcp().receive(receiver, into).value_or(0);
    }
    u64 left() {  // by `b`
        exchange();
        return b.counters().tcp_segments_out;
    }
};

TEST(ReadAcks, OneSegmentLeavesWhenTheAnswerIsWrittenInTheTurnThatReads) {
    test::covers({"RFC9293:SHLD-18", "RFC9293:MUST-58"});
    Late hosts;
    const u64 before = hosts.left();
    hosts.say(100);
    EXPECT_EQ(hosts.read(), 100u);
    const std::vector<std::byte> answer(50);
    EXPECT_TRUE(hosts.b.tcp().send(hosts.receiver, answer).has_value());
    EXPECT_EQ(hosts.left(), before + 1);
    hosts.pass(1s);
    EXPECT_EQ(hosts.left(), before + 1);
}

TEST(ReadAcks, ATrainIsPushedWhenItsLastSegmentIs) {
    test::covers({"RFC9293:MUST-58"});
    Late hosts;
    hosts.say(1448);  // how large its segments are
    EXPECT_EQ(hosts.read(), 1448u);
    const u64 before = hosts.left();
    hosts.say(1448 + 100);
    EXPECT_EQ(hosts.left(), before) << "less than two full segments";
    EXPECT_EQ(hosts.read(), 1448u + 100);
    EXPECT_EQ(hosts.left(), before + 1);
}

}  // namespace
}  // namespace tern

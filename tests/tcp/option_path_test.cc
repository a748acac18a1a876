#include "core/tcp/ecn/option_path.hh"

#include <gtest/gtest.h>

#include "support/covers.hh"

namespace tern::tcp {
namespace {

using test::covers;

Leaving text(u32 seq, u32 len, bool again = false) {
    return {.seq = Seq{seq}, .ack = Seq{7000}, .len = len, .again = again, .roomy = true};
}
Leaving ack(u32 of) { return {.seq = Seq{100}, .ack = Seq{of}, .roomy = true}; }
Leaving syn_ack() {
    return {.seq = Seq{99}, .ack = Seq{7000}, .syn = true, .roomy = true, .passive = true};
}

TEST(OptionPath, AClientTestsItWithItsFirstTextAndAServerWithItsSynAck) {
    covers({"RFC9768:5"});
    OptionPath client;
    EXPECT_FALSE(client.is_test(ack(7000)));
    EXPECT_FALSE(client.is_test(text(100, 50, true)));
    Leaving full = text(100, 50);
    full.roomy = false;
    EXPECT_FALSE(client.is_test(full));
    EXPECT_TRUE(client.is_test(text(100, 50)));
    client.left(text(100, 50), true);
    EXPECT_FALSE(client.is_test(text(150, 50)));

    OptionPath server;
    Leaving answer = text(100, 50);
    answer.passive = true;
    EXPECT_FALSE(server.is_test(answer));
    EXPECT_TRUE(server.is_test(syn_ack()));
    server.left(syn_ack(), true);
    EXPECT_FALSE(server.is_test(syn_ack()));
    server.test_anew();
    EXPECT_TRUE(server.is_test(syn_ack()));
}

TEST(OptionPath, TwoLossesBeforeAnySuccessBlockIt) {
    covers({"RFC9768:5"});
    OptionPath path;
    EXPECT_FALSE(path.left(text(100, 50), true));
    EXPECT_FALSE(path.left(text(100, 50, true), false)) << "one loss may be chance";
    EXPECT_FALSE(path.blocked());
    EXPECT_FALSE(path.left(text(150, 50), true));
    EXPECT_TRUE(path.left(text(150, 50, true), false));
    EXPECT_TRUE(path.blocked());
}

TEST(OptionPath, TextIsLostWithItsOptionWhenTheOctetAtItsEndGoesAgain) {
    OptionPath path;
    path.left(text(100, 50), true);
    EXPECT_FALSE(path.left(text(100, 49, true), false));
    EXPECT_FALSE(path.left(text(150, 50, true), false)) << "this lies behind it";
    path.acknowledged(Seq{150});
    for (u32 i = 0; i < 3; ++i) {
        path.left(text(200, 50), true);
        EXPECT_FALSE(path.left(text(200, 50, true), false)) << "it passes, that is settled";
    }
    EXPECT_FALSE(path.blocked());
}

TEST(OptionPath, WhatIsAcknowledgedInPartHasNotPassed) {
    OptionPath path;
    path.left(text(100, 50), true);
    path.acknowledged(Seq{149});
    path.left(text(100, 50, true), false);
    path.left(text(150, 50), true);
    EXPECT_TRUE(path.left(text(150, 50, true), false));
}

TEST(OptionPath, AnAckIsLostWithItsOptionWhenThePeerRepeatsWhatItAcknowledged) {
    OptionPath path;
    path.left(ack(7000), true);
    EXPECT_FALSE(path.repeated(Seq{7001})) << "text that it did not acknowledge";
    EXPECT_FALSE(path.repeated(Seq{7000}));
    EXPECT_FALSE(path.repeated(Seq{7000})) << "counted already";
    path.left(ack(8000), true);
    EXPECT_FALSE(path.repeated(Seq{8001}));
    EXPECT_TRUE(path.repeated(Seq{8000}));
}

TEST(OptionPath, AnEchoedTimestampSaysThatItPassed) {
    OptionPath path;
    Leaving timed = ack(7000);
    timed.timestamps = true;
    timed.ts_val = 500;
    path.left(timed, true);
    path.echoed(499);
    path.echoed(500);
    for (const u32 of : {7000u, 8000u, 9000u}) {
        path.left(ack(of), true);
        EXPECT_FALSE(path.repeated(Seq{of}));
    }
}

TEST(OptionPath, WhatHasPassedIsNotLostAnyMore) {
    OptionPath path;
    path.left(ack(7000), true);
    path.repeated(Seq{7000});
    Leaving timed = ack(8000);
    timed.timestamps = true;
    timed.ts_val = 500;
    path.left(timed, true);
    path.echoed(500);
    EXPECT_FALSE(path.repeated(Seq{8000}));
    EXPECT_FALSE(path.blocked());
}

TEST(OptionPath, ALaterEchoSaysNothing) {
    OptionPath path;
    Leaving timed = ack(7000);
    timed.timestamps = true;
    timed.ts_val = 500;
    path.left(timed, true);
    path.echoed(501);
    path.echoed(500);  // an old segment
    EXPECT_FALSE(path.repeated(Seq{7000}));
    path.left(ack(8000), true);
    EXPECT_TRUE(path.repeated(Seq{8000}));
}

TEST(OptionPath, ATimestampThatAlsoLeftWithoutTheOptionSaysNothing) {
    OptionPath path;
    Leaving timed = ack(7000);
    timed.timestamps = true;
    timed.ts_val = 500;
    path.left(timed, true);
    path.left(timed, false);
    path.echoed(500);
    EXPECT_FALSE(path.repeated(Seq{7000}));
    path.left(ack(8000), true);
    EXPECT_TRUE(path.repeated(Seq{8000}));
}

TEST(OptionPath, ASynAckThatWasSentAgainCountsAsALoss) {
    covers({"RFC9768:6"});
    OptionPath path;
    path.syn_ack_left(true);
    path.left(text(100, 50), true);
    EXPECT_TRUE(path.left(text(100, 50, true), false));

    OptionPath of_fast_open;  // its SYN-ACK leaves when there is a connection
    of_fast_open.left(syn_ack(), true);
    of_fast_open.left(syn_ack(), false);
    of_fast_open.left(ack(7000), true);
    EXPECT_TRUE(of_fast_open.repeated(Seq{7000}));

    OptionPath once;
    once.syn_ack_left(false);
    once.left(ack(7000), true);
    EXPECT_FALSE(once.repeated(Seq{7000}));
}

}  // namespace
}  // namespace tern::tcp

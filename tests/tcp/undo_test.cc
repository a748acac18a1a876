#include "core/tcp/recovery/undo.hh"

#include <gtest/gtest.h>

#include "support/covers.hh"

namespace tern::tcp {
namespace {

using Repair = Undo::Repair;

Undo begun(u32 pieces, u32 ts = 1'000) {
    Undo u;
    u.begin(Seq{100}, 20'000, 40'000, true);
    if (pieces != 0) u.sent_again(pieces, ts);
    return u;
}

AckSample dsack(u32 left, u32 pieces) {
    AckSample a;
    a.dsack_pieces = pieces;
    a.dsack_left = Seq{left};
    return a;
}

AckInHand echo(u32 ts_ecr) {
    return {.una = {}, .max = {}, .recover = {}, .has_echo = true, .ts_ecr = ts_ecr};
}

// RFC 3708: D-SACKs for all that was sent again.
TEST(Undo, DsackForEveryRetransmission) {
    Undo u = begun(3);
    u.learn_dsack(dsack(100, 2));
    EXPECT_FALSE(u.spurious({}, dsack(100, 2), Repair::Losses)) << "one of three is not told yet";
    u.learn_dsack(dsack(2'100, 1));
    EXPECT_TRUE(u.spurious({}, dsack(2'100, 1), Repair::Losses));
    EXPECT_EQ(u.cwnd(), 20'000u);
    EXPECT_EQ(u.ssthresh(), 40'000u);
    EXPECT_FALSE(u.spurious({}, dsack(2'100, 1), Repair::Losses)) << "once";
}

TEST(Undo, ADsackOfBeforeDoesNotCount) {
    Undo u = begun(1);
    u.learn_dsack(dsack(99, 1));
    EXPECT_FALSE(u.spurious({}, dsack(99, 1), Repair::Losses));
}

// RFC 3522 (Eifel): the echo is older than the first retransmission, so an original has arrived.
TEST(Undo, AnEchoFromBefore) {
    AckSample a;
    a.advanced = true;
    Undo u = begun(1, 5'000);
    EXPECT_FALSE(u.spurious(echo(5'000), a, Repair::Losses)) << "the retransmission's own";
    EXPECT_FALSE(u.spurious(echo(4'999), a, Repair::Nothing)) << "nothing is being repaired";
    AckSample repeats;
    EXPECT_FALSE(u.spurious(echo(4'999), repeats, Repair::Losses)) << "it must advance";
    u.sent_again(1, 9'000);
    EXPECT_FALSE(u.spurious(echo(8'000), a, Repair::Losses)) << "the first one counts";
    EXPECT_TRUE(u.spurious(echo(4'999), a, Repair::AfterTimeout));
}

TEST(Undo, WithoutTimestampsAnEchoIsNoEcho) {
    AckSample a;
    a.advanced = true;
    Undo u = begun(1, 5'000);
    AckInHand ack = echo(1);
    ack.has_echo = false;
    EXPECT_FALSE(u.spurious(ack, a, Repair::Losses));
}

// RFC 5682 3.1: new data goes out behind the first ACK, and the answer to that decides.
TEST(Undo, ForwardRtoRecovery) {
    test::covers({"RFC5682:1"});
    Undo u = begun(1);
    u.timeout(false);
    EXPECT_FALSE(u.tries_new_data());
    AckSample first;
    first.advanced = true;
    EXPECT_FALSE(u.spurious({}, first, Repair::AfterTimeout));
    EXPECT_TRUE(u.tries_new_data());
    AckSample original;
    original.advanced = original.original = true;
    EXPECT_TRUE(u.spurious({}, original, Repair::AfterTimeout));
    EXPECT_FALSE(u.tries_new_data());
}

TEST(Undo, ForwardRtoRecoveryGivesUp) {
    Undo u = begun(1);
    u.timeout(false);
    AckSample duplicate;
    EXPECT_FALSE(u.spurious({}, duplicate, Repair::AfterTimeout));
    EXPECT_FALSE(u.tries_new_data());
    AckSample advances;
    advances.advanced = true;
    EXPECT_FALSE(u.spurious({}, advances, Repair::AfterTimeout));
    EXPECT_FALSE(u.tries_new_data()) << "the first ACK behind the timeout was a duplicate";
}

// RFC 5682 2.1: a second timeout before the repair of the first is over is no accident.
TEST(Undo, ASecondTimeoutIsNoAccident) {
    test::covers({"RFC5682:2"});
    Undo u = begun(1);
    u.timeout(false);
    u.timeout(true);
    AckSample original;
    original.advanced = original.original = true;
    EXPECT_FALSE(u.spurious({}, original, Repair::AfterTimeout));
}

TEST(Undo, NothingToUndo) {
    AckSample a = dsack(100, 1);
    a.advanced = a.original = true;
    Undo none;
    EXPECT_FALSE(none.spurious(echo(0), a, Repair::AfterTimeout)) << "it never began";
    Undo unsent = begun(0);
    EXPECT_FALSE(unsent.spurious(echo(0), a, Repair::AfterTimeout)) << "nothing was sent again";
    Undo walked;
    walked.begin(Seq{100}, 1, 1, false);
    walked.sent_again(1, 1'000);
    EXPECT_FALSE(walked.spurious(echo(0), a, Repair::AfterTimeout)) << "not twice in a flight";
}

}  // namespace
}  // namespace tern::tcp

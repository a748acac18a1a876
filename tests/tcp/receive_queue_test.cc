#include "core/tcp/receiver/receive_queue.hh"

#include <gtest/gtest.h>

#include "support/covers.hh"
#include "tcp/texts.hh"

namespace tern::tcp {
namespace {

using test::bytes_of;
using test::covers;
using Bytes = std::vector<u8>;

struct Queue : test::Memory {
    Pool<Run> runs{budget};
    ReceiveQueue q;

    ~Queue() { q.holes().clear(runs); }
    Bytes read(u32 n) {
        Bytes bytes(n);
        q.read(std::as_writable_bytes(std::span(bytes)));
        return bytes;
    }
};

TEST(ReceiveQueue, ReadsAcrossBuffersAndStopsInsideOne) {
    Queue t;
    t.q.append(t.text(1000, 1));
    t.q.append(t.text(1000, 2));
    ASSERT_EQ(t.q.text().count(), 2u);
    EXPECT_EQ(t.read(999), Bytes(999, 1));
    EXPECT_EQ(t.read(3), (Bytes{1, 2, 2}));
    EXPECT_EQ(t.q.waiting(), 998u);
    EXPECT_EQ(t.q.text().count(), 1u);
    EXPECT_EQ(t.read(998), Bytes(998, 2));
    EXPECT_TRUE(t.q.idle());
}

TEST(ReceiveQueue, SmallTextsShareABuffer) {
    Queue t;
    for (u8 i = 0; i < 5; ++i) t.q.append(t.text(100, i));
    EXPECT_EQ(t.q.text().count(), 1u);
    EXPECT_EQ(t.q.waiting(), 500u);
    EXPECT_EQ(t.packets.packets_in_use(), 1u);
    t.q.append(t.text(512, 9));
    EXPECT_EQ(t.q.text().count(), 2u);
    t.q.skip(99);
    EXPECT_EQ(t.read(2), (Bytes{0, 1}));
}

TEST(ReceiveQueue, LeavesABufferAloneThatSomebodyElseLooksAt) {
    Queue t;
    Packet mine = t.text(100, 1);
    Packet other = mine.share();
    t.q.append(std::move(mine));
    t.q.append(t.text(100, 2));
    EXPECT_EQ(t.q.text().count(), 2u);
    EXPECT_EQ(other.size(), 100u);
}

TEST(ReceiveQueue, AShortTextDoesNotPinALargeSlot) {
    Queue t;
    Packet large = t.packets.allocate(60'000);
    std::memset(large.append(600), 7, 600);
    t.q.append(std::move(large));
    EXPECT_EQ(t.q.text().front()->size_class, 0);
    EXPECT_EQ(t.read(600), Bytes(600, 7));
    Packet full = t.packets.allocate(60'000);
    full.append(20'000);
    t.q.append(std::move(full));
    EXPECT_EQ(t.q.text().front()->size_class, 2);
}

TEST(ReceiveQueue, TakesATrainInItsOrder) {
    Queue t;
    Chain train;
    train.push_back(t.text({1, 2}));
    train.push_back(t.text({3}));
    train.push_back(t.text({4, 5}));
    t.q.append(train);
    EXPECT_TRUE(train.empty());
    EXPECT_EQ(bytes_of(t.q.text()), (Bytes{1, 2, 3, 4, 5}));
}

TEST(ReceiveQueue, GivesAwayTheFirstBufferOrAViewOfItsBeginning) {
    Queue t;
    t.q.append(t.text(1000, 1));
    t.q.append(t.text(1000, 2));
    const Packet part = t.q.take(400);
    ASSERT_TRUE(part);
    EXPECT_EQ(part.size(), 400u);
    EXPECT_EQ(t.q.waiting(), 1600u);
    const Packet rest = t.q.take(1600);
    EXPECT_EQ(rest.size(), 600u);
    EXPECT_EQ(rest.data(), part.data() + 400);
    EXPECT_EQ(t.q.waiting(), 1000u);
    EXPECT_EQ(t.q.first_size(), 1000u);
}

TEST(ReceiveQueue, FindsAByteByItsPlace) {
    Queue t;
    t.q.append(t.text(1000, 1));
    t.q.append(t.text(1000, 2));
    EXPECT_EQ(t.q.byte_at(999), std::byte{1});
    EXPECT_EQ(t.q.byte_at(1000), std::byte{2});
    EXPECT_EQ(t.q.byte_at(1999), std::byte{2});
    EXPECT_EQ(t.q.byte_at(2000), std::nullopt);
}

TEST(ReceiveQueue, AFinBehindAHoleWaitsForItsTurn) {
    covers({"RFC9293:SHLD-31"});
    Queue t;
    EXPECT_FALSE(t.q.fin_is(Seq{0}));
    t.q.holes().hold(t.runs, 256, Seq{110}, t.text({3, 4}));
    t.q.hold_fin(Seq{112});
    EXPECT_FALSE(t.q.fin_is(Seq{100}));
    EXPECT_EQ(t.q.fill(t.runs, Seq{108}, t.text({1, 2})).nxt, Seq{112});
    EXPECT_TRUE(t.q.fin_is(Seq{112}));
    EXPECT_EQ(t.read(4), (Bytes{1, 2, 3, 4}));
    EXPECT_FALSE(t.q.idle()) << "the FIN is remembered here";
}

TEST(ReceiveQueue, IsIdleWithNothingToKeepAndNothingToTell) {
    Queue t;
    EXPECT_TRUE(t.q.idle());
    t.q.holes().hold(t.runs, 256, Seq{110}, t.text({1}));
    EXPECT_FALSE(t.q.idle());
    t.q.holes().clear(t.runs);
    EXPECT_TRUE(t.q.idle());
    EXPECT_EQ(t.runs.in_use(), 0u);
    EXPECT_EQ(t.packets.packets_in_use(), 0u);
    t.q.holes().remember({Seq{1}, Seq{2}}, true);
    EXPECT_FALSE(t.q.idle());
    std::array<wire::SackBlock, 4> out;
    EXPECT_EQ(t.q.holes().blocks(t.runs, Seq{110}, out), 1u);
    EXPECT_TRUE(t.q.idle());
    t.q.append(t.text({1}));
    EXPECT_FALSE(t.q.idle());
}

TEST(ReceiveQueue, KeepsTheShortestEchoSinceTheLastReading) {
    Queue t;
    EXPECT_EQ(t.q.take_echo(), k_no_echo);
    t.q.note_echo(20);
    t.q.note_echo(5);
    t.q.note_echo(9);
    EXPECT_EQ(t.q.take_echo(), 5u);
    EXPECT_EQ(t.q.take_echo(), k_no_echo);
}

}  // namespace
}  // namespace tern::tcp

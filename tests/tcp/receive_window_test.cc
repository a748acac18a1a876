#include "core/tcp/receiver/receive_window.hh"

#include <gtest/gtest.h>

#include "base/property.hh"
#include "support/covers.hh"

namespace tern::tcp {
namespace {

using test::covers;

constexpr u32 k_full = 1448;

// A window of `buffer` bytes, all of which have been offered once.
ReceiveWindow open_window(u32 buffer, u8 shift = 0) {
    ReceiveWindow w;
    w.set_buffer(buffer);
    w.begin(Seq{0xfffffff0});
    w.offer({.full = k_full, .shift = shift});
    return w;
}

TEST(ReceiveWindow, TheFirstOneHasSixteenBits) {
    ReceiveWindow w;
    w.set_buffer(200'000);
    w.begin(Seq{100});
    EXPECT_EQ(w.irs(), Seq{100});
    EXPECT_EQ(w.nxt(), Seq{101});
    EXPECT_EQ(w.wnd(), 65'535u);
    w.set_buffer(4000);
    w.begin(Seq{100});
    EXPECT_EQ(w.wnd(), 4000u);
}

TEST(ReceiveWindow, IsWhatTheReaderLeavesFree) {
    ReceiveWindow w = open_window(10'000);
    w.advance(4000);
    EXPECT_EQ(w.offer({4000, k_full, 0}), 6000u);
    EXPECT_EQ(w.offer({0, k_full, 0}), 10'000u);
    EXPECT_EQ(w.edge(), w.nxt() + 10'000);
}

TEST(ReceiveWindow, ItsEdgeNeverMovesToTheLeft) {
    covers({"RFC9293:SHLD-14", "RFC7323:2"});
    ReceiveWindow w = open_window(10'000);
    const Seq edge = w.edge();
    w.advance(100);
    EXPECT_EQ(w.offer({9000, k_full, 0}), 9900u) << "more waits than was offered to come";
    EXPECT_EQ(w.edge(), edge);
    w.set_buffer(5000);
    EXPECT_EQ(w.offer({100, k_full, 0}), 9900u);
    EXPECT_EQ(w.edge(), edge);
}

TEST(ReceiveWindow, GrowsByAFullSegmentOrNotAtAll) {
    covers({"RFC9293:MUST-39"});
    ReceiveWindow w = open_window(10'000);
    w.advance(10'000);
    EXPECT_EQ(w.offer({10'000, k_full, 0}), 0u);
    EXPECT_EQ(w.offer({10'000 - k_full + 1, k_full, 0}), 0u);
    EXPECT_EQ(w.offer({10'000 - k_full, k_full, 0}), k_full);
}

TEST(ReceiveWindow, GrowsByHalfOfASmallBuffer) {
    covers({"RFC9293:MUST-39"});
    ReceiveWindow w = open_window(1000);
    w.advance(1000);
    EXPECT_EQ(w.offer({501, k_full, 0}), 0u);
    EXPECT_EQ(w.offer({500, k_full, 0}), 500u);
}

TEST(ReceiveWindow, TheFieldHasSixteenBits) {
    covers({"RFC9293:MUST-1"});
    ReceiveWindow w = open_window(300'000);
    EXPECT_EQ(w.offer({0, k_full, 0}), 65'535u);
    EXPECT_EQ(w.wnd(), 65'535u);
    EXPECT_EQ(w.offer({0, k_full, 3}), 37'500u);
    EXPECT_EQ(w.wnd(), 300'000u);
}

TEST(ReceiveWindow, RoundsUpToItsScale) {
    ReceiveWindow w = open_window(128 * 100, 7);
    const Seq edge = w.edge();
    w.advance(1);
    EXPECT_EQ(w.offer({1, k_full, 7}), 100u) << "99 units would move the edge to the left";
    EXPECT_EQ(w.edge(), edge + 1);
}

TEST(ReceiveWindow, RoundingGivesAnEighthAwayAndNoMore) {
    // A flood of single bytes that nobody reads: each of them would round up by another byte,
    // beyond the end of the buffer too.
    ReceiveWindow w = open_window(128 * 100, 7);
    u32 waiting = 0;
    while (w.wnd() > 0 && waiting < 128 * 200) {
        w.advance(1);
        const Seq edge = w.edge();
        w.offer({++waiting, k_full, 7});
        ASSERT_GE(w.edge(), edge);
    }
    EXPECT_LE(waiting, 128u * 100 + 128 * 100 / 8 + 128);
}

TEST(ReceiveWindow, AFinNeedsNoRoom) {
    ReceiveWindow w = open_window(1000);
    w.advance(1000);
    w.take_fin();
    EXPECT_EQ(w.wnd(), 0u);
    EXPECT_EQ(w.nxt(), Seq{0xfffffff0} + 1002);
}

TEST(ReceiveWindow, AnUpdateIsForAReaderWhoLetTheWindowGetSmall) {
    covers({"RFC9293:MUST-39"});
    ReceiveWindow w = open_window(64'000);
    const Seq told = w.nxt() + 64'000;
    w.advance(64'000);
    w.offer({64'000, k_full, 0});
    EXPECT_FALSE(w.update_is_due({64'000 - k_full + 1, k_full, 0}, told));
    EXPECT_TRUE(w.update_is_due({64'000 - k_full, k_full, 0}, told));
}

TEST(ReceiveWindow, AWideWindowWaitsForTheNextAcknowledgement) {
    ReceiveWindow w = open_window(64'000);
    w.advance(40'000);
    const Seq told = w.nxt();
    w.offer({40'000, k_full, 0});
    EXPECT_FALSE(w.update_is_due({8'001, k_full, 0}, told));
    EXPECT_TRUE(w.update_is_due({8'000, k_full, 0}, told)) << "it would grow by half of the widest";
}

TEST(ReceiveWindow, TheWindowOfTheSynAckLastsForAWhile) {
    ReceiveWindow w;
    w.set_buffer(500'000);
    w.begin(Seq{0});
    const Seq first = w.nxt();
    w.advance(32'767);
    EXPECT_FALSE(w.update_is_due({0, k_full, 4}, first));
    EXPECT_TRUE(w.update_is_due({0, k_full, 4}, w.nxt())) << "something else was said";
    w.advance(1);
    EXPECT_TRUE(w.update_is_due({0, k_full, 4}, first)) << "half of it is used";
}

// Whatever the reader does: the edge never moves to the left, the field says where it is but for
// rounding, and what waits and what is offered never exceed the buffer by more than rounding gives.
TEST(ReceiveWindow, HoldsItsPromisesWhateverTheReaderDoes) {
    test::for_each_seed(200, [](Random& random) {
        const u8 shift = static_cast<u8>(random.below(15));
        u32 buffer = 1000 + random.below(std::min(65535u << shift, 30'000u));
        ReceiveWindow w = open_window(buffer, shift);
        u64 waiting = 0;
        const bool reads = random.below(3) != 0;
        for (u32 step = 0; step < 200; ++step) {
            const u32 come = std::min(w.wnd(), random.below(random.below(2) == 0 ? 4000 : 3));
            w.advance(come);
            waiting += come;
            if (reads) waiting -= std::min<u64>(waiting, random.below(4000));
            const Seq edge = w.edge();
            const u32 field = w.offer({waiting, k_full, shift});
            const u32 rounding = buffer / ((1u << shift) > 128 ? 2 : 8) + (1u << shift);
            ASSERT_LE(field, 65'535u);
            ASSERT_GE(w.edge(), edge);
            ASSERT_LE((field << shift), w.wnd());
            ASSERT_LE(waiting + w.wnd(), buffer + rounding);
        }
    });
}

}  // namespace
}  // namespace tern::tcp

#include "core/tcp/recovery/scoreboard.hh"

#include <gtest/gtest.h>

#include <map>
#include <vector>

#include "base/property.hh"
#include "support/covers.hh"

namespace tern::tcp {
namespace {

using wire::SackBlock;

constexpr u16 k_mss = 1000;
constexpr u32 k_iss = 0xfffff000;  // the numbers wrap

Seq at(u32 offset) { return Seq{k_iss} + offset; }
SackBlock block(u32 left, u32 right) { return {at(left), at(right)}; }

struct Board {
    MemoryBudget budget{u64{1} << 24};
    Pool<ResentTimes> times{budget};
    Scoreboard board;
    Rack rack;
    u32 una = 0, max = 0, now_us = 1'000'000;

    Board() {
        board.begin(at(0));
        rack.begin(at(0));
    }
    ~Board() { board.free_times(times); }

    void send(u32 bytes, bool fin = false) {
        ASSERT_TRUE(board.make_room(budget));
        (void)board.left({at(max), bytes, fin, k_mss, now_us});
        max += bytes;
    }
    u32 send_again(u32 from, u32 to) {
        return board.left_again(at(from), to - from, at(una), now_us, {budget, times});
    }
    AckInHand ack() const {
        return {.una = at(una), .max = at(max), .recover = at(0), .now_us = now_us};
    }
    AckSample acked(u32 to, std::vector<SackBlock> blocks = {}) {
        AckSample a;
        const u32 before = std::exchange(una, to);
        a.advanced = una != before;
        board.take_cumulative(ack(), at(before), rack, times, a);
        board.take_sack_blocks(ack(), blocks, k_mss, rack, times, a);
        return a;
    }
    std::optional<u32> judge(AckSample& a) { return board.judge(rack, query(), at(una), times, a); }
    Rack::Query query() const {
        return {.now_us = now_us, .srtt_us = 100'000, .sacked_pieces = board.sacked_pieces()};
    }
};

TEST(Scoreboard, OneInstantIsOneRecord) {
    Board b;
    b.send(5'000);
    b.send(2'500);
    EXPECT_EQ(b.board.records(), 1u);
    b.send(1'000);
    EXPECT_EQ(b.board.records(), 2u) << "behind a short piece a new one begins";
    b.now_us += 1;
    b.send(1'000);
    EXPECT_EQ(b.board.records(), 3u);
    b.send(64'000);
    EXPECT_EQ(b.board.records(), 4u) << "64 pieces fill a record";
}

TEST(Scoreboard, ACumulativeAcknowledgementMayEndWithinAPiece) {
    Board b;
    b.send(3'000);
    EXPECT_EQ(b.acked(1'400).delivered, 1'400u);
    EXPECT_EQ(b.acked(1'600).delivered, 200u);
    EXPECT_EQ(b.acked(3'000).delivered, 1'400u);
    EXPECT_TRUE(b.board.empty());
}

// RFC 2018 5: what lies outside of the flight, or is empty, is no block.
TEST(Scoreboard, BlocksThatCannotBeAreIgnored) {
    test::covers({"RFC2018:4"});
    Board b;
    b.send(5'000);
    for (const SackBlock& odd : {block(0, 1'000), block(4'000, 6'000), block(3'000, 3'000),
                                 block(4'000, 2'000), block(1'500, 1'900)}) {
        (void)b.acked(0, {odd});
        EXPECT_EQ(b.board.sacked(), 0u);
    }
    EXPECT_EQ(b.acked(0, {block(1'500, 4'500)}).delivered, 2'000u) << "whole pieces only";
    EXPECT_EQ(b.board.sacked_pieces(), 2u);
}

TEST(Scoreboard, ABlockCountsOnce) {
    Board b;
    b.send(10'000);
    EXPECT_EQ(b.acked(0, {block(2'000, 4'000)}).delivered, 2'000u);
    EXPECT_EQ(b.acked(0, {block(2'000, 4'000)}).delivered, 0u);
    EXPECT_EQ(b.acked(0, {block(6'000, 7'000), block(2'000, 5'000)}).delivered, 2'000u);
    EXPECT_EQ(b.board.sacked(), 4'000u);
    EXPECT_EQ(b.acked(5'000).delivered, 2'000u);
    EXPECT_EQ(b.board.sacked(), 1'000u);
}

// RFC 2883 4: the first block lies below the acknowledgement, or within the second.
TEST(Scoreboard, TheFirstBlockMayBeADsack) {
    test::covers({"RFC2883:1"});
    Board b;
    b.send(10'000);
    AckSample below = b.acked(3'000, {block(1'000, 3'000), block(5'000, 6'000)});
    EXPECT_EQ(below.dsack_pieces, 2u);
    EXPECT_EQ(below.dsack_left, at(1'000));
    EXPECT_EQ(below.dsack_end, at(3'000));
    AckSample within = b.acked(3'000, {block(5'000, 6'000), block(5'000, 7'000)});
    EXPECT_EQ(within.dsack_pieces, 1u);
    EXPECT_EQ(within.delivered, 1'000u);
    AckSample none = b.acked(3'000, {block(8'000, 9'000), block(5'000, 7'000)});
    EXPECT_EQ(none.dsack_pieces, 0u);
    EXPECT_EQ(b.acked(3'000, {block(0, 20'000)}).dsack_pieces, 0u) << "beyond what was sent";
}

TEST(Scoreboard, WhatWasOvertakenIsLostAndLeavesAgain) {
    Board b;
    b.send(10'000);
    b.now_us += 100'000;
    AckSample a = b.acked(1'000, {block(4'000, 7'000)});
    EXPECT_EQ(b.judge(a), std::nullopt) << "three SACKed pieces: nobody waits";
    EXPECT_EQ(b.board.lost(), 3'000u);
    EXPECT_EQ(a.lost, 3'000u);
    EXPECT_EQ(b.board.lost_ever(), 3'000u);
    const auto lost = b.board.next_lost(at(b.una));
    EXPECT_EQ(lost.seq, at(1'000));
    EXPECT_EQ(lost.piece, 1'000u);
    EXPECT_EQ(lost.run, 3'000u);
    EXPECT_EQ(b.send_again(1'000, 3'000), 2u);
    EXPECT_EQ(b.board.lost(), 1'000u);
    EXPECT_EQ(b.board.next_lost(at(b.una)).seq, at(3'000));
    EXPECT_EQ(b.send_again(3'000, 4'000), 1u);
    EXPECT_EQ(b.board.next_lost(at(b.una)).piece, 0u);
}

TEST(Scoreboard, ARetransmissionIsJudgedByItsOwnTime) {
    Board b;
    b.send(10'000);
    b.now_us += 100'000;
    AckSample a = b.acked(0, {block(4'000, 7'000)});
    (void)b.judge(a);
    (void)b.send_again(0, 1'000);
    b.now_us += 1;
    (void)b.send_again(1'000, 2'000);
    EXPECT_EQ(b.board.next_lost(at(0)).seq, at(2'000));
    b.now_us += 100'000;
    AckSample second = b.acked(0, {block(1'000, 2'000), block(4'000, 7'000)});
    EXPECT_TRUE(second.resent);
    EXPECT_EQ(b.judge(second), std::nullopt);
    EXPECT_EQ(second.lost, 4'000u) << "it left before the one that has arrived, as the tail did";
    EXPECT_EQ(b.board.next_lost(at(0)).seq, at(0));
}

TEST(Scoreboard, TheSearchGoesBackToAnEarlierRecord) {
    Board b;
    b.send(1'000);
    b.now_us += 1;
    b.send(9'000);
    b.now_us += 100'000;
    AckSample a = b.acked(0, {block(5'000, 8'000)});
    (void)b.judge(a);
    (void)b.send_again(0, 1'000);
    b.now_us += 1;
    (void)b.send_again(1'000, 2'000);
    EXPECT_EQ(b.board.next_lost(at(0)).seq, at(2'000)) << "the search stands in the second record";
    b.now_us += 100'000;
    AckSample second = b.acked(0, {block(1'000, 2'000), block(5'000, 8'000)});
    (void)b.judge(second);
    EXPECT_EQ(b.board.next_lost(at(0)).seq, at(0)) << "its retransmission was lost, too";
}

TEST(Scoreboard, WaitsForReordering) {
    Board b;
    b.send(10'000);
    b.now_us += 100'000;
    AckSample a = b.acked(1'000, {block(2'000, 3'000)});
    EXPECT_EQ(b.judge(a), 25'000u);
    EXPECT_EQ(b.board.lost(), 0u);
    b.now_us += 25'000;
    AckSample timer;
    EXPECT_EQ(b.judge(timer), std::nullopt);
    EXPECT_EQ(timer.lost, 1'000u);
}

// RFC 2018 8: SACKed data may be dropped by the peer; once in a flight all of it counts as gone.
TEST(Scoreboard, Reneging) {
    test::covers({"RFC2018:3"});
    Board b;
    b.send(10'000);
    (void)b.acked(0, {block(1'000, 3'000), block(5'000, 6'000)});
    AckSample a = b.acked(1'000);
    EXPECT_TRUE(b.board.take_reneging(at(1'000), at(b.max), a));
    EXPECT_EQ(b.board.sacked(), 0u);
    EXPECT_EQ(b.board.lost(), 9'000u);
    EXPECT_TRUE(b.board.reneged(at(5'000)));
    EXPECT_FALSE(b.board.may_walk(at(9'999)));
    (void)b.acked(1'000, {block(2'000, 3'000)});
    AckSample again = b.acked(2'000);
    EXPECT_FALSE(b.board.take_reneging(at(2'000), at(b.max), again)) << "not all of it twice";
    EXPECT_EQ(again.lost, 1'000u);
    EXPECT_TRUE(b.board.may_walk(at(b.max)));
}

TEST(Scoreboard, ATimeoutLosesWhatWasNotSacked) {
    Board b;
    b.send(10'000);
    (void)b.acked(500, {block(4'000, 6'000)});
    b.board.lose_all(at(500), at(b.max), false);
    EXPECT_EQ(b.board.lost(), 7'500u);
    EXPECT_EQ(b.board.sacked(), 2'000u);
    const auto lost = b.board.next_lost(at(500));
    EXPECT_EQ(lost.seq, at(500));
    EXPECT_EQ(lost.piece, 500u);
    EXPECT_EQ(lost.run, 3'500u);
    (void)b.acked(1'500, {block(4'000, 6'000)});
    b.board.lose_all(at(1'500), at(b.max), false);
    EXPECT_EQ(b.board.next_lost(at(1'500)).seq, at(1'500));
    EXPECT_EQ(b.board.next_lost(at(1'500)).piece, 500u);
    b.board.lose_nothing(at(500), at(b.max));
    EXPECT_EQ(b.board.lost(), 0u);
    EXPECT_EQ(b.board.next_lost(at(500)).piece, 0u);
}

// Without memory for its time a piece is still counted as sent again.
TEST(Scoreboard, DoesWithoutMemory) {
    Board b;
    b.send(3'000);
    b.board.lose_all(at(0), at(b.max), false);
    MemoryBudget none{0};
    Pool<ResentTimes> no_times{none};
    EXPECT_EQ(b.board.left_again(at(0), 2'000, at(0), b.now_us, {none, no_times}), 2u);
    EXPECT_EQ(b.board.lost(), 1'000u);
    (void)b.acked(1'000);
    EXPECT_FALSE(b.board.was_overtaken(b.rack)) << "nobody knows when it left again";
}

// Against a plain account of every piece, with random departures, losses and acknowledgements.
struct Account {
    struct Piece {
        u32 end;
        bool sacked = false, lost = false;
    };
    std::map<u32, Piece> pieces;  // by the offset of their beginning

    void sums(u32 una, u32& sacked, u32& lost, u32& count) const {
        sacked = lost = count = 0;
        for (const auto& [begin, p] : pieces) {
            if (p.end <= una) continue;
            const u32 bytes = p.end - std::max(begin, una);
            if (p.sacked) sacked += bytes, ++count;
            if (p.lost) lost += bytes;
        }
    }
};

void agree(const Board& b, const Account& account) {
    u32 sacked, lost, count;
    account.sums(b.una, sacked, lost, count);
    ASSERT_EQ(b.board.sacked(), sacked);
    ASSERT_EQ(b.board.lost(), lost);
    ASSERT_EQ(b.board.sacked_pieces(), count);
}

// The board's own judgement of what is lost is taken over from its records.
void take_losses(const Board& b, Account& account) {
    for (u32 n = 0; n < b.board.records(); ++n) {
        const Sent& s = b.board.record(n);
        for (u32 i = 0; i < s.pieces; ++i) {
            const auto it = account.pieces.find(static_cast<u32>(s.start_of(i) - at(0)));
            ASSERT_NE(it, account.pieces.end());
            it->second.lost = s.lost >> i & 1;
        }
    }
}

void random_run(Random& random) {
    Board b;
    Account account;
    for (int step = 0; step < 400; ++step) {
        b.now_us += random.below(3) * 10'000;
        const u32 what = random.below(10);
        if (what < 4 && b.max - b.una < 200'000) {
            const u32 bytes = 1 + random.below(12'000);
            const u32 from = b.max;
            b.send(bytes);
            for (u32 begin = from; begin < b.max; begin += k_mss)
                account.pieces[begin] = {std::min(begin + k_mss, b.max)};
        } else if (what < 6 && b.max > b.una) {
            const u32 to = b.una + random.below(b.max - b.una + 1);
            (void)b.acked(to);
            for (auto& [begin, p] : account.pieces)
                if (p.end <= to) p.lost = false;
            agree(b, account);
        } else if (what < 9 && b.max - b.una > 2'000) {
            const u32 left = b.una + 1 + random.below(b.max - b.una - 1);
            const u32 right = left + 1 + random.below(b.max - left);
            AckSample a = b.acked(b.una, {block(left, right)});
            for (auto& [begin, p] : account.pieces) {
                if (begin < left || p.end > right || p.end <= b.una) continue;
                p.sacked = true;
                p.lost = false;
            }
            agree(b, account);
            (void)b.judge(a);
            take_losses(b, account);
            agree(b, account);
        } else if (const auto lost = b.board.next_lost(at(b.una)); lost.piece != 0) {
            const u32 from = static_cast<u32>(lost.seq - at(0));
            (void)b.send_again(from, from + lost.run);
            for (auto& [begin, p] : account.pieces)
                if (p.end > from && begin < from + lost.run) p.lost = false;
            agree(b, account);
        }
        if (testing::Test::HasFatalFailure()) return;
    }
}

TEST(Scoreboard, AgreesWithAPlainAccount) {
    test::for_each_seed(200, [](Random& random) { random_run(random); });
}

}  // namespace
}  // namespace tern::tcp

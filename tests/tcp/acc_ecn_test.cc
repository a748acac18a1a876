#include "core/tcp/ecn/acc_ecn.hh"

#include <gtest/gtest.h>

#include "core/tcp/ecn/negotiation.hh"
#include "core/wire/tcp.hh"
#include "support/covers.hh"

namespace tern::tcp {
namespace {

using test::covers;

constexpr u32 k_mss = 1000;

wire::TcpOptions option(u32 e0b, u32 ceb) {
    wire::TcpOptions o;
    o.acc_ecn_order = 0;
    o.acc_ecn = {e0b, ceb, 1};
    o.acc_ecn_count = 2;
    return o;
}
const wire::TcpOptions k_no_option;

// The peer has counted `cep` packets in all, and acknowledges `acked` bytes.
AccEcn::Told tells(AccEcn& a, u32 cep, u32 acked, const wire::TcpOptions& o = k_no_option) {
    return a.told({Seq{100}, static_cast<u8>(cep & 7), acked, k_mss, o});
}

TEST(Negotiation, AnswersAndAgreements) {
    covers({"RFC9768:1", "RFC3168:1"});
    const u16 accurate = flags_of_syn(Ecn::Accurate, 0), classic = flags_of_syn(Ecn::Classic, 0);
    EXPECT_EQ(wire::ace_of(accurate), 0b111);
    EXPECT_EQ(wire::ace_of(classic), 0b011);
    EXPECT_EQ(answer_to_syn(Ecn::Accept, accurate), Ecn::Accurate);
    EXPECT_EQ(answer_to_syn(Ecn::Classic, accurate), Ecn::Classic);
    EXPECT_EQ(answer_to_syn(Ecn::Accept, classic), Ecn::Classic);
    EXPECT_EQ(answer_to_syn(Ecn::Off, accurate), Ecn::Off);
    EXPECT_EQ(answer_to_syn(Ecn::Accurate, 0), Ecn::Off);
    EXPECT_EQ(agreed_by(wire::ace_flags(0b010), Ecn::Accurate), Ecn::Accurate);
    EXPECT_EQ(agreed_by(wire::ace_flags(0b101), Ecn::Accurate), Ecn::Accurate);
    EXPECT_EQ(agreed_by(wire::ace_flags(0b001), Ecn::Accurate), Ecn::Classic);
    EXPECT_EQ(agreed_by(wire::ace_flags(0b111), Ecn::Accurate), Ecn::Off);
    EXPECT_EQ(agreed_by(wire::ace_flags(0b001), Ecn::Classic), Ecn::Classic);
    EXPECT_EQ(agreed_by(wire::ace_flags(0b011), Ecn::Classic), Ecn::Off);
    EXPECT_EQ(agreed_by(wire::ace_flags(0b001), Ecn::Accept), Ecn::Off);
}

TEST(Negotiation, LaterSynsGoWithoutTheFlags) {
    covers({"RFC9768:6", "RFC3168:5"});
    EXPECT_NE(flags_of_syn(Ecn::Accurate, 1), 0);
    EXPECT_EQ(flags_of_syn(Ecn::Accurate, 2), 0);
    EXPECT_EQ(flags_of_syn(Ecn::Classic, 1), 0);
    EXPECT_EQ(flags_of_syn(Ecn::Accept, 0), 0);
}

TEST(Negotiation, ASynOfAnotherKindEndsTheHandshake) {
    covers({"RFC9768:6"});
    const u16 accurate = flags_of_syn(Ecn::Accurate, 0), classic = flags_of_syn(Ecn::Classic, 0);
    EXPECT_TRUE(mixes_ecn(Ecn::Accept, Ecn::Accurate, classic));
    EXPECT_TRUE(mixes_ecn(Ecn::Accept, Ecn::Classic, accurate));
    EXPECT_FALSE(mixes_ecn(Ecn::Accept, Ecn::Accurate, accurate));
    EXPECT_FALSE(mixes_ecn(Ecn::Accept, Ecn::Accurate, 0));
    EXPECT_FALSE(mixes_ecn(Ecn::Accept, Ecn::Off, accurate));
}

TEST(Negotiation, ThreeBitsTellTheFieldBack) {
    covers({"RFC9768:2"});
    for (const u8 field : {k_not_ect, k_ect_1, k_ect_0, k_ce})
        EXPECT_EQ(field_told_back(told_back(field)), field);
    for (const u8 unused : {0b000, 0b001, 0b101, 0b111}) EXPECT_EQ(field_told_back(unused), 0xff);
}

TEST(AccEcn, TheFirstBareAckTellsTheHandshakesField) {
    covers({"RFC9768:2"});
    AccEcn a;
    a.syn_ack_arrived(k_ect_0, false);
    EXPECT_EQ(a.flags_to_send(true, true), wire::ace_flags(5))
        << "not before the handshake is over";
    EXPECT_EQ(a.flags_to_send(false, true), wire::ace_flags(0b100));
    EXPECT_EQ(a.flags_to_send(false, true), wire::ace_flags(5));

    AccEcn with_text;
    with_text.syn_ack_arrived(k_ect_0, false);
    EXPECT_EQ(with_text.flags_to_send(false, false), wire::ace_flags(5));
    EXPECT_EQ(with_text.flags_to_send(false, true), wire::ace_flags(5)) << "that was the first one";
}

TEST(AccEcn, AMarkOnTheSynAckCountsOnce) {
    AccEcn a;
    a.syn_ack_arrived(k_ce, false);
    a.syn_ack_arrived(k_ce, true);
    EXPECT_EQ(a.marks_received(), 1u);
    EXPECT_EQ(a.count_flags(), wire::ace_flags(6));
}

TEST(AccEcn, AcknowledgesTheFirstMarkAndEverySecondOne) {
    covers({"RFC9768:4"});
    AccEcn a;
    EXPECT_FALSE(a.arrived(k_ect_0, 1, 100));
    EXPECT_TRUE(a.arrived(k_ce, 1, 100)) << "the first one";
    a.flags_to_send(false, true);
    EXPECT_FALSE(a.arrived(k_ce, 1, 100));
    EXPECT_TRUE(a.arrived(k_ce, 1, 100)) << "the second one since the ACK";
    a.flags_to_send(false, true);
    EXPECT_FALSE(a.arrived(k_ect_0, 1, 100));
    EXPECT_TRUE(a.arrived(k_ce, 1, 100)) << "a change";
    a.flags_to_send(false, true);
    EXPECT_TRUE(a.arrived(k_ce, 2, 200)) << "two in one segment";
}

TEST(AccEcn, MarkedAcksAreNotAnsweredOneByOne) {
    covers({"RFC9768:4"});
    AccEcn a;
    EXPECT_FALSE(a.arrived(k_ce, 1, 0));
    EXPECT_FALSE(a.arrived(k_ce, 1, 0));
    EXPECT_TRUE(a.arrived(k_ce, 1, 0));
    EXPECT_EQ(a.marks_received(), 3u);
}

TEST(AccEcn, AnOptionIsDueWhenACounterHasMoved) {
    AccEcn a;
    a.path().syn_ack_left(false);  // nothing to test
    const Leaving ack{.seq = Seq{1}, .ack = Seq{1}, .roomy = true};
    const auto carries = [&](const Leaving& s) {
        wire::TcpOptionsToSend o;
        a.put_option(s, o);
        return o.acc_ecn_order != 0xff;
    };
    a.arrived(k_ect_0, 1, 100);
    EXPECT_TRUE(carries(ack));
    EXPECT_FALSE(carries(ack)) << "that was told";
    a.arrived(k_ce, 1, 100);
    Leaving full{.seq = Seq{1}, .ack = Seq{1}, .len = 1000};
    EXPECT_FALSE(carries(full));
    Leaving repeated{.seq = Seq{1}, .ack = Seq{1}, .len = 10, .again = true, .roomy = true};
    EXPECT_FALSE(carries(repeated));
    EXPECT_TRUE(carries({.seq = Seq{1}, .ack = Seq{1}, .len = 10, .roomy = true}));
    a.arrived(k_ce, 1, 100);
    a.path().block();
    EXPECT_FALSE(carries(ack));
}

TEST(AccEcn, TwoSackBlocksComeBeforeTheOption) {
    covers({"RFC9768:5"});
    AccEcn a;
    a.path().syn_ack_left(false);
    for (const u8 field : {k_ect_0, k_ect_1, k_ce}) a.arrived(field, 1, 100);
    const std::array<wire::SackBlock, 4> blocks{};
    const auto with_blocks = [&](u32 n, bool timestamps) {
        AccEcn copy = a;
        wire::TcpOptionsToSend o;
        o.timestamps = timestamps;
        o.sack = std::span(blocks).first(n);
        copy.put_option({.seq = Seq{1}, .ack = Seq{1}, .roomy = true}, o);
        return o.acc_ecn_order != 0xff;
    };
    EXPECT_TRUE(with_blocks(1, true));
    EXPECT_FALSE(with_blocks(2, true));
    EXPECT_TRUE(with_blocks(2, false));
    EXPECT_TRUE(with_blocks(4, false)) << "the third and the fourth block make room";
}

TEST(AccEcn, TheOptionSaysHowManyBytesWereMarked) {
    AccEcn a;
    EXPECT_EQ(tells(a, 7, 4000, option(2001, 1500)).bytes, 1500u);
    EXPECT_EQ(a.marks_told(), 2u);
    EXPECT_EQ(tells(a, 7, 1000, option(3001, 1500)).bytes, 0u);
    EXPECT_EQ(tells(a, 7, 0, option(2001, 700)).bytes, 0u) << "an option that was overtaken";
    EXPECT_EQ(tells(a, 8, 1000, option(3001, 2500)).bytes, 1000u);
    EXPECT_EQ(a.marks_told(), 3u);
}

TEST(AccEcn, CountersOfTwentyFourBitsWrap) {
    AccEcn a;
    const u32 high = 0x7ffff0;
    EXPECT_EQ(tells(a, 6, k_mss, option(1, high)).bytes, high);
    EXPECT_EQ(tells(a, 7, k_mss, option(1, 0xfffff0)).bytes, 0u) << "half of the way is too far";
    EXPECT_EQ(tells(a, 7, k_mss, option(1, 0xfffff0 - 0x10)).bytes, 0x7ffff0u);
    EXPECT_EQ(tells(a, 8, k_mss, option(1, 0x20)).bytes, 0x40u);
}

TEST(AccEcn, WithoutOptionsThreeBitsMeanTheSafestCase) {
    covers({"RFC9768:4"});
    AccEcn a;
    EXPECT_EQ(tells(a, 6, 3 * k_mss).bytes, 1 * k_mss);
    EXPECT_EQ(tells(a, 7, 20 * k_mss).bytes, 17 * k_mss) << "1, 9 or 17 of 20";
    EXPECT_EQ(tells(a, 7, 5 * k_mss).bytes, 0u);
    EXPECT_EQ(tells(a, 7, 8 * k_mss).bytes, 8 * k_mss) << "none, or all of them";
}

TEST(AccEcn, WhoHasSentOptionsIsTakenToMeanFew) {
    AccEcn a;
    tells(a, 5, k_mss, option(1001, 0));
    EXPECT_EQ(tells(a, 6, 20 * k_mss).bytes, 1 * k_mss);
    // What was believed of three bits alone is not counted once more by the option.
    EXPECT_EQ(tells(a, 6, k_mss, option(2001, 1600)).bytes, 600u);
    EXPECT_EQ(tells(a, 6, k_mss, option(3001, 1600)).bytes, 0u);
}

TEST(AccEcn, AZeroedFieldIsBelievedNoMore) {
    covers({"RFC9768:3"});
    AccEcn a;
    EXPECT_TRUE(tells(a, 0, k_mss).mangled);
    EXPECT_EQ(tells(a, 6, k_mss).bytes, 0u);
    AccEcn later;
    EXPECT_FALSE(tells(later, 5, k_mss).mangled);
    EXPECT_FALSE(tells(later, 8, k_mss).mangled) << "three marks lead to 0 as well";
}

TEST(AccEcn, AZeroedOptionIsBelievedNoMore) {
    AccEcn a;
    EXPECT_EQ(tells(a, 5, k_mss, option(0, 500)).bytes, 0u);
    EXPECT_EQ(tells(a, 6, k_mss, option(1001, 900)).bytes, k_mss) << "ACE alone counts";
}

TEST(AccEcn, MarkedBytesWithoutAMarkedPacketSayThatTheFieldIsMangled) {
    AccEcn a;
    tells(a, 5, k_mss, option(1001, 0));
    EXPECT_FALSE(tells(a, 6, k_mss, option(1001, 1000)).mangled);
    EXPECT_TRUE(tells(a, 6, k_mss, option(1001, 2000)).mangled);
    EXPECT_FALSE(tells(a, 6, 8 * k_mss, option(1001, 3000)).mangled) << "eight marks are none";
}

TEST(AccEcn, TheLastAckOfTheHandshakeTellsOfOurSynAck) {
    covers({"RFC9768:2"});
    AccEcn marked;
    EXPECT_FALSE(marked.learn_last_ack(told_back(k_ce))) << "it was not sent ECN-capable";
    EXPECT_EQ(marked.marks_told(), 1u);
    EXPECT_EQ(tells(marked, 6, k_mss).bytes, 0u) << "that mark is counted";
    AccEcn fine;
    EXPECT_TRUE(fine.learn_last_ack(told_back(k_not_ect)));
    EXPECT_FALSE(fine.learn_last_ack(told_back(k_ect_1)));
    EXPECT_TRUE(fine.learn_last_ack(0b101)) << "not in use";
}

}  // namespace
}  // namespace tern::tcp

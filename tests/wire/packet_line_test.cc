// The one notation: read, printed, refused.
#include "core/wire/packet_line.hh"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "support/covers.hh"
#include "wire/bytes.hh"

namespace tern::wire {

namespace {

constexpr Line k_syn = "< S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>";
static_assert(k_syn.packet().has_direction && !k_syn.packet().outbound);
static_assert(k_syn.packet().flags == Syn && k_syn.packet().mss == 1460);
static_assert(k_syn.packet().window_scale == 7 && k_syn.packet().ts_val == 1);
static_assert(Line{"+.1 > P. 1:1001(1000) ack 1"}.packet().time_ns == 100'000'000);
static_assert(parse_line("> F. 1:1(0) ack 1").flags == (Fin | Ack));

struct Reading {
    const char* given;
    const char* printed;
};

TEST(PacketLine, IsReadAndPrinted) {
    const Reading rows[] = {
        {"S 0:0(0)", "S 0:0(0)"},
        {"2250777701777777.7us . 1:1(0)", "+2250777701777777700ns . 1:1(0)"},
        {"< S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0,nop,wscale 7>",
         "< S 0:0(0) win 65535 <mss 1460,sackOK,TS val 1 ecr 0,wscale 7>"},
        {"> S. 0:0(0) ack 1 <...>", "> S. 0:0(0) ack 1"},
        {"> S. 0:0(0) ack 1 <>", "> S. 0:0(0) ack 1 <>"},
        {"  > .  1:1(0)   ack 1  ", "> . 1:1(0) ack 1"},
        {"\t>\t.\t1:1(0)\tack\t1", "> . 1:1(0) ack 1"},
        {"> .P 1:11(10) ack 1", "> P. 1:11(10) ack 1"},
        {"< FPU. 1:2(1) ack 1 win 0 urg 65535", "< FPU. 1:2(1) ack 1 win 0 urg 65535"},
        {"< SEWA 0:0(0)", "< SEWA 0:0(0)"},
        {"< AWES 0:0(0)", "< SEWA 0:0(0)"},
        {"< R 4294967295:4294967295(0)", "< R 4294967295:4294967295(0)"},
        {"< . 4294967295:9(10) ack 0", "< . 4294967295:9(10) ack 0"},  // around the end
        {"< - 1:1(0) win 5", "< - 1:1(0) win 5"},
        {"< . 1:1(0) win 5 ack 7", "< . 1:1(0) ack 7 win 5"},
        {"< . 1:1(0) ack 1 <nop, nop, sack 1:2 3:4>", "< . 1:1(0) ack 1 <sack 1:2 3:4>"},
        {"< . 1:1(0) <sack 1:2 3:4 5:6 7:8>", "< . 1:1(0) <sack 1:2 3:4 5:6 7:8>"},
        {"< . 1:1(0) < TS val 4294967295 ecr 5 , eol >", "< . 1:1(0) <TS val 4294967295 ecr 5>"},
        {"< S 0:0(0) <wscale 255>", "< S 0:0(0) <wscale 255>"},
        {"+100ms < . 1:1(0)", "+100ms < . 1:1(0)"},
        {"+1s < . 1:1(0)", "+1s < . 1:1(0)"},
        {"+1 < . 1:1(0)", "+1s < . 1:1(0)"},
        {"+0 < . 1:1(0)", "+0 < . 1:1(0)"},
        {"+.1 < . 1:1(0)", "+100ms < . 1:1(0)"},
        {"+0.000001 < . 1:1(0)", "+1us < . 1:1(0)"},
        {"+0.000000001 . 1:1(0)", "+1ns . 1:1(0)"},
        {"250us > . 1:1(0)", "+250us > . 1:1(0)"},
        {"1.5ms > . 1:1(0)", "+1500us > . 1:1(0)"},
        {"+7ns > . 1:1(0)", "+7ns > . 1:1(0)"},
        {"+8999999999s > . 1:1(0)", "+8999999999s > . 1:1(0)"},
    };
    for (const Reading& row : rows) {
        const auto line = try_parse_line(row.given);
        ASSERT_TRUE(line) << row.given << ": " << line.error();
        EXPECT_EQ(print_line(*line), row.printed) << row.given;
    }
}

TEST(PacketLine, EveryPartIsThere) {
    const auto l = try_parse_line(
        "+2s > PU. 5:15(10) ack 7 win 9 urg 3 "
        "<mss 536,sackOK,TS val 11 ecr 12,wscale 2,sack 20:30>");
    ASSERT_TRUE(l);
    EXPECT_TRUE(l->has_time && l->time_ns == 2'000'000'000);
    EXPECT_TRUE(l->has_direction && l->outbound);
    EXPECT_EQ(l->flags, Psh | Urg | Ack);
    EXPECT_TRUE(l->seq == 5 && l->seq_end == 15 && l->length == 10);
    EXPECT_TRUE(l->has_ack && l->ack == 7);
    EXPECT_TRUE(l->has_window && l->window == 9);
    EXPECT_TRUE(l->has_urgent && l->urgent == 3);
    EXPECT_TRUE(l->has_options && l->has_mss && l->mss == 536);
    EXPECT_TRUE(l->sack_permitted);
    EXPECT_TRUE(l->has_timestamps && l->ts_val == 11 && l->ts_ecr == 12);
    EXPECT_TRUE(l->has_window_scale && l->window_scale == 2);
    EXPECT_TRUE(l->sack_count == 1 && l->sack[0][0] == 20 && l->sack[0][1] == 30);
}

TEST(PacketLine, IsRefusedWithColumnAndReason) {
    const Reading rows[] = {
        {"", "column 1: flags expected"},
        {"   ", "column 4: flags expected"},
        {">", "column 2: flags expected"},
        {">. 1:1(0)", "column 2: space expected behind the direction"},
        {"X 1:1(0)", "column 1: flag must be one of S F R P U E W A . or '-' for none"},
        {"s 1:1(0)", "column 1: flag must be one of S F R P U E W A . or '-' for none"},
        {"-. 1:1(0)", "column 2: space expected behind the flags"},
        {"SS 1:1(0)", "column 2: flag given twice"},
        {"S", "column 2: seq range expected: first:end(length)"},
        {"S x", "column 3: seq range expected: first:end(length)"},
        {"S 1", "column 4: ':' expected in the seq range"},
        {"S 1:", "column 5: number expected"},
        {"S 1:2", "column 6: '(' expected in the seq range"},
        {"S 1:2(", "column 7: number expected"},
        {"S 1:2(1", "column 8: ')' expected in the seq range"},
        {"S 1:2(2)", "column 3: seq range and length disagree"},
        {"S 2:1(0)", "column 3: seq range and length disagree"},
        {"S 4294967296:0(0)", "column 3: number too large for its field"},
        {"S 0:0(0)x", "column 9: space expected behind the seq range"},
        {". 1:1(0) foo 1", "column 10: ack, win, urg or '<' expected"},
        {". 1:1(0) 1", "column 10: ack, win, urg or '<' expected"},
        {". 1:1(0) ack", "column 13: number expected"},
        {". 1:1(0) ack1", "column 13: space expected"},
        {". 1:1(0) ack 1x", "column 15: space expected behind the number"},
        {". 1:1(0) ack 1 ack 2", "column 16: given twice"},
        {"S 1:1(0) ack 1", "column 10: ack without '.' among the flags"},
        {". 1:1(0) win 65536", "column 14: number too large for its field"},
        {". 1:1(0) urg 65536", "column 14: number too large for its field"},
        {". 1:1(0) <",
         "column 11: option must be mss, wscale, sackOK, sack, TS, ECN0, ECN1, nop or eol"},
        {". 1:1(0) <mss>", "column 14: space expected"},
        {". 1:1(0) <mss 65536>", "column 15: number too large for its field"},
        {". 1:1(0) <wscale 256>", "column 18: number too large for its field"},
        {". 1:1(0) <mss 1,mss 2>", "column 17: given twice"},
        {". 1:1(0) <sackOK,sackOK>", "column 18: given twice"},
        {". 1:1(0) <mss 1 nop>", "column 17: ',' or '>' expected behind an option"},
        {". 1:1(0) <mss 1", "column 16: ',' or '>' expected behind an option"},
        {". 1:1(0) <mss 1> win 2", "column 18: nothing may follow the options"},
        {". 1:1(0) <TS 1 2>", "column 14: 'val' expected behind TS"},
        {". 1:1(0) <TS val 1>", "column 19: 'ecr' expected behind TS val"},
        {". 1:1(0) <sack>", "column 15: SACK block expected: left:right"},
        {". 1:1(0) <sack 1>", "column 17: ':' expected in a SACK block"},
        {". 1:1(0) <sack 1:2 3:4 5:6 7:8 9:10>", "column 32: at most four SACK blocks"},
        {"+ . 1:1(0)", "column 2: time expected behind '+'"},
        {"+. 1:1(0)", "column 3: number expected"},
        {"1 . 1:1(0)", "column 1: a time needs '+' in front or a unit behind"},
        {"+1min . 1:1(0)", "column 3: unit of time must be s, ms, us or ns"},
        {"+0.5ns . 1:1(0)", "column 2: time finer than a nanosecond"},
        {"+0.0000000001 . 1:1(0)", "column 4: time with too many digits"},
        {"+99999999999999999999 . 1:1(0)", "column 2: time with too many digits"},
        {"+9999999999999999999ns . 1:1(0)", "column 2: time too large"},
        {"+99999999999s . 1:1(0)", "column 2: time too large"},
        {"+1ms. 1:1(0)", "column 5: space expected behind the time"},
    };
    for (const Reading& row : rows) {
        const auto line = try_parse_line(row.given);
        ASSERT_FALSE(line) << row.given;
        EXPECT_EQ(line.error(), row.printed) << row.given;
    }
}

TEST(PacketLine, AtRunTimeParseLineThrows) {
    const std::string text = "S 1:2(2)";
    try {
        parse_line(text);
        FAIL();
    } catch (const std::invalid_argument& e) {
        EXPECT_STREQ(e.what(), "column 3: seq range and length disagree");
    }
}

TEST(PacketLine, AHeaderIsPrintedRelativeToItsInitialNumbers) {
    TcpHeader h;
    h.seq = Seq{5};  // 6 bytes behind an initial number of 2^32 - 1
    h.ack = Seq{1001};
    h.header_length = 40;
    h.flags = Psh | Ack;
    h.window = 512;
    TcpOptions o;
    o.has_timestamps = true;
    o.ts_val = 9;
    o.ts_ecr = 8;
    o.sack_count = 1;
    o.sack[0] = {Seq{2001}, Seq{3001}};
    EXPECT_EQ(print_line(h, o, 10, Seq{0xffffffff}, Seq{1000}),
              "P. 6:16(10) ack 1 win 512 <TS val 9 ecr 8,sack 1001:2001>");
    h.flags = Rst | Urg;
    h.header_length = 20;
    h.urgent = 2;
    EXPECT_EQ(print_line(h, {}, 0, Seq{0}, Seq{0}), "RU 5:5(0) win 512 urg 2");
}

// From a line's bytes on the wire back to the line.
TEST(PacketLine, PrintingAndReadingAreInverse) {
    EXPECT_TRUE(rc::check([](u16 flags, u32 seq, u32 ack, u16 length, u16 window, u16 urgent,
                             u16 mss, u8 scale, bool sack_permitted, bool timestamps, u32 val,
                             std::vector<std::pair<u32, u32>> blocks) {
        PacketLine line;
        line.has_time = val % 2 == 0;
        if (line.has_time) line.time_ns = i64{val} * 500;
        line.has_direction = seq % 2 == 0;
        line.outbound = line.has_direction && ack % 2 == 0;
        line.flags = flags & 0x1ff;
        line.seq = seq;
        line.length = length;
        line.seq_end = seq + length;
        line.has_ack = (flags & Ack) != 0;
        if (line.has_ack) line.ack = ack;
        line.has_window = window % 2 == 0;
        if (line.has_window) line.window = window;
        line.has_urgent = urgent % 2 == 0;
        if (line.has_urgent) line.urgent = urgent;
        line.has_mss = mss % 2 == 0;
        if (line.has_mss) line.mss = mss;
        line.has_window_scale = scale % 2 == 0;
        if (line.has_window_scale) line.window_scale = scale;
        line.sack_permitted = sack_permitted;
        line.has_timestamps = timestamps;
        if (timestamps) line.ts_val = val, line.ts_ecr = ~val;
        line.sack_count = static_cast<u8>(std::min<std::size_t>(blocks.size(), 4));
        for (std::size_t i = 0; i < line.sack_count; ++i)
            line.sack[i] = {blocks[i].first, blocks[i].second};
        line.has_options = line.has_mss || line.has_window_scale || sack_permitted || timestamps ||
                           line.sack_count > 0 || seq % 3 == 0;
        const std::string text = print_line(line);
        const auto back = try_parse_line(text);
        if (!back) RC_FAIL(text + ": " + back.error());
        if (!(*back == line)) RC_FAIL(text + " became " + print_line(*back));
    }));
}

TEST(PacketLine, MarksAndTheirCountsAreReadAndPrinted) {
    test::covers({"RFC9768:5"});
    constexpr Line order_0 = "< [ce] PA. 1:11(10) ack 1 <ECN0 e0b 1 ceb 10>";
    EXPECT_EQ(order_0.packet().mark, 3);
    EXPECT_EQ(order_0.packet().acc_ecn_order, 0);
    EXPECT_EQ(order_0.packet().acc_ecn_count, 2);
    EXPECT_EQ(order_0.packet().acc_ecn[1], 10u);
    EXPECT_EQ(print_line(order_0.packet()), order_0.text());
    constexpr Line order_1 = "> [noecn] EWA. 0:0(0) ack 1 <ECN1 e1b 16777215 ceb 0 e0b 1>";
    EXPECT_TRUE(order_1.packet().has_mark);
    EXPECT_EQ(order_1.packet().acc_ecn[0], 0xffffffu);
    EXPECT_EQ(print_line(order_1.packet()), order_1.text());
    for (const char* wrong :
         {"[ect] . 0:0(0)", "[ce . 0:0(0)", ". 0:0(0) <ECN e0b 1>", ". 0:0(0) <ECN0 ceb 1>",
          ". 0:0(0) <ECN0 e0b 16777216>", ". 0:0(0) <ECN1 e1b 1,ECN0 e0b 1>"})
        EXPECT_FALSE(try_parse_line(wrong)) << wrong;
}

TEST(PacketLine, AnyTextIsReadOrRefused) {
    EXPECT_TRUE(rc::check([](std::vector<u8> picks) {
        constexpr std::string_view pieces[] = {"+",      "1",
                                               "0",      "ms",
                                               "s",      " ",
                                               " ",      "<",
                                               ">",      "S",
                                               ".",      "-",
                                               ":",      "0:0(0)",
                                               "1:2(1)", "ack",
                                               "win",    "urg",
                                               "mss",    "wscale",
                                               "sackOK", "TS val 1 ecr 2",
                                               "sack",   "1:2",
                                               "[ce]",   "ECN0 e0b 1",
                                               "nop",    ",",
                                               "...>",   "4294967296",
                                               "x",      "("};
        std::string text;
        for (const u8 pick : picks) text += pieces[pick % std::size(pieces)];
        const auto line = try_parse_line(text);
        if (line) {
            const auto again = try_parse_line(print_line(*line));
            const bool same = again && *again == *line;
            RC_ASSERT(same);
        }
    }));
}

}  // namespace

}  // namespace tern::wire

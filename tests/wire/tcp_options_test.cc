// Every option, cut off everywhere, at every alignment; and what an emitter may write.
#include "core/wire/tcp_options.hh"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <functional>

#include "core/base/endian.hh"
#include "support/covers.hh"
#include "wire/bytes.hh"

namespace tern::wire {

namespace {

using namespace test;

struct Parsed {
    TcpOptions options;
    DropReason reason;
};

Parsed parse(const Bytes& bytes, std::size_t offset = 0) {
    Parsed p{};
    p.reason = parse_tcp_options(Placed{bytes, offset}, p.options);
    return p;
}

struct Known {
    const char* name;
    const char* bytes;
    std::function<bool(const TcpOptions&)> decoded;
};

bool is_sack(const TcpOptions& o, std::initializer_list<u32> numbers) {
    if (o.sack_count * 2u != numbers.size()) return false;
    const u32* n = numbers.begin();
    for (std::size_t i = 0; i < o.sack_count; ++i)
        if (o.sack[i] != SackBlock{Seq{n[2 * i]}, Seq{n[2 * i + 1]}}) return false;
    return true;
}

bool is_acc_ecn(const TcpOptions& o, u8 order, std::initializer_list<u32> counters) {
    return o.acc_ecn_order == order && o.acc_ecn_count == counters.size() &&
           std::equal(counters.begin(), counters.end(), o.acc_ecn.begin());
}

const std::vector<Known>& known_options() {
    static const std::vector<Known> rows = {
        {"MSS", "02 04 05b4", [](auto& o) { return o.has_mss && o.mss == 1460; }},
        {"MSS 65535", "02 04 ffff", [](auto& o) { return o.has_mss && o.mss == 65535; }},
        {"window scale", "03 03 07",
         [](auto& o) { return o.has_window_scale && o.window_scale == 7; }},
        {"window scale above 14", "03 03 ff",  // clamped by the handshake, RFC 7323 2.3
         [](auto& o) { return o.has_window_scale && o.window_scale == 255; }},
        {"SACK permitted", "04 02", [](auto& o) { return o.sack_permitted; }},
        {"SACK 1", "05 0a 00000001 00000002",
         [](auto& o) {
             return is_sack(o, {1, 2});
         }},
        {"SACK 2", "05 12 00000001 00000002 00000003 00000004",
         [](auto& o) {
             return is_sack(o, {1, 2, 3, 4});
         }},
        {"SACK 3", "05 1a 00000001 00000002 00000003 00000004 00000005 ffffffff",
         [](auto& o) {
             return is_sack(o, {1, 2, 3, 4, 5, 0xffffffff});
         }},
        {"SACK 4", "05 22 00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008",
         [](auto& o) {
             return is_sack(o, {1, 2, 3, 4, 5, 6, 7, 8});
         }},
        {"timestamps", "08 0a 01020304 05060708",
         [](auto& o) {
             return o.has_timestamps && o.ts_val == 0x01020304 && o.ts_ecr == 0x05060708;
         }},
        {"user timeout", "1c 04 8005",
         [](auto& o) { return o.has_user_timeout && o.user_timeout == 0x8005; }},
        {"fast open request", "22 02",
         [](auto& o) { return o.has_fast_open && o.fast_open_length == 0; }},
        {"fast open 4", "22 06 01020304",
         [](auto& o) { return o.has_fast_open && o.fast_open_length == 4 && o.fast_open[3] == 4; }},
        {"fast open 16", "22 12 0102030405060708 090a0b0c0d0e0f10",
         [](auto& o) {
             return o.has_fast_open && o.fast_open_length == 16 && o.fast_open[15] == 16;
         }},
        {"AccECN0 empty", "ac 02", [](auto& o) { return is_acc_ecn(o, 0, {}); }},
        {"AccECN0 1", "ac 05 000001", [](auto& o) { return is_acc_ecn(o, 0, {1}); }},
        {"AccECN1 3", "ae 0b 000001 000200 030000",
         [](auto& o) {
             return is_acc_ecn(o, 1, {1, 0x200, 0x30000});
         }},
        {"experiment", "fd 04 f989",
         [](auto& o) { return o.has_experimental && o.experiment == 0xf989; }},
        {"experiment with data", "fe 07 1234 aabbcc",
         [](auto& o) { return o.has_experimental && o.experiment == 0x1234; }},
    };
    return rows;
}

TEST(TcpOptions, MandatoryOptions) {
    test::covers({"RFC9293:MUST-4"});
    for (const char* text : {"020405b4", "01020405 b4", "0101020405b4", "020405b400", "020405b401",
                             "020405b4000000ff", "01020405b400", "020405b40204ff00000000"}) {
        const Parsed p = parse(hex(text));
        EXPECT_EQ(p.reason, DropReason::None) << text;
        EXPECT_TRUE(p.options.has_mss) << text;
    }
    const Parsed ended = parse(hex("00020405b4"));  // End first: nothing behind it counts
    EXPECT_EQ(ended.reason, DropReason::None);
    EXPECT_FALSE(ended.options.has_mss);
    EXPECT_EQ(parse({}).reason, DropReason::None);
}

TEST(TcpOptions, AnyByteAlignment) {
    test::covers({"RFC9293:MUST-64"});
    for (const Known& known : known_options())
        for (std::size_t nops = 0; nops < 6; ++nops)
            for (std::size_t offset = 0; offset < 8; ++offset) {
                const Parsed p = parse(Bytes(nops, std::byte{1}) + hex(known.bytes), offset);
                ASSERT_EQ(p.reason, DropReason::None) << known.name;
                ASSERT_TRUE(known.decoded(p.options)) << known.name << " " << nops << " " << offset;
            }
}

TEST(TcpOptions, CutOffAnywhere) {
    test::covers({"RFC9293:MUST-7", "VULN:lwip-option-oob", "VULN:amnesia33"});
    for (const Known& known : known_options()) {
        const Bytes whole = hex(known.bytes);
        for (std::size_t n = 1; n < whole.size(); ++n)
            for (std::size_t offset = 0; offset < 4; ++offset) {
                const Parsed p = parse(hex("01") + first(whole, n), offset);
                ASSERT_EQ(p.reason, DropReason::TcpBadOption) << known.name << " " << n;
                ASSERT_FALSE(known.decoded(p.options)) << known.name << " " << n;
            }
    }
}

TEST(TcpOptions, EveryKindWithEveryLength) {
    test::covers({"RFC9293:MUST-6", "RFC9293:MUST-7", "VULN:option-loop", "VULN:amnesia33",
                  "VULN:nucleus13"});
    for (unsigned kind = 2; kind < 256; ++kind)
        for (unsigned length = 0; length < 256; ++length) {
            Bytes bytes(40, std::byte{1});
            bytes[0] = static_cast<std::byte>(kind);
            bytes[1] = static_cast<std::byte>(length);
            const bool legal = length >= 2 && length <= 40;
            // What stands behind a legal option of any kind is still found.
            const bool room = legal && length <= 36;
            if (room) std::memcpy(&bytes[length], hex("020405b4").data(), 4);
            const Parsed p = parse(bytes);
            ASSERT_EQ(p.reason, legal ? DropReason::None : DropReason::TcpBadOption)
                << kind << " " << length;
            if (room) {
                ASSERT_EQ(p.options.mss, 1460) << kind << " " << length;
            }
        }
}

// A known kind with a wrong length means nothing.
TEST(TcpOptions, WrongLengthOfAKnownKindIsSkipped) {
    test::covers({"RFC9293:MUST-7", "VULN:nucleus13"});
    for (const char* text : {"0203ff",
                             "0205ffffff",
                             "0302",
                             "03040707",
                             "0403ff",
                             "0502",
                             "050600000001",
                             "050900000001000000",
                             "050b000000000000000000",
                             "0809010203040506 07",
                             "080b010203040506070809",
                             "1c03ff",
                             "1c05ffffff",
                             "220301",
                             "22040102",
                             "22050102 03",
                             "220701020304 05",
                             "2213010203040506070809 0a0b0c0d0e0f1011",
                             "22140102030405060708090a0b0c0d0e0f101112",
                             "ac0301",
                             "ac040102",
                             "ac0e000001000002"
                             "000003000004",
                             "fd02",
                             "fd03ff"}) {
        const Parsed p = parse(hex(text) + hex("03030e"));
        EXPECT_EQ(p.reason, DropReason::None) << text;
        const TcpOptions& o = p.options;
        EXPECT_TRUE(o.has_window_scale && o.window_scale == 14) << text;
        EXPECT_FALSE(o.has_mss || o.sack_permitted || o.has_timestamps || o.has_user_timeout ||
                     o.has_fast_open || o.has_experimental || o.sack_count != 0 ||
                     o.acc_ecn_order != 0xff)
            << text;
    }
}

TEST(TcpOptions, FastOpenCookiesHaveFourToSixteenBytes) {
    test::covers({"RFC7413:2"});
    for (unsigned cookie = 0; cookie <= 18; ++cookie) {
        Bytes bytes = hex("2200") + Bytes(cookie, std::byte{7});
        bytes[1] = static_cast<std::byte>(cookie + 2);
        const Parsed p = parse(bytes);
        const bool valid = cookie == 0 || (cookie >= 4 && cookie <= 16 && cookie % 2 == 0);
        EXPECT_EQ(p.reason, DropReason::None) << cookie;
        EXPECT_EQ(p.options.has_fast_open, valid) << cookie;
        EXPECT_EQ(p.options.fast_open_length, valid ? cookie : 0) << cookie;
    }
}

TEST(TcpOptions, UnknownOptionsAreSkipped) {
    test::covers({"RFC9293:MUST-6"});
    for (const char* unknown :
         {"4d02", "4d0401 02", "fd041234", "fe0812345678 9abc", "ff03aa",
          "1e0c0001020304050607 0809", "13120000000000000000 0000000000000000"}) {
        const Parsed p = parse(hex("020405b4") + hex(unknown) + hex("030307"));
        EXPECT_EQ(p.reason, DropReason::None) << unknown;
        EXPECT_EQ(p.options.mss, 1460) << unknown;
        EXPECT_EQ(p.options.window_scale, 7) << unknown;
    }
}

// RFC 9293 asks only to survive; we keep what came before the illegal length.
TEST(TcpOptions, WhatCameBeforeStays) {
    test::covers({"RFC9293:MUST-7"});
    for (const char* bad : {"4d00", "4d01", "4dff", "0800", "0200", "05", "02"}) {
        const Parsed p = parse(hex("020405b4") + hex(bad));
        EXPECT_EQ(p.reason, DropReason::TcpBadOption) << bad;
        EXPECT_EQ(p.options.mss, 1460) << bad;
    }
}

TEST(TcpOptions, TheLastOfTwoCounts) {
    EXPECT_EQ(parse(hex("020405b4 02040218")).options.mss, 536);
}

TEST(TcpOptions, TimestampsOnly) {
    u32 val = 0, ecr = 0;
    const Bytes good = hex("0101080a 00000001 fffffffe");
    for (std::size_t offset = 0; offset < 8; ++offset) {
        ASSERT_TRUE(parse_timestamps_only(Placed{good, offset}, val, ecr));
        EXPECT_EQ(val, 1u);
        EXPECT_EQ(ecr, 0xfffffffeu);
    }
    for (std::size_t n = 0; n < 12; ++n)
        EXPECT_FALSE(parse_timestamps_only(Placed{first(good, n)}, val, ecr)) << n;
    EXPECT_FALSE(parse_timestamps_only(Placed{good + hex("00000000")}, val, ecr));
    for (const char* other : {"01010809 00000001 00000002", "080a0000 00010000 00020101",
                              "0100080a 00000001 00000002", "0101050a 00000001 00000002"})
        EXPECT_FALSE(parse_timestamps_only(Placed{hex(other)}, val, ecr)) << other;
}

// The fast twin says yes only where the pass says the same.
TEST(TcpOptions, TimestampsOnlyAreWrittenAsByThePass) {
    std::array<std::byte, 40> plain{}, fast{};
    TcpOptionsToSend options;
    options.timestamps = true;
    options.ts_val = 0x89abcdef;
    options.ts_ecr = 0x01234567;
    EXPECT_EQ(emit_tcp_options(options, plain.data()), 12u);
    EXPECT_EQ(emit_timestamps_only(options.ts_val, options.ts_ecr, fast.data()), 12u);
    EXPECT_EQ(fast, plain);
}

TEST(TcpOptions, TimestampsOnlyAgreesWithThePass) {
    EXPECT_TRUE(rc::check([](std::array<u8, 12> raw, bool right_start) {
        Bytes bytes(12);
        std::memcpy(bytes.data(), raw.data(), 12);
        if (right_start) store32(bytes.data(), 0x0101080a);
        u32 val = 0, ecr = 0;
        if (!parse_timestamps_only(bytes, val, ecr)) return;
        const Parsed p = parse(bytes);
        RC_ASSERT(p.reason == DropReason::None);
        RC_ASSERT(p.options.has_timestamps);
        RC_ASSERT(p.options.ts_val == val);
        RC_ASSERT(p.options.ts_ecr == ecr);
    }));
}

TEST(TcpOptions, AnyBytesEndThePassWithinTheHeader) {
    test::covers({"RFC9293:MUST-7", "VULN:freertos-2018", "VULN:option-loop"});
    EXPECT_TRUE(rc::check([](std::vector<u8> raw, u8 offset) {
        raw.resize(std::min<std::size_t>(raw.size(), 40));
        Bytes bytes(raw.size());
        if (!raw.empty()) std::memcpy(bytes.data(), raw.data(), raw.size());
        const Parsed p = parse(bytes, offset % 8);
        RC_ASSERT(p.options.sack_count <= 4);
        RC_ASSERT(p.options.acc_ecn_count <= 3);
        RC_ASSERT(p.options.fast_open_length <= 16);
    }));
}

struct Emitted {
    const char* expected;
    TcpOptionsToSend options;
};

TEST(TcpOptions, WhatIsEmitted) {
    static const SackBlock blocks[4] = {
        {Seq{1}, Seq{2}}, {Seq{3}, Seq{4}}, {Seq{5}, Seq{6}}, {Seq{7}, Seq{8}}};
    const std::span<const SackBlock> all{blocks};
    static const u8 bytes_of_cookie[16] = {1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16};
    const std::span<const u8> cookie{bytes_of_cookie};
    const Emitted rows[] = {
        {"", {}},
        {"020405b4", {.mss = 1460, .sack = {}}},
        {"020405b4 0402080a 00000009 00000000 01030307",
         {.mss = 1460,
          .window_scale = 7,
          .sack_permitted = true,
          .timestamps = true,
          .ts_val = 9,
          .sack = {}}},
        {"020405b4 01010402 01030300",
         {.mss = 1460, .window_scale = 0, .sack_permitted = true, .sack = {}}},
        {"0101080a 00000009 00000008", {.timestamps = true, .ts_val = 9, .ts_ecr = 8, .sack = {}}},
        {"0101050a 00000001 00000002", {.sack = all.first(1)}},
        {"1c048005", {.sack = {}, .user_timeout = 0x8005}},
        {"01012202", {.sack = {}, .fast_open = true}},
        {"01012206 01020304", {.sack = {}, .fast_open = true, .cookie = cookie.first(4)}},
        {"2208 01020304 0506", {.sack = {}, .fast_open = true, .cookie = cookie.first(6)}},
        {"020405b4 0402080a 00000009 00000000 01030307 01012212 01020304 05060708 090a0b0c "
         "0d0e0f10",
         {.mss = 1460,
          .window_scale = 7,
          .sack_permitted = true,
          .timestamps = true,
          .ts_val = 9,
          .sack = {},
          .fast_open = true,
          .cookie = cookie}},
        {"020405b4 0402080a 00000009 00000000 01030307 1c040384",  // the cookie does not fit
         {.mss = 1460,
          .window_scale = 7,
          .sack_permitted = true,
          .timestamps = true,
          .ts_val = 9,
          .sack = {},
          .user_timeout = 900,
          .fast_open = true,
          .cookie = cookie}},
        {"01010522 00000001 00000002 00000003 00000004 00000005 00000006 00000007 00000008",
         {.sack = all}},
        {"0101080a 00000009 00000008 0101051a 00000001 00000002 00000003 00000004 00000005 "
         "00000006",  // the fourth block does not fit
         {.timestamps = true, .ts_val = 9, .ts_ecr = 8, .sack = all}},
        {"020405b4 0402080a 00000009 00000000 01030307 01010512 00000001 00000002 00000003 "
         "00000004",
         {.mss = 1460,
          .window_scale = 7,
          .sack_permitted = true,
          .timestamps = true,
          .ts_val = 9,
          .sack = all}},
    };
    for (const Emitted& row : rows) {
        const Bytes expected = hex(row.expected);
        Bytes bytes(40, std::byte{0xa5});
        const u32 n = emit_tcp_options(row.options, bytes.data());
        EXPECT_EQ(first(bytes, n), expected) << row.expected;
        for (std::size_t i = n; i < bytes.size(); ++i) EXPECT_EQ(bytes[i], std::byte{0xa5});
    }
}

// A lint of the bytes by themselves: every option but End and NOP has a length that fits, and
// nothing but zeros follows End.
void expect_well_formed(std::span<const std::byte> bytes) {
    std::size_t i = 0;
    while (i < bytes.size()) {
        const unsigned kind = static_cast<unsigned>(bytes[i]);
        if (kind == 0) break;
        if (kind == 1) {
            ++i;
            continue;
        }
        RC_ASSERT(i + 1 < bytes.size());
        const std::size_t length = static_cast<std::size_t>(bytes[i + 1]);
        RC_ASSERT(length >= 2);
        RC_ASSERT(i + length <= bytes.size());
        i += length;
    }
    for (; i < bytes.size(); ++i) RC_ASSERT(bytes[i] == std::byte{0});
}

TEST(TcpOptions, WhatIsEmittedIsWellFormedAndParsed) {
    test::covers({"RFC9293:MUST-68", "RFC9293:MUST-69"});
    EXPECT_TRUE(rc::check([](u16 mss, u8 scale, bool sack_permitted, bool timestamps, u32 val,
                             u32 ecr, std::vector<std::pair<u32, u32>> numbers) {
        std::vector<SackBlock> blocks;
        for (const auto& [left, right] : numbers) blocks.push_back({Seq{left}, Seq{right}});
        TcpOptionsToSend send;
        send.mss = mss;
        send.window_scale = scale % 4 == 0 ? 0xff : scale;
        send.sack_permitted = sack_permitted;
        send.timestamps = timestamps;
        send.ts_val = val;
        send.ts_ecr = ecr;
        send.sack = blocks;
        Bytes bytes(40);
        const u32 n = emit_tcp_options(send, bytes.data());
        RC_ASSERT(n <= 40u);
        RC_ASSERT(n % 4 == 0u);
        expect_well_formed(std::span{bytes}.first(n));
        const Parsed p = parse(first(bytes, n));
        RC_ASSERT(p.reason == DropReason::None);
        RC_ASSERT(p.options.has_mss == (mss != 0));
        RC_ASSERT(p.options.mss == mss);
        RC_ASSERT(p.options.has_window_scale == (send.window_scale != 0xff));
        RC_ASSERT(!p.options.has_window_scale || p.options.window_scale == send.window_scale);
        RC_ASSERT(p.options.sack_permitted == sack_permitted);
        RC_ASSERT(p.options.has_timestamps == timestamps);
        RC_ASSERT(!timestamps || (p.options.ts_val == val && p.options.ts_ecr == ecr));
        RC_ASSERT(p.options.sack_count <= blocks.size());
        RC_ASSERT(p.options.sack_count == std::min<std::size_t>(blocks.size(), 4) || n > 32u);
        for (std::size_t i = 0; i < p.options.sack_count; ++i)
            RC_ASSERT(p.options.sack[i] == blocks[i]);
    }));
}

TEST(TcpOptions, OfTwoAccEcnOptionsTheLastOneCounts) {
    TcpOptions o;
    EXPECT_EQ(parse_tcp_options(hex("ac 05 000001 ac 02"), o), DropReason::None);
    EXPECT_TRUE(is_acc_ecn(o, 0, {}));
    EXPECT_EQ(o.acc_ecn[0], 0u);
}

TEST(TcpOptions, AccEcnCountersGoOutInEveryLengthAndComeBack) {
    test::covers({"RFC9768:5"});
    for (u8 order = 0; order < 2; ++order) {
        for (u8 count = 0; count <= 3; ++count) {
            for (const bool timestamps : {false, true}) {
                TcpOptionsToSend send;
                send.timestamps = timestamps;
                send.acc_ecn_order = order;
                send.acc_ecn_count = count;
                send.acc_ecn = {0x123456, 0xffabcdef, 7};
                const std::array<SackBlock, 4> blocks{};
                send.sack = blocks;
                Bytes bytes(40);
                const u32 n = emit_tcp_options(send, bytes.data());
                ASSERT_EQ(n % 4, 0u);
                expect_well_formed(std::span{bytes}.first(n));
                const TcpOptions got = parse(first(bytes, n)).options;
                ASSERT_EQ(got.acc_ecn_order, order);
                ASSERT_EQ(got.acc_ecn_count, count);
                constexpr std::array<u32, 3> low = {0x123456, 0xabcdef, 7};
                EXPECT_TRUE(std::equal(low.begin(), low.begin() + count, got.acc_ecn.begin()));
                EXPECT_EQ(got.has_timestamps, timestamps);
                EXPECT_GE(got.sack_count, timestamps ? 1 : 2);
            }
        }
    }
}

}  // namespace

}  // namespace tern::wire

#include "core/wire/ipv4.hh"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "support/covers.hh"
#include "wire/bytes.hh"

namespace tern::wire {

namespace {

using namespace test;

// A well-known example; checksum b861.
const Bytes k_packet = hex("45000073 00004000 4011b861 c0a80001 c0a800c7") + Bytes(95);

Bytes with_checksum(Bytes packet) {
    const std::size_t length = (static_cast<std::size_t>(packet[0]) & 15) * 4;
    store16(&packet[10], 0);
    const u16 sum = checksum_finish(checksum_add(0, std::span{packet}.first(length)));
    std::memcpy(&packet[10], &sum, 2);
    return packet;
}

// A header with these option bytes (a multiple of 4) and 8 bytes of payload.
Bytes with_options(const Bytes& options) {
    Bytes packet = hex("45000000 00000000 40060000 0a000002 0a000001") + options + Bytes(8);
    packet[0] = static_cast<std::byte>(0x40 | (20 + options.size()) / 4);
    store16(&packet[2], static_cast<u16>(packet.size()));
    return with_checksum(packet);
}

DropReason reason(const Bytes& packet) {
    const auto h = parse_ipv4(Placed{packet});
    return h ? DropReason::None : h.error();
}

TEST(Ipv4, Fields) {
    const auto h = parse_ipv4(Placed{k_packet});
    ASSERT_TRUE(h);
    EXPECT_EQ(h->header_length, 20);
    EXPECT_EQ(h->total_length, 0x73);
    EXPECT_EQ(h->id, 0);
    EXPECT_TRUE(h->dont_fragment);
    EXPECT_FALSE(h->is_fragment());
    EXPECT_EQ(h->ttl, 64);
    EXPECT_EQ(h->protocol, 17);
    EXPECT_EQ(h->source, Ipv4Address(192, 168, 0, 1));
    EXPECT_EQ(h->destination, Ipv4Address(192, 168, 0, 199));
    EXPECT_FALSE(h->has_source_route);
}

TEST(Ipv4, CutOff) {
    for (std::size_t n = 0; n < 20; ++n)
        EXPECT_EQ(reason(first(k_packet, n)), DropReason::Ipv4TooShort) << n;
}

TEST(Ipv4, EveryOtherVersionIsRefused) {
    test::covers({"RFC1122:1"});
    for (unsigned version = 0; version < 16; ++version) {
        Bytes packet = k_packet;
        packet[0] = static_cast<std::byte>(version << 4 | 5);
        packet = with_checksum(packet);
        EXPECT_EQ(reason(packet), version == 4 ? DropReason::None : DropReason::Ipv4BadVersion);
    }
}

TEST(Ipv4, Lengths) {
    test::covers({"RFC791:1", "VULN:ripple20"});
    for (unsigned words = 0; words < 5; ++words) {
        Bytes packet = k_packet;
        packet[0] = static_cast<std::byte>(0x40 | words);
        EXPECT_EQ(reason(packet), DropReason::Ipv4BadHeaderLength) << words;
    }
    Bytes past_the_end = first(k_packet, 56);
    past_the_end[0] = std::byte{0x4f};  // 60 bytes
    EXPECT_EQ(reason(past_the_end), DropReason::Ipv4BadHeaderLength);

    for (const u16 total : {0, 1, 19, 20, 114, 115, 116, 65535}) {
        Bytes packet = k_packet;
        store16(&packet[2], total);
        const bool fits = total >= 20 && total <= k_packet.size();
        EXPECT_EQ(reason(with_checksum(packet)),
                  fits ? DropReason::None : DropReason::Ipv4BadTotalLength)
            << total;
    }
    Bytes shorter_than_its_options = with_options(hex("01010101"));
    store16(&shorter_than_its_options[2], 20);
    EXPECT_EQ(reason(with_checksum(shorter_than_its_options)), DropReason::Ipv4BadTotalLength);
}

TEST(Ipv4, EveryFlippedBitOfTheHeaderIsSeen) {
    test::covers({"RFC1122:2"});
    for (const Bytes& good : {k_packet, with_options(hex("01010101 01010100"))}) {
        const std::size_t header = (static_cast<std::size_t>(good[0]) & 15) * 4;
        for (std::size_t bit = 0; bit < header * 8; ++bit) {
            Bytes packet = good;
            packet[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
            EXPECT_NE(reason(packet), DropReason::None) << bit;
            if (bit >= 32) {
                EXPECT_EQ(reason(packet), DropReason::Ipv4BadChecksum) << bit;
            }
        }
    }
}

struct Options {
    const char* bytes;
    bool source_route;
};

TEST(Ipv4, OptionsAreToleratedAndSourceRoutesSeen) {
    test::covers({"RFC1122:7"});
    const Options rows[] = {
        {"01010101", false},
        {"00000000", false},
        {"83070401 0a000003 00", true},    // LSRR
        {"89070401 0a000003 00", true},    // SSRR
        {"01018307 04010a00 0003", true},  // LSRR behind NOPs
        {"07070400 00000000", false},      // record route
        {"07070400 00000083 07040a00 000300", true},
        {"00830704 010a0000 0003", false},  // behind the end of the list
        {"44080500 00000000", false},       // timestamp
        {"88040000", false},                // stream ID: obsolete, ignored
        {"94040000", false},                // router alert
        {"5e000000 83040000", false},       // unknown, length 0: the walk ends
        {"5e010000 83040000", false},       // length 1
        {"5eff0000 83040000", false},       // past the end
        {"0101015e", false},                // length missing
        {"83000000", true},                 // a broken source route is one
        {"01010183", true},
        {"5e040000 89030400", true},  // unknown is skipped by its length
    };
    for (const Options& row : rows) {
        Bytes options = hex(row.bytes);
        options.resize((options.size() + 3) / 4 * 4);
        const auto h = parse_ipv4(Placed{with_options(options)});
        ASSERT_TRUE(h) << row.bytes;
        EXPECT_EQ(h->has_source_route, row.source_route) << row.bytes;
        EXPECT_EQ(h->header_length, 20 + options.size());
    }
}

TEST(Ipv4, AnyOptionBytesAreTolerated) {
    test::covers({"RFC1122:7", "VULN:ip-options"});
    EXPECT_TRUE(rc::check([](std::vector<u8> options) {
        options.resize(std::min<std::size_t>(40, options.size() / 4 * 4));
        Bytes bytes(options.size());
        if (!options.empty()) std::memcpy(bytes.data(), options.data(), options.size());
        RC_ASSERT(reason(with_options(bytes)) == DropReason::None);
    }));
}

TEST(Ipv4, Fragments) {
    struct {
        const char* word;
        bool dont, more, fragment;
        u16 offset;
    } const rows[] = {{"0000", false, false, false, 0},   {"4000", true, false, false, 0},
                      {"2000", false, true, true, 0},     {"0001", false, false, true, 8},
                      {"3fff", false, true, true, 65528}, {"8000", false, false, false, 0}};
    for (const auto& row : rows) {
        Bytes packet = k_packet;
        std::memcpy(&packet[6], hex(row.word).data(), 2);
        const auto h = parse_ipv4(Placed{with_checksum(packet)});
        ASSERT_TRUE(h) << row.word;
        EXPECT_EQ(h->dont_fragment, row.dont) << row.word;
        EXPECT_EQ(h->more_fragments, row.more) << row.word;
        EXPECT_EQ(h->is_fragment(), row.fragment) << row.word;
        EXPECT_EQ(h->fragment_offset, row.offset) << row.word;
    }
}

// What a train of packets may differ in: the identification, with the checksum that belongs to it.
TEST(Ipv4, TheSameButForItsIdentification) {
    const Bytes first = with_checksum(k_packet);
    for (std::size_t at = 0; at < 20; ++at)
        for (int bit = 0; bit < 8; ++bit) {
            if (at == 10 || at == 11) continue;  // the checksum itself, below
            Bytes other = first;
            other[at] ^= static_cast<std::byte>(1 << bit);
            if (at > 0 || bit > 3) {  // the length of the header is not to change
                const bool id = at == 4 || at == 5;
                EXPECT_EQ(same_ipv4(with_checksum(other).data(), first.data()), id)
                    << "byte " << at << ", bit " << bit;
            }
            EXPECT_FALSE(same_ipv4(other.data(), first.data())) << "a bad sum; byte " << at;
        }
    EXPECT_TRUE(same_ipv4(first.data(), first.data()));
    Bytes damaged = first;
    damaged[11] ^= std::byte{1};
    EXPECT_FALSE(same_ipv4(damaged.data(), first.data()));
}

TEST(Ipv4, WhatIsEmittedIsParsed) {
    EXPECT_TRUE(rc::check([](u8 tos, u16 payload, u16 id, bool dont, bool more, u16 offset, u8 ttl,
                             u8 protocol, u32 from, u32 to) {
        Ipv4Header h;
        h.tos = tos;
        h.total_length = static_cast<u16>(20 + payload % 2000);
        h.id = id;
        h.dont_fragment = dont;
        h.more_fragments = more;
        h.fragment_offset = static_cast<u16>(offset & ~7);
        h.ttl = ttl;
        h.protocol = protocol;
        h.source = Ipv4Address{from};
        h.destination = Ipv4Address{to};
        Bytes bytes(h.total_length);
        emit_ipv4(h, bytes.data());
        const auto back = parse_ipv4(bytes);
        RC_ASSERT(back.has_value());
        RC_ASSERT(back->header_length == 20);
        RC_ASSERT(back->tos == h.tos);
        RC_ASSERT(back->total_length == h.total_length);
        RC_ASSERT(back->id == h.id);
        RC_ASSERT(back->dont_fragment == h.dont_fragment);
        RC_ASSERT(back->more_fragments == h.more_fragments);
        RC_ASSERT(back->fragment_offset == h.fragment_offset);
        RC_ASSERT(back->ttl == h.ttl);
        RC_ASSERT(back->protocol == h.protocol);
        RC_ASSERT(back->source == h.source);
        RC_ASSERT(back->destination == h.destination);
    }));
}

}  // namespace

}  // namespace tern::wire

// Both families behind one view: what is read, what is refused, what is written, what is changed in
// place. The bytes are written out here; the sums are made by tests/link/frames.hh's slow twin.
#include "core/wire/ip.hh"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "core/base/endian.hh"
#include "link/frames.hh"
#include "wire/bytes.hh"

namespace tern::wire {

namespace {

using namespace test;

const Bytes k_source6 = hex("20010db8 00000000 00000000 00000001");
const Bytes k_destination6 = hex("20010db8 00000000 00000000 00000002");

// 192.168.0.1 to 192.168.0.199, DS field 46 and ECT(0), UDP.
Bytes ipv4(const Bytes& options, std::size_t payload) {
    Bytes p = hex("45ba0000 12344000 40110000 c0a80001 c0a800c7") + options + Bytes(payload);
    p[0] = static_cast<std::byte>(0x40 | (20 + options.size()) / 4);
    store16(&p[2], static_cast<u16>(p.size()));
    store16(&p[10], static_cast<u16>(~slow_sum(std::span{p}.first(20 + options.size()))));
    return p;
}

// Traffic class 0xba, flow label 0x12345.
Bytes ipv6(u8 next, const Bytes& behind) {
    Bytes p = hex("6ba12345 00000040") + k_source6 + k_destination6 + behind;
    store16(&p[4], static_cast<u16>(behind.size()));
    p[6] = std::byte{next};
    return p;
}

DropReason reason(const Bytes& packet) {
    const auto v = parse_ip(Placed{packet});
    return v ? DropReason::None : v.error();
}

bool sum_holds(const Bytes& packet) {
    const std::size_t length = (static_cast<std::size_t>(packet[0]) & 15) * 4;
    return slow_sum(std::span{packet}.first(length)) == 0xffff;
}

TEST(IpView, BothFamiliesSayTheSameThings) {
    const auto v4 = parse_ip(Placed{ipv4({}, 30)});
    ASSERT_TRUE(v4);
    EXPECT_EQ(v4->family, IpFamily::V4);
    EXPECT_EQ(v4->fragment_id, 0x1234u);
    EXPECT_EQ(v4->header_length, 20u);
    EXPECT_EQ(v4->total_length, 50u);
    EXPECT_EQ(v4->source.to_string(), "192.168.0.1");
    EXPECT_EQ(v4->destination.to_string(), "192.168.0.199");

    const auto v6 = parse_ip(Placed{ipv6(17, Bytes(30))});
    ASSERT_TRUE(v6);
    EXPECT_EQ(v6->family, IpFamily::V6);
    EXPECT_EQ(v6->flow_label, 0x12345u);
    EXPECT_EQ(v6->header_length, 40u);
    EXPECT_EQ(v6->total_length, 70u);
    EXPECT_EQ(v6->source.to_string(), "2001:db8::1");
    EXPECT_EQ(v6->destination.to_string(), "2001:db8::2");

    for (const IpView& v : {*v4, *v6}) {
        EXPECT_TRUE(v.carries(IpProtocol::Udp));
        EXPECT_EQ(v.hop_limit, 64);
        EXPECT_EQ(v.dscp(), 46);
        EXPECT_EQ(v.ecn(), 2);
        EXPECT_EQ(v.payload_length(), 30u);
        EXPECT_TRUE(v.dont_fragment);
        EXPECT_FALSE(v.is_fragment());
        EXPECT_FALSE(v.source_routed);
        EXPECT_TRUE(v.is_plain());
    }
}

TEST(IpView, FragmentsOfBothFamilies) {
    Bytes p4 = ipv4({}, 16);
    store16(&p4[6], 0x2000 | 1480 / 8);
    const auto v4 = read_ip(Placed{p4});
    const auto v6 = read_ip(Placed{ipv6(44, hex("11 00 05c9 89abcdef") + Bytes(16))});
    ASSERT_TRUE(v4 && v6);
    EXPECT_EQ(v6->fragment_id, 0x89abcdefu);
    EXPECT_EQ(v6->header_length, 48u);
    EXPECT_FALSE(v6->is_plain());
    for (const IpView& v : {*v4, *v6}) {
        EXPECT_TRUE(v.more_fragments);
        EXPECT_EQ(v.fragment_offset, 1480);
        EXPECT_TRUE(v.is_fragment());
        EXPECT_TRUE(v.carries(IpProtocol::Udp));
    }
    // The whole packet in one fragment (RFC 6946).
    const auto atomic = read_ip(Placed{ipv6(44, hex("06 00 0000 00000001") + Bytes(20))});
    ASSERT_TRUE(atomic);
    EXPECT_FALSE(atomic->is_fragment());
    EXPECT_TRUE(atomic->carries(IpProtocol::Tcp));
}

TEST(IpView, ExtensionHeadersAreWalkedToTheTransport) {
    const Bytes hop = hex("2b 01 010c") + Bytes(12);    // 16 bytes, then routing
    const Bytes routing = hex("3c 00 04 00 00000000");  // no segment left, then destination
    const Bytes options = hex("06 00 0104 00000000");   // then TCP
    const auto v = parse_ip(Placed{ipv6(0, hop + routing + options + Bytes(20))});
    ASSERT_TRUE(v);
    EXPECT_TRUE(v->carries(IpProtocol::Tcp));
    EXPECT_EQ(v->header_length, 40u + 32);
    EXPECT_EQ(v->payload_length(), 20u);
    EXPECT_FALSE(v->source_routed);
    // What lies in a later fragment is no header, whatever it looks like.
    const auto later = parse_ip(Placed{ipv6(44, hex("00 00 0008 00000001") + Bytes(3))});
    ASSERT_TRUE(later);
    EXPECT_EQ(later->protocol, 0);
    EXPECT_EQ(later->header_length, 48u);
}

TEST(IpView, ASourceRouteIsSeenInBothFamilies) {
    const auto v4 = parse_ip(Placed{ipv4(hex("83 07 04 0a000001 00"), 8)});
    const auto v6 = parse_ip(Placed{ipv6(43, hex("11 00 04 01 00000000") + Bytes(8))});
    ASSERT_TRUE(v4 && v6);
    EXPECT_TRUE(v4->source_routed);
    EXPECT_TRUE(v6->source_routed);
    EXPECT_TRUE(read_ip(Placed{ipv4(hex("83 07 04 0a000001 00"), 8)})->source_routed);
}

TEST(IpView, EveryTruncationIsRefusedWithItsReason) {
    const Bytes p4 = ipv4({}, 8);
    for (std::size_t n = 0; n < p4.size(); ++n)
        EXPECT_EQ(reason(first(p4, n)),
                  n < 20 ? DropReason::Ipv4TooShort : DropReason::Ipv4BadTotalLength)
            << n;
    const Bytes p6 = ipv6(0, hex("06 01 0000 00000000") + Bytes(8 + 20));
    EXPECT_EQ(reason(p6), DropReason::None);
    EXPECT_EQ(reason({}), DropReason::Ipv4TooShort) << "nobody can say of which family";
    for (std::size_t n = 1; n < p6.size(); ++n)
        EXPECT_EQ(reason(first(p6, n)),
                  n < 40 ? DropReason::Ipv6TooShort : DropReason::Ipv6BadLength)
            << n;
    for (unsigned version = 0; version < 16; ++version) {
        if (version == 4 || version == 6) continue;
        Bytes other = p4;
        other[0] = static_cast<std::byte>(version << 4 | 5);
        EXPECT_EQ(reason(other), DropReason::Ipv4BadVersion) << version;
        EXPECT_FALSE(read_ip(Placed{other})) << version;
    }
}

TEST(IpView, ExtensionHeadersEndWithThePacket) {
    EXPECT_EQ(reason(ipv6(60, hex("06 00 0104"))), DropReason::Ipv6BadExtension);
    EXPECT_EQ(reason(ipv6(60, hex("06 01 010c 00000000"))), DropReason::Ipv6BadExtension);
    // Whole bytes behind the packet do not make it whole.
    Bytes padded = ipv6(60, hex("06 00 0104 00000000"));
    store16(&padded[4], 4);
    EXPECT_EQ(reason(padded), DropReason::Ipv6BadExtension);
    EXPECT_FALSE(read_ip(Placed{padded}));
}

TEST(IpView, AChainOfExtensionHeadersHasABound) {
    const auto chain = [](u32 count) {
        Bytes behind;
        for (u32 i = 1; i <= count; ++i) {
            behind = behind + hex("3c 00 0104 00000000");
            if (i == count) behind[behind.size() - 8] = std::byte{6};
        }
        return ipv6(60, behind + Bytes(20));
    };
    EXPECT_EQ(reason(chain(8)), DropReason::None);
    EXPECT_EQ(reason(chain(9)), DropReason::Ipv6BadExtension);
    EXPECT_EQ(reason(chain(1000)), DropReason::Ipv6BadExtension);
}

TEST(IpView, AQuoteIsReadThoughItsPayloadIsCutOff) {
    for (const Bytes& whole : {ipv4(hex("01010101"), 100), ipv6(17, Bytes(100))}) {
        const std::size_t header = whole.size() - 100;
        for (std::size_t n = 0; n < whole.size(); ++n) {
            const auto v = read_ip(Placed{first(whole, n)});
            ASSERT_EQ(v.has_value(), n >= header) << n;
            if (!v) continue;
            EXPECT_EQ(v->total_length, whole.size());
            EXPECT_EQ(v->header_length, header);
        }
    }
    for (const Bytes& options : {Bytes{}, hex("01010101")}) {
        Bytes short_total = ipv4(options, 8);
        store16(&short_total[2], 8);
        const auto v = read_ip(Placed{short_total});
        ASSERT_TRUE(v) << "a router has taken the header's length away";
        EXPECT_EQ(v->total_length, v->header_length);
        EXPECT_EQ(v->payload_length(), 0u);
    }
    EXPECT_FALSE(read_ip(Placed{hex("44000014") + Bytes(16)})) << "a header of 16 bytes";
}

TEST(IpView, WhatIsWrittenIsReadAgain) {
    rc::check([] {
        IpView v;
        v.family = *rc::gen::element(IpFamily::V4, IpFamily::V6);
        const bool v6 = v.family == IpFamily::V6;
        v.protocol = *rc::gen::element<u8>(1, 6, 17, 58, 59, 132);
        v.hop_limit = *rc::gen::arbitrary<u8>();
        v.traffic_class = *rc::gen::arbitrary<u8>();
        v.more_fragments = *rc::gen::arbitrary<bool>();
        v.fragment_offset = static_cast<u16>(*rc::gen::inRange(0, 8192) * 8);
        v.dont_fragment = v6 || *rc::gen::arbitrary<bool>();
        if (!v6) v.fragment_id = *rc::gen::arbitrary<u16>();
        if (v6 && v.is_fragment()) v.fragment_id = *rc::gen::arbitrary<u32>();
        if (v6) v.flow_label = *rc::gen::inRange<u32>(0, 1u << 20);
        v.header_length = v6 ? (v.is_fragment() ? 48 : 40) : 20;
        v.total_length = v.header_length + *rc::gen::inRange<u32>(0, 60'000);
        v.source = Ipv4Address{*rc::gen::arbitrary<u32>()};
        v.destination = Ipv4Address{*rc::gen::arbitrary<u32>()};
        if (v6) v.source.bytes[0] = v.destination.bytes[1] = 0xfe;
        Bytes bytes(v.header_length);
        RC_ASSERT(emit_ip(v, bytes.data()) == v.header_length);
        const auto again = read_ip(Placed{bytes});
        RC_ASSERT(again.has_value());
        RC_ASSERT(*again == v);
        Bytes whole = bytes + Bytes(v.payload_length());
        RC_ASSERT(parse_ip(Placed{whole}).value() == v);
    });
}

TEST(IpPatch, ANewLengthHasItsSum) {
    Bytes p4 = ipv4(hex("01010101"), 1000);
    set_payload_length(p4.data(), *read_ip(p4), 200, 3);
    EXPECT_EQ(load16(&p4[2]), 224);
    EXPECT_EQ(load16(&p4[4]), 0x1237);
    EXPECT_TRUE(sum_holds(p4));
    Bytes p6 = ipv6(60, hex("06 00 0104 00000000") + Bytes(1000));
    const Bytes before = p6;
    set_payload_length(p6.data(), *read_ip(p6), 200, 3);
    EXPECT_EQ(load16(&p6[4]), 208) << "extension headers count";
    store16(&p6[4], load16(&before[4]));
    EXPECT_EQ(p6, before) << "and nothing else has changed";
}

TEST(IpPatch, AMarkChangesTwoBitsAndTheSum) {
    for (u32 id = 0; id < 70'000; id += 7) {  // sums of all kinds
        Bytes p4 = ipv4({}, 0);
        store16(&p4[4], static_cast<u16>(id));
        store16(&p4[10], 0);
        store16(&p4[10], static_cast<u16>(~slow_sum(std::span{p4}.first(20))));
        set_ecn_ce(p4.data());
        ASSERT_EQ(static_cast<u8>(p4[1]), 0xbb);
        ASSERT_TRUE(sum_holds(p4)) << id;
    }
    Bytes p6 = ipv6(6, {});
    const Bytes before = p6;
    set_ecn_ce(p6.data());
    EXPECT_EQ(load32(p6.data()), 0x6bb12345u);
    store32(p6.data(), load32(before.data()));
    EXPECT_EQ(p6, before);
}

TEST(IpPatch, AHopLessIsOneLess) {
    for (u32 id = 0; id < 70'000; id += 7) {
        Bytes p4 = ipv4({}, 0);
        store16(&p4[4], static_cast<u16>(id));
        store16(&p4[10], 0);
        store16(&p4[10], static_cast<u16>(~slow_sum(std::span{p4}.first(20))));
        decrement_hop_limit(p4.data());
        ASSERT_EQ(static_cast<u8>(p4[8]), 63);
        ASSERT_EQ(static_cast<u8>(p4[9]), 17);
        ASSERT_TRUE(sum_holds(p4)) << id;
        ASSERT_NE(load16(&p4[10]), 0xffff) << "RFC 1624 3: a header is never all zeros";
    }
    Bytes p6 = ipv6(6, {});
    decrement_hop_limit(p6.data());
    EXPECT_EQ(static_cast<u8>(p6[7]), 63);
    EXPECT_EQ(static_cast<u8>(p6[6]), 6);
}

// Each byte of the header decides, but for those of lengths, identification and IPv4's checksum.
TEST(IpPatch, HeadersAreTheSameOnlyIfEveryOtherByteIs) {
    for (const Bytes& p : {ipv4(hex("01010101"), 8), ipv6(60, hex("06 00 0104 00000000"))}) {
        const IpView v = *read_ip(p);
        const bool v4 = v.family == IpFamily::V4;
        for (std::size_t i = 0; i < v.header_length; ++i) {
            Bytes other = p;
            other[i] ^= std::byte{0x10};
            const bool free = v4 ? (i >= 2 && i < 6) || i == 10 || i == 11 : i == 4 || i == 5;
            EXPECT_EQ(same_but_length(p.data(), other.data(), v), free) << i;
        }
    }
}

TEST(IpView, ThePseudoHeaderIsSummedOfBothFamilies) {
    for (const Bytes& p : {ipv4({}, 8), ipv6(17, Bytes(8))}) {
        const IpView v = *read_ip(p);
        const bool v4 = v.family == IpFamily::V4;
        const auto addresses = std::span{p}.subspan(v4 ? 12 : 8, v4 ? 8 : 32);
        const u16 sum = static_cast<u16>(checksum_fold(pseudo_sum(v, 8)));
        EXPECT_EQ(load16(&sum), slow_sum({}, u64{slow_sum(addresses)} + 17 + 8));
    }
}

}  // namespace

}  // namespace tern::wire

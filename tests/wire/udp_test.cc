#include "core/wire/udp.hh"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "core/base/endian.hh"
#include "support/covers.hh"
#include "wire/bytes.hh"

namespace tern::wire {

namespace {

using namespace test;

const Bytes k_datagram = hex("03e8 07d0 000b 1bbb 616263");

TEST(Udp, Fields) {
    const auto h = parse_udp(Placed{k_datagram});
    ASSERT_TRUE(h);
    EXPECT_EQ(h->source_port, 1000);
    EXPECT_EQ(h->destination_port, 2000);
    EXPECT_EQ(h->length, 11);
    EXPECT_EQ(h->checksum, 0x1bbb);
}

TEST(Udp, CutOff) {
    test::covers({"RFC768:1"});
    for (std::size_t n = 0; n < 8; ++n)
        EXPECT_EQ(parse_udp(Placed{first(k_datagram, n)}).error(), DropReason::UdpTooShort) << n;
    for (std::size_t n = 8; n < 11; ++n)
        EXPECT_EQ(parse_udp(Placed{first(k_datagram, n)}).error(), DropReason::UdpBadLength) << n;
}

TEST(Udp, EveryLength) {
    test::covers({"RFC768:1", "VULN:udp-length"});
    for (u32 length = 0; length <= 0xffff; ++length) {
        Bytes datagram = k_datagram;
        store16(&datagram[4], static_cast<u16>(length));
        const auto h = parse_udp(Placed{datagram});
        const bool fits = length >= 8 && length <= datagram.size();
        ASSERT_EQ(h.has_value(), fits) << length;
        if (!fits) {
            ASSERT_EQ(h.error(), DropReason::UdpBadLength);
        }
    }
}

TEST(Udp, WhatLiesBehindIsIgnored) {
    test::covers({"RFC768:1"});
    const auto h = parse_udp(Placed{k_datagram + Bytes(35)});
    ASSERT_TRUE(h);
    EXPECT_EQ(h->length, 11);
}

TEST(Udp, WhatIsEmittedIsParsed) {
    EXPECT_TRUE(rc::check([](u16 from, u16 to, u16 payload, u16 checksum) {
        const UdpHeader h{from, to, static_cast<u16>(8 + payload % 1000), checksum};
        Bytes bytes(h.length);
        emit_udp(h, bytes.data());
        const auto back = parse_udp(bytes);
        RC_ASSERT(back.has_value());
        RC_ASSERT(back->source_port == from);
        RC_ASSERT(back->destination_port == to);
        RC_ASSERT(back->length == h.length);
        RC_ASSERT(back->checksum == checksum);
    }));
}

}  // namespace

}  // namespace tern::wire

#include "core/wire/tcp.hh"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "support/covers.hh"
#include "wire/bytes.hh"

namespace tern::wire {

namespace {

using namespace test;

const Bytes k_segment = hex("1f90 c350 00000001 fffffffe 5018 ffff 1234 0007 6162");

TEST(Tcp, Fields) {
    const auto h = parse_tcp(Placed{k_segment});
    ASSERT_TRUE(h);
    EXPECT_EQ(h->source_port, 8080);
    EXPECT_EQ(h->destination_port, 50000);
    EXPECT_EQ(h->seq, Seq{1});
    EXPECT_EQ(h->ack, Seq{0xfffffffe});
    EXPECT_EQ(h->header_length, 20);
    EXPECT_EQ(h->flags, Psh | Ack);
    EXPECT_EQ(h->window, 65535);
    EXPECT_EQ(h->checksum, 0x1234);
    EXPECT_EQ(h->urgent, 7);
}

TEST(Tcp, CutOff) {
    for (std::size_t n = 0; n < 20; ++n)
        EXPECT_EQ(parse_tcp(Placed{first(k_segment, n)}).error(), DropReason::TcpTooShort) << n;
}

TEST(Tcp, EveryDataOffsetAgainstEveryLength) {
    test::covers({"VULN:amnesia33", "VULN:infra-halt"});
    for (unsigned offset = 0; offset < 16; ++offset)
        for (std::size_t n = 20; n <= 64; ++n) {
            Bytes segment = first(k_segment, 20) + Bytes(n - 20);
            segment[12] = static_cast<std::byte>(offset << 4);
            const auto h = parse_tcp(Placed{segment});
            const bool fits = offset >= 5 && offset * 4 <= n;
            ASSERT_EQ(h.has_value(), fits) << offset << " " << n;
            if (fits) {
                ASSERT_EQ(h->header_length, offset * 4);
            } else {
                ASSERT_EQ(h.error(), DropReason::TcpBadOffset) << offset << " " << n;
            }
        }
}

TEST(Tcp, EveryFlag) {
    for (unsigned bits = 0; bits < 0x1000; ++bits) {  // with the reserved bits, which do not count
        Bytes segment = k_segment;
        segment[12] = static_cast<std::byte>(0x50 | bits >> 8);
        segment[13] = static_cast<std::byte>(bits);
        ASSERT_EQ(parse_tcp(Placed{segment})->flags, bits & 0x1ff);
    }
}

TEST(Tcp, WhatIsEmittedIsParsed) {
    EXPECT_TRUE(rc::check([](u16 from, u16 to, u32 seq, u32 ack, u8 words, u16 flags, u16 window,
                             u16 checksum, u16 urgent) {
        TcpHeader h;
        h.source_port = from;
        h.destination_port = to;
        h.seq = Seq{seq};
        h.ack = Seq{ack};
        h.header_length = static_cast<u8>(20 + words % 11 * 4);
        h.flags = flags & 0x1ff;
        h.window = window;
        h.checksum = checksum;
        h.urgent = urgent;
        Bytes bytes(h.header_length);
        emit_tcp(h, bytes.data());
        const auto back = parse_tcp(bytes);
        RC_ASSERT(back.has_value());
        RC_ASSERT(back->source_port == from);
        RC_ASSERT(back->destination_port == to);
        RC_ASSERT(back->seq == h.seq);
        RC_ASSERT(back->ack == h.ack);
        RC_ASSERT(back->header_length == h.header_length);
        RC_ASSERT(back->flags == h.flags);
        RC_ASSERT(back->window == window);
        RC_ASSERT(back->checksum == checksum);
        RC_ASSERT(back->urgent == urgent);
    }));
}

}  // namespace

}  // namespace tern::wire

#include "core/wire/icmpv4.hh"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include <algorithm>

#include "wire/bytes.hh"

namespace tern::wire {

namespace {

using namespace test;

const Bytes k_echo = hex("0800a1f8 12340001 68656c6c6f");  // "hello": an odd length

TEST(Icmpv4, Echo) {
    const auto m = parse_icmp(Placed{k_echo});
    ASSERT_TRUE(m);
    EXPECT_EQ(m->type, static_cast<u8>(IcmpType::EchoRequest));
    EXPECT_EQ(m->code, 0);
    EXPECT_EQ(m->identifier(), 0x1234);
    EXPECT_EQ(m->sequence(), 1);
    EXPECT_EQ(m->body.size(), 5u);
}

TEST(Icmpv4, CutOff) {
    for (std::size_t n = 0; n < 8; ++n)
        EXPECT_EQ(parse_icmp(Placed{first(k_echo, n)}).error(), DropReason::IcmpTooShort) << n;
}

TEST(Icmpv4, EveryFlippedBitIsSeen) {
    for (std::size_t bit = 0; bit < k_echo.size() * 8; ++bit) {
        Bytes message = k_echo;
        message[bit / 8] ^= static_cast<std::byte>(1 << bit % 8);
        const auto m = parse_icmp(Placed{message});
        ASSERT_FALSE(m) << bit;
        EXPECT_EQ(m.error(), DropReason::IcmpBadChecksum) << bit;
    }
}

TEST(Icmpv4, WhatIsEmittedIsParsed) {
    EXPECT_TRUE(rc::check([](u8 type, u8 code, u32 rest, std::vector<u8> body) {
        Bytes message(k_icmp_header + body.size(), std::byte{0x5a});
        if (!body.empty()) std::memcpy(&message[8], body.data(), body.size());
        emit_icmp(type, code, rest, message);
        const auto m = parse_icmp(message);
        RC_ASSERT(m.has_value());
        RC_ASSERT(m->type == type);
        RC_ASSERT(m->code == code);
        RC_ASSERT(m->rest == rest);
        RC_ASSERT(m->body.size() == body.size());
        const bool same = std::ranges::equal(
            m->body, body, [](std::byte a, u8 b) { return static_cast<u8>(a) == b; });
        RC_ASSERT(same);
    }));
}

}  // namespace

}  // namespace tern::wire

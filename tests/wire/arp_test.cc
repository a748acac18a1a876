#include "core/wire/arp.hh"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "support/covers.hh"
#include "wire/bytes.hh"

namespace tern::wire {

namespace {

using namespace test;

const char* const k_fixed = "0001 0800 06 04 0001";
const char* const k_sender = "020000000002 0a000002";
const char* const k_target = "000000000000 0a000001";

const Bytes k_request = hex(k_fixed) + hex(k_sender) + hex(k_target);

TEST(Arp, Request) {
    const auto p = parse_arp(Placed{k_request + Bytes(18)});  // padded to Ethernet's minimum
    ASSERT_TRUE(p);
    EXPECT_EQ(p->operation, ArpPacket::Operation::Request);
    EXPECT_EQ(p->sender_mac, *MacAddress::parse("02:00:00:00:00:02"));
    EXPECT_EQ(p->sender_ip, Ipv4Address(10, 0, 0, 2));
    EXPECT_TRUE(p->target_mac.is_zero());
    EXPECT_EQ(p->target_ip, Ipv4Address(10, 0, 0, 1));
}

TEST(Arp, CutOff) {
    test::covers({"RFC826:2"});
    for (std::size_t n = 0; n < k_arp_length; ++n)
        EXPECT_EQ(parse_arp(Placed{first(k_request, n)}).error(), DropReason::ArpTooShort) << n;
}

struct Case {
    const char* fixed;
    const char* sender;
    DropReason expected;
};

TEST(Arp, FieldsAreValidated) {
    test::covers({"RFC826:2"});
    const Case rows[] = {
        {"0001 0800 06 04 0002", k_sender, DropReason::None},
        {"0006 0800 06 04 0001", k_sender, DropReason::ArpMalformed},
        {"0000 0800 06 04 0001", k_sender, DropReason::ArpMalformed},
        {"0001 86dd 06 04 0001", k_sender, DropReason::ArpMalformed},
        {"0001 0800 05 04 0001", k_sender, DropReason::ArpMalformed},
        {"0001 0800 00 04 0001", k_sender, DropReason::ArpMalformed},
        {"0001 0800 06 10 0001", k_sender, DropReason::ArpMalformed},
        {"0001 0800 06 00 0001", k_sender, DropReason::ArpMalformed},
        {"0001 0800 06 04 0000", k_sender, DropReason::ArpBadOperation},
        {"0001 0800 06 04 0003", k_sender, DropReason::ArpBadOperation},  // RARP
        {"0001 0800 06 04 0100", k_sender, DropReason::ArpBadOperation},
        {"0001 0800 06 04 ffff", k_sender, DropReason::ArpBadOperation},
        {k_fixed, "000000000000 0a000002", DropReason::ArpBadSender},
        {k_fixed, "ffffffffffff 0a000002", DropReason::ArpBadSender},
        {k_fixed, "01005e000001 0a000002", DropReason::ArpBadSender},
        {k_fixed, "020000000002 e0000001", DropReason::ArpBadSender},
        {k_fixed, "020000000002 efffffff", DropReason::ArpBadSender},
        {k_fixed, "020000000002 7f000001", DropReason::ArpBadSender},
        {k_fixed, "020000000002 ffffffff", DropReason::ArpBadSender},
        {k_fixed, "020000000002 00000000", DropReason::None},  // a probe, RFC 5227
    };
    for (const Case& row : rows) {
        const auto p = parse_arp(Placed{hex(row.fixed) + hex(row.sender) + hex(k_target)});
        EXPECT_EQ(p ? DropReason::None : p.error(), row.expected) << row.fixed << " " << row.sender;
    }
}

TEST(Arp, WhatIsEmittedIsParsed) {
    EXPECT_TRUE(rc::check(
        [](bool reply, std::array<u8, 6> from, std::array<u8, 6> to, u32 from_ip, u32 to_ip) {
            ArpPacket p;
            p.operation = reply ? ArpPacket::Operation::Reply : ArpPacket::Operation::Request;
            p.sender_mac.bytes = from;
            p.sender_mac.bytes[0] = static_cast<u8>((from[0] & 0xfe) | 2);
            p.sender_ip = Ipv4Address{from_ip % 0x7f000000};
            p.target_mac.bytes = to;
            p.target_ip = Ipv4Address{to_ip};
            std::array<std::byte, k_arp_length> bytes;
            emit_arp(p, bytes.data());
            const auto back = parse_arp(bytes);
            RC_ASSERT(back.has_value());
            RC_ASSERT(back->operation == p.operation);
            RC_ASSERT(back->sender_mac == p.sender_mac);
            RC_ASSERT(back->sender_ip == p.sender_ip);
            RC_ASSERT(back->target_mac == p.target_mac);
            RC_ASSERT(back->target_ip == p.target_ip);
        }));
}

}  // namespace

}  // namespace tern::wire

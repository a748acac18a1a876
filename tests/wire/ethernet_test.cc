#include "core/wire/ethernet.hh"

#include <gtest/gtest.h>
#include <rapidcheck.h>

#include "wire/bytes.hh"

namespace tern::wire {

namespace {

using namespace test;

const Bytes k_addresses = hex("020000000001 020000000002");

TEST(Ethernet, Untagged) {
    const auto h = parse_ethernet(Placed{k_addresses + hex("0800 45")});
    ASSERT_TRUE(h);
    EXPECT_EQ(h->destination, *MacAddress::parse("02:00:00:00:00:01"));
    EXPECT_EQ(h->source, *MacAddress::parse("02:00:00:00:00:02"));
    EXPECT_EQ(h->ether_type, 0x0800);
    EXPECT_EQ(h->vlan, 0);
    EXPECT_EQ(h->header_length, 14);
}

TEST(Ethernet, Tagged) {
    struct {
        const char* tag;
        u16 vlan;
    } const rows[] = {{"8100 0005 0800", 5},
                      {"8100 e005 0800", 5},  // priority 7
                      {"8100 1005 0800", 5},  // drop eligible
                      {"8100 e000 0800", 0},  // priority-tagged: no VLAN
                      {"8100 0ffe 0800", 4094}};
    for (const auto& row : rows) {
        const auto h = parse_ethernet(Placed{k_addresses + hex(row.tag)});
        ASSERT_TRUE(h) << row.tag;
        EXPECT_EQ(h->vlan, row.vlan) << row.tag;
        EXPECT_EQ(h->ether_type, 0x0800) << row.tag;
        EXPECT_EQ(h->header_length, 18) << row.tag;
    }
}

TEST(Ethernet, CutOff) {
    const Bytes plain = k_addresses + hex("0800");
    for (std::size_t n = 0; n < 14; ++n)
        EXPECT_EQ(parse_ethernet(Placed{first(plain, n)}).error(), DropReason::LinkTooShort) << n;
    const Bytes tagged = k_addresses + hex("8100 0005 0800");
    for (std::size_t n = 14; n < 18; ++n)
        EXPECT_EQ(parse_ethernet(Placed{first(tagged, n)}).error(), DropReason::VlanTooShort) << n;
}

// Only the outer tag is read: a second one is a payload of type 0x8100, which nobody speaks.
TEST(Ethernet, DoubleTag) {
    const auto h = parse_ethernet(Placed{k_addresses + hex("8100 0005 8100 0006 0800")});
    ASSERT_TRUE(h);
    EXPECT_EQ(h->ether_type, 0x8100);
}

TEST(Ethernet, WhatIsEmittedIsParsed) {
    EXPECT_TRUE(rc::check([](std::array<u8, 6> to, std::array<u8, 6> from, u16 type, u16 tag) {
        RC_PRE(type != 0x8100);
        EthernetHeader h;
        h.destination.bytes = to;
        h.source.bytes = from;
        h.ether_type = type;
        h.vlan = tag % 4096;
        std::array<std::byte, 18> bytes;
        const u32 n = emit_ethernet(h, bytes.data());
        RC_ASSERT(n == (h.vlan == 0 ? 14u : 18u));
        const auto back = parse_ethernet(std::span{bytes}.first(n));
        RC_ASSERT(back.has_value());
        RC_ASSERT(back->destination == h.destination);
        RC_ASSERT(back->source == h.source);
        RC_ASSERT(back->ether_type == h.ether_type);
        RC_ASSERT(back->vlan == h.vlan);
        RC_ASSERT(back->header_length == n);
    }));
}

}  // namespace

}  // namespace tern::wire

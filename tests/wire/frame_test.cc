// Where a packet begins behind the link header of each medium.
#include "core/wire/frame.hh"

#include <gtest/gtest.h>

#include "core/base/endian.hh"
#include "wire/bytes.hh"

namespace tern::wire {

namespace {

using namespace test;

const Bytes k_macs = hex("02000000000b 02000000000a");
const Bytes k_ipv4 = hex("45000014 00004000 40060000 0a000001 0a000002");
const Bytes k_ipv6 = hex("60000000 00003b40") + Bytes(32);

TEST(Frame, WhatWeSendIsAsLongAsWhatWeRead) {
    EXPECT_EQ(link_header_length(Medium::Ip, 0), 0u);
    EXPECT_EQ(link_header_length(Medium::Ethernet, 0), 14u);
    EXPECT_EQ(link_header_length(Medium::Ethernet, 7), 18u);
    EXPECT_EQ(parse_link(Medium::Ip, Placed{k_ipv4})->length, 0u);
    EXPECT_EQ(parse_link(Medium::Ethernet, Placed{k_macs + hex("0800")})->length, 14u);
    EXPECT_EQ(parse_link(Medium::Ethernet, Placed{k_macs + hex("8100 0007 0800")})->length, 18u);
}

TEST(Frame, TheFamilyIsToldByTheTypeOrByTheVersion) {
    const auto type = [](Medium m, const Bytes& frame) {
        return parse_link(m, Placed{frame}).value().ether_type;
    };
    EXPECT_EQ(type(Medium::Ethernet, k_macs + hex("0806")), 0x0806);
    EXPECT_EQ(type(Medium::Ethernet, k_macs + hex("8100 0007 86dd")), 0x86dd);
    EXPECT_EQ(type(Medium::Ip, k_ipv4), 0x0800);
    EXPECT_EQ(type(Medium::Ip, k_ipv6), 0x86dd);
    EXPECT_EQ(type(Medium::Ip, hex("50")), 0);
    EXPECT_EQ(parse_link(Medium::Ip, {}).error(), DropReason::LinkTooShort);
    EXPECT_EQ(parse_link(Medium::Ethernet, Placed{hex("0800")}).error(), DropReason::LinkTooShort);
}

TEST(Frame, ThePacketIsFoundOnEveryMedium) {
    for (const Bytes& packet : {k_ipv4, k_ipv6}) {
        const bool v4 = packet == k_ipv4;
        const Bytes untagged = k_macs + hex(v4 ? "0800" : "86dd") + packet;
        const Bytes tagged = k_macs + hex("8100 0007") + hex(v4 ? "0800" : "86dd") + packet;
        const std::pair<Medium, Bytes> frames[] = {
            {Medium::Ip, packet}, {Medium::Ethernet, untagged}, {Medium::Ethernet, tagged}};
        for (const auto& [medium, frame] : frames) {
            const auto found = find_ip(medium, Placed{frame});
            ASSERT_TRUE(found);
            EXPECT_EQ(found->at, frame.size() - packet.size());
            EXPECT_EQ(found->ip.family, v4 ? IpFamily::V4 : IpFamily::V6);
            EXPECT_EQ(found->payload(), frame.size());
            EXPECT_EQ(found->end(), frame.size());
            EXPECT_EQ(ip_offset(medium, Placed{frame}), found->at);
            for (std::size_t n = 0; n < frame.size(); ++n)
                EXPECT_FALSE(find_ip(medium, Placed{first(frame, n)})) << n;
        }
    }
}

TEST(Frame, OnlyAWholeAndGoodPacketIsWhole) {
    Bytes good = k_ipv4;
    store16(&good[10], static_cast<u16>(0x26e2));
    ASSERT_TRUE(find_whole_ip(Medium::Ip, Placed{good})) << "the sum of this header";
    Bytes bad = good;
    bad[15] ^= std::byte{1};
    EXPECT_FALSE(find_whole_ip(Medium::Ip, Placed{bad}));
    EXPECT_TRUE(find_ip(Medium::Ip, Placed{bad}));
    EXPECT_TRUE(find_whole_ip(Medium::Ip, Placed{k_ipv6}));
}

TEST(Frame, WhatIsNoIpIsNotFound) {
    EXPECT_FALSE(find_ip(Medium::Ethernet, Placed{k_macs + hex("0806") + k_ipv4}));
    EXPECT_FALSE(find_ip(Medium::Ethernet, Placed{k_macs + hex("86dd") + k_ipv4})) << "two stories";
    EXPECT_FALSE(find_ip(Medium::Ethernet, Placed{k_macs + hex("0800") + k_ipv6}));
    EXPECT_FALSE(ip_offset(Medium::Ethernet, Placed{k_macs + hex("0806") + k_ipv4}));
    EXPECT_FALSE(ip_offset(Medium::Ethernet, Placed{k_macs + hex("0800")})) << "nothing behind it";
}

}  // namespace

}  // namespace tern::wire

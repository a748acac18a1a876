// The one table of what ICMP errors mean, row by row against the documents it comes from: RFC 1122
// 4.2.3.9 and 4.1.3.3, RFC 9293 3.9.2.2, and what Linux tells its programs (icmp_err_convert).
#include "core/inet/v4/icmp_meaning.hh"

#include <gtest/gtest.h>

namespace tern::inet {
namespace {

struct Row {
    u8 code;
    Error error;
    bool tcp, udp;  // hard
};

constexpr bool k_soft = false, k_hard = true;
constexpr Row k_unreachable[] = {
    {0, Error::NetworkUnreachable, k_soft, k_soft},
    {1, Error::HostUnreachable, k_soft, k_soft},
    {2, Error::Refused, k_hard, k_hard},
    {3, Error::Refused, k_hard, k_hard},
    {4, Error::MessageTooLong, k_soft, k_hard},
    {5, Error::NetworkUnreachable, k_soft, k_soft},
    {6, Error::NetworkUnreachable, k_hard, k_hard},
    {7, Error::HostUnreachable, k_hard, k_hard},
    {8, Error::HostUnreachable, k_hard, k_hard},
    {9, Error::NetworkUnreachable, k_hard, k_hard},
    {10, Error::HostUnreachable, k_hard, k_hard},
    {11, Error::NetworkUnreachable, k_soft, k_soft},
    {12, Error::HostUnreachable, k_soft, k_soft},
    {13, Error::HostUnreachable, k_hard, k_hard},
    {14, Error::HostUnreachable, k_hard, k_hard},
    {15, Error::HostUnreachable, k_hard, k_hard},
};

void expect(u8 type, const Row& row) {
    const IcmpMeaning meaning = meaning_of_icmp(type, row.code);
    EXPECT_EQ(meaning.error, row.error) << int{type} << "/" << int{row.code};
    EXPECT_EQ(meaning.hard_for_tcp, row.tcp) << int{type} << "/" << int{row.code};
    EXPECT_EQ(meaning.hard_for_udp, row.udp) << int{type} << "/" << int{row.code};
}

TEST(IcmpMeaning, DestinationUnreachableByItsCode) {
    for (const Row& row : k_unreachable) expect(3, row);
}

TEST(IcmpMeaning, CodesThatNobodyHasDefinedAreSoft) {
    for (u32 code = std::size(k_unreachable); code < 256; ++code)
        expect(3, {static_cast<u8>(code), Error::NetworkUnreachable, k_soft, k_soft});
}

TEST(IcmpMeaning, TimeExceededIsSoftAndAParameterProblemIsHardForADatagram) {
    for (u32 code = 0; code < 256; ++code) {
        expect(11, {static_cast<u8>(code), Error::HostUnreachable, k_soft, k_soft});
        expect(12, {static_cast<u8>(code), Error::HostUnreachable, k_soft, k_hard});
    }
}

}  // namespace
}  // namespace tern::inet

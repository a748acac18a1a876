// Prefixes of both families against Cidr, which compares byte by byte.
#include "core/base/prefix.hh"

#include "base/property.hh"

namespace tern {
namespace {

IpAddress some_address(Random& random) {
    // Near each other, so that prefixes of all lengths meet.
    IpAddress a = random.below(2) == 0 ? IpAddress{Ipv4Address{random.next32()}}
                                       : *IpAddress::parse("2001:db8::");
    if (!a.is_v4())
        for (std::size_t n = random.below(16); n < 16; ++n)
            a.bytes[n] = static_cast<u8>(random.next32());
    return a;
}
IpAddress with_bit_changed(IpAddress a, u32 bit) {
    a.bytes[bit / 8] = static_cast<u8>(a.bytes[bit / 8] ^ (0x80 >> bit % 8));
    return a;
}

TEST(Prefix, HoldsTheSameAddressesAsItsCidr) {
    test::for_each_seed(20, [](Random& random) {
        for (int n = 0; n < 500; ++n) {
            const IpAddress a = some_address(random);
            const u32 longest = a.is_v4() ? 32 : 128;
            const Cidr cidr{a, static_cast<u8>(random.below(longest + 1))};
            const Prefix prefix = prefix_of(cidr);
            const IpAddress near = with_bit_changed(a, random.below(128));
            for (const IpAddress& other : {a, near, some_address(random)})
                ASSERT_EQ(prefix.contains(other), cidr.contains(other))
                    << cidr.to_string() << ' ' << other.to_string();
            ASSERT_TRUE(prefix.first <= AddressNumber{a} && AddressNumber{a} <= prefix.last());
        }
    });
}

TEST(Prefix, OfOneFamilyHoldsNoneOfTheOther) {
    const IpAddress v4 = Ipv4Address{10, 0, 0, 1}, v6 = *IpAddress::parse("2001:db8::1");
    EXPECT_FALSE(Prefix(IpAddress{}, 0).contains(v4)) << "::/0 has all of ::ffff:0:0/96 in it";
    EXPECT_TRUE(Prefix(IpAddress{}, 0).contains(v6));
    EXPECT_FALSE(Prefix(Ipv4Address{}, 0).contains(v6));
    EXPECT_TRUE(Prefix(Ipv4Address{}, 0).contains(v4));
    EXPECT_FALSE(Prefix(IpAddress{}, 0).overlaps(Prefix(Ipv4Address{}, 0)));
}

TEST(Prefix, OverlapsWhereOneHoldsTheOther) {
    const Prefix wide(Ipv4Address{10, 16, 0, 0}, 12), within(Ipv4Address{10, 31, 255, 0}, 24);
    const Prefix beside(Ipv4Address{10, 32, 0, 0}, 12);
    EXPECT_TRUE(wide.overlaps(within));
    EXPECT_TRUE(within.overlaps(wide));
    EXPECT_FALSE(wide.overlaps(beside));
    EXPECT_FALSE(beside.overlaps(within));
}

TEST(CommonBits, CountsToTheFirstDifference) {
    test::for_each_seed(5, [](Random& random) {
        const IpAddress a = some_address(random);
        EXPECT_EQ(common_bits(a, a), 128u);
        for (u32 bit = 0; bit < 128; ++bit)
            EXPECT_EQ(common_bits(a, with_bit_changed(a, bit)), bit);
    });
}

}  // namespace
}  // namespace tern

// Text forms of addresses: tables, and IPv6 reading against the C library's.
#include "tern/address.hh"

#include <arpa/inet.h>
#include <gtest/gtest.h>

#include "base/property.hh"

namespace tern {

namespace {

struct Text {
    const char* given;
    const char* printed;  // nullptr: it is no address
};

TEST(Address, Ipv4) {
    const Text rows[] = {
        {"0.0.0.0", "0.0.0.0"},
        {"10.0.0.1", "10.0.0.1"},
        {"255.255.255.255", "255.255.255.255"},
        {"192.168.1.7", "192.168.1.7"},
        {"", nullptr},
        {"10.0.0", nullptr},
        {"10.0.0.", nullptr},
        {".10.0.0.1", nullptr},
        {"10..0.1", nullptr},
        {"10.0.0.1.", nullptr},
        {"10.0.0.1.2", nullptr},
        {"10.0.0.256", nullptr},
        {"10.0.0.1000", nullptr},
        {"10.0.0.4294967297", nullptr},
        {"010.0.0.1", nullptr},  // octal to some, decimal to others
        {"10.0.0.00", nullptr},
        {"10.0.0.0x1", nullptr},
        {"10.0.0.-1", nullptr},
        {"10.0.0.+1", nullptr},
        {" 10.0.0.1", nullptr},
        {"10.0.0.1 ", nullptr},
        {"10.0.0.a", nullptr},
        {"167772161", nullptr},
    };
    for (const Text& row : rows) {
        const auto address = Ipv4Address::parse(row.given);
        ASSERT_EQ(address.has_value(), row.printed != nullptr) << row.given;
        if (address) {
            EXPECT_EQ(address->to_string(), row.printed);
        }
    }
    EXPECT_EQ(Ipv4Address::parse("1.2.3.4")->value, 0x01020304u);
}

// RFC 4291 2.2 and the examples of RFC 5952.
TEST(Address, Ipv6) {
    const Text rows[] = {
        {"::", "::"},
        {"::1", "::1"},
        {"1::", "1::"},
        {"2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1"},    // 5952 4.2.3: the first of equals
        {"2001:0DB8::0001", "2001:db8::1"},               // 4.1, 4.3
        {"2001:db8::1:1:1:1:1", "2001:db8:0:1:1:1:1:1"},  // 4.2.2: one group is not shortened
        {"2001:0:0:1:0:0:0:1", "2001:0:0:1::1"},          // 4.2.3: the longest
        {"1:2:3:4:5:6:7:8", "1:2:3:4:5:6:7:8"},
        {"1:2:3:4:5:6:7::", "1:2:3:4:5:6:7:0"},
        {"::2:3:4:5:6:7:8", "0:2:3:4:5:6:7:8"},
        {"0:0:0:0:0:0:0:0", "::"},
        {"ff02::1:ff00:1234", "ff02::1:ff00:1234"},
        {"::13.1.68.3", "::d01:4403"},
        {"::ffff:129.144.52.38", "129.144.52.38"},  // mapped: the stack's IPv4
        {"::ffff:0a00:0001", "10.0.0.1"},
        {"64:ff9b::192.0.2.33", "64:ff9b::c000:221"},
        {"1:2:3:4:5:6:1.2.3.4", "1:2:3:4:5:6:102:304"},
        {"10.0.0.1", "10.0.0.1"},
        {"", nullptr},
        {":", nullptr},
        {":::", nullptr},
        {"1", nullptr},
        {"1:2:3:4:5:6:7", nullptr},
        {"1:2:3:4:5:6:7:8:9", nullptr},
        {"1:2:3:4:5:6:7:8::", nullptr},
        {"::1:2:3:4:5:6:7:8", nullptr},
        {"1::2::3", nullptr},
        {"1:2:3:4:5:6:7:", nullptr},
        {":1:2:3:4:5:6:7", nullptr},
        {"::12345", nullptr},
        {"::00001", nullptr},
        {"::g", nullptr},
        {"::1.2.3", nullptr},
        {"::1.2.3.4:5", nullptr},
        {"1:2:3:4:5:6:7:1.2.3.4", nullptr},
        {"fe80::1%eth0", nullptr},
        {"[::1]", nullptr},
        {" ::1", nullptr},
    };
    for (const Text& row : rows) {
        const auto address = IpAddress::parse(row.given);
        ASSERT_EQ(address.has_value(), row.printed != nullptr) << row.given;
        if (address) {
            EXPECT_EQ(address->to_string(), row.printed) << row.given;
        }
    }
}

std::string text_like_an_address(Random& random) {
    constexpr std::string_view pieces[] = {":",  ":",    ":",       "::",  ".",    "0", "1",   "12",
                                           "ff", "abcd", "1.2.3.4", "255", "0000", "F", "256", "g"};
    std::string text;
    for (u64 n = random.next64() % 20; n > 0; --n) text += pieces[random.next64() % 16];
    return text;
}

TEST(Address, Ipv6IsReadAsTheCLibraryReadsIt) {
    test::for_each_seed(20'000, [](Random& random) {
        std::string text = text_like_an_address(random);
        if (random.next64() % 2 == 0) {  // or nearly right: a good one with one character changed
            IpAddress good;
            for (u8& byte : good.bytes) byte = random.next64() % 3 == 0 ? u8(random.next64()) : 0;
            text = good.to_string();
            if (random.below(2) == 0) text[random.next64() % text.size()] = ":.0f"[random.below(4)];
        }
        IpAddress theirs;
        bool accepted = inet_pton(AF_INET6, text.c_str(), theirs.bytes.data()) == 1;
        u8 v4[4];
        if (inet_pton(AF_INET, text.c_str(), v4) == 1) {
            accepted = true;
            theirs = Ipv4Address{v4[0], v4[1], v4[2], v4[3]};
        }
        const auto ours = IpAddress::parse(text);
        ASSERT_EQ(ours.has_value(), accepted) << text;
        if (ours) {
            ASSERT_EQ(*ours, theirs) << text;
        }
    });
}

TEST(Address, PrintingAndReadingAreInverse) {
    test::for_each_seed(5'000, [](Random& random) {
        IpAddress address;
        for (u8& byte : address.bytes) byte = random.next64() % 2 == 0 ? u8(random.next64()) : 0;
        EXPECT_EQ(IpAddress::parse(address.to_string()), address);
        const Endpoint endpoint{address, static_cast<u16>(random.next64())};
        EXPECT_EQ(Endpoint::parse(endpoint.to_string()), endpoint);
        const Cidr cidr{address, static_cast<u8>(random.next64() % (address.is_v4() ? 33 : 129))};
        EXPECT_EQ(Cidr::parse(cidr.to_string()), cidr);
        MacAddress mac;
        for (u8& byte : mac.bytes) byte = static_cast<u8>(random.next64());
        EXPECT_EQ(MacAddress::parse(mac.to_string()), mac);
    });
}

TEST(Address, Mac) {
    EXPECT_EQ(MacAddress::parse("02:00:00:00:00:0A")->to_string(), "02:00:00:00:00:0a");
    EXPECT_EQ(MacAddress::parse("ff:ff:ff:ff:ff:ff"), MacAddress::broadcast());
    EXPECT_TRUE(MacAddress::broadcast().is_group());
    for (const char* text : {"", "02:00:00:00:00", "02:00:00:00:00:01:02", "02-00-00-00-00-01",
                             "2:0:0:0:0:1", "02:00:00:00:00:1", "02:00:00:00:00:0g",
                             "020:0:00:00:00:01", "02:00:00:00:00:01 ", "020000000000 0001"})
        EXPECT_FALSE(MacAddress::parse(text)) << text;
}

TEST(Address, Endpoint) {
    const Text rows[] = {
        {"10.0.0.1:80", "10.0.0.1:80"},
        {"0.0.0.0:0", "0.0.0.0:0"},
        {"[fe80::1]:65535", "[fe80::1]:65535"},
        {"[::]:0", "[::]:0"},
        {"[::ffff:10.0.0.1]:80", "10.0.0.1:80"},
        {"10.0.0.1", nullptr},
        {"10.0.0.1:", nullptr},
        {"10.0.0.1:65536", nullptr},
        {"10.0.0.1:-1", nullptr},
        {"10.0.0.1:080", nullptr},
        {"10.0.0.1:80 ", nullptr},
        {":80", nullptr},
        {"::1:80", nullptr},
        {"[10.0.0.1]:80", nullptr},
        {"[::1]80", nullptr},
        {"[::1]", nullptr},
        {"[::1:80", nullptr},
        {"[]:80", nullptr},
        {"", nullptr},
    };
    for (const Text& row : rows) {
        const auto endpoint = Endpoint::parse(row.given);
        ASSERT_EQ(endpoint.has_value(), row.printed != nullptr) << row.given;
        if (endpoint) {
            EXPECT_EQ(endpoint->to_string(), row.printed);
        }
    }
}

TEST(Address, CidrText) {
    const Text rows[] = {
        {"10.0.0.2/24", "10.0.0.2/24"},
        {"10.0.0.2", "10.0.0.2/32"},
        {"0.0.0.0/0", "0.0.0.0/0"},
        {"2001:db8::/32", "2001:db8::/32"},
        {"::1", "::1/128"},
        {"10.0.0.2/33", nullptr},
        {"10.0.0.2/", nullptr},
        {"10.0.0.2/024", nullptr},
        {"10.0.0.2/-1", nullptr},
        {"10.0.0.2/24/8", nullptr},
        {"::1/129", nullptr},
        {"/24", nullptr},
        {"", nullptr},
    };
    for (const Text& row : rows) {
        const auto cidr = Cidr::parse(row.given);
        ASSERT_EQ(cidr.has_value(), row.printed != nullptr) << row.given;
        if (cidr) {
            EXPECT_EQ(cidr->to_string(), row.printed);
        }
    }
}

struct Membership {
    const char* network;
    const char* address;
    bool inside;
};

TEST(Address, CidrContains) {
    const Membership rows[] = {
        {"10.0.0.2/24", "10.0.0.255", true},
        {"10.0.0.2/24", "10.0.1.0", false},
        {"10.0.0.2/32", "10.0.0.2", true},
        {"10.0.0.2/32", "10.0.0.3", false},
        {"0.0.0.0/0", "255.255.255.255", true},
        {"0.0.0.0/0", "::1", false},
        {"10.64.0.0/10", "10.127.255.255", true},
        {"10.64.0.0/10", "10.128.0.0", false},
        {"::/0", "2001:db8::1", true},
        {"::/0", "10.0.0.1", false},
        {"2001:db8::/33", "2001:db8:7fff::", true},
        {"2001:db8::/33", "2001:db8:8000::", false},
        {"::1/128", "::1", true},
        {"::1/128", "::2", false},
    };
    for (const Membership& row : rows)
        EXPECT_EQ(Cidr::parse(row.network)->contains(*IpAddress::parse(row.address)), row.inside)
            << row.network << " " << row.address;
}

TEST(Address, CidrMask) {
    EXPECT_EQ(Cidr::parse("10.0.0.2/24")->v4_mask(), Ipv4Address(255, 255, 255, 0));
    EXPECT_EQ(Cidr::parse("10.0.0.2/0")->v4_mask(), Ipv4Address(0, 0, 0, 0));
    EXPECT_EQ(Cidr::parse("10.0.0.2/32")->v4_mask(), Ipv4Address::broadcast());
    EXPECT_EQ(Cidr::parse("10.0.0.2/30")->v4_broadcast(), Ipv4Address(10, 0, 0, 3));
}

TEST(Address, WhatAnAddressIs) {
    EXPECT_TRUE(IpAddress{Ipv4Address::unspecified()}.is_unspecified());
    EXPECT_TRUE(IpAddress{}.is_unspecified());
    EXPECT_FALSE(IpAddress{Ipv4Address(10, 0, 0, 1)}.is_unspecified());
    struct {
        const char* text;
        bool valid;
    } const rows[] = {{"10.0.0.1", true},   {"0.0.0.0", false},         {"0.1.2.3", false},
                      {"127.0.0.1", false}, {"224.0.0.1", false},       {"239.255.255.255", false},
                      {"240.0.0.1", false}, {"255.255.255.255", false}, {"223.255.255.254", true},
                      {"169.254.1.1", true}};
    for (const auto& row : rows)
        EXPECT_EQ(Ipv4Address::parse(row.text)->is_valid_source(), row.valid) << row.text;
}

}  // namespace

// What is not to be mixed up does not compile.
template <class T, class... From>
concept MadeOf = requires(From... from) {
    T{from...};
};
static_assert(!std::is_convertible_v<LocalAddress, IpAddress>);
static_assert(!std::is_convertible_v<LocalEndpoint, Endpoint>);
static_assert(!std::is_convertible_v<Endpoint, LocalEndpoint>);
static_assert(!MadeOf<Endpoint, LocalAddress, u16>);
static_assert(MadeOf<LocalEndpoint, IpAddress, u16> && MadeOf<LocalEndpoint, Families, u16>);

TEST(LocalAddress, EveryAddressIsNoIpAddress) {
    EXPECT_TRUE(LocalAddress{}.is_every());
    EXPECT_EQ(LocalAddress{}, LocalAddress{Families::Both});
    const LocalAddress zero = IpAddress{Ipv4Address::unspecified()};
    EXPECT_FALSE(zero.is_every());
    EXPECT_NE(zero, LocalAddress{Families::Ipv4});
    EXPECT_FALSE(zero.covers(Ipv4Address{10, 0, 0, 1}));
}

TEST(LocalAddress, CoversAndOverlapsByFamily) {
    const IpAddress v4 = Ipv4Address{10, 0, 0, 1}, v6 = *IpAddress::parse("2001:db8::1");
    struct {
        LocalAddress address;
        bool covers_v4, covers_v6;
        u32 specificity;
        const char* text;
    } const rows[] = {{{}, true, true, 0, "*"},
                      {Families::Ipv4, true, false, 1, "0.0.0.0"},
                      {Families::Ipv6, false, true, 1, "::"},
                      {v4, true, false, 2, "10.0.0.1"},
                      {v6, false, true, 2, "2001:db8::1"}};
    for (const auto& row : rows) {
        EXPECT_EQ(row.address.covers(v4), row.covers_v4) << row.text;
        EXPECT_EQ(row.address.covers(v6), row.covers_v6) << row.text;
        EXPECT_EQ(row.address.specificity(), row.specificity) << row.text;
        EXPECT_EQ(row.address.to_string(), row.text);
        for (const auto& other : rows) {
            const bool both =
                (row.covers_v4 && other.covers_v4) || (row.covers_v6 && other.covers_v6);
            EXPECT_EQ(row.address.overlaps(other.address), both) << row.text << ' ' << other.text;
        }
    }
    EXPECT_FALSE(LocalAddress{v4}.overlaps(Ipv4Address{10, 0, 0, 2}));
    EXPECT_EQ((LocalEndpoint{{}, 80}).to_string(), "*:80");
    EXPECT_EQ((LocalEndpoint{Families::Ipv6, 80}).to_string(), "[::]:80");
    EXPECT_EQ((LocalEndpoint{v4, 80}).to_string(), "10.0.0.1:80");
}

}  // namespace tern

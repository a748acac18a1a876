// The twins against each other and against RFC 1071 done the slow way.
#include "core/base/checksum.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>
#include <vector>

#include "base/property.hh"
#include "core/base/endian.hh"
#include "support/covers.hh"

namespace tern {

namespace {

using Bytes = std::vector<std::byte>;

// RFC 1071 1, word by word, in network order.
u32 slow_sum(std::span<const std::byte> bytes, u32 sum = 0) {
    u64 total = sum;
    for (std::size_t i = 0; i < bytes.size(); ++i)
        total += static_cast<u64>(bytes[i]) << (i % 2 == 0 ? 8 : 0);
    while (total >> 16 != 0) total = (total & 0xffff) + (total >> 16);
    return static_cast<u32>(total);
}

// A sum in native order as a number in network order.
u32 in_network_order(u32 sum) { return load16(&sum); }

Bytes random_bytes(Random& random, std::size_t n) {
    Bytes bytes(n);
    for (auto& b : bytes) b = static_cast<std::byte>(random.next64());
    return bytes;
}

Bytes of_hex(std::string_view hex) {
    Bytes bytes;
    for (std::size_t i = 0; i < hex.size(); i += 2)
        bytes.push_back(
            static_cast<std::byte>(std::stoul(std::string{hex.substr(i, 2)}, nullptr, 16)));
    return bytes;
}

// Both twins and the choice between them agree with the slow sum; the copies copy all and only.
void expect_twins_agree(std::span<const std::byte> bytes, u32 start) {
    const u32 expected = checksum_add_plain(start, bytes);
    const u32 swapped = load16(&start) + u32{load16(reinterpret_cast<std::byte*>(&start) + 2)};
    ASSERT_EQ(in_network_order(expected), slow_sum(bytes, swapped));
    ASSERT_EQ(expected >> 16, 0u);
    ASSERT_EQ(checksum_add(start, bytes), expected);

    const u32 copied = checksum_add_plain(0, bytes);
    Bytes to(bytes.size() + 64, std::byte{0xa5});
    struct Twin {
        ChecksumTwin needs;
        decltype(&checksum_add) add;
        decltype(&checksum_copy) copy;
    };
    for (const auto& [needs, add, copy] :
         {Twin{ChecksumTwin::Plain, checksum_add_plain, checksum_copy_plain},
          Twin{ChecksumTwin::Plain, checksum_add, checksum_copy},
          Twin{ChecksumTwin::Avx2, checksum_add_avx2, checksum_copy_avx2},
          Twin{ChecksumTwin::Avx512, checksum_add_avx512, checksum_copy_avx512}}) {
        if (!checksum_has(needs)) continue;
        SCOPED_TRACE("twin " + std::to_string(static_cast<int>(needs)));
        ASSERT_EQ(add(start, bytes), expected);
        std::ranges::fill(to, std::byte{0xa5});
        ASSERT_EQ(copy(to.data() + 32, bytes), copied);
        ASSERT_TRUE(std::ranges::equal(std::span{to}.subspan(32, bytes.size()), bytes));
        ASSERT_TRUE(std::ranges::all_of(std::span{to}.first(32),
                                        [](std::byte b) { return b == std::byte{0xa5}; }));
        ASSERT_TRUE(std::ranges::all_of(std::span{to}.last(32),
                                        [](std::byte b) { return b == std::byte{0xa5}; }));
    }
}

TEST(Checksum, TheExampleOfTheRfc) {
    test::covers({"RFC1071:1"});
    const Bytes bytes = of_hex("0001f203f4f5f6f7");
    for (const u32 sum : {checksum_add(0, bytes), checksum_add_plain(0, bytes)}) {
        EXPECT_EQ(in_network_order(sum), 0xddf2u);
        const u16 field = checksum_finish(sum);
        EXPECT_EQ(load16(&field), 0x220du);
    }
}

TEST(Checksum, TwinsAgreeForEveryLength) {
    test::covers({"RFC1071:1"});
    test::for_each_seed(2, [](Random& random) {
        for (std::size_t n = 0; n <= 3000 && !testing::Test::HasFailure(); ++n) {
            // A buffer of its own ends exactly at its last byte, where ASan stands.
            const Bytes bytes = random_bytes(random, n);
            expect_twins_agree(bytes, static_cast<u32>(random.next64()));
        }
    });
}

TEST(Checksum, TwinsAgreeForEveryAlignment) {
    test::for_each_seed(1, [](Random& random) {
        const Bytes bytes = random_bytes(random, 2048);
        for (std::size_t begin = 0; begin < 64; ++begin)
            for (const std::size_t n :
                 {0u,  1u,  2u,  3u,   7u,   8u,   19u,  20u,  31u,  32u,   33u,
                  63u, 64u, 65u, 127u, 128u, 129u, 159u, 160u, 161u, 1448u, 1449u})
                ASSERT_NO_FATAL_FAILURE(expect_twins_agree(std::span{bytes}.subspan(begin, n), 0))
                    << "begin " << begin << " length " << n;
    });
}

TEST(Checksum, EveryByteAtItsLimitLosesNoCarry) {
    for (const std::size_t n : {1u, 2u, 20u, 64u, 65u, 1500u, 65535u, 65536u, 1u << 20}) {
        expect_twins_agree(Bytes(n, std::byte{0xff}), 0xffffffff);
        expect_twins_agree(Bytes(n, std::byte{0}), 0);
    }
    EXPECT_EQ(checksum_add(0, Bytes(100)), 0u);
    EXPECT_EQ(checksum_add(0, Bytes(100, std::byte{0xff})), 0xffffu);
}

TEST(Checksum, PartsOfEvenLengthAddUp) {
    test::for_each_seed(200, [](Random& random) {
        const Bytes bytes = random_bytes(random, random.next64() % 4000);
        const std::span<const std::byte> all{bytes};
        const std::size_t cut = (random.next64() % (bytes.size() + 1)) & ~std::size_t{1};
        const u32 parts = checksum_add(checksum_add(0, all.first(cut)), all.subspan(cut));
        EXPECT_EQ(parts, checksum_add(0, all));
        // The other way to add parts up, used when a payload's sum is already known.
        const u32 sums = checksum_add(0, all.first(cut)) + checksum_add(0, all.subspan(cut));
        EXPECT_EQ(checksum_finish(sums), checksum_finish(parts));
    });
}

TEST(Checksum, PseudoHeaderOfIpv4) {
    test::covers({"RFC768:2"});
    test::for_each_seed(500, [](Random& random) {
        const Ipv4Address a{random.next32()}, b{random.next32()};
        const u8 protocol = random.next64() % 2 == 0 ? 6 : 17;
        const u16 length = static_cast<u16>(random.next64());
        Bytes pseudo(12);
        store32(&pseudo[0], a.value);
        store32(&pseudo[4], b.value);
        pseudo[9] = std::byte{protocol};
        store16(&pseudo[10], length);
        EXPECT_EQ(in_network_order(checksum_pseudo(a, b, protocol, length)), slow_sum(pseudo));
    });
}

TEST(Checksum, PseudoHeaderOfIpv6) {
    test::for_each_seed(500, [](Random& random) {
        Bytes pseudo = random_bytes(random, 40);
        IpAddress a, b;
        std::memcpy(a.bytes.data(), &pseudo[0], 16);
        std::memcpy(b.bytes.data(), &pseudo[16], 16);
        const u32 length = static_cast<u32>(random.next64()) >> (random.next64() % 24);
        store32(&pseudo[32], length);
        store32(&pseudo[36], 6);
        EXPECT_EQ(in_network_order(checksum_pseudo(a, b, 6, length)), slow_sum(pseudo));
    });
}

struct Datagram {
    const char* source;
    const char* destination;
    u16 checksum;  // computed by another program
};

TEST(Checksum, DatagramsOfOddLength) {
    test::covers({"RFC768:2"});
    const Bytes datagram = of_hex("03e807d0000b0000616263");  // 1000 -> 2000, "abc"
    for (const Datagram& row : {Datagram{"10.0.0.1", "10.0.0.2", 0x1bbb},
                                Datagram{"2001:db8::1", "2001:db8::2", 0xd448}}) {
        const u32 pseudo = checksum_pseudo(*IpAddress::parse(row.source),
                                           *IpAddress::parse(row.destination), 17, 11);
        const u16 field = checksum_finish(checksum_add(pseudo, datagram));
        EXPECT_EQ(load16(&field), row.checksum) << row.source;
        Bytes sent = datagram;
        std::memcpy(&sent[6], &field, 2);
        EXPECT_EQ(checksum_finish(checksum_add(pseudo, sent)), 0) << row.source;
    }
}

}  // namespace

}  // namespace tern

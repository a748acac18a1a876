// The virtio-net header in front of a frame may claim anything: what it says is done where it
// agrees with the frame, finished on the spot where it does not, and never an assumption of a later
// part.
#include "os/link/virtio_header.hh"

#include <gtest/gtest.h>

#include <vector>

#include "core/offload/cut.hh"
#include "link/frames.hh"

namespace tern {
namespace {

using test::tcp_frame;
using Bytes = std::vector<std::byte>;

constexpr u8 k_needs_csum = 1, k_data_valid = 2, k_tcpv4 = 1, k_udp_l4 = 5;

// <linux/virtio_net.h>: flags, gso_type, hdr_len, gso_size, csum_start, csum_offset.
struct Claim {
    u8 flags = k_needs_csum;
    u8 gso_type = 0;
    u16 hdr_len = 0, gso_size = 0, csum_start = 0, csum_offset = 0;
};
static_assert(sizeof(Claim) == 10);

Bytes bytes_of(const Packet& p) { return {p.bytes().begin(), p.bytes().end()}; }

// What the kernel does with such a header (skb_checksum_help): the sum from `start` to the end.
Bytes finished(Bytes frame, u32 start, u32 offset) {
    if (start + offset + 2 > frame.size()) return frame;
    const u16 sum = static_cast<u16>(~test::slow_sum(std::span{frame}.subspan(start)));
    store16(&frame[start + offset], sum);
    return frame;
}

struct VirtioHeaderTest : testing::Test {
    Packet read(const Bytes& frame, const Claim& claim, Medium medium = Medium::Ethernet) {
        Packet p = pool.copy_of(frame);
        read_virtio_header(reinterpret_cast<const std::byte*>(&claim), p, medium);
        return p;
    }
    Claim written(const Packet& p, Medium medium = Medium::Ethernet) {
        std::byte header[k_virtio_header_max] = {};
        write_virtio_header(header, *p, medium);
        Claim claim;
        std::memcpy(&claim, header, sizeof claim);
        return claim;
    }
    // Reads the frame, passes it on, and finishes whatever is still left to the link.
    Bytes passed_on(const Bytes& frame, const Claim& claim, Medium medium) {
        const Packet p = read(frame, claim, medium);
        const Claim on = written(p, medium);
        const Bytes out = bytes_of(p);
        return (on.flags & k_needs_csum) != 0 ? finished(out, on.csum_start, on.csum_offset) : out;
    }
    Bytes partial_tcp(Medium medium = Medium::Ethernet, u8 ip_options = 0, u32 payload = 40) {
        return bytes_of(tcp_frame(
            pool,
            {.medium = medium, .ip_options = ip_options, .payload = payload, .partial = true}));
    }
    // An IPv6 packet with a hop-by-hop header in front of its transport.
    static Bytes ipv6(u8 protocol, u32 payload) {
        Bytes f(14 + 40 + 8 + 20 + payload, std::byte{0x5a});
        store16(&f[12], u16{0x86dd});
        std::byte* ip = &f[14];
        ip[0] = std::byte{0x60};
        store16(ip + 4, static_cast<u16>(8 + 20 + payload));
        ip[6] = std::byte{0};
        ip[40] = std::byte{protocol};
        ip[41] = std::byte{0};
        ip[48 + 12] = std::byte{0x50};
        return f;
    }

    MemoryBudget budget{64 << 20};
    PacketPool pool{budget};
};

// One frame of this kind killed `tern wire`.
TEST_F(VirtioHeaderTest, UdpsChecksumOffsetOnATcpHeaderNearTheEnd) {
    const Bytes frame = partial_tcp();
    const u16 start = static_cast<u16>(frame.size() - 8);
    const Claim claim{.csum_start = start, .csum_offset = 6};
    const Packet p = read(frame, claim);
    EXPECT_EQ(p->checksum, ChecksumState::Unknown) << "nobody has looked at TCP's own checksum";
    EXPECT_EQ(bytes_of(p), finished(frame, start, 6)) << "the kernel does what the header says";
    EXPECT_EQ(written(p).flags, 0);
}

TEST_F(VirtioHeaderTest, EveryPlaceIsReadAndPassedOnAsTheKernelWould) {
    for (const Medium medium : {Medium::Ethernet, Medium::Ip}) {
        for (const u8 options : {u8{0}, u8{8}}) {
            const Bytes frame = partial_tcp(medium, options);
            const u32 size = static_cast<u32>(frame.size());
            for (u32 start = 0; start <= size + 2; ++start) {
                for (u32 offset = 0; offset <= size + 2 - start; ++offset) {
                    const Claim claim{.csum_start = static_cast<u16>(start),
                                      .csum_offset = static_cast<u16>(offset)};
                    ASSERT_EQ(passed_on(frame, claim, medium), finished(frame, start, offset))
                        << "csum_start " << start << ", csum_offset " << offset;
                }
            }
        }
    }
}

TEST_F(VirtioHeaderTest, ShortFramesHaveNoHeadersToAgreeWith) {
    for (const Medium medium : {Medium::Ethernet, Medium::Ip}) {
        const Bytes whole = partial_tcp(medium);
        for (u32 size = 1; size < whole.size(); ++size) {
            const Bytes frame(whole.begin(), whole.begin() + size);
            for (u32 start = 0; start < size; ++start) {
                for (const u32 offset : {0u, 6u, 16u}) {
                    const Claim claim{.csum_start = static_cast<u16>(start),
                                      .csum_offset = static_cast<u16>(offset)};
                    ASSERT_EQ(passed_on(frame, claim, medium), finished(frame, start, offset));
                }
            }
        }
    }
}

TEST_F(VirtioHeaderTest, OnlyTheTransportsOwnChecksumWaits) {
    const Bytes tcp = partial_tcp();
    EXPECT_EQ(read(tcp, {.csum_start = 34, .csum_offset = 16})->checksum, ChecksumState::Partial);
    Bytes udp = tcp, icmp = tcp, fragment = tcp, arp = tcp, tagged_twice = tcp;
    udp[14 + 9] = std::byte{17};
    EXPECT_EQ(read(udp, {.csum_start = 34, .csum_offset = 6})->checksum, ChecksumState::Partial);
    EXPECT_EQ(read(udp, {.csum_start = 34, .csum_offset = 16})->checksum, ChecksumState::Unknown);
    icmp[14 + 9] = std::byte{1};
    EXPECT_EQ(read(icmp, {.csum_start = 34, .csum_offset = 6})->checksum, ChecksumState::Unknown);
    store16(&fragment[14 + 6], u16{0x2000});
    EXPECT_EQ(read(fragment, {.csum_start = 34, .csum_offset = 16})->checksum,
              ChecksumState::Unknown);
    store16(&arp[12], u16{0x0806});
    EXPECT_EQ(read(arp, {.csum_start = 34, .csum_offset = 16})->checksum, ChecksumState::Unknown);
    store16(&tagged_twice[12], u16{0x88a8});
    EXPECT_EQ(read(tagged_twice, {.csum_start = 34, .csum_offset = 16})->checksum,
              ChecksumState::Unknown);
}

TEST_F(VirtioHeaderTest, AValidSumIsNotBelievedBesideAClaimThatIsWrong) {
    const Bytes tcp = partial_tcp();
    constexpr u8 both = k_needs_csum | k_data_valid;
    EXPECT_EQ(read(tcp, {.flags = k_data_valid})->checksum, ChecksumState::Verified);
    EXPECT_EQ(read(tcp, {.flags = both, .csum_start = 34, .csum_offset = 6})->checksum,
              ChecksumState::Unknown);
    EXPECT_EQ(read(tcp, {.flags = both, .csum_start = 5000, .csum_offset = 6})->checksum,
              ChecksumState::Unknown);
}

TEST_F(VirtioHeaderTest, ExtensionHeadersOfIpv6AreWalked) {
    for (const auto& [protocol, offset] : {std::pair<u8, u16>{6, 16}, {17, 6}}) {
        const Bytes frame = ipv6(protocol, 100);
        const Claim claim{.csum_start = 14 + 48, .csum_offset = offset};
        const Packet p = read(frame, claim);
        ASSERT_EQ(p->checksum, ChecksumState::Partial);
        const Claim on = written(p);
        EXPECT_EQ(on.csum_start, 14 + 48);
        EXPECT_EQ(on.csum_offset, offset);
    }
    Bytes endless =
        ipv6(6, 100);  // each header says that one more follows, the last behind the end
    for (std::size_t at = 14 + 40; at < endless.size(); ++at) endless[at] = std::byte{0};
    EXPECT_EQ(read(endless, {.csum_start = 14 + 48, .csum_offset = 16})->checksum,
              ChecksumState::Unknown);
}

TEST_F(VirtioHeaderTest, SuperDatagramsBehindExtensionHeadersAreCut) {
    const Bytes frame = ipv6(17, 500 - 12);  // UDP's header is 12 bytes shorter than TCP's
    Packet p = read(
        frame, {.gso_type = k_udp_l4, .gso_size = 200, .csum_start = 14 + 48, .csum_offset = 6});
    ASSERT_TRUE(offload::is_super_datagram(p, Medium::Ethernet));
    Chain datagrams;
    EXPECT_EQ(offload::cut_datagrams(p, Medium::Ethernet, datagrams), 0u);
    ASSERT_EQ(datagrams.count(), 3u);
    for (const u32 payload : {200u, 200u, 100u}) {
        const Packet one = datagrams.pop_front();
        EXPECT_EQ(one.size(), 14 + 48 + 8 + payload);
        EXPECT_EQ(load16(one.data() + 14 + 4), 8 + 8 + payload) << "the options count as well";
        EXPECT_EQ(load16(one.transport_header() + 4), 8 + payload);
        EXPECT_EQ(written(one).csum_start, 14 + 48);
    }
}

TEST_F(VirtioHeaderTest, ManySegmentsOfOneByteStayASuperSegment) {
    const Bytes frame =
        bytes_of(tcp_frame(pool, {.payload = PacketPool::k_payload_super - 54, .partial = true}));
    const Packet p =
        read(frame, {.gso_type = k_tcpv4, .gso_size = 1, .csum_start = 34, .csum_offset = 16});
    EXPECT_EQ(p->gso_size, 1);
    EXPECT_EQ(p->gso_segments, 65'535) << "and not what is left of 67,850 in 16 bits";
}

// Segmentation without a checksum that waits makes no sense, and is not believed.
TEST_F(VirtioHeaderTest, SegmentationNeedsTheTransportsChecksum) {
    const Bytes frame = partial_tcp(Medium::Ethernet, 0, 3000);
    for (const Claim& claim :
         {Claim{.flags = 0, .gso_type = k_tcpv4, .gso_size = 1000},
          Claim{.gso_type = k_tcpv4, .gso_size = 1000, .csum_start = 30, .csum_offset = 16},
          Claim{.gso_type = k_udp_l4, .gso_size = 1000, .csum_start = 34, .csum_offset = 16},
          Claim{.gso_type = k_udp_l4, .gso_size = 1000, .csum_start = 34, .csum_offset = 6}}) {
        const Packet p = read(frame, claim);
        EXPECT_EQ(p->gso_size, 0);
        EXPECT_EQ(p->gso_segments, 0);
        EXPECT_EQ(written(p).gso_type, 0);
    }
}

}  // namespace
}  // namespace tern

// Cut and joined again: the same bytes, one packet; and what must stay apart stays apart.
#include "core/offload/join.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "core/offload/checksum.hh"
#include "core/offload/cut.hh"
#include "link/frames.hh"
#include "support/covers.hh"

namespace tern {
namespace {

using test::FrameSpec;
using test::read_tcp;
using test::seq_of;
using test::tcp_frame;

struct GroTest : testing::Test {
    MemoryBudget budget{64 << 20};
    PacketPool pool{budget};

    std::vector<Packet> cut(const FrameSpec& spec) {
        Chain chain;
        EXPECT_EQ(offload::cut_segments(tcp_frame(pool, spec), spec.medium, chain), 0u);
        std::vector<Packet> all;
        while (!chain.empty()) all.push_back(chain.pop_front());
        return all;
    }
    PacketBatch join(std::vector<Packet> packets, Medium medium = Medium::Ethernet) {
        PacketBatch batch;
        offload::Gro joining{batch, medium};
        for (Packet& p : packets) joining.add(std::move(p));
        joining.finish();
        return batch;
    }
};

TEST_F(GroTest, WhatWasCutIsWholeAgain) {
    for (const u32 payload : {2001u, 4000u, 40'960u, 60'001u}) {
        for (const auto& [medium, v6] : {std::pair{Medium::Ethernet, false},
                                         {Medium::Ip, false},
                                         {Medium::Ethernet, true},
                                         {Medium::Ip, true}}) {
            const FrameSpec spec{.medium = medium,
                                 .vlan = static_cast<u16>(medium == Medium::Ethernet ? 5 : 0),
                                 .v6 = v6,
                                 .flags = 0x18,
                                 .traffic_class = 0xba,
                                 .tcp_options = 12,
                                 .payload = payload,
                                 .gso_size = 1000,
                                 .partial = true};
            const Packet whole = tcp_frame(pool, spec);
            PacketBatch got = join(cut(spec), medium);
            ASSERT_EQ(got.size(), 1u) << payload;
            Packet p = got.take(0);
            EXPECT_TRUE(std::ranges::equal(p.bytes(), whole.bytes())) << payload;
            EXPECT_EQ(p->gso_size, 1000);
            EXPECT_EQ(p->gso_segments, whole->gso_segments);
            EXPECT_EQ(p->checksum, ChecksumState::Partial);
            EXPECT_EQ(p->transport - p->begin, whole->transport - whole->begin);
        }
    }
}

TEST_F(GroTest, OnePacketStaysAsItCame) {
    PacketBatch got = join(cut({.payload = 500, .gso_size = 1000, .partial = true}));
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got.peek(0)->checksum, ChecksumState::Unknown);
    EXPECT_LE(got.peek(0)->gso_segments, 1);
    got.clear();
}

TEST_F(GroTest, WhatDiffersStaysApart) {
    test::covers({"VULN:offload-corner"});
    using Change = std::function<void(std::vector<Packet>&)>;
    const auto flip = [](std::vector<Packet>& all, u32 at, u8 bit) {
        all[1].data()[at] ^= std::byte{bit};
    };
    // The third of four; each change is seen by a sum, or repaired so that it is not.
    const std::pair<const char*, Change> changes[] = {
        {"a damaged byte", [&](auto& all) { flip(all, 300, 1); }},
        {"a damaged header", [&](auto& all) { flip(all, 22, 1); }},
        {"a hole", [](auto& all) { all.erase(all.begin() + 1); }},
        {"the same twice", [](auto& all) { all[1] = all[0].share(); }},
        {"AccECN's bit, with a sum that holds",
         [](auto& all) {
             std::byte* tcp = all[1].data() + 34;
             tcp[12] |= std::byte{1};
             const u16 sum = load16(tcp + 16);
             store16(tcp + 16, static_cast<u16>(sum > 0x100 ? sum - 0x100 : sum + 0xfeff));
         }},
        {"CWR on the first, with a sum that holds",
         [](auto& all) {
             std::byte* tcp = all[0].data() + 34;
             tcp[13] |= std::byte{0x80};
             const u16 sum = load16(tcp + 16);
             store16(tcp + 16, static_cast<u16>(sum > 0x80 ? sum - 0x80 : sum + 0xff7f));
         }},
        {"another order", [](auto& all) { std::swap(all[0], all[1]); }},
        {"a mark",
         [&](auto& all) {
             std::byte* ip = all[1].data() + 14;
             ip[1] = std::byte{3};
             store16(ip + 10, u16{0});
             store16(ip + 10, static_cast<u16>(~test::slow_sum({ip, 20})));
         }},
    };
    for (const auto& [name, change] : changes) {
        auto packets = cut({.payload = 2000, .gso_size = 1000, .partial = true});
        change(packets);
        std::vector<std::vector<std::byte>> before;
        for (const Packet& p : packets) before.emplace_back(p.bytes().begin(), p.bytes().end());
        PacketBatch got = join(std::move(packets));
        ASSERT_EQ(got.size(), before.size()) << name;
        for (u32 i = 0; i < got.size(); ++i) {
            const Packet p = got.take(i);
            EXPECT_TRUE(std::ranges::equal(p.bytes(), before[i])) << name;
        }
    }
}

// Each byte of both headers, but for those that may differ: length, sequence number, PSH and sums.
TEST_F(GroTest, EveryByteOfTheHeadersDecides) {
    for (const bool v6 : {false, true}) {
        const FrameSpec spec{.v6 = v6, .payload = 2000, .gso_size = 1000, .partial = true};
        const u32 tcp = 14 + (v6 ? 40u : 20u);
        ASSERT_EQ(join(cut(spec)).size(), 1u);
        for (u32 at = 0; at < tcp + 20; ++at) {
            auto packets = cut(spec);
            std::byte* frame = packets[1].data();
            frame[at] ^= std::byte{4};
            // Repaired, so that no sum tells.
            if (!v6) store16(frame + 24, u16{0});
            if (!v6) store16(frame + 24, static_cast<u16>(~test::slow_sum({frame + 14, 20})));
            const test::Layout where = test::layout_of(packets[1].bytes(), Medium::Ethernet);
            if (where.end == packets[1].size() && where.tcp == tcp) {
                store16(frame + tcp + 16, u16{0});
                const u64 pseudo = test::pseudo_sum(packets[1].bytes(), where);
                const std::span<std::byte> summed{frame + tcp, packets[1].size() - tcp};
                store16(frame + tcp + 16, static_cast<u16>(~test::slow_sum(summed, pseudo)));
            }
            const bool repaired_sum =
                at == tcp + 16 || at == tcp + 17 || (!v6 && (at == 24 || at == 25));
            EXPECT_EQ(join(std::move(packets)).size(), repaired_sum ? 1u : 2u) << v6 << " " << at;
        }
    }
}

// Behind PSH, and behind a segment that is shorter than the others, begins another packet.
TEST_F(GroTest, APushOrAShortSegmentIsTheLast) {
    for (const bool v6 : {false, true}) {
        for (const auto& [flags, payload] : {std::pair<u8, u32>{0x18, 2000}, {0x10, 1999}}) {
            const FrameSpec first{
                .v6 = v6, .flags = flags, .payload = payload, .gso_size = 1000, .partial = true};
            FrameSpec second = first;
            second.seq += payload;
            second.id += 2;
            std::vector<Packet> all = cut(first);
            for (Packet& p : cut(second)) all.push_back(std::move(p));
            PacketBatch got = join(std::move(all));
            ASSERT_EQ(got.size(), 2u);
            for (u32 i = 0; i < 2; ++i) {
                EXPECT_EQ(got.peek(i)->gso_segments, 2);
                EXPECT_EQ(read_tcp(got.take(i).bytes()).payload.size(), payload);
            }
        }
    }
}

TEST_F(GroTest, PaddingBehindAPacketIsNotItsPayload) {
    for (const bool v6 : {false, true}) {
        auto packets = cut({.v6 = v6, .payload = 1500, .gso_size = 1000, .partial = true});
        std::memset(packets[1].append(4), 0, 4);  // zeros change no sum
        PacketBatch got = join(std::move(packets));
        EXPECT_EQ(got.size(), 2u);
    }
}

TEST_F(GroTest, TwoFlowsAreNotMixed) {
    auto one = cut({.seq = 1000, .payload = 3000, .gso_size = 1000, .partial = true});
    auto other =
        cut({.source_port = 4001, .seq = 1000, .payload = 3000, .gso_size = 1000, .partial = true});
    std::vector<Packet> all;
    for (auto* from : {&one, &other}) {
        for (Packet& p : *from) all.push_back(std::move(p));
    }
    PacketBatch got = join(std::move(all));
    ASSERT_EQ(got.size(), 2u);
    for (u32 i = 0; i < 2; ++i) {
        EXPECT_EQ(got.peek(i)->gso_segments, 3);
        EXPECT_EQ(seq_of(*got.peek(i)), 1000u);
    }
    got.clear();
}

TEST_F(GroTest, NoPacketGrowsBeyondWhatIpCanSay) {
    std::vector<Packet> all;
    for (u32 part = 0; part < 2; ++part) {
        for (Packet& p : cut({.seq = part * 40'000,
                         .id = static_cast<u16>(77 + part * 40),
                         .payload = 40'000,
                         .gso_size = 1000,
                         .partial = true})) {
            all.push_back(std::move(p));
        }
    }
    PacketBatch batch;
    offload::Gro joining{batch, Medium::Ethernet};
    for (Packet& p : all) joining.add(std::move(p));
    joining.finish();
    ASSERT_EQ(batch.size(), 2u);
    EXPECT_EQ(batch.peek(0)->gso_segments, 65);
    EXPECT_EQ(batch.peek(1)->gso_segments, 15);
    batch.clear();
}

// ---- datagrams

struct DatagramsTest : testing::Test {
    MemoryBudget budget{64 << 20};
    PacketPool pool{budget};

    PacketBatch datagrams(std::initializer_list<u32> payloads, FrameSpec spec = {}) {
        PacketBatch batch;
        spec.partial = true;
        for (const u32 payload : payloads) {
            spec.payload = payload;
            ++spec.id;
            batch.push(test::udp_frame(pool, spec, batch.size() + 1));
        }
        return batch;
    }
    u32 together(const PacketBatch& batch, u32 first = 0) {
        return offload::datagrams_together(batch, first, Medium::Ethernet);
    }
};

TEST_F(DatagramsTest, OfOneSizeTheyGoTogetherAndAShortOneIsTheLast) {
    for (const bool v6 : {false, true}) {
        const FrameSpec spec{.v6 = v6};
        EXPECT_EQ(together(datagrams({100, 100, 100}, spec)), 3u);
        EXPECT_EQ(together(datagrams({100, 100, 40, 100}, spec)), 3u);
        EXPECT_EQ(together(datagrams({100, 100, 101}, spec)), 2u);
        EXPECT_EQ(together(datagrams({100}, spec)), 1u);
        EXPECT_EQ(together(datagrams({100, 100, 100}, spec), 1), 2u);
        EXPECT_EQ(together(datagrams({30'000, 30'000, 30'000}, spec)), 2u) << "64 KiB";
        EXPECT_EQ(together(datagrams({0, 0}, spec)), 1u) << "nothing to tell them apart by";
    }
}

TEST_F(DatagramsTest, TheJoinedHeadersAreThoseOfTheSuperDatagram) {
    for (const bool v6 : {false, true}) {
        const FrameSpec spec{.vlan = 5, .v6 = v6, .id = 77, .traffic_class = 0xba};
        const PacketBatch batch = datagrams({1000, 1000, 500}, spec);
        FrameSpec whole = spec;
        whole.id = 78;
        whole.payload = 2500;
        whole.partial = true;
        const Packet wanted = test::udp_frame(pool, whole);
        std::byte headers[offload::k_datagram_headers_most];
        const u32 size = offload::join_headers(*batch.peek(0), 2500, Medium::Ethernet, headers);
        ASSERT_EQ(size, 18 + (v6 ? 40u : 20u) + 8);
        EXPECT_EQ(std::memcmp(headers, wanted.data(), size), 0);
    }
}

TEST_F(DatagramsTest, WhatIsOfAnotherKindStaysApart) {
    for (const bool v6 : {false, true}) {
        using Change = std::function<void(Packet&)>;
        const u32 udp = 14 + (v6 ? 40u : 20u);
        const std::pair<const char*, Change> changes[] = {
            {"another station", [](Packet& p) { p.data()[5] ^= std::byte{1}; }},
            {"another traffic class", [](Packet& p) { p.data()[15] ^= std::byte{0x10}; }},
            {"another source", [=](Packet& p) { p.data()[udp - 5] ^= std::byte{1}; }},
            {"another destination", [=](Packet& p) { p.data()[udp - 1] ^= std::byte{1}; }},
            {"another source port", [=](Packet& p) { p.data()[udp + 1] ^= std::byte{1}; }},
            {"another port", [=](Packet& p) { p.data()[udp + 3] ^= std::byte{1}; }},
            {"a finished sum", [](Packet& p) { p->checksum = ChecksumState::Unknown; }},
            {"padding behind it", [](Packet& p) { p.append(1); }},
            {"a super-datagram", [](Packet& p) { p->gso_segments = 2; }},
        };
        for (const auto& [name, change] : changes) {
            PacketBatch made = datagrams({100, 100}, {.v6 = v6}), batch;
            batch.push(made.take(0));
            Packet other = made.take(1);
            change(other);
            batch.push(std::move(other));
            EXPECT_EQ(together(batch), 1u) << name << ", IPv" << (v6 ? 6 : 4);
        }
        EXPECT_EQ(together(datagrams({100, 100}, {.v6 = v6, .ip_options = 8})), 1u);
    }
}

}  // namespace
}  // namespace tern

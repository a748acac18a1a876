// Cut and joined again: the same bytes, one packet; and what must stay apart stays apart.
#include "os/link/segment_join.hh"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

#include "core/packet/gso.hh"
#include "link/frames.hh"
#include "support/covers.hh"

namespace tern {
namespace {

using test::FrameSpec;
using test::read_tcp;
using test::seq_of;
using test::tcp_frame;

struct SegmentJoinTest : testing::Test {
    MemoryBudget budget{64 << 20};
    PacketPool pool{budget};

    std::vector<Packet> cut(const FrameSpec& spec) {
        Chain chain;
        EXPECT_EQ(segment_in_software(tcp_frame(pool, spec), spec.medium, chain), 0u);
        std::vector<Packet> all;
        while (!chain.empty()) all.push_back(chain.pop_front());
        return all;
    }
    PacketBatch join(std::vector<Packet> packets, Medium medium = Medium::Ethernet) {
        PacketBatch batch;
        SegmentJoin joining{batch, medium};
        for (Packet& p : packets) joining.add(std::move(p));
        joining.finish();
        return batch;
    }
};

TEST_F(SegmentJoinTest, WhatWasCutIsWholeAgain) {
    for (const Medium medium : {Medium::Ethernet, Medium::Ip}) {
        for (const u32 payload : {2001u, 4000u, 40'960u, 60'001u}) {
            const FrameSpec spec{.medium = medium,
                                 .vlan = static_cast<u16>(medium == Medium::Ethernet ? 5 : 0),
                                 .flags = 0x18,
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

TEST_F(SegmentJoinTest, OnePacketStaysAsItCame) {
    PacketBatch got = join(cut({.payload = 500, .gso_size = 1000, .partial = true}));
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got.peek(0)->checksum, ChecksumState::Unknown);
    EXPECT_LE(got.peek(0)->gso_segments, 1);
    got.clear();
}

TEST_F(SegmentJoinTest, WhatDiffersStaysApart) {
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

TEST_F(SegmentJoinTest, TwoFlowsAreNotMixed) {
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

TEST_F(SegmentJoinTest, NoPacketGrowsBeyondWhatIpCanSay) {
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
    SegmentJoin joining{batch, Medium::Ethernet};
    for (Packet& p : all) joining.add(std::move(p));
    joining.finish();
    ASSERT_EQ(batch.size(), 2u);
    EXPECT_EQ(batch.peek(0)->gso_segments, 65);
    EXPECT_EQ(batch.peek(1)->gso_segments, 15);
    batch.clear();
}

}  // namespace
}  // namespace tern

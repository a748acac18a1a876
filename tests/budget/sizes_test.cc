// What a connection costs, in bytes. The records also assert their sizes where they are defined.
#include <gtest/gtest.h>

#include "core/tcp/records.hh"
#include "support/pair.hh"

namespace tern {
namespace {

TEST(Sizes, Records) {
    EXPECT_EQ(sizeof(tcp::Tcb), 256u);
    EXPECT_EQ(sizeof(tcp::Embryo), 64u);
    EXPECT_EQ(sizeof(tcp::TimeWait), 64u);
    EXPECT_EQ(sizeof(PacketDescriptor), 64u);
    EXPECT_EQ(sizeof(Packet), 8u);
}

// Idle connections own nothing but their record and their place in the flow table.
TEST(Sizes, IdleEstablishedConnection) {
    Pair p;
    constexpr u32 count = 20'000;
    u32 accepted = 0;
    for (u32 i = 0; i < count; ++i) {
        (void)p.connect();
        if (i % 64 == 63) p.exchange();
        p.forget_events();
        while (p.b.tcp().accept(p.listener)) ++accepted;
    }
    p.exchange();
    p.forget_events();
    while (p.b.tcp().accept(p.listener)) ++accepted;
    ASSERT_EQ(accepted, count);
    const u64 each = p.a.memory_used() / count;
    RecordProperty("bytes_per_idle_connection", static_cast<int>(each));
    EXPECT_LE(each, 320u);
}

}  // namespace
}  // namespace tern

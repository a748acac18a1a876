#include "core/tcp/receiver/autotuning.hh"

#include <gtest/gtest.h>

#include "core/tcp/receiver/receive_queue.hh"

namespace tern::tcp {
namespace {

// An application that reads `bytes` once each `every_us`; what the last of `readings` asked for.
struct Reader {
    Autotuning tuning;
    Autotuning::Reading r{.now_us = 1'000'000, .echo_ms = k_no_echo};

    u64 read(u32 bytes, u32 every_us, u32 readings = 1) {
        u64 wanted = 0;
        for (u32 i = 0; i < readings; ++i) {
            r.bytes = bytes;
            wanted = tuning.read(r);
            r.now_us += every_us;
            r.nxt += bytes;
        }
        return wanted;
    }
};

TEST(Autotuning, AsksForTwiceWhatIsReadInARoundTrip) {
    Reader reader;
    reader.r.timestamps = true;
    reader.r.echo_ms = 10;
    // Ten readings a round trip. The first round shows growth, and is given six times as much.
    EXPECT_EQ(reader.read(1000, 1000), 0u);
    EXPECT_EQ(reader.read(1000, 1000, 9), 0u);
    EXPECT_EQ(reader.read(1000, 1000), 60'000u);
    EXPECT_EQ(reader.read(1000, 1000, 9), 0u);
    EXPECT_EQ(reader.read(1000, 1000), 20'000u);
    // A quarter more is not growth yet, and more than that is.
    EXPECT_EQ(reader.read(1250, 1000, 10), 24'500u);
    EXPECT_EQ(reader.read(2000, 1000, 10), 115'500u);
}

TEST(Autotuning, WhoReadsInBurstsReadsAtTheRateOfAllOfThem) {
    Reader reader;
    reader.r.timestamps = true;
    reader.r.echo_ms = 10;
    reader.read(100'000, 100'000);
    // 100,000 bytes in 100 ms are 10,000 in a round trip of 10 ms.
    EXPECT_EQ(reader.read(100'000, 100'000), 60'000u);
    EXPECT_EQ(reader.read(100'000, 100'000), 20'000u);
}

TEST(Autotuning, ALongerEchoCountsLittleByLittle) {
    Reader reader;
    reader.r.timestamps = true;
    reader.r.echo_ms = 8;
    reader.read(8000, 8000, 2);
    reader.r.echo_ms = 16;
    // A round lasts as long as its own shortest echo; the estimate is (8 * 7 + 16) / 8 = 9 ms.
    EXPECT_EQ(reader.read(8000, 8000), 0u);
    EXPECT_EQ(reader.read(8000, 8000), 18'000u);
}

TEST(Autotuning, BelievesNoEchoOfASilentPeer) {
    Reader reader;
    reader.r.timestamps = true;
    reader.r.echo_ms = 10'001;
    EXPECT_EQ(reader.read(1000, 50'000, 300), 0u) << "no round trip is known";
    reader.r.echo_ms = 0;  // within the millisecond
    reader.read(1000, 50'000);
    EXPECT_GT(reader.read(1000, 50'000), 0u);
}

TEST(Autotuning, WithoutTimestampsOurOwnEstimateServes) {
    Reader reader;
    reader.r.srtt_us = 20'000;
    reader.read(1000, 1000, 20);
    EXPECT_EQ(reader.read(1000, 1000), 120'000u);
    EXPECT_EQ(reader.read(1000, 1000, 19), 0u);
    EXPECT_EQ(reader.read(1000, 1000), 40'000u);
}

TEST(Autotuning, WithoutAnyEstimateARoundIsAWindow) {
    Reader reader;
    const Seq begin = reader.r.nxt;
    reader.r.edge = begin + 10'000;
    EXPECT_EQ(reader.read(1000, 1000, 10), 0u);
    EXPECT_EQ(reader.read(1000, 1000), 60'000u) << "10,000 bytes in 10 ms";
}

TEST(GrownBuffer, NeverShrinks) {
    EXPECT_EQ(grown_buffer(50'000, 0, 100'000, u64{1} << 40), 50'000u);
    EXPECT_EQ(grown_buffer(50'000, 49'999, 100'000, u64{1} << 40), 50'000u);
    EXPECT_EQ(grown_buffer(50'000, 80'000, 40'000, u64{1} << 40), 50'000u);
}

TEST(GrownBuffer, GrowsToWhatIsAskedForAndAllowed) {
    EXPECT_EQ(grown_buffer(50'000, 80'000, 100'000, u64{1} << 40), 80'000u);
    EXPECT_EQ(grown_buffer(50'000, u64{1} << 33, 100'000, u64{1} << 40), 100'000u);
}

TEST(GrownBuffer, LeavesMemoryToOthers) {
    EXPECT_EQ(grown_buffer(50'000, 80'000, 100'000, 120'000), 80'000u);
    EXPECT_EQ(grown_buffer(50'000, 80'000, 100'000, 119'999), 50'000u);
}

}  // namespace
}  // namespace tern::tcp

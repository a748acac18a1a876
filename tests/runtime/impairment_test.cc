// Impairments as text: what is read, what is written, what is refused and with which remedy.
#include "tern/impairment.hh"

#include <gtest/gtest.h>

#include "os/link/impairment.hh"
#include "tern/runtime.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;

Impairment parsed(std::string_view text) {
    const auto result = Impairment::parse(text);
    EXPECT_TRUE(result.has_value()) << text << ": " << (result ? "" : result.error());
    return result.value_or(Impairment{});
}

TEST(ImpairmentText, EveryWordIsRead) {
    const Impairment i = parsed(
        "loss=1%,duplicate=0.2,corrupt=0.5%,reorder=2%,reorder-by=3ms,delay=1.5s,jitter=250us,"
        "rate=2.5gbit,bucket=10mbit:64KB,queue=64KiB,codel=7ms:80ms,ecn,mark=2ms,drop=3+7");
    EXPECT_DOUBLE_EQ(i.loss, 0.01);
    EXPECT_DOUBLE_EQ(i.duplicate, 0.2);
    EXPECT_DOUBLE_EQ(i.corrupt, 0.005);
    EXPECT_DOUBLE_EQ(i.reorder, 0.02);
    EXPECT_EQ(i.reorder_by, 3ms);
    EXPECT_EQ(i.delay, 1500ms);
    EXPECT_EQ(i.jitter, 250us);
    EXPECT_EQ(i.rate, 2'500'000'000u);
    EXPECT_EQ(i.bucket, (TokenBucket{.rate = 10'000'000, .burst = 64'000}));
    EXPECT_EQ(i.queue_bytes, 65536u);
    EXPECT_EQ(i.codel, (CodelOptions{.target = 7ms, .interval = 80ms}));
    EXPECT_TRUE(i.ecn);
    EXPECT_EQ(i.mark, MarkThreshold{.delay = 2ms});
    EXPECT_EQ(i.drop_nth, (std::vector<u64>{3, 7}));
    EXPECT_EQ(parsed(""), Impairment{});
}

TEST(ImpairmentText, LossInBurstsTakesTheOtherOnesPlace) {
    Impairment i = parsed("loss=2%,loss=ge:1%:30%");
    EXPECT_EQ(i.bursts, (GilbertElliott{.p = 0.01, .r = 0.3}));
    EXPECT_EQ(i.loss, 0);
    EXPECT_EQ(parsed("loss=ge:1%:30%:80%:0.1%").bursts,
              (GilbertElliott{.p = 0.01, .r = 0.3, .loss_bad = 0.8, .loss_good = 0.001}));
    ASSERT_TRUE(i.set("loss=0").has_value());
    EXPECT_EQ(i, Impairment{});
}

TEST(ImpairmentText, AQueueIsCountedInOneWay) {
    Impairment i = parsed("rate=8mbit,queue=20p");
    EXPECT_EQ(direction_of(i, 100ms).queue_packets, 20u);
    ASSERT_TRUE(i.set("queue=5KB").has_value());
    EXPECT_EQ(direction_of(i, 100ms).queue_bytes, 5000u);
    EXPECT_GT(direction_of(i, 100ms).queue_packets, 1'000'000u);
    ASSERT_TRUE(i.set("queue=1.5bdp").has_value());
    EXPECT_EQ(direction_of(i, 100ms).queue_bytes, 150'000u);  // 1 MB a second
    EXPECT_THROW(direction_of(i, 0ms), RuntimeError);
    ASSERT_TRUE(i.set("queue=20").has_value());
    EXPECT_EQ(direction_of(i, 0ms).queue_packets, 20u);
    EXPECT_EQ(direction_of(i, 0ms).queue_bytes, ~u64{0});
    ASSERT_TRUE(i.set("mark=30").has_value());
    ASSERT_TRUE(i.set("mark=30KB").has_value());
    EXPECT_EQ(i.mark, MarkThreshold{.bytes = 30'000});
}

TEST(ImpairmentText, WhatItWritesReadsBackAsTheSame) {
    for (const std::string_view text :
         {"", "loss=1%", "loss=ge:1%:30%", "loss=ge:1%:30%:80%", "loss=ge:0.25%:30%:100%:0.1%",
          "duplicate=12.5%,corrupt=0.001%", "reorder=1%,reorder-by=3ms",
          "delay=20ms,jitter=1.5us,rate=100mbit,queue=64KB", "delay=1ms,rate=1.5gbit,queue=2.5bdp",
          "bucket=10mbit:64KB,queue=50,codel=5ms:100ms,ecn=on,mark=30KB", "rate=8kbit,mark=20",
          "rate=8bit,mark=1ms", "drop=3+7"}) {
        const Impairment i = parsed(text);
        EXPECT_EQ(i.text(), text);
        EXPECT_EQ(parsed(i.text()), i);
    }
    EXPECT_EQ(parsed("rate=1000kbit,codel,reorder=1%:2ms").text(),
              "reorder=1%,reorder-by=2ms,rate=1mbit,codel=5ms:100ms");
    EXPECT_EQ(parsed("rate=1mbit,codel,ecn,mark=5,codel=off,ecn=off,mark=off").text(),
              "rate=1mbit");
}

TEST(ImpairmentText, AMistakeIsAnsweredByWhatToWrite) {
    const std::pair<std::string_view, std::string_view> mistakes[] = {
        {"banana", "write loss=1%, duplicate=1%"},
        {"loss", "write loss=1%"},
        {"loss=", "write loss=1%"},
        {"loss=200%", "write loss=1%"},
        {"loss=-1%", "write loss=1%"},
        {"loss=ge:1%", "loss=ge:1%:30%"},
        {"loss=ge:1%:0", "loss=ge:1%:30%"},
        {"loss=ge:1%:2%:3%:4%:5%", "loss=ge:1%:30%"},
        {"delay=5", "write delay=20ms"},
        {"delay=5 ms", "write delay=20ms"},
        {"delay=2h", "write delay=20ms"},
        {"rate=fast", "write rate=100mbit"},
        {"rate=1mbitt", "write rate=100mbit"},
        {"bucket=1mbit", "write bucket=10mbit:64KB"},
        {"bucket=1mbit:0B", "write bucket=10mbit:64KB"},
        {"queue=1bdq", "queue=1bdp"},
        {"codel=5ms", "codel=5ms:100ms"},
        {"codel=5ms:0ms", "codel=5ms:100ms"},
        {"ecn=maybe", "ecn=off"},
        {"mark=x", "mark=20"},
        {"drop=0", "drop=3+7"},
        {"drop=3+", "drop=3+7"},
        {"reorder=1%:", "reorder=1%:5ms"},
        {"ecn", "add codel"},
        {"codel", "add rate=100mbit"},
        {"mark=20", "add rate=100mbit"},
        {"queue=1bdp", "add rate=100mbit"},
    };
    for (const auto& [text, remedy] : mistakes) {
        const auto result = Impairment::parse(text);
        ASSERT_FALSE(result.has_value()) << text;
        EXPECT_NE(result.error().find(remedy), std::string::npos) << text << ": " << result.error();
    }
    Impairment i = parsed("delay=3ms,loss=1%");
    const Impairment before = i;
    EXPECT_FALSE(i.set("loss=ge:1%:x").has_value());
    EXPECT_FALSE(i.set("reorder=5%:x").has_value());
    EXPECT_EQ(i, before) << "what is refused changes nothing";
}

}  // namespace
}  // namespace tern

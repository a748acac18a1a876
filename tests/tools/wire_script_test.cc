#include "wire_script.hh"

#include <gtest/gtest.h>

namespace tern::tools {
namespace {

using namespace std::chrono_literals;

TEST(WireScript, EachLineChangesWhatItNames) {
    WireSettings start;
    start.a_to_b.delay = start.b_to_a.delay = 20ms;
    const auto changes = parse_wire_script(
        "# a road\n"
        "\n"
        "1.5s loss=5% delay=50ms   # into the tunnel\r\n"
        "2s a-to-b loss=ge:1%:30%,rate=5mbit\n"
        "2s b-to-a loss=0",
        "road", start);
    ASSERT_TRUE(changes.has_value()) << changes.error();
    ASSERT_EQ(changes->size(), 3u);
    EXPECT_EQ((*changes)[0].at, 1500ms);
    EXPECT_EQ((*changes)[0].settings.a_to_b.text(), "loss=5%,delay=50ms");
    EXPECT_EQ((*changes)[0].settings.b_to_a.text(), "loss=5%,delay=50ms");
    EXPECT_EQ((*changes)[1].settings.a_to_b.text(), "loss=ge:1%:30%,delay=50ms,rate=5mbit");
    EXPECT_EQ((*changes)[1].settings.b_to_a.text(), "loss=5%,delay=50ms");
    EXPECT_EQ((*changes)[2].settings.b_to_a.text(), "delay=50ms");
    EXPECT_EQ((*changes)[2].settings.a_to_b, (*changes)[1].settings.a_to_b);
    EXPECT_TRUE(parse_wire_script("", "empty", start)->empty());
}

TEST(WireScript, AMistakeHasItsPlaceAndItsRemedy) {
    const std::pair<std::string_view, std::string_view> mistakes[] = {
        {"loss=5%", "f:1:1: \"loss=5%\": begin with a time"},
        {"1s loss=1%\n  2s  lose=1%\n", "f:2:7: \"lose=1%\": write loss=1%, duplicate=1%"},
        {"1s loss=1% delay=50", "f:1:12: \"delay=50\": write delay=20ms"},
        {"1s a-to-b loss=1%,delay=50", "f:1:19: \"delay=50\": write delay=20ms"},
        {"1s", "f:1:3: the line ends: write what changes"},
        {"1s a-to-b # nothing", "f:1:11: the line ends: write what changes"},
        {"\n\n5s loss=1%\n4s loss=0", "f:4:1: \"4s\": the line before is later"},
        {"1s ecn", "f:1:1: ecn: it makes CoDel mark"},
        {"-1s loss=0", "f:1:1: \"-1s\": begin with a time"},
        {"1s both-ways loss=0", "f:1:4: \"both-ways\": write loss=1%"},
    };
    for (const auto& [text, expected] : mistakes) {
        const auto changes = parse_wire_script(text, "f", {});
        ASSERT_FALSE(changes.has_value()) << text;
        EXPECT_TRUE(changes.error().starts_with(expected)) << changes.error();
    }
}

}  // namespace
}  // namespace tern::tools

#include "wire_report.hh"

#include <gtest/gtest.h>

namespace tern::tools {
namespace {

using namespace std::chrono_literals;
using Names = std::vector<std::string>;

TEST(FaultWatch, NamesWhatWasAskedForAndNeverStruck) {
    FaultWatch watch;
    ImpairCounters c;
    watch.ask({.loss = 0.01, .duplicate = 0.5}, c, 0s);
    EXPECT_EQ(watch.never_struck(c), (Names{"loss=1%", "duplicate=50%"}));
    c.lost = 3;
    EXPECT_EQ(watch.never_struck(c), Names{"duplicate=50%"});
}

TEST(FaultWatch, EachSettingIsJudgedWhileItHolds) {
    FaultWatch watch;
    ImpairCounters c;
    watch.ask({.loss = 0.01, .delay = 1ms}, c, 0s);
    c.lost = 5;
    c.delayed = 5;
    watch.ask({.loss = 0.02, .delay = 1ms}, c, 2s);  // never struck: no loss after this
    watch.ask({.delay = 1ms}, c, 4s);
    watch.ask({.corrupt = 0.1, .delay = 1ms}, c, 6s);
    c.corrupted = 1;
    EXPECT_EQ(watch.never_struck(c), Names{"loss=2% (from 2.00 s on)"});
}

TEST(WireReport, SaysHowLateItWasAndAdvisesWhenThatIsNoAccident) {
    WireSide side{.way = "tap:a -> tap:b", .record = {}, .never_struck = {"corrupt=1%"}};
    WireWay& way = side.record;
    way.lateness.add(50us, 1000);
    struct Case {
        u64 packets, late;
        bool was_late;
    };
    // One packet of three says nothing of a machine; eleven of a thousand do, ten are one in a
    // hundred, and nine of twenty may be a moment.
    for (const Case& c : {Case{3, 1, false}, Case{20, 9, false}, Case{20, 10, true},
                          Case{1000, 10, false}, Case{1000, 11, true}, Case{5000, 11, false}}) {
        way.packets = way.impaired.seen = c.packets;
        way.late = c.late;
        EXPECT_EQ(way.was_late(), c.was_late) << c.late << " of " << c.packets;
        EXPECT_EQ(way.kept_up(), !c.was_late);
        const std::string text = wire_report_text(side, 1s, 200us);
        const std::string told =
            std::to_string(c.late) + " of " + std::to_string(c.packets) + " by more than 200 us\n";
        EXPECT_NE(text.find(told), text.npos) << text;
        EXPECT_EQ(text.find("stop other programs") != text.npos, c.was_late) << text;
        EXPECT_EQ(text.find("COULD NOT KEEP UP"), text.npos) << text;
        EXPECT_NE(text.find("never struck: corrupt=1%"), text.npos) << text;
    }
}

TEST(WireReport, SaysLoudlyWhatItLostItself) {
    WireSide side{.way = "tap:a -> tap:b", .record = {}, .never_struck = {}};
    side.record.packets = side.record.impaired.seen = 1000;
    EXPECT_TRUE(side.record.kept_up());
    side.record.overrun = 1;
    EXPECT_FALSE(side.record.kept_up());
    const std::string text = wire_report_text(side, 1s, 200us);
    EXPECT_NE(text.find("COULD NOT KEEP UP: 1 lost because the machine was too slow"), text.npos)
        << text;
    EXPECT_NE(wire_report_json(side).find("\"kept_up\":false"), std::string::npos);
}

}  // namespace
}  // namespace tern::tools

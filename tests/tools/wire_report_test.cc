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

TEST(WireReport, SaysSoWhenItCouldNotKeepUp) {
    WireSide side{.way = "tap:a -> tap:b", .record = {}, .never_struck = {"corrupt=1%"}};
    side.record.packets = side.record.impaired.seen = 1000;
    side.record.late = 10;
    side.record.lateness.add(50us, 1000);
    std::string text = wire_report_text(side, 1s, 200us);
    EXPECT_EQ(text.find("COULD NOT KEEP UP"), std::string::npos) << text;
    EXPECT_NE(text.find("never struck: corrupt=1%"), std::string::npos) << text;
    side.record.late = 11;
    text = wire_report_text(side, 1s, 200us);
    EXPECT_NE(text.find("COULD NOT KEEP UP: 11 later than 200 us (1.1 %)"), std::string::npos)
        << text;
    side.record.late = 0;
    side.record.overrun = 1;
    EXPECT_FALSE(side.record.kept_up());
    EXPECT_NE(wire_report_json(side).find("\"kept_up\":false"), std::string::npos);
}

}  // namespace
}  // namespace tern::tools

// The explorer finds nothing in the stack, and finds each mistake that is put in.
#include "lab/explore/explore.hh"

#include <gtest/gtest.h>

#include <algorithm>

#include "support/covers.hh"

namespace tern::explore {
namespace {

// Under sanitizers: two departures. The stage "chaos" does three with the release build.
class Explored : public testing::TestWithParam<Case> {};

TEST_P(Explored, has_no_bad_end_with_two_departures) {
    test::covers({"RFC9293:MUST-10", "RFC9293:MUST-13"});
    const Tally t = explore(GetParam(), {.departures = 2});
    for (const Finding& f : t.findings)
        ADD_FAILURE() << f.what << " (" << text_of(f.decisions) << ")\n" << f.story;
    EXPECT_GT(t.runs, 300u);
    EXPECT_GT(t.states, 200u);
    EXPECT_LE(t.longest, 40u);
}

std::string test_name(const testing::TestParamInfo<Case>& info) {
    std::string name = info.param.name;
    std::erase(name, ',');
    std::ranges::replace(name, ' ', '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Cases, Explored, testing::ValuesIn(all_cases()), test_name);

Case case_named(std::string_view name) {
    for (const Case& c : all_cases())
        if (c.name == name) return c;
    ADD_FAILURE() << "no case " << name;
    return {};
}

struct Room {
    MemoryBudget budget{u64{64} << 20};
    PacketPool pool{budget};
};

constexpr u32 k_never = ~0u;

// How many departures the shortest finding has.
u32 departures_to(Plant plant, std::string_view name, u32 most, std::string* what) {
    const Case c = case_named(name);
    EXPECT_TRUE(explore(c, {.departures = most}).findings.empty());
    const Tally t = explore(c, {.departures = most, .plant = plant});
    if (t.findings.empty()) return k_never;
    *what = t.findings[0].what;
    EXPECT_FALSE(t.findings[0].story.empty());
    // The finding repeats from its list.
    Room room;
    EXPECT_EQ(follow(c, t.findings[0].decisions, room.pool, {plant}).wrong, *what);
    return static_cast<u32>(
        std::ranges::count_if(t.findings[0].decisions, [](u8 d) { return d != 0; }));
}

// Stands for a stack that restarts its retransmission timer in FIN-WAIT-1 and LAST-ACK and forgot
// the third state with a FIN under way. Only when both close at once, and b's FIN is lost.
TEST(Planted, a_fin_that_is_not_sent_again_in_closing) {
    std::string what;
    EXPECT_EQ(departures_to(Plant::NoTimerInClosing, "both open, both close", 2, &what), 1u);
    EXPECT_EQ(what, "a connection is stuck, and no reset was lost");
    EXPECT_EQ(departures_to(Plant::NoTimerInClosing, "both open, a closes, b follows", 2, &what),
              2u);
}

// Stands for a stack that frees the record at once instead of keeping TIME-WAIT [MUST-13].
TEST(Planted, a_time_wait_that_does_not_answer) {
    std::string what;
    EXPECT_EQ(departures_to(Plant::SilentTimeWait, "one opens, b closes, a follows", 2, &what), 1u);
    EXPECT_EQ(what, "a ended long after everything was in order");
}

// Stands for a step 7 that does not trim what it has had already.
TEST(Planted, bytes_that_come_twice) {
    std::string what;
    EXPECT_EQ(departures_to(Plant::NotTrimmed, "one opens, both send, both close", 2, &what), 1u);
    EXPECT_EQ(what, "b received more than was sent");
}

// Stands for one path to CLOSED that does not tell the application.
TEST(Planted, an_event_that_is_missing) {
    std::string what;
    EXPECT_EQ(departures_to(Plant::ForgottenClose, "both open, a closes, b follows", 2, &what), 1u);
    EXPECT_EQ(what, "b was never told that its connection is over");
}

TEST(Explore, each_list_of_decisions_is_followed_once) {
    // Two levels: the plain run and its neighbours, one for each choice but the first.
    const Case c = case_named("one opens, both close");
    Room room;
    const Trail plain = follow(c, {}, room.pool);
    u64 neighbours = 0;
    for (const u8 width : plain.widths) neighbours += width - 1u;
    EXPECT_EQ(explore(c, {.departures = 1}).runs, 1 + neighbours);
}

TEST(Explore, the_fates_are_what_their_names_say) {
    const Case c = case_named("one opens, a closes, b follows");
    const std::size_t first = c.a.size() + c.b.size();  // the first SYN
    Room room;
    const auto story = [&](Fate fate) {
        Decisions d(first, 0);
        d.push_back(fate);
        return follow(c, d, room.pool, {.tell = true}).story;
    };
    const auto count = [](const std::string& text, std::string_view part) {
        u32 n = 0;
        for (std::size_t at = text.find(part); at != text.npos; at = text.find(part, at + 1)) ++n;
        return n;
    };
    EXPECT_EQ(count(story(Delivered), "a sends S "), 1u);
    EXPECT_EQ(count(story(Lost), "a sends S "), 2u);
    EXPECT_EQ(count(story(Doubled), "b sends S. "), 2u);
    EXPECT_EQ(count(story(DoubledLate), "a sends S "), 1u);
    EXPECT_EQ(count(story(Overtaken), "a sends S "), 2u);
}

}  // namespace
}  // namespace tern::explore

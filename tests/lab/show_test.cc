// Every story comes to its end, whichever of its packets is lost.
#include "show_stories.hh"

#include <gtest/gtest.h>

namespace tern::tools {
namespace {

const Story& story(std::string_view name) {
    for (const Story& s : stories())
        if (s.name == name) return s;
    throw std::logic_error("no such story");
}

struct Played {
    bool whole;
    u64 packets, dropped;
    std::string text;
};

Played play(std::string_view name, std::set<u64> drop) {
    PairOptions options;
    options.drop = std::move(drop);
    Pair pair{options};
    const bool whole = story(name).play(pair);
    return {whole, pair.packets, pair.dropped, pair.ladder.text()};
}

std::size_t count(const std::string& text, std::string_view part) {
    std::size_t n = 0;
    for (std::size_t at = text.find(part); at != std::string::npos; at = text.find(part, at + 1))
        ++n;
    return n;
}

TEST(Show, WithoutLossTheTextbookIsRight) {
    const Played handshake = play("handshake", {});
    EXPECT_TRUE(handshake.whole);
    EXPECT_EQ(handshake.packets, 3u);
    const Played close = play("close", {});
    EXPECT_TRUE(close.whole);
    EXPECT_EQ(close.packets, 4u);
    for (const char* state : {"FIN-WAIT-1", "FIN-WAIT-2", "TIME-WAIT", "CLOSE-WAIT", "LAST-ACK"})
        EXPECT_EQ(count(close.text, state), 1u) << state << "\n" << close.text;
    EXPECT_NE(close.text.find("60.140000         CLOSED"), std::string::npos) << close.text;
    EXPECT_TRUE(play("reset", {}).whole);
}

TEST(Show, EveryLossIsRepaired) {
    for (const Story& s : stories()) {
        const u64 packets = play(s.name, {}).packets;
        for (u64 n = 1; n <= packets; ++n) {
            // Nobody repeats the RST that an abort sends: the server would never learn of it.
            if (std::string_view{s.name} == "reset" && n == packets) continue;
            const Played p = play(s.name, {n});
            EXPECT_TRUE(p.whole) << s.name << " --drop " << n << "\n" << p.text;
            EXPECT_EQ(p.dropped, 1u);
            EXPECT_EQ(count(p.text, "lost on the wire"), 1u) << s.name << " " << n << p.text;
        }
    }
}

TEST(Show, TheSameEveryTime) { EXPECT_EQ(play("loss", {3}).text, play("loss", {3}).text); }

}  // namespace
}  // namespace tern::tools

// --link and the options behind it: which link each is for, and what is refused.
#include <gtest/gtest.h>

#include <algorithm>

#include "link_options.hh"

namespace tern::test {
namespace {

using tools::LinkList;
using tools::LinkOptions;

struct Line {
    // The words of a command line as tern's commands read them, with an argument of their own.
    explicit Line(std::vector<std::string> words) {
        CLI::App app;
        std::string directory;
        bool json = false;
        app.add_option("directory", directory);
        app.add_flag("--json", json);
        list.add_to(app);
        std::reverse(words.begin(), words.end());
        try {
            app.parse(words);
        } catch (const CLI::ParseError& e) {
            error = e.what();
        }
        seen = directory + (json ? " json" : "");
    }
    std::vector<LinkOptions> links() const { return list.links(); }
    std::string complaint() const {
        if (!error.empty()) return error;
        try {
            list.configs(0);
        } catch (const RuntimeError& e) {
            return e.what();
        }
        return "none";
    }

    LinkList list;
    std::string error, seen;
};

using Texts = std::vector<std::string>;

TEST(LinkOptions, WithoutAnyThereIsTheUsualLink) {
    const auto links = Line({"."}).links();
    ASSERT_EQ(links.size(), 1u);
    EXPECT_EQ(links[0].link, "tap:tern0");
    EXPECT_EQ(links[0].addresses, Texts{"10.0.0.2/24"});
    EXPECT_EQ(links[0].mtu, 1500u);
}

TEST(LinkOptions, OfASingleLinkTheOrderDoesNotMatter) {
    const Texts options = {"--address", "10.3.0.2/24", "--address", "10.4.0.2/24",  "--mtu",
                           "1400",      "--gateway",   "10.3.0.1",  "--no-offloads"};
    for (const bool before : {true, false}) {
        Texts words = options;
        const Texts link = {"--link", "tun:x"};
        words.insert(before ? words.begin() : words.end(), link.begin(), link.end());
        words.insert(words.begin() + 2, "here");
        words.push_back("--json");
        const Line line{words};
        const auto links = line.links();
        ASSERT_EQ(line.complaint(), "none");
        ASSERT_EQ(links.size(), 1u);
        EXPECT_EQ(line.seen, "here json");
        EXPECT_EQ(links[0].link, "tun:x");
        EXPECT_EQ(links[0].addresses, (Texts{"10.3.0.2/24", "10.4.0.2/24"}));
        EXPECT_EQ(links[0].mtu, 1400u);
        EXPECT_EQ(links[0].gateway, "10.3.0.1");
        EXPECT_TRUE(links[0].no_offloads);
    }
}

TEST(LinkOptions, EachOptionBelongsToTheLinkInFrontOfIt) {
    const Line line{{"--json",
                     "--link",
                     "tap:a",
                     "--address",
                     "10.0.0.2/24",
                     "--any",
                     "10.9.0.0/16",
                     "--mtu",
                     "1400",
                     "--impair",
                     "loss=1%",
                     "here",
                     "--link",
                     "xdp:b@blue",
                     "--gateway",
                     "10.1.0.1",
                     "--address",
                     "10.1.0.2/24",
                     "--route",
                     "10.7.0.0/16",
                     "--vlan",
                     "7",
                     "--netns",
                     "/run/netns/n",
                     "--no-offloads",
                     "--impair-in",
                     "delay=5ms",
                     "--link=tun:c",
                     "--address=10.2.0.2/24"}};
    ASSERT_EQ(line.complaint(), "none");
    EXPECT_EQ(line.seen, "here json");
    const auto links = line.list.configs(0);
    ASSERT_EQ(links.size(), 3u);
    EXPECT_EQ(links[0].link, "tap:a");
    EXPECT_EQ(links[0].addresses, Texts{"10.0.0.2/24"});
    EXPECT_EQ(links[0].prefixes, Texts{"10.9.0.0/16"});
    EXPECT_EQ(links[0].mtu, 1400u);
    EXPECT_EQ(links[0].outbound->loss, 0.01);
    EXPECT_FALSE(links[0].inbound);
    EXPECT_TRUE(links[0].offloads);
    EXPECT_EQ(links[0].gateway, "");
    EXPECT_EQ(links[0].vlan, 0);
    EXPECT_EQ(links[1].link, "xdp:b@blue");
    EXPECT_EQ(links[1].gateway, "10.1.0.1");
    EXPECT_EQ(links[1].addresses, Texts{"10.1.0.2/24"});
    EXPECT_EQ(links[1].routes, Texts{"10.7.0.0/16"});
    EXPECT_EQ(links[1].vlan, 7);
    EXPECT_EQ(links[1].network_namespace, "/run/netns/n");
    EXPECT_EQ(links[1].mtu, 1500u);
    EXPECT_FALSE(links[1].offloads);
    EXPECT_FALSE(links[1].outbound);
    EXPECT_EQ(links[1].inbound->delay, std::chrono::milliseconds(5));
    EXPECT_EQ(links[2].link, "tun:c");
    EXPECT_EQ(links[2].addresses, Texts{"10.2.0.2/24"});
}

TEST(LinkOptions, WhatIsAmbiguousIsRefusedWithItsRemedy) {
    const auto said = [](Texts words) { return Line{std::move(words)}.complaint(); };
    EXPECT_EQ(said({"--address", "10.0.0.2/24", "--link", "tap:a", "--link", "tap:b"}),
              "--link: there are several, and --address stands in front of the first: write it "
              "behind the --link that it belongs to");
    EXPECT_EQ(said({"--no-offloads", "--link", "tap:a", "--link", "tap:b"}),
              "--link: there are several, and --no-offloads stands in front of the first: write it "
              "behind the --link that it belongs to");
    EXPECT_EQ(said({"--link", "tap:a", "--mtu", "1400", "--mtu", "1300"}),
              "--mtu: given twice for the link tap:a: write it once behind each --link");
    EXPECT_EQ(said({"--link", "tap:a", "--address", "10.0.0.2/24", "--link", "tap:b"}),
              "--link tap:b has no address: of several links each needs its own, as in --link "
              "tap:b --address 10.1.0.2/24");
    EXPECT_EQ(said({"--link", "tap:a", "--link", "tap:b", "--address", "10.0.0.2/24"}),
              "--link tap:a has no address: of several links each needs its own, as in --link "
              "tap:a --address 10.1.0.2/24");
    EXPECT_EQ(said({"--link", "tap:a", "--mtu", "1400", "--address", "10.0.0.2/24", "--link",
                    "tap:b", "--mtu", "1400", "--address", "10.1.0.2/24"}),
              "none");
}

TEST(LinkOptions, ValuesAreCheckedForEachLink) {
    const auto said = [](const char* option, const char* value) {
        return Line{{"--link", "tap:a", "--address", "10.0.0.2/24", "--link", "tap:b", "--address",
                     "10.1.0.2/24", option, value}}
            .complaint();
    };
    EXPECT_NE(said("--mtu", "20").find("68 to 65535"), std::string::npos);
    EXPECT_NE(said("--vlan", "4095").find("1 to 4094"), std::string::npos);
    EXPECT_NE(said("--mtu", "many").find("--mtu"), std::string::npos);
    EXPECT_NE(said("--impair", "banana").find("write loss=1%"), std::string::npos);
}

TEST(LinkOptions, TheChanceOfEachBadNetworkIsAnother) {
    const Line line{{"--link", "tap:a", "--address", "10.0.0.2/24", "--link", "tap:b", "--address",
                     "10.1.0.2/24"}};
    const auto links = line.list.configs(40);
    EXPECT_EQ(links[0].impair_seed, 40u);
    EXPECT_EQ(links[1].impair_seed, 41u);
}

TEST(LinkOptions, AnAddressOfALinkIsKnown) {
    LinkOptions o;
    o.addresses = {"10.0.0.2/24"};
    o.prefixes = {"10.9.0.0/16"};
    const auto has = [&](const char* text) { return o.has(*IpAddress::parse(text)); };
    EXPECT_TRUE(has("10.0.0.2"));
    EXPECT_FALSE(has("10.0.0.3"));
    EXPECT_TRUE(has("10.9.200.1"));
    EXPECT_FALSE(has("10.10.0.1"));
}

}  // namespace
}  // namespace tern::test

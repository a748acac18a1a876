// Routes, paths and ways of either family, without a stack.
#include "core/inet/route/way.hh"
#include "inet/alone.hh"

namespace tern::test {
namespace {

using inet::choose_path;
using inet::OnLink;

inet::Route route(const char* to, u8 interface, const char* gateway = nullptr) {
    inet::Route r{.to = prefix_of(net_of(to)), .interface = interface, .gateway = {}};
    if (gateway != nullptr) r.gateway = ip_of(gateway);
    return r;
}

TEST(RouteTable, TheLongestPrefixOfTheFamilyWins) {
    inet::RouteTable table;
    table.add(route("0.0.0.0/0", 1, "10.0.0.254"));
    table.add(route("::/0", 2, "fe80::fe"));
    table.add(route("10.1.0.0/16", 3));
    table.add(route("10.1.2.0/24", 4));
    table.add(route("2001:db8::/32", 5));
    for (const auto& [to, interface] : {std::pair{"10.1.2.3", 4},
                                        {"10.1.3.3", 3},
                                        {"10.2.0.1", 1},
                                        {"2001:db8::1", 5},
                                        {"2001:db9::1", 2}}) {
        const inet::Route* found = table.find(ip_of(to));
        ASSERT_NE(found, nullptr) << to;
        EXPECT_EQ(found->interface, interface) << to;
    }
}

TEST(RouteTable, OfTwoToTheSameNetworkTheFirstWins) {
    inet::RouteTable table;
    table.add(route("10.0.0.0/8", 1));
    table.add(route("10.0.0.0/8", 2));
    EXPECT_EQ(table.find(ip_of("10.0.0.1"))->interface, 1);
    EXPECT_EQ(table.find(ip_of("10.0.0.1"), 2)->interface, 2) << "of those by one interface";
    EXPECT_EQ(table.find(ip_of("10.0.0.1"), 3), nullptr);
    EXPECT_EQ(table.find(ip_of("11.0.0.1")), nullptr);
}

TEST(ChoosePath, ASubnetOfOursIsPreferredToARouteThatIsNotLonger) {
    const inet::Route far = route("10.0.0.0/8", 2, "10.9.9.9");
    const IpAddress to = ip_of("10.0.0.7");
    const auto by = [&](std::optional<OnLink> on_link, const inet::Route* r) {
        return choose_path(to, r, on_link, 1)->interface;
    };
    EXPECT_EQ(by(OnLink{3, 96 + 8}, &far), 3);
    EXPECT_EQ(by(OnLink{3, 96 + 7}, &far), 2);
    EXPECT_EQ(by({}, &far), 2);
    EXPECT_EQ(by(OnLink{3, 96}, nullptr), 3);
    EXPECT_FALSE(choose_path(to, nullptr, {}, 1));
}

TEST(ChoosePath, AGatewayIsTheNextHopOfOneHostAndOfNoGroup) {
    const inet::Route far = route("0.0.0.0/0", 2, "10.9.9.9");
    EXPECT_EQ(choose_path(ip_of("8.8.8.8"), &far, {}, 1)->next_hop, ip_of("10.9.9.9"));
    for (const char* group : {"255.255.255.255", "224.0.0.1"}) {
        EXPECT_EQ(choose_path(ip_of(group), &far, {}, 1)->next_hop, ip_of(group));
        EXPECT_EQ(choose_path(ip_of(group), nullptr, {}, 1)->interface, 1) << "the first there is";
        EXPECT_FALSE(choose_path(ip_of(group), nullptr, {}, 0));
    }
    EXPECT_EQ(choose_path(ip_of("ff02::1"), nullptr, {}, 3)->interface, 3);
}

TEST(ChoosePath, LoopbackAndNetworkZeroLeaveByNoInterface) {
    const inet::Route all = route("0.0.0.0/0", 1), all6 = route("::/0", 1);
    for (const char* to : {"127.0.0.1", "0.0.0.0", "0.1.2.3"})
        EXPECT_FALSE(choose_path(ip_of(to), &all, OnLink{1, 96 + 32}, 1)) << to;
    for (const char* to : {"::", "::1"}) EXPECT_FALSE(choose_path(ip_of(to), &all6, {}, 1)) << to;
    EXPECT_TRUE(choose_path(ip_of("::2"), &all6, {}, 1));
}

struct WaysTest : testing::Test, inet::Ways::Surroundings {
    u8 interface_of(const IpAddress& source) const override {
        return source == ip_of("10.9.0.1") ? 2 : 0;
    }
    std::optional<inet::Path> path_to(const IpAddress& to, u8 only) const override {
        ++searches;
        if (to == ip_of("192.0.2.1")) return {};
        return inet::Path{std::max<u8>(only, 1), to};
    }
    std::optional<Handle<inet::Neighbor>> neighbor_on(const inet::Path&) override {
        if (evicts) ways.tables_changed();
        if (full) return {};
        return Handle<inet::Neighbor>{7};
    }
    u32 mtu_of(u8 interface) const override { return 1000u + interface; }
    inet::Way find(const char* to, const char* from = "0.0.0.0") {
        inet::Way way;
        EXPECT_TRUE(ways.find(ip_of(to), ip_of(from), way));
        return way;
    }

    mutable u32 searches = 0;
    bool full = false, evicts = false;
    inet::Ways ways{*this};
};

TEST_F(WaysTest, AWayIsGoodUntilATableChanges) {
    inet::Way way = find("10.0.0.2");
    EXPECT_EQ(way.interface, 1u);
    EXPECT_EQ(way.neighbor, Handle<inet::Neighbor>{7});
    EXPECT_EQ(ways.mtu(way), 1001u);
    EXPECT_TRUE(ways.is_current(way));
    ways.tables_changed();
    EXPECT_FALSE(ways.is_current(way));
    EXPECT_TRUE(ways.find(ip_of("10.0.0.2"), IpAddress{}, way));
    EXPECT_TRUE(ways.is_current(way));
    EXPECT_EQ(searches, 2u);
    EXPECT_FALSE(ways.is_current({}));
}

TEST_F(WaysTest, ManyHoldersShareOneSearchIfTheirSourcesLeaveByOneInterface) {
    for (int n = 0; n < 10; ++n) EXPECT_EQ(find("2001:db8::2").interface, 1u);
    EXPECT_EQ(searches, 1u);
    for (int n = 0; n < 10; ++n) EXPECT_EQ(find("10.0.0.2", "10.9.0.1").interface, 2u);
    EXPECT_EQ(searches, 2u);
    EXPECT_EQ(find("10.0.0.2").interface, 1u);
}

TEST_F(WaysTest, WithoutAPathThereIsNoWayAndTheOldOneIsGone) {
    inet::Way way = find("10.0.0.2");
    ways.tables_changed();
    EXPECT_EQ(ways.find(ip_of("192.0.2.1"), IpAddress{}, way).error(), Error::NoRoute);
    EXPECT_EQ(way.interface, 0u);
}

TEST_F(WaysTest, WhereTheNeighbourFindsNoPlaceTheNextOneLooksAgain) {
    full = true;
    EXPECT_EQ(find("10.0.0.2").neighbor, Handle<inet::Neighbor>{});
    full = false;
    EXPECT_EQ(find("10.0.0.2").neighbor, Handle<inet::Neighbor>{7});
}

TEST_F(WaysTest, ANeighbourThatTakesAnothersPlaceDoesNotSpoilItsOwnWay) {
    const inet::Way old = find("10.0.0.3");
    evicts = true;
    const inet::Way way = find("10.0.0.2");
    EXPECT_TRUE(ways.is_current(way));
    EXPECT_FALSE(ways.is_current(old)) << "its slot may have another owner";
}

}  // namespace
}  // namespace tern::test

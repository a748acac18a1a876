// The machine of claims without a stack: RFC 5227, and with other times RFC 4862 5.4.
#include "core/inet/address/claims.hh"

#include "inet/alone.hh"
#include "support/covers.hh"

namespace tern::test {
namespace {

struct Told {
    std::string what;
    u8 interface;
    IpAddress ip;
    Duration at;  // since the start
    friend bool operator==(const Told&, const Told&) = default;
};

class ClaimsTest : public testing::Test, protected inet::Claims::Surroundings {
protected:
    explicit ClaimsTest(const inet::ClaimTimes& times = {}) : claims(now, random, *this, times) {
        claims.add_interface();
        claims.add_interface();
    }
    void probe(u8 i, const IpAddress& ip) override { told("probe", i, ip); }
    void announce(u8 i, const IpAddress& ip) override { told("announce", i, ip); }
    void defend(u8 i, const IpAddress& ip) override { told("defend", i, ip); }
    void won(u8 i, const IpAddress& ip) override { told("won", i, ip); }
    void lost(u8 i, const IpAddress& ip) override { told("lost", i, ip); }
    void told(const char* what, u8 i, const IpAddress& ip) {
        all.push_back({what, i, ip, now - start});
    }
    void run(Duration d) {
        const Instant end = now + d;
        while (claims.next_deadline() <= end) {
            now = std::max(now, claims.next_deadline());
            claims.advance();
        }
        now = end;
    }
    std::string words() {
        std::string w;
        for (const Told& t : std::exchange(all, {})) w += (w.empty() ? "" : " ") + t.what;
        return w;
    }

    const Instant start = Instant{} + 1h;
    Instant now = start;
    Random random{7};
    std::vector<Told> all;
    inet::Claims claims;
    const IpAddress ours = ip_of("10.0.0.9");
};

TEST_F(ClaimsTest, ThreeProbesThenTwoAnnouncements) {
    covers({"RFC5227:1", "RFC5227:3"});
    claims.start(2, ours);
    run(30s);
    ASSERT_EQ(all.size(), 6u);
    for (const Told& t : all) {
        EXPECT_EQ(t.interface, 2);
        EXPECT_EQ(t.ip, ours);
    }
    EXPECT_LE(all[0].at, 1s);
    for (int n : {1, 2}) {
        EXPECT_GE(all[n].at - all[n - 1].at, 1s);
        EXPECT_LE(all[n].at - all[n - 1].at, 2s);
    }
    EXPECT_EQ(all[3].at - all[2].at, 2s);
    EXPECT_EQ(all[4].at, all[3].at);
    EXPECT_EQ(all[5].at - all[4].at, 2s);
    EXPECT_EQ(words(), "probe probe probe won announce announce");
    EXPECT_EQ(claims.next_deadline(), Instant::max());
}

TEST_F(ClaimsTest, WhoMeetsAnotherBeforeTheEndHasLost) {
    covers({"RFC5227:2"});
    for (const Duration at : {0ms, 1500ms, 3900ms}) {
        claims.start(1, ours);
        run(at);
        all.clear();
        claims.contested(1, ours);
        EXPECT_EQ(words(), "lost");
        claims.start(1, ours);
        EXPECT_TRUE(claims.probed_for(1, ours)) << "somebody wants it at the same time";
        EXPECT_EQ(words(), "lost");
        EXPECT_FALSE(claims.probed_for(1, ours)) << "nobody claims it any more";
        EXPECT_EQ(claims.next_deadline(), Instant::max());
    }
}

TEST_F(ClaimsTest, AProbeForAnAddressThatWasWonIsNoConflict) {
    claims.start(1, ours);
    run(30s);
    all.clear();
    EXPECT_FALSE(claims.probed_for(1, ours));
    EXPECT_EQ(words(), "");
}

TEST_F(ClaimsTest, AnAddressThatWasWonIsDefendedOnceInTenSeconds) {
    covers({"RFC5227:4"});
    claims.start(1, ours);
    run(30s);
    all.clear();
    claims.contested(1, ours);
    EXPECT_EQ(words(), "defend");
    run(10s);
    claims.contested(1, ours);
    EXPECT_EQ(words(), "defend");
    run(9999ms);
    claims.contested(1, ours);
    EXPECT_EQ(words(), "lost");
}

TEST_F(ClaimsTest, AnAddressThatAPersonHasSetIsNeverGivenUp) {
    covers({"RFC5227:4"});
    for (int n = 0; n < 600; ++n) {
        claims.contested(1, ours);
        run(100ms);
    }
    EXPECT_EQ(words(), "defend defend defend defend defend defend");
}

TEST_F(ClaimsTest, TheSameAddressOnTwoInterfacesIsTwoClaims) {
    const IpAddress local = ip_of("fe80::1");
    claims.start(1, local);
    claims.start(2, local);
    claims.contested(1, local);
    ASSERT_EQ(all.size(), 1u);
    EXPECT_EQ(all[0].interface, 1);
    all.clear();
    run(30s);
    EXPECT_EQ(words(), "probe probe probe won announce announce");
}

TEST_F(ClaimsTest, AfterTenConflictsOneAddressAMinute) {
    covers({"RFC5227:2"});
    for (int n = 0; n < 10; ++n) {
        claims.start(1, ours);
        claims.contested(1, ours);
    }
    claims.start(1, ours);
    EXPECT_GE(claims.next_deadline() - now, 60s);
    claims.start(2, ours);
    EXPECT_LE(claims.next_deadline() - now, 1s) << "the other interface has met nobody";
}

TEST_F(ClaimsTest, WhatIsTakenAwayIsClaimedNoMore) {
    claims.start(1, ours);
    run(1500ms);
    all.clear();
    claims.forget(1, ours);
    EXPECT_EQ(claims.next_deadline(), Instant::max());
    run(30s);
    EXPECT_EQ(words(), "");
}

// RFC 4862 5.1, 5.4: one solicitation, a second to wait, and nobody has to be told.
class DuplicateAddressDetection : public ClaimsTest {
protected:
    DuplicateAddressDetection()
        : ClaimsTest({.probes = 1, .announce_wait = 1s, .announcements = 0}) {}
};

TEST_F(DuplicateAddressDetection, IsTheSameMachineWithOtherTimes) {
    claims.start(1, ip_of("fe80::1"));
    run(30s);
    ASSERT_EQ(all.size(), 2u);
    EXPECT_EQ(all[1].at - all[0].at, 1s);
    EXPECT_EQ(words(), "probe won");
    EXPECT_EQ(claims.next_deadline(), Instant::max());
}

}  // namespace
}  // namespace tern::test

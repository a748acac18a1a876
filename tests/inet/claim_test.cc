// RFC 5227: probing, announcing, defending an address.
#include "inet/bench.hh"
#include "support/covers.hh"

namespace tern::test {
namespace {

constexpr Ipv4Address k_wanted{10, 0, 0, 9};

class Claim : public InetTest {
protected:
    Claim() { eth = add_ethernet(); }

    void claim(Ipv4Address ip_address = k_wanted) {
        ASSERT_TRUE(layer->add_address(eth, Cidr{ip_address, 24}, true));
    }
    static Bytes frame(const Arp& a) {
        return ether({.to = MacAddress::broadcast(), .from = a.sender, .type = 0x0806}, arp(a));
    }
    static Bytes contest(MacAddress by = k_peer_mac) {
        return frame({.sender = by, .sender_ip = k_wanted, .target_ip = k_wanted});
    }
    static Arp probe() { return {.sender = k_our_mac, .sender_ip = {}, .target_ip = k_wanted}; }
    static Arp announcement() {
        return {.sender = k_our_mac, .sender_ip = k_wanted, .target_ip = k_wanted};
    }
    // The next event, which must be about the address.
    Error told(Ipv4Address ip_address = k_wanted) {
        const auto e = layer->next_event();
        if (!e) return Error::WouldBlock;
        EXPECT_EQ(e->kind, Event::Kind::Address);
        EXPECT_EQ(e->index, eth);
        EXPECT_EQ(e->address, IpAddress{ip_address});
        return e->error;
    }
    // When frames leave, and which.
    struct Timed {
        Instant at;
        Sent frame;
    };
    std::vector<Timed> watch(Duration d) {
        std::vector<Timed> seen;
        const Instant end = context.now + d;
        while (layer->next_deadline() <= end) {
            run_to(layer->next_deadline());
            for (Sent& s : sent()) seen.push_back({context.now, std::move(s)});
        }
        run_to(end);
        return seen;
    }
    bool owned() const { return layer->is_local_address(k_wanted); }
    void settle() {
        claim();
        watch(20s);
        ASSERT_EQ(told(), Error::None);
        ASSERT_TRUE(owned());
    }
};

// A frame, and a look at the clock, find the one that they are about among many.
TEST_F(Claim, of_many_addresses_each_is_claimed_and_defended) {
    constexpr u32 k_many = 500, k_first = 0x0a010001;
    for (u32 n = 0; n < k_many; ++n)
        ASSERT_TRUE(layer->add_address(eth, {Ipv4Address{k_first + n}, 8}, false));
    EXPECT_EQ(layer->next_deadline(), Instant::max()) << "none of them has anything to do";
    for (const u32 n : {0u, 1u, 249u, k_many - 1}) {
        const Ipv4Address own{k_first + n};
        inject(frame({.sender = k_peer_mac, .sender_ip = own, .target_ip = own}));
        const auto out = sent_arps();
        ASSERT_EQ(out.size(), 1u) << n;
        EXPECT_EQ(out[0].arp().sender_ip, own) << "defended";
    }
    claim();
    EXPECT_LT(layer->next_deadline(), Instant::max());
    inject(frame({.sender = k_peer_mac, .sender_ip = {}, .target_ip = k_wanted}));
    EXPECT_FALSE(owned()) << "somebody wants it at the same time";
    EXPECT_EQ(told(), Error::AddressNotAvailable);
    claim();
    watch(20s);
    EXPECT_TRUE(owned());
    EXPECT_EQ(layer->next_deadline(), Instant::max());
}

TEST_F(Claim, three_probes_at_random_times_then_two_announcements) {
    covers({"RFC5227:1", "RFC5227:3"});
    std::set<i64> first_delays, gaps;
    for (u64 seed = 0; seed < 50; ++seed) {
        context.random = Random{seed};
        const Instant start = context.now;
        claim();
        EXPECT_FALSE(owned());
        const auto seen = watch(20s);
        ASSERT_EQ(seen.size(), 5u);
        for (int n = 0; n < 3; ++n) {
            EXPECT_EQ(seen[n].frame.arp(), probe());
            EXPECT_TRUE(seen[n].frame.to().is_broadcast());
        }
        EXPECT_LE(seen[0].at - start, 1s);
        for (int n = 1; n < 3; ++n) {
            EXPECT_GE(seen[n].at - seen[n - 1].at, 1s);
            EXPECT_LE(seen[n].at - seen[n - 1].at, 2s);
            gaps.insert((seen[n].at - seen[n - 1].at).count());
        }
        first_delays.insert((seen[0].at - start).count());
        EXPECT_EQ(seen[3].at - seen[2].at, 2s);
        EXPECT_EQ(seen[4].at - seen[3].at, 2s);
        for (int n = 3; n < 5; ++n) {
            EXPECT_EQ(seen[n].frame.arp(), announcement());
            EXPECT_TRUE(seen[n].frame.to().is_broadcast());
        }
        EXPECT_EQ(told(), Error::None);
        EXPECT_TRUE(owned());
        EXPECT_EQ(layer->next_deadline(), Instant::max());
        ASSERT_TRUE(layer->remove_address(eth, k_wanted));
    }
    EXPECT_GE(first_delays.size(), 49u);
    EXPECT_GE(gaps.size(), 98u);
}

TEST_F(Claim, an_address_is_not_used_before_it_is_ours) {
    covers({"RFC5227:1", "RFC5227:2"});
    claim();
    const Instant start = context.now;
    while (!owned() && context.now - start < 20s) {
        EXPECT_FALSE(layer->source_for(k_peer));
        EXPECT_TRUE(dies(DropReason::Ipv4NotForUs,
                         ether({}, ip({.to = k_wanted, .protocol = 1}, icmp(8, 0, 1, {})))));
        EXPECT_TRUE(
            dies(DropReason::ArpNotForUs, frame({.sender_ip = k_other, .target_ip = k_wanted})));
        for (const Sent& s : sent()) {
            if (s.arp() != announcement()) {
                EXPECT_EQ(s.arp(), probe());
            }
        }
        wait(100ms);
    }
    EXPECT_TRUE(owned());
    EXPECT_EQ(layer->source_for(k_peer), IpAddress{k_wanted});
    EXPECT_TRUE(layer->is_source_on({.interface = eth, .epoch = 0, .neighbor = {}}, k_wanted));
}

TEST_F(Claim, an_address_that_somebody_has_is_not_used) {
    covers({"RFC5227:2"});
    const std::vector<Bytes> conflicts = {
        contest(),                                             // an announcement
        frame({.sender_ip = k_wanted, .target_ip = k_other}),  // any request from it
        frame({.operation = 2,
               .sender_ip = k_wanted,
               .target = k_our_mac,
               .target_ip = Ipv4Address::unspecified()}),  // the answer to a probe
        frame({.sender_ip = Ipv4Address::unspecified(), .target_ip = k_wanted}),  // another's probe
    };
    for (const Bytes& conflict : conflicts) {
        for (const Duration at : {0ms, 500ms, 1500ms, 3000ms, 3900ms}) {
            layer = std::make_unique<inet::Inet>(context);
            eth = add_ethernet();
            claim();
            watch(at);
            ASSERT_FALSE(owned());
            EXPECT_TRUE(lives(conflict, Arrived::Consumed));
            EXPECT_EQ(told(), Error::AddressNotAvailable);
            EXPECT_TRUE(watch(60s).empty());
            EXPECT_FALSE(owned());
            EXPECT_EQ(told(), Error::WouldBlock);
        }
    }
}

TEST_F(Claim, our_own_probe_that_came_back_is_no_conflict) {
    claim();
    EXPECT_TRUE(dies(DropReason::ArpOwnSender, frame(probe())));
    EXPECT_EQ(watch(20s).size(), 5u);
    EXPECT_TRUE(owned());
}

TEST_F(Claim, after_ten_conflicts_one_address_a_minute) {
    covers({"RFC5227:2"});
    Instant last{};
    for (int n = 0; n < 13; ++n) {
        claim();
        const Instant start = context.now;
        std::vector<Timed> seen;
        while (seen.empty()) seen = watch(1s);
        if (n < 10) {
            EXPECT_LE(seen[0].at - start, 1s);
        } else {
            EXPECT_GE(seen[0].at - last, 60s);
            EXPECT_LE(seen[0].at - last, 61s);
        }
        last = seen[0].at;
        EXPECT_TRUE(lives(contest(), Arrived::Consumed));
        EXPECT_EQ(told(), Error::AddressNotAvailable);
    }
}

TEST_F(Claim, a_contested_address_is_defended_once_in_ten_seconds_and_then_given_up) {
    covers({"RFC5227:4"});
    settle();
    EXPECT_TRUE(lives(contest(), Arrived::Consumed));
    auto out = sent();
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].arp(), announcement());
    EXPECT_TRUE(owned());
    wait(10s);
    EXPECT_TRUE(lives(contest(), Arrived::Consumed));
    EXPECT_EQ(sent().size(), 1u) << "another time";
    EXPECT_TRUE(owned());
    wait(5s);
    EXPECT_TRUE(lives(contest(), Arrived::Consumed));
    EXPECT_TRUE(silent());
    EXPECT_FALSE(owned());
    EXPECT_EQ(told(), Error::AddressNotAvailable);
}

TEST_F(Claim, an_address_that_a_person_has_set_is_defended_for_ever) {
    covers({"RFC5227:4"});
    ASSERT_TRUE(layer->add_address(eth, Cidr{k_wanted, 24}, false));
    EXPECT_TRUE(silent());
    u32 defended = 0;
    for (int n = 0; n < 600; ++n) {  // a minute
        EXPECT_TRUE(lives(contest(), Arrived::Consumed));
        for (const Sent& s : sent()) {
            EXPECT_EQ(s.arp(), announcement());
            ++defended;
        }
        wait(100ms);
    }
    EXPECT_TRUE(owned());
    EXPECT_GE(defended, 6u);
    EXPECT_LE(defended, 7u);
    EXPECT_EQ(told(), Error::WouldBlock);
}

TEST_F(Claim, who_contests_is_not_believed_otherwise) {
    covers({"VULN:arp-poisoning"});
    settle();
    // The packet asks for our address, in our name: no answer but the defence, no entry.
    EXPECT_TRUE(lives(contest(k_other_mac), Arrived::Consumed));
    EXPECT_EQ(sent().size(), 1u);
    EXPECT_EQ(layer->source_for(k_wanted).error(), Error::NoRoute);
}

TEST_F(Claim, anothers_probe_for_our_address_is_answered) {
    settle();
    EXPECT_TRUE(lives(frame({.sender_ip = Ipv4Address::unspecified(), .target_ip = k_wanted}),
                      Arrived::Consumed));
    const auto out = sent();
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].arp().operation, 2);
    EXPECT_EQ(out[0].arp().sender_ip, k_wanted);
    EXPECT_EQ(out[0].to(), k_peer_mac);
    EXPECT_TRUE(owned());
}

TEST_F(Claim, where_nobody_can_be_asked_the_address_is_ours_at_once) {
    eth = add_plain();
    claim();
    EXPECT_TRUE(owned());
    EXPECT_EQ(told(), Error::None);
    EXPECT_TRUE(silent());
}

TEST_F(Claim, an_address_may_be_removed_at_any_time) {
    claim();
    watch(1500ms);
    ASSERT_TRUE(layer->remove_address(eth, k_wanted));
    EXPECT_EQ(layer->next_deadline(), Instant::max());
    EXPECT_TRUE(watch(10s).empty());
    EXPECT_EQ(layer->remove_address(eth, k_wanted).error(), Error::AddressNotAvailable);
}

}  // namespace
}  // namespace tern::test

// A Runtime with several links: fair turns, links that are lost, sources and routes, mistakes.
#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <functional>

#include <poll.h>
#include <unistd.h>

#include "support/patience.hh"
#include "tern/runtime.hh"
#include "tern/shards.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;

constexpr u16 k_port = 7;
const auto k_nothing = [](const Event&) {};

LinkConfig link_config(std::string address, std::unique_ptr<Link> device) {
    LinkConfig c;
    c.device = std::move(device);
    c.addresses = {std::move(address)};
    return c;
}

RuntimeConfig one_link(std::string address, std::unique_ptr<Link> device) {
    RuntimeConfig c;
    c.device = std::move(device);
    c.addresses = {std::move(address)};
    return c;
}

// A host with two links, and on each of them a neighbour of its own.
struct TwoCables {
    explicit TwoCables(std::function<void(RuntimeConfig&)> change = [](RuntimeConfig&) {}) {
        auto a = make_wire(), b = make_wire();
        RuntimeConfig c;
        c.links = make_links(link_config("10.0.0.1/24", std::move(a.first)),
                             link_config("10.1.0.1/24", std::move(b.first)));
        change(c);
        host.emplace(std::move(c));
        RuntimeConfig left = one_link("10.0.0.2/24", std::move(a.second));
        left.gateway = "10.0.0.1";
        RuntimeConfig right = one_link("10.1.0.2/24", std::move(b.second));
        right.gateway = "10.1.0.1";
        neighbors[0].emplace(std::move(left));
        neighbors[1].emplace(std::move(right));
    }
    void turn() {
        for (Runtime* r : {&*host, &*neighbors[0], &*neighbors[1]}) r->run_once(0ms, k_nothing);
    }
    template <class Until>
    bool carry(Until until) {
        const Instant end = monotonic_now() + test::k_patience;
        while (!until() && monotonic_now() < end) turn();
        return until();
    }
    // Without a time of its own: until nobody has anything to do.
    void settle() {
        for (int quiet = 0; quiet < 3;) {
            bool worked = false;
            for (Runtime* r : {&*host, &*neighbors[0], &*neighbors[1]})
                worked |= r->run_once(0ms, k_nothing);
            quiet = worked ? 0 : quiet + 1;
        }
    }
    bool pings(Runtime& from, const char* to) {
        EXPECT_TRUE(from.stack().send_echo(*IpAddress::parse(to), 1, ++sequence, {}));
        settle();
        const auto reply = from.stack().next_echo_reply();
        return reply && reply->from == *IpAddress::parse(to) && reply->sequence == sequence;
    }

    std::array<std::optional<Runtime>, 2> neighbors;
    std::optional<Runtime> host;
    u16 sequence = 0;
};

TEST(SeveralLinks, EachNeighbourIsServedOnItsOwn) {
    TwoCables t;
    EXPECT_EQ(t.host->link_count(), 2u);
    EXPECT_EQ(t.neighbors[0]->link_count(), 1u);
    EXPECT_NE(t.host->interface(0), t.host->interface(1));
    EXPECT_TRUE(t.pings(*t.neighbors[0], "10.0.0.1"));
    EXPECT_TRUE(t.pings(*t.neighbors[1], "10.1.0.1"));
    EXPECT_TRUE(t.pings(*t.host, "10.0.0.2"));
    EXPECT_TRUE(t.pings(*t.host, "10.1.0.2"));
    for (const std::size_t link : {0, 1}) {
        // A question and an answer for each ping, and ARP before them.
        EXPECT_GE(t.host->link_counters(link).received_packets, 3u) << link;
        EXPECT_GE(t.host->link_counters(link).sent_packets, 3u) << link;
    }
}

// Strong host model: neither the address of the other link nor a host behind it can be reached.
TEST(SeveralLinks, NothingCrossesFromOneToAnother) {
    TwoCables t;
    ASSERT_TRUE(t.pings(*t.host, "10.1.0.2"));  // so that the neighbour there is known
    const u64 sent = t.host->link_counters(1).sent_packets;
    EXPECT_FALSE(t.pings(*t.neighbors[0], "10.1.0.1"));
    EXPECT_FALSE(t.pings(*t.neighbors[0], "10.1.0.2"));
    EXPECT_EQ(t.host->link_counters(1).sent_packets, sent);
    EXPECT_EQ(t.host->stack().counters().dropped(DropReason::Ipv4NotForUs), 2u);
}

// The neighbours ask from far away, each through the link that it is on. Both default routes are
// there, and an answer leaves by the one of the link that the question came in by.
TEST(SeveralLinks, AnswersLeaveByTheLinkOfTheirSource) {
    auto a = make_wire(), b = make_wire();
    RuntimeConfig c;
    c.links = make_links(link_config("10.0.0.1/24", std::move(a.first)),
                         link_config("10.1.0.1/24", std::move(b.first)));
    c.links[0].gateway = "10.0.0.2";
    c.links[1].gateway = "10.1.0.2";
    Runtime host{std::move(c)};
    const auto neighbor = [](const char* near, const char* far, std::unique_ptr<Link> end,
                             const char* via) {
        RuntimeConfig n = one_link(near, std::move(end));
        n.addresses.push_back(far);
        n.routes = {std::string{via} + "/32"};
        return Runtime{std::move(n)};
    };
    Runtime left = neighbor("10.0.0.2/24", "192.0.2.1/24", std::move(a.second), "10.0.0.1");
    Runtime right = neighbor("10.1.0.2/24", "198.51.100.1/24", std::move(b.second), "10.1.0.1");
    ListenOptions listening;
    listening.local.port = k_port;
    ASSERT_TRUE(host.stack().tcp().listen(listening));
    const auto connects = [&](Runtime& from, const char* source, const char* to) {
        ConnectOptions o;
        o.local_address = *IpAddress::parse(source);
        const auto connection = from.stack().tcp().connect({*IpAddress::parse(to), k_port}, o);
        if (!connection) return false;
        bool open = false;
        const Instant end = monotonic_now() + test::k_patience;
        while (!open && monotonic_now() < end) {
            host.run_once(0ms, k_nothing);
            left.run_once(0ms, k_nothing);
            right.run_once(0ms, k_nothing);
            open = from.stack().tcp().status(*connection)->state == State::Established;
        }
        return open;
    };
    EXPECT_TRUE(connects(left, "192.0.2.1", "10.0.0.1"));
    EXPECT_TRUE(connects(right, "198.51.100.1", "10.1.0.1"));
    EXPECT_EQ(host.stack().counters().dropped(DropReason::OutNoRoute), 0u);
}

// ---- fair turns ----

// Has something to say at any time: datagrams for a port that nobody has.
class Flood final : public Link {
public:
    explicit Flood(u32 patience) : patience_(patience) {}
    const LinkFacts& facts() const override { return facts_; }
    void receive(Instant, PacketPool& pool, PacketBatch& into) override {
        ++calls;
        while (!into.full() && patience_ > 0) {
            --patience_;
            Packet p = pool.copy_of(std::span<const std::byte>{k_frame});
            if (!p) return;
            into.push(std::move(p));
        }
    }
    void transmit(Instant, PacketBatch&& batch) override { batch.clear(); }
    u32 calls = 0;

private:
    static constexpr std::array<std::byte, 20> k_frame{};  // IP version 0: dropped at once
    LinkFacts facts_{.name = "flood", .medium = Medium::Ip};
    u32 patience_;  // so that a turn without a bound ends, and the test fails
};

TEST(SeveralLinks, AFloodOnOneDoesNotKeepTheOtherWaiting) {
    for (const bool first : {true, false}) {
        auto flood = std::make_unique<Flood>(1'000'000);
        Flood& counts = *flood;
        auto wire = make_wire();
        RuntimeConfig c;
        LinkConfig noisy = link_config("10.0.0.1/24", std::move(flood));
        LinkConfig quiet = link_config("10.1.0.1/24", std::move(wire.first));
        c.links = first ? make_links(std::move(noisy), std::move(quiet))
                        : make_links(std::move(quiet), std::move(noisy));
        Runtime host{std::move(c)};
        Runtime neighbor{one_link("10.1.0.2/24", std::move(wire.second))};
        // ARP and an echo request: each is answered in the turn that finds it.
        ASSERT_TRUE(neighbor.stack().send_echo(*IpAddress::parse("10.1.0.1"), 1, 1, {}));
        for (int turns = 0; turns < 2; ++turns) {
            neighbor.run_once(0ms, k_nothing);
            const u32 before = counts.calls;
            host.run_once(0ms, k_nothing);
            EXPECT_LE(counts.calls - before, 4u) << "batches of the flood in one turn";
            EXPECT_GE(counts.calls - before, 1u);
        }
        neighbor.run_once(0ms, k_nothing);
        EXPECT_TRUE(neighbor.stack().next_echo_reply());
    }
}

// What a link has goes to the stack in turn with the others' batches, not all at once in front.
TEST(SeveralLinks, LinksTakeTurnsBatchByBatch) {
    struct Watched final : Link {
        Watched(std::string& log_, char name_) : log(log_), name(name_) {}
        const LinkFacts& facts() const override { return flood.facts(); }
        void receive(Instant now, PacketPool& pool, PacketBatch& into) override {
            log += name;
            flood.receive(now, pool, into);
        }
        void transmit(Instant, PacketBatch&& batch) override { batch.clear(); }
        std::string& log;
        char name;
        Flood flood{100'000};
    };
    std::string log;
    RuntimeConfig c;
    c.links = make_links(link_config("10.0.0.1/24", std::make_unique<Watched>(log, 'a')),
                         link_config("10.1.0.1/24", std::make_unique<Watched>(log, 'b')));
    Runtime host{std::move(c)};
    host.run_once(0ms, k_nothing);
    EXPECT_EQ(log, "abababab");
}

TEST(SeveralLinks, ItWakesForAPacketOnAnyOfThem) {
    TwoCables t;
    t.settle();
    for (const std::size_t link : {0, 1}) {
        pollfd p{.fd = t.host->fd(), .events = POLLIN, .revents = 0};
        EXPECT_EQ(::poll(&p, 1, 0), 0);
        const IpAddress to = *IpAddress::parse(link == 0 ? "10.0.0.1" : "10.1.0.1");
        ASSERT_TRUE(t.neighbors[link]->stack().send_echo(to, 1, 1, {}));
        t.neighbors[link]->run_once(0ms, k_nothing);
        EXPECT_EQ(::poll(&p, 1, 0), 1) << link;
        t.settle();
    }
}

// A link that delays frames is waited for, whichever it is.
TEST(SeveralLinks, TheTimesOfEveryLinkAreKept) {
    for (const std::size_t slow : {0, 1}) {
        TwoCables t{[&](RuntimeConfig& c) { c.links[slow].outbound = Impairment{.delay = 20ms}; }};
        const char* to = slow == 0 ? "10.0.0.2" : "10.1.0.2";
        ASSERT_TRUE(t.host->stack().send_echo(*IpAddress::parse(to), 1, 1, {}));
        const Instant before = monotonic_now();
        t.host->run_once(0ms, k_nothing);
        pollfd p{.fd = t.host->fd(), .events = POLLIN, .revents = 0};
        EXPECT_EQ(::poll(&p, 1, 500), 1) << "ARP itself asks again after a second only";
        bool answered = false;
        while (!answered && monotonic_now() - before < test::k_patience) {
            t.host->run_once(test::k_patience, k_nothing);  // asleep until the deadline
            for (auto& n : t.neighbors) n->run_once(0ms, k_nothing);
            answered = t.host->stack().next_echo_reply().has_value();
        }
        EXPECT_TRUE(answered);
        EXPECT_GE(monotonic_now() - before, 40ms) << "ARP and the question were delayed";
        EXPECT_LT(monotonic_now() - before, test::k_patience);
    }
}

// ---- links that are lost ----

// A device that is removed when the test says so: the end of a pipe that nobody reads any more.
class Removable final : public Link {
public:
    Removable() { EXPECT_EQ(::pipe(ends_), 0); }
    ~Removable() override {
        remove();
        ::close(ends_[1]);
    }
    void remove() {
        if (ends_[0] >= 0) ::close(std::exchange(ends_[0], -1));
    }
    const LinkFacts& facts() const override { return facts_; }
    int fd() const override { return ends_[1]; }
    void receive(Instant, PacketPool&, PacketBatch&) override { ++calls; }
    void transmit(Instant, PacketBatch&& batch) override { batch.clear(); }
    u32 calls = 0;

private:
    LinkFacts facts_{.name = "tap:gone", .medium = Medium::Ip};
    int ends_[2] = {-1, -1};
};

struct Losing : testing::TestWithParam<bool> {
    // The removable link stands before or behind the sound one.
    Losing() {
        auto device = std::make_unique<Removable>();
        gone = device.get();
        auto wire = make_wire();
        RuntimeConfig c;
        LinkConfig removable = link_config("10.0.0.1/24", std::move(device));
        removable.gateway = "10.0.0.9";
        LinkConfig rest = link_config("10.1.0.1/24", std::move(wire.first));
        rest.gateway = "10.1.0.2";
        c.links = GetParam() ? make_links(std::move(removable), std::move(rest))
                             : make_links(std::move(rest), std::move(removable));
        lost = GetParam() ? 0 : 1;
        sound = 1 - lost;
        host.emplace(std::move(c));
        neighbor.emplace(one_link("10.1.0.2/24", std::move(wire.second)));
    }
    bool pings_on() {
        EXPECT_TRUE(host->stack().send_echo(*IpAddress::parse("10.1.0.2"), 1, 1, {}));
        const Instant end = monotonic_now() + test::k_patience;
        while (monotonic_now() < end) {
            host->run_once(0ms, k_nothing);
            neighbor->run_once(0ms, k_nothing);
            if (host->stack().next_echo_reply()) return true;
        }
        return false;
    }

    std::optional<Runtime> neighbor, host;
    Removable* gone = nullptr;
    std::size_t lost = 0, sound = 0;
};

TEST_P(Losing, OneIsToldAndTheOthersGoOn) {
    EXPECT_TRUE(pings_on());
    EXPECT_FALSE(host->link_lost(lost));
    gone->remove();
    const Instant end = monotonic_now() + test::k_patience;
    while (!host->link_lost(lost) && monotonic_now() < end) host->run_once(1ms, k_nothing);
    EXPECT_TRUE(host->link_lost(lost));
    EXPECT_FALSE(host->link_lost(sound));
    EXPECT_FALSE(host->all_links_lost());
    EXPECT_EQ(host->link_lost_text(lost),
              "tap:gone: the device is gone: was it removed, or its network namespace?");
    const u32 calls = gone->calls;
    EXPECT_TRUE(pings_on());
    EXPECT_EQ(gone->calls, calls) << "nobody reads a device that is gone";
    // Its routes went with it: what would have left there takes the other default route.
    EXPECT_EQ(host->stack().tcp().connect({*IpAddress::parse("192.0.2.1"), 80}).has_value(), true);
    EXPECT_TRUE(host->stack().tcp().listen({.local = {*IpAddress::parse("10.1.0.1"), 80}}));
    EXPECT_EQ(host->stack().tcp().listen({.local = {*IpAddress::parse("10.0.0.1"), 80}}).error(),
              Error::AddressNotAvailable);
    host->run_once(0ms, k_nothing);
    pollfd p{.fd = host->fd(), .events = POLLIN, .revents = 0};
    while (host->run_once(0ms, k_nothing)) {}
    EXPECT_EQ(::poll(&p, 1, 0), 0) << "other event loops would spin";
}

// A device whose descriptor is only ready when it is gone, as that of AF_XDP: the link must say it,
// through all that may stand around it.
TEST(SeveralLinks, ALinkMaySayItselfThatItIsGone) {
    struct Knowing final : Link {
        Knowing() { EXPECT_EQ(::pipe(ends), 0); }
        ~Knowing() override {
            ::close(ends[0]);
            ::close(ends[1]);
        }
        void remove() { EXPECT_EQ(::write(ends[1], "x", 1), 1); }
        const LinkFacts& facts() const override { return facts_; }
        int fd() const override { return ends[0]; }
        bool gone() override { return is_gone; }
        void receive(Instant, PacketPool&, PacketBatch&) override {}
        void transmit(Instant, PacketBatch&& batch) override { batch.clear(); }
        LinkFacts facts_{.name = "knowing"};
        int ends[2] = {-1, -1};
        bool is_gone = false;
    };
    for (const bool impaired : {false, true}) {
        std::vector<Knowing*> devices;
        Shards shards{2, [&](u32) {
                          auto device = std::make_unique<Knowing>();
                          devices.push_back(device.get());
                          RuntimeConfig c = one_link("10.0.0.1/24", std::move(device));
                          if (impaired) c.outbound = Impairment{};
                          return c;
                      }};
        devices[0]->remove();
        for (int turns = 0; turns < 5; ++turns) shards[0].run_once(0ms, k_nothing);
        EXPECT_FALSE(shards[0].link_lost()) << "readable, and nothing else";
        devices[0]->is_gone = true;
        const Instant end = monotonic_now() + test::k_patience;
        while (!shards[0].link_lost() && monotonic_now() < end) shards[0].run_once(1ms, k_nothing);
        EXPECT_TRUE(shards[0].link_lost());
        EXPECT_FALSE(shards[1].link_lost());
    }
}

// A link that always has work must not hide that another one is lost.
TEST(SeveralLinks, AFloodDoesNotHideThatAnotherIsLost) {
    auto device = std::make_unique<Removable>();
    device->remove();
    RuntimeConfig c;
    c.links = make_links(link_config("10.0.0.1/24", std::make_unique<Flood>(~u32{0})),
                         link_config("10.1.0.1/24", std::move(device)));
    Runtime host{std::move(c)};
    const Instant end = monotonic_now() + test::k_patience;
    while (!host.link_lost(1) && monotonic_now() < end) host.run_once(1s, k_nothing);
    EXPECT_TRUE(host.link_lost(1));
}

TEST(SeveralLinks, AllLostIsSaid) {
    auto a = std::make_unique<Removable>(), b = std::make_unique<Removable>();
    Removable* const last = b.get();
    a->remove();
    RuntimeConfig c;
    c.links = make_links(link_config("10.0.0.1/24", std::move(a)),
                         link_config("10.1.0.1/24", std::move(b)));
    Runtime host{std::move(c)};
    const Instant end = monotonic_now() + test::k_patience;
    while (!host.link_lost(0) && monotonic_now() < end) host.run_once(1ms, k_nothing);
    EXPECT_FALSE(host.all_links_lost());
    last->remove();
    while (!host.all_links_lost() && monotonic_now() < end) host.run_once(1ms, k_nothing);
    EXPECT_TRUE(host.all_links_lost());
}

INSTANTIATE_TEST_SUITE_P(Either, Losing, testing::Bool());

// ---- mistakes ----

std::string complaint(RuntimeConfig config) {
    try {
        const Runtime runtime{std::move(config)};
    } catch (const RuntimeError& error) {
        return error.what();
    }
    return "none";
}

TEST(SeveralLinks, MistakesSayWhichLinkTheyAreAbout) {
    const auto two = [](std::function<void(RuntimeConfig&)> change) {
        RuntimeConfig c;
        c.links = make_links(link_config("10.0.0.1/24", make_wire().first),
                             link_config("10.1.0.1/24", std::make_unique<Removable>()));
        change(c);
        return complaint(std::move(c));
    };
    EXPECT_EQ(two([](RuntimeConfig&) {}), "none");
    EXPECT_EQ(two([](RuntimeConfig& c) { c.links[1].addresses = {"10.0.0.1/16"}; }),
              "tap:gone: address 10.0.0.1/16: it was given before, and an address belongs to one "
              "link");
    EXPECT_EQ(two([](RuntimeConfig& c) { c.links[1].addresses = {"10.1.0.1"}; }).substr(0, 28),
              "tap:gone: address \"10.1.0.1\"");
    EXPECT_EQ(two([](RuntimeConfig& c) { c.links[1].gateway = "10.0.0.9"; }).substr(0, 40),
              "tap:gone: gateway: 10.0.0.9 must lie in ");
    EXPECT_EQ(two([](RuntimeConfig& c) { c.links[1].prefixes = {"10.9.0.0/8"}; }).substr(0, 28),
              "tap:gone: prefix \"10.9.0.0/8");
}

TEST(SeveralLinks, WhatBelongsToOneLinkAndStandsBesideThemIsRefused) {
    const auto beside = [](std::function<void(RuntimeConfig&)> change) {
        RuntimeConfig c;
        c.links = make_links(link_config("10.0.0.1/24", make_wire().first));
        change(c);
        return complaint(std::move(c));
    };
    EXPECT_EQ(beside([](RuntimeConfig& c) { c.seed = 1, c.memory_limit = 8 << 20; }), "none");
    const std::pair<const char*, std::function<void(RuntimeConfig&)>> fields[] = {
        {"link", [](RuntimeConfig& c) { c.link = "tap:x"; }},
        {"device", [](RuntimeConfig& c) { c.device = make_wire().first; }},
        {"addresses", [](RuntimeConfig& c) { c.addresses = {"10.0.0.9/24"}; }},
        {"prefixes", [](RuntimeConfig& c) { c.prefixes = {"10.9.0.0/16"}; }},
        {"gateway", [](RuntimeConfig& c) { c.gateway = "10.0.0.2"; }},
        {"routes", [](RuntimeConfig& c) { c.routes = {"10.8.0.0/16"}; }},
        {"mtu", [](RuntimeConfig& c) { c.mtu = 1400; }},
        {"vlan", [](RuntimeConfig& c) { c.vlan = 7; }},
        {"mac",
         [](RuntimeConfig& c) {
             c.mac = MacAddress{{2, 0, 0, 0, 0, 9}};
         }},
        {"offloads", [](RuntimeConfig& c) { c.offloads = false; }},
        {"network_namespace", [](RuntimeConfig& c) { c.network_namespace = "/x"; }},
        {"probe", [](RuntimeConfig& c) { c.probe = Stack::Probe::Yes; }},
        {"outbound", [](RuntimeConfig& c) { c.outbound = Impairment{}; }},
        {"inbound", [](RuntimeConfig& c) { c.inbound = Impairment{}; }},
        {"impair_seed", [](RuntimeConfig& c) { c.impair_seed = 2; }},
    };
    for (const auto& [name, set] : fields) {
        const std::string said = beside(set);
        EXPECT_NE(said.find("`" + std::string{name} + "`: write that into the LinkConfig"),
                  std::string::npos)
            << said;
    }
}

TEST(SeveralLinks, ADeviceThatIsNamedTwiceIsRefused) {
    RuntimeConfig c;
    c.links = make_links(LinkConfig{.link = "tap:twice", .addresses = {"10.0.0.1/24"}},
                         LinkConfig{.link = "tap:twice", .addresses = {"10.1.0.1/24"}});
    EXPECT_EQ(complaint(std::move(c)),
              "link tap:twice is named twice: a device is one link; it may have several addresses");
}

// ---- shards ----

// Two hosts on each of two cables. One of them has two shards: the first shard gets all frames of
// the first cable, the second all of the second, so half of them are handed over.
TEST(SeveralLinks, ShardsHandFramesOverLinkByLink) {
    auto a = make_wire(), b = make_wire();
    struct Deaf final : Link {
        const LinkFacts& facts() const override { return facts_; }
        void receive(Instant, PacketPool&, PacketBatch&) override {}
        void transmit(Instant, PacketBatch&& batch) override { batch.clear(); }
        LinkFacts facts_{.name = "nothing comes here"};
    };
    Shards shards{
        2, [&](u32 shard) {
            RuntimeConfig c;
            c.links.push_back(link_config(
                "10.0.0.1/24", shard == 0 ? std::move(a.first) : std::unique_ptr<Link>(new Deaf)));
            c.links.push_back(link_config(
                "10.1.0.1/24", shard == 1 ? std::move(b.first) : std::unique_ptr<Link>(new Deaf)));
            return c;
        }};
    ASSERT_EQ(shards[0].link_count(), 2u);
    Runtime neighbor{one_link("10.1.0.2/24", std::move(b.second))};
    // Echo and ARP are the first shard's; they come in by the second's queue of the second link.
    ASSERT_TRUE(neighbor.stack().send_echo(*IpAddress::parse("10.1.0.1"), 1, 1, {}));
    for (int i = 0; i < 4; ++i) {
        neighbor.run_once(0ms, k_nothing);
        for (u32 s : {1u, 0u}) shards[s].run_once(0ms, k_nothing);
    }
    EXPECT_GE(shards[1].link_counters(1).handed_over, 1u);
    EXPECT_EQ(shards[1].link_counters(0).handed_over, 0u);
    EXPECT_GE(shards[0].stack().counters().arp_in, 1u);
    EXPECT_EQ(shards[0].stack().counters().dropped(DropReason::ArpNotForUs), 0u)
        << "it arrived as one of the other link";
}

TEST(SeveralLinks, ShardsWithUnequalLinksAreRefused) {
    std::string said = "none";
    try {
        Shards shards{2, [](u32 shard) {
                          RuntimeConfig c;
                          c.links.push_back(link_config("10.0.0.1/24", make_wire().first));
                          if (shard == 0)
                              c.links.push_back(link_config("10.1.0.1/24", make_wire().first));
                          return c;
                      }};
    } catch (const RuntimeError& error) {
        said = error.what();
    }
    EXPECT_EQ(said, "shards: each must have the same links, in the same order");
}

}  // namespace
}  // namespace tern

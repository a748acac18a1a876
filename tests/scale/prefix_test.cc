// A host of many addresses: listeners accept on all of them, connect() speaks from any.
#include <gtest/gtest.h>

#include <set>

#include "support/pair.hh"

namespace tern {
namespace {

// a: 10.0.0.1 and 10.16.0.0/12; b: 10.0.0.2 and 10.32.0.0/12.
struct Many : Pair {
    Many() {
        EXPECT_TRUE(a.add_prefix(on_a, *Cidr::parse("10.16.0.0/12")));
        EXPECT_TRUE(b.add_prefix(on_b, *Cidr::parse("10.32.0.0/12")));
        EXPECT_TRUE(a.add_route(*Cidr::parse("10.32.0.0/12"), on_a));
        EXPECT_TRUE(b.add_route(*Cidr::parse("10.16.0.0/12"), on_b));
    }
    static IpAddress client(u32 n) { return Ipv4Address{(u32{10} << 24 | 16u << 16) + n}; }
    static IpAddress server(u32 n) { return Ipv4Address{(u32{10} << 24 | 32u << 16) + n}; }
};

TEST(Prefix, EachConnectionMayHaveAnAddressOfItsOwnOnBothSides) {
    Many p;
    constexpr u32 count = 3000;
    std::set<std::string> seen;
    for (u32 n = 0; n < count; ++n) {
        ConnectOptions o;
        o.local_address = Many::client(n * 331);
        o.local_port = 7777;  // the same for all: the addresses tell them apart
        ASSERT_TRUE(p.a.tcp().connect({Many::server(n * 317), 80}, o).has_value());
        if (n % 32 == 31) p.exchange();
        while (const auto c = p.b.tcp().accept(p.listener)) {
            const FlowId flow = p.b.tcp().status(*c)->flow;
            EXPECT_EQ(flow.remote.port, 7777);
            seen.insert(flow.local.to_string() + flow.remote.to_string());
        }
    }
    p.exchange();
    while (p.b.tcp().accept(p.listener)) seen.insert(std::to_string(seen.size()));
    EXPECT_EQ(seen.size(), count);
    for (const u64 drops : p.b.counters().drops) EXPECT_EQ(drops, 0u);
    for (const u64 drops : p.a.counters().drops) EXPECT_EQ(drops, 0u);
}

TEST(Prefix, ListenAndConnectMayNameAnAddressOfIt) {
    Many p;
    ListenOptions one;
    one.local = {Many::server(5), 81};
    ASSERT_TRUE(p.b.tcp().listen(one).has_value());
    one.local = {Many::client(5), 81};
    EXPECT_EQ(p.b.tcp().listen(one).error(), Error::AddressNotAvailable);
    const auto good = *p.a.tcp().connect({Many::server(5), 81});
    const auto other = *p.a.tcp().connect({Many::server(6), 81});
    p.exchange();
    EXPECT_EQ(p.a.tcp().status(good)->state, State::Established);
    EXPECT_EQ(p.a.tcp().status(good)->flow.local.address, IpAddress(Ipv4Address(10, 0, 0, 1)))
        << "a prefix gives no source by itself";
    EXPECT_EQ(p.a.tcp().status(other)->error, Error::Refused);
    ConnectOptions from;
    from.local_address = Many::server(9);
    EXPECT_EQ(p.a.tcp().connect({Many::server(5), 81}, from).error(), Error::AddressNotAvailable);
}

TEST(Prefix, AConnectionEndsWithItsPrefix) {
    Many p;
    ConnectOptions from;
    from.local_address = Many::client(9);
    const auto c = *p.a.tcp().connect({Many::server(5), 80}, from);
    p.exchange();
    ASSERT_EQ(p.a.tcp().status(c)->state, State::Established);
    ASSERT_TRUE(p.a.remove_prefix(p.on_a, *Cidr::parse("10.16.0.0/12")));
    const std::byte byte{1};
    ASSERT_TRUE(p.a.tcp().send(c, {&byte, 1}).has_value());
    p.exchange();
    EXPECT_EQ(p.a.counters().dropped(DropReason::OutNoRoute), 1u)
        << "RFC 1122 3.2.1.3: nothing leaves from an address that is not ours";
}

}  // namespace
}  // namespace tern

// A host that listens on very many ports of very many addresses: each is found as quickly as one.
#include <gtest/gtest.h>

#include "core/tcp/room.hh"
#include "scale/probes.hh"
#include "scale/siege.hh"

namespace tern::siege {
namespace {

constexpr u32 k_addresses = u32{10} << 24 | 32u << 16;  // 10.32.0.0/12

// Neither the addresses that share a port, nor the ports of an address, stand in each other's way.
TEST(Listeners, EachHasAPlaceOfItsOwn) {
    const SipKey key{1, 2};
    std::vector<u64> one_port, one_address;
    for (u32 n = 0; n < 4000; ++n) {
        one_port.push_back(tcp::hash_of_listener(key, Ipv4Address{k_addresses + n}, 80));
        one_address.push_back(
            tcp::hash_of_listener(key, Ipv4Address{k_addresses}, static_cast<u16>(n + 1)));
    }
    EXPECT_LE(probes_each(one_port), 1.2);
    EXPECT_LE(probes_each(one_address), 1.2);
}

struct Many : Pair {
    const u32 count = scaled(20'000, 1'000'000);
    std::vector<TcpListener> listeners;

    Many() : Pair(Options{.memory_limit = u64{2} << 30}) {
        EXPECT_TRUE(a.add_prefix(on_a, *Cidr::parse("10.32.0.0/12")));
        EXPECT_TRUE(b.add_route(*Cidr::parse("10.32.0.0/12"), on_b));
        for (u32 n = 0; n < count; ++n) {
            ListenOptions o;
            o.local = {place(n).address, place(n).port};
            o.user = n;
            const auto l = a.tcp().listen(o);
            EXPECT_TRUE(l.has_value()) << n;
            listeners.push_back(l ? *l : TcpListener{});
        }
    }
    // 512 ports on each address.
    static Endpoint place(u32 n) {
        return {Ipv4Address{k_addresses + 1 + n / 512}, static_cast<u16>(1000 + n % 512)};
    }
    // The user word of the listener that a connection to this place came to, or nothing.
    std::optional<u64> reach(const Endpoint& at) {
        const TcpConnection c = *b.tcp().connect(at);
        exchange();
        std::optional<u64> found;
        while (const auto e = a.next_event()) {
            if (e->kind != Event::Kind::Listener) continue;
            found = e->user;
            EXPECT_TRUE(a.tcp().accept(e->listener()).has_value());
        }
        EXPECT_EQ(b.tcp().status(c)->state, found ? State::Established : State::Closed);
        b.tcp().release(c);
        return found;
    }
};

TEST(Listeners, ARandomOneOfVeryManyIsReached) {
    Many p;
    ASSERT_EQ(p.a.tcp().count().listeners, p.count);
    Random random{1};
    for (int i = 0; i < 300; ++i) {
        const u32 n = random.below(p.count);
        EXPECT_EQ(p.reach(Many::place(n)), n);
    }
    const Endpoint last = Many::place(p.count - 1);
    EXPECT_EQ(p.reach({Ipv4Address{last.address.v4().value + 1}, last.port}), std::nullopt);
    EXPECT_EQ(p.reach({last.address, 999}), std::nullopt);
}

// RFC 9293 3.9.1.1 [MUST-41]: a listener does not disturb what exists, and closing one does not
// touch its neighbours.
TEST(Listeners, OneOfVeryManyClosesAndOpensAgain) {
    Many p;
    Random random{2};
    for (int i = 0; i < 100; ++i) {
        const u32 n = random.below(p.count - 1);
        ListenOptions o;
        o.local = {Many::place(n).address, Many::place(n).port};
        o.user = n;
        o.reuse_address = true;
        EXPECT_EQ(p.a.tcp().listen(o).error(), Error::PortInUse);
        ASSERT_TRUE(p.a.tcp().close_listener(p.listeners[n]).has_value());
        EXPECT_EQ(p.reach(Many::place(n)), std::nullopt);
        EXPECT_EQ(p.reach(Many::place(n + 1)), n + 1);
        p.listeners[n] = *p.a.tcp().listen(o);
        EXPECT_EQ(p.reach(Many::place(n)), n);
    }
}

}  // namespace
}  // namespace tern::siege

// Listeners on one address, on every one of a family, and on every one of both.
#include "support/covers.hh"
#include "support/pair.hh"

namespace tern {
namespace {

constexpr Ipv4Address k_here{10, 0, 0, 2};
constexpr u16 k_port = 443;

struct EveryAddress : testing::Test, Pair {
    TcpListener listen(const LocalAddress& at, u64 user) {
        const auto l = b.tcp().listen({.local = {at, k_port}, .reuse_address = true, .user = user});
        EXPECT_TRUE(l) << at.to_string();
        return l.value_or(TcpListener{});
    }
    Error refusal(const LocalAddress& at) {
        const auto l = b.tcp().listen({.local = {at, k_port}});
        return l ? Error::None : l.error();
    }
    // Whose connection it becomes; 0: nobody's.
    u64 reach() {
        forget_events();
        const TcpConnection c = *a.tcp().connect({k_here, k_port});
        exchange();
        u64 user = 0;
        while (const auto e = b.next_event())
            if (e->kind == Event::Kind::Listener) {
                user = e->user;
                (void)b.tcp().abort(*b.tcp().accept(e->listener()));
            }
        a.tcp().release(c);
        exchange();
        return user;
    }
};

TEST_F(EveryAddress, TheMostSpecificListenerGetsTheConnection) {
    test::covers({"RFC9293:MUST-41"});
    EXPECT_EQ(reach(), 0u);
    const TcpListener both = listen({}, 1);
    EXPECT_EQ(reach(), 1u);
    const TcpListener family = listen(Families::Ipv4, 2);
    EXPECT_EQ(reach(), 2u);
    const TcpListener one = listen(k_here, 3);
    EXPECT_EQ(reach(), 3u);
    ASSERT_TRUE(b.tcp().close_listener(one));
    EXPECT_EQ(reach(), 2u);
    ASSERT_TRUE(b.tcp().close_listener(family));
    EXPECT_EQ(reach(), 1u);
    ASSERT_TRUE(b.tcp().close_listener(both));
    EXPECT_EQ(reach(), 0u);
}

TEST_F(EveryAddress, TheSamePlaceIsTakenOnce) {
    for (const LocalAddress& at :
         {LocalAddress{}, LocalAddress{Families::Ipv4}, LocalAddress{k_here}}) {
        const TcpListener l = listen(at, 1);
        EXPECT_EQ(refusal(at), Error::PortInUse) << at.to_string();
        const auto told = b.tcp().local_endpoint(l);
        ASSERT_TRUE(told);
        EXPECT_EQ(*told, (LocalEndpoint{at, k_port}));
    }
}

TEST_F(EveryAddress, IsNotWhatZerosMean) {
    EXPECT_EQ(refusal(IpAddress{Ipv4Address::unspecified()}), Error::AddressNotAvailable);
    EXPECT_EQ(refusal(IpAddress{}), Error::AddressNotAvailable);
    EXPECT_EQ(refusal(Families::Ipv6), Error::NotSupported) << "there is no IPv6 yet";
}

// A handshake that one listener has begun is counted, and ended, by the one that gets it now.
TEST_F(EveryAddress, AHandshakeGoesOverToTheMoreSpecificListener) {
    (void)listen({}, 1);
    const TcpConnection c = *a.tcp().connect({k_here, k_port});
    b.receive(now, on_b, a.transmit(now, on_a));
    ASSERT_EQ(b.tcp().count().embryos, 1u);
    const TcpListener family = listen(Families::Ipv4, 2);
    ASSERT_EQ(b.broken_invariant(), std::nullopt);
    const TcpListener one = listen(k_here, 3);
    ASSERT_EQ(b.broken_invariant(), std::nullopt);
    ASSERT_TRUE(b.tcp().close_listener(family));
    ASSERT_EQ(b.tcp().count().embryos, 1u) << "not the family's any more";
    ASSERT_TRUE(b.tcp().close_listener(one));
    EXPECT_EQ(b.tcp().count().embryos, 0u);
    exchange();
    EXPECT_EQ(a.tcp().status(c)->state, State::Closed);
}

}  // namespace
}  // namespace tern

// RFC 792 and RFC 1122 3.2.2.6: who is asked answers, and who asks gets the answer.
#include "inet/bench.hh"
#include "support/covers.hh"

namespace tern::test {
namespace {

class Echo : public InetTest {
protected:
    Echo() {
        usual();
        peer_is_known();
    }
    static Bytes reply(u16 identifier, u16 sequence, const Bytes& data, Ipv4Address from = k_peer) {
        return ether({}, ip({.from = from, .protocol = 1, .ttl = 61},
                            icmp(0, 0, u32{identifier} << 16 | sequence, data)));
    }
    bool told() {
        const auto event = layer->next_event();
        return event && event->kind == Event::Kind::Echo;
    }
};

TEST_F(Echo, answers_with_the_whole_data_from_the_address_that_was_asked) {
    covers({"RFC1122:12", "RFC1122:5"});
    ASSERT_TRUE(layer->add_address(eth, *Cidr::parse("10.0.0.77/24"), false));
    for (const std::size_t size : {0u, 1u, 7u, 56u, 1000u, 1471u, 1472u}) {
        for (const Ipv4Address us : {k_us, Ipv4Address{10, 0, 0, 77}}) {
            const Bytes data = pattern(size);
            const Bytes request = icmp(8, 0, 0x12340001, data);
            ASSERT_TRUE(lives(ether({}, ip({.to = us, .protocol = 1, .ttl = 1}, request)),
                              Arrived::Consumed));
            const auto out = sent();
            ASSERT_EQ(out.size(), 1u);
            EXPECT_EQ(out[0].to(), k_peer_mac);
            EXPECT_EQ(out[0].from(), k_our_mac);
            EXPECT_EQ(out[0].ip_from(), us);
            EXPECT_EQ(out[0].ip_to(), k_peer);
            EXPECT_EQ(out[0].ttl(), 64);
            EXPECT_TRUE(out[0].ip_sum_good());
            EXPECT_EQ(out[0].payload(), icmp(0, 0, 0x12340001, data));
        }
    }
}

TEST_F(Echo, the_reply_to_a_padded_request_has_no_padding) {
    Bytes request = ether({}, ip({.protocol = 1}, icmp(8, 0, 1, pattern(3))));
    request.resize(60, 0xaa);
    inject(request);
    const auto out = sent();
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].frame.size(), 14u + 20 + 8 + 3);
}

TEST_F(Echo, a_request_that_others_view_too_is_not_changed) {
    const Bytes request = ether({}, ip({.protocol = 1}, icmp(8, 0, 1, pattern(30))));
    packet = pool.copy_of(std::as_bytes(std::span{request}));
    const Packet other = packet.share();
    EXPECT_EQ(layer->arrives(eth, packet, arrival, error), Arrived::Consumed);
    EXPECT_EQ(sent().size(), 1u);
    EXPECT_EQ(std::memcmp(other.data(), request.data(), request.size()), 0);
}

TEST_F(Echo, the_answer_to_a_question_reaches_the_application) {
    const Bytes data = pattern(100);
    ASSERT_TRUE(layer->send_echo(k_peer, 7, 1, std::as_bytes(std::span{data})));
    const auto out = sent();
    ASSERT_EQ(out.size(), 1u);
    EXPECT_EQ(out[0].payload(), icmp(8, 0, 0x00070001, data));
    EXPECT_EQ(out[0].ip_from(), k_us);
    EXPECT_FALSE(layer->next_echo_reply());
    EXPECT_FALSE(told());

    ASSERT_TRUE(lives(reply(7, 1, data), Arrived::Consumed));
    EXPECT_TRUE(told());
    EXPECT_FALSE(told());
    const auto got = layer->next_echo_reply();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->from, IpAddress{k_peer});
    EXPECT_EQ(got->identifier, 7);
    EXPECT_EQ(got->sequence, 1);
    EXPECT_EQ(got->ttl, 61);
    EXPECT_EQ(got->data.size(), 100u);
    EXPECT_EQ(std::memcmp(got->data.bytes().data(), data.data(), 100), 0);
    EXPECT_FALSE(layer->next_echo_reply());
}

TEST_F(Echo, an_answer_that_nobody_waits_for_dies) {
    ASSERT_TRUE(layer->send_echo(k_peer, 7, 1, {}));
    sent();
    EXPECT_TRUE(dies(DropReason::IcmpUnexpectedReply, reply(7, 2, {})));
    EXPECT_TRUE(dies(DropReason::IcmpUnexpectedReply, reply(8, 1, {})));
    EXPECT_TRUE(dies(DropReason::IcmpUnexpectedReply, reply(7, 1, {}, k_other)));
    EXPECT_TRUE(lives(reply(7, 1, {}), Arrived::Consumed));
    EXPECT_TRUE(dies(DropReason::IcmpUnexpectedReply, reply(7, 1, {}))) << "a second time";
    EXPECT_TRUE(layer->next_echo_reply());
}

TEST_F(Echo, many_may_answer_a_question_to_everybody_but_not_without_end) {
    ASSERT_TRUE(layer->send_echo(Ipv4Address{10, 0, 0, 255}, 7, 1, {}));
    const auto out = sent();
    ASSERT_EQ(out.size(), 1u);
    EXPECT_TRUE(out[0].to().is_broadcast());
    for (u8 host = 2; host < 12; ++host)
        EXPECT_TRUE(lives(reply(7, 1, {}, Ipv4Address{10, 0, 0, host}), Arrived::Consumed));
    for (int n = 0; n < 1000; ++n) inject(reply(7, 1, {}));
    u32 got = 0;
    while (layer->next_echo_reply()) ++got;
    EXPECT_EQ(got, 64u);
    EXPECT_TRUE(told());
    EXPECT_FALSE(told()) << "one event, however many replies";
}

TEST_F(Echo, what_cannot_be_asked) {
    EXPECT_EQ(layer->send_echo(Ipv4Address{8, 8, 8, 8}, 1, 1, {}).error(), Error::NoRoute);
    EXPECT_EQ(layer->send_echo(k_us, 1, 1, {}).error(), Error::NoRoute) << "no loopback";
    EXPECT_EQ(layer->send_echo(*IpAddress::parse("::1"), 1, 1, {}).error(), Error::NoRoute);
    const Bytes large(1473);
    EXPECT_EQ(layer->send_echo(k_peer, 1, 1, std::as_bytes(std::span{large})).error(),
              Error::MessageTooLong);
    EXPECT_TRUE(layer->send_echo(k_peer, 1, 1, std::as_bytes(std::span{large}.first(1472))));
    ASSERT_TRUE(budget.take(budget.limit() - budget.used()));
    Error refused = Error::None;
    for (int n = 0; n < 1000 && refused == Error::None; ++n) {
        const auto sent_it = layer->send_echo(k_peer, 1, 1, {});
        if (!sent_it) refused = sent_it.error();
    }
    EXPECT_EQ(refused, Error::OutOfMemory);
}

}  // namespace
}  // namespace tern::test

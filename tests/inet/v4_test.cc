// What is IPv4's own, part by part and without a stack: checks on arrival, headers, errors, echo.
#include "core/inet/v4/echo.hh"
#include "core/inet/v4/icmp_error.hh"
#include "core/inet/v4/input.hh"
#include "core/inet/v4/output.hh"
#include "inet/alone.hh"
#include "support/covers.hh"

namespace tern::test {
namespace {

namespace v4 = inet::v4;

class V4InputTest : public testing::Test, protected Alone, protected v4::Input::Surroundings {
protected:
    bool owns(u8 interface, Ipv4Address address) const override {
        ++questions;
        return interface == 1 && address == us;
    }
    bool is_ours(Ipv4Address address) const override {
        ++questions;
        return address == us || address == k_other;
    }
    bool is_subnet_broadcast(u8, Ipv4Address address) const override {
        ++questions;
        return address == Ipv4Address{10, 0, 0, 255};
    }
    v4::Input::Taken take(const Bytes& bytes, u8 interface = 1, bool link_broadcast = false) {
        packet = packet_of(bytes);
        packet->link_broadcast = link_broadcast;
        return input.take(interface, packet, arrival);
    }
    DropReason reason(const Ip& header, u8 interface = 1, bool link_broadcast = false) {
        return take(ip(header, pattern(8)), interface, link_broadcast).reason;
    }

    Ipv4Address us = k_us;
    mutable u32 questions = 0;
    v4::Input input{*this};
    Packet packet;
    inet::Arrival arrival;
};

TEST_F(V4InputTest, SaysWhoseAPacketIsAndLosesThePadding) {
    Bytes bytes = ip({.protocol = 17, .ttl = 3, .tos = 0xb8, .options = {1, 1, 1, 1}}, pattern(5));
    bytes.resize(46, 0xaa);
    const auto taken = take(bytes, 1);
    EXPECT_EQ(taken.reason, DropReason::None);
    EXPECT_EQ(taken.protocol, 17);
    EXPECT_EQ(taken.header_length, 24);
    EXPECT_EQ(packet.size(), 24u + 5);
    EXPECT_EQ(packet->transport - packet->network, 24);
    EXPECT_EQ(arrival.source, IpAddress{k_peer});
    EXPECT_EQ(arrival.destination, IpAddress{k_us});
    EXPECT_EQ(arrival.interface, 1);
    EXPECT_EQ(arrival.ttl, 3);
    EXPECT_EQ(arrival.tos, 0xb8);
    EXPECT_FALSE(arrival.broadcast);
}

TEST_F(V4InputTest, EachReasonToRefuse) {
    covers({"RFC1122:3", "RFC1122:4", "RFC1122:14", "RFC7126:1"});
    EXPECT_EQ(reason({.to = k_peer}), DropReason::Ipv4NotForUs);
    EXPECT_EQ(reason({}, 2), DropReason::Ipv4NotForUs) << "ours, but on another interface";
    EXPECT_EQ(reason({.from = {224, 0, 0, 1}}), DropReason::Ipv4BadSource);
    EXPECT_EQ(reason({.from = {10, 0, 0, 255}}), DropReason::Ipv4BadSource);
    EXPECT_EQ(reason({.from = k_other}), DropReason::Ipv4OwnSource) << "of any interface";
    EXPECT_EQ(reason({}, 1, true), DropReason::Ipv4UnicastInBroadcast);
    EXPECT_EQ(reason({.fragment = 0x2000}), DropReason::Ipv4Fragment);
    EXPECT_EQ(reason({.options = {131, 4, 4, 0}}), DropReason::Ipv4SourceRoute);
    EXPECT_EQ(reason({.from = {}, .to = Ipv4Address::broadcast(), .protocol = 6}),
              DropReason::Ipv4BadSource);
}

TEST_F(V4InputTest, GroupsAreTakenAsWhatTheyAre) {
    for (const Ipv4Address to :
         {Ipv4Address::broadcast(), Ipv4Address{10, 0, 0, 255}, Ipv4Address{224, 0, 0, 1}}) {
        arrival.broadcast = false;
        EXPECT_EQ(reason({.to = to}, 1, true), DropReason::None);
        EXPECT_TRUE(arrival.broadcast);
    }
    EXPECT_EQ(reason({.to = {224, 0, 0, 2}}, 1, true), DropReason::Ipv4NotForUs);
    EXPECT_EQ(reason({.from = {}, .to = Ipv4Address::broadcast()}, 1, true), DropReason::None)
        << "a DHCP client";
}

TEST_F(V4InputTest, WhoWasLetInIsNotAskedAboutAgainUntilAddressesChange) {
    EXPECT_EQ(reason({}), DropReason::None);
    questions = 0;
    for (int n = 0; n < 10; ++n) EXPECT_EQ(reason({}), DropReason::None);
    EXPECT_EQ(questions, 0u);
    EXPECT_EQ(reason({}, 2), DropReason::Ipv4NotForUs) << "on another interface it is another pair";
    us = {10, 0, 0, 77};
    input.addresses_changed();
    EXPECT_EQ(reason({}), DropReason::Ipv4NotForUs);
}

TEST(V4Output, IdsOfWhatMayBeCutDoNotRepeatAndTheOthersHaveNone) {
    covers({"RFC6864:1"});
    Alone alone;
    v4::Output output({3, 4});
    std::set<u16> ids;
    for (u32 n = 0; n < 65536; ++n) {
        Packet packet = alone.packet_of({});
        output.push_header(packet, {.source = k_us, .destination = k_peer, .dont_fragment = false});
        ids.insert(get16(bytes_of(packet), 4));
    }
    EXPECT_EQ(ids.size(), 65536u);
    Packet packet = alone.packet_of(pattern(9));
    output.push_header(packet, {.source = k_us, .destination = k_peer, .protocol = 6, .ttl = 0});
    const Bytes out = bytes_of(packet);
    EXPECT_EQ(out, ip({.from = k_us, .to = k_peer, .protocol = 6, .ttl = 1, .id = 0}, pattern(9)))
        << "RFC 1122 3.2.1.7: no TTL of 0";
}

TEST(V4Output, AGroupHasTheAddressOfRfc1112) {
    EXPECT_EQ(v4::multicast_mac({239, 129, 2, 3}), *MacAddress::parse("01:00:5e:01:02:03"));
}

class IcmpErrorsTest : public testing::Test, protected Alone {
protected:
    v4::Answer make(const Ip& about, bool broadcast = false, const Bytes& payload = pattern(8)) {
        const Packet packet = packet_of(ip(about, payload));
        return errors.make(3, 3, packet,
                           {.source = about.from, .destination = about.to, .broadcast = broadcast});
    }
    v4::IcmpErrors errors{context};
};

TEST_F(IcmpErrorsTest, QuoteAsMuchAsFitsAndGoBack) {
    covers({"RFC1122:10"});
    const Bytes payload = pattern(1000);
    const v4::Answer answer = make({}, false, payload);
    ASSERT_TRUE(answer.packet);
    Bytes quote = ip({}, payload);
    quote.resize(576 - 20 - 8);
    EXPECT_EQ(bytes_of(answer.packet), icmp(3, 3, 0, quote));
    EXPECT_EQ(answer.outgoing.source, IpAddress{k_us});
    EXPECT_EQ(answer.outgoing.destination, IpAddress{k_peer});
    EXPECT_EQ(answer.outgoing.protocol, 1);
    EXPECT_EQ(answer.outgoing.tos, 0xc0);
}

TEST_F(IcmpErrorsTest, AreMadeAboutNoErrorNoGroupAndNoLaterFragment) {
    covers({"RFC1122:9"});
    EXPECT_FALSE(make({}, true).packet);
    EXPECT_FALSE(make({.from = Ipv4Address::broadcast()}).packet);
    EXPECT_FALSE(make({.fragment = 0x0001}).packet);
    EXPECT_FALSE(make({.protocol = 1}, false, icmp(3, 1, 0, {})).packet);
    EXPECT_TRUE(make({.protocol = 1}, false, icmp(8, 0, 0, {})).packet)
        << "a question may have one";
    EXPECT_EQ(context.counters.dropped(DropReason::IcmpRateLimited), 0u);
}

TEST_F(IcmpErrorsTest, ForOneHostAreRationedAndLeaveSomeForOthers) {
    covers({"VULN:sad-dns"});
    u32 for_one = 0;
    for (int n = 0; n < 1000; ++n) for_one += bool(make({}).packet);
    EXPECT_GT(for_one, 10u);
    EXPECT_LE(for_one, 50u);
    EXPECT_EQ(context.counters.dropped(DropReason::IcmpRateLimited), 1000 - for_one);
    context.now += 100ms;
    EXPECT_TRUE(make({.from = {10, 0, 0, 200}}).packet);
    context.now += 1h;
    EXPECT_TRUE(make({}).packet);
}

TEST_F(IcmpErrorsTest, ForOneHostAreAQuarterOfAllInTheLongRun) {
    covers({"VULN:sad-dns"});
    const u32 rate = context.limits.icmp_errors_per_second;
    u32 for_one = 0, for_another = 0;
    for (int n = 0; n < 10'000; ++n) {  // ten seconds
        context.now += 1ms;
        for_one += bool(make({}).packet);
        if (n % 100 == 0) for_another += bool(make({.from = {10, 0, 0, 200}}).packet);
    }
    EXPECT_LE(for_one, 10 * rate / 4 + 50);
    EXPECT_GE(for_one, 10 * rate / 4 - 50);
    EXPECT_EQ(for_another, 100u);
}

TEST_F(IcmpErrorsTest, OfOthersAreTakenApartForTheFlowThatTheyQuote) {
    const Bytes quoted = ip({.from = k_us, .to = k_peer}, udp({.from = 4000, .to = 53}, {}));
    inet::Arrival from{.source = k_other, .destination = k_us};
    const auto read = [&](const Bytes& quote, inet::IcmpError& error) {
        const Bytes bytes = icmp(3, 4, 1300, quote);
        const auto message = wire::parse_icmp(std::as_bytes(std::span{bytes}));
        return v4::read_error(*message, from, error);
    };
    inet::IcmpError error;
    EXPECT_EQ(read(quoted, error), DropReason::None);
    EXPECT_EQ(error.local, (Endpoint{k_us, 4000}));
    EXPECT_EQ(error.remote, (Endpoint{k_peer, 53}));
    EXPECT_EQ(error.next_hop_mtu, 1300);
    EXPECT_EQ(error.reporter, IpAddress{k_other});
    EXPECT_EQ(read(Bytes(quoted.begin(), quoted.begin() + 27), error), DropReason::IcmpBadQuote);
    EXPECT_EQ(read(ip({.from = k_peer, .to = k_us}, udp({}, {})), error), DropReason::IcmpNoFlow)
        << "not ours";
    EXPECT_EQ(read(ip({.from = k_us, .protocol = 47}, udp({}, {})), error), DropReason::IcmpNoFlow);
    from.broadcast = true;
    EXPECT_EQ(read(quoted, error), DropReason::IcmpBadQuote);
}

class EchoAlone : public testing::Test, protected Alone {
protected:
    // The packet of a message that has arrived; its view begins at the ICMP header.
    Packet arrived(const Bytes& message, Ipv4Address from = k_peer) {
        Packet packet = packet_of(ip({.from = from, .protocol = 1, .ttl = 9}, message));
        packet->network = static_cast<u16>(packet->begin);
        packet->transport = static_cast<u16>(packet->begin + 20);
        packet.pull(20);
        return packet;
    }
    DropReason reply(u16 identifier, u16 sequence, Ipv4Address from = k_peer) {
        Packet packet = arrived(icmp(0, 0, u32{identifier} << 16 | sequence, pattern(4)), from);
        const auto message = wire::parse_icmp(packet.bytes());
        return echo.take_reply(packet, *message, {.source = from, .destination = k_us});
    }
    void ask(u16 identifier, u16 sequence, bool to_group = false) {
        const auto question = echo.ask({.source = k_us,
                                        .to = k_peer,
                                        .identifier = identifier,
                                        .sequence = sequence,
                                        .data = {},
                                        .to_group = to_group});
        ASSERT_TRUE(question);
        EXPECT_EQ(bytes_of(question->packet), icmp(8, 0, u32{identifier} << 16 | sequence, {}));
    }
    v4::Echo echo{context};
};

TEST_F(EchoAlone, AnswersWithTheSameDataAndWithoutTheMarksOfCongestion) {
    covers({"RFC1122:12"});
    const v4::Answer answer = echo.answer(arrived(icmp(8, 0, 0x12340005, pattern(30))),
                                          {.source = k_peer, .destination = k_us, .tos = 0xbb});
    EXPECT_EQ(bytes_of(answer.packet), icmp(0, 0, 0x12340005, pattern(30)));
    EXPECT_EQ(answer.outgoing.source, IpAddress{k_us});
    EXPECT_EQ(answer.outgoing.destination, IpAddress{k_peer});
    EXPECT_EQ(answer.outgoing.tos, 0xb8);
    EXPECT_TRUE(answer.outgoing.dont_fragment) << "as the request";
}

TEST_F(EchoAlone, AReplyAnswersOneQuestionOnce) {
    ask(7, 1);
    EXPECT_EQ(reply(7, 2), DropReason::IcmpUnexpectedReply);
    EXPECT_EQ(reply(7, 1, k_other), DropReason::IcmpUnexpectedReply);
    EXPECT_FALSE(echo.tell());
    EXPECT_EQ(reply(7, 1), DropReason::None);
    EXPECT_EQ(reply(7, 1), DropReason::IcmpUnexpectedReply);
    EXPECT_TRUE(echo.tell());
    EXPECT_FALSE(echo.tell()) << "once";
    const auto got = echo.next_reply();
    ASSERT_TRUE(got);
    EXPECT_EQ(got->from, IpAddress{k_peer});
    EXPECT_EQ(got->identifier, 7);
    EXPECT_EQ(got->sequence, 1);
    EXPECT_EQ(got->ttl, 9);
    EXPECT_EQ(got->data.size(), 4u);
    EXPECT_FALSE(echo.next_reply());
}

TEST_F(EchoAlone, ManyAnswerAGroupButNotWithoutEnd) {
    ask(7, 1, true);
    u32 taken = 0;
    for (u8 n = 1; n < 200; ++n) taken += reply(7, 1, {10, 0, 0, n}) == DropReason::None;
    EXPECT_EQ(taken, 64u);
}

}  // namespace
}  // namespace tern::test

// ICMP errors reach the application (RFC 1122 4.1.3.3), if they are about its datagrams (RFC 8085).
#include "udp/room.hh"

namespace tern::test {
namespace {

class UdpErrors : public UdpTest {
protected:
    // An error about a datagram from us:5000 to peer:53.
    static Bytes about(u8 type, u8 code, u16 from = 5000, u16 to = 53, Ipv4Address remote = k_peer,
                       Ipv4Address local = k_us) {
        const Bytes quote =
            ip({.from = local, .to = remote}, udp({.from = from, .to = to}, pattern(8)));
        return ether({}, ip({.protocol = 1}, icmp(type, code, 1400, quote)));
    }
};

// All of RFC 792's errors, and those of RFC 1122 and RFC 1812, by type and code.
std::vector<std::pair<u8, u8>> all_errors() {
    std::vector<std::pair<u8, u8>> all;
    for (u8 code = 0; code <= 17; ++code) all.emplace_back(u8{3}, code);
    for (const u8 type : {u8{11}, u8{12}})
        for (u8 code = 0; code <= 2; ++code) all.emplace_back(type, code);
    return all;
}

TEST_F(UdpErrors, a_connected_socket_is_told_once) {
    covers({"RFC1122:17", "RFC1122:11"});
    const UdpSocket s = open(connected_to({k_peer, 53}, 5000));
    for (const auto& [type, code] : all_errors()) {
        const inet::IcmpMeaning meaning = inet::meaning_of_icmp(type, code);
        SCOPED_TRACE(std::to_string(type) + "/" + std::to_string(code));
        arrive(about(type, code));
        const auto event = room->next_event();
        ASSERT_TRUE(event);
        EXPECT_EQ(event->kind, Event::Kind::Udp);
        EXPECT_EQ(event->udp(), s);
        EXPECT_EQ(event->bits, UdpError);
        EXPECT_EQ(event->error, meaning.error) << "the event tells of each";
        Bytes data;
        if (meaning.hard_for_udp) {
            EXPECT_EQ(send_error(s, pattern(4)), meaning.error);
            EXPECT_TRUE(silent());
            arrive(about(type, code));
            room->next_event();
            EXPECT_EQ(next(s, data), meaning.error);
        }
        EXPECT_EQ(send_error(s, pattern(4)), Error::None);
        EXPECT_EQ(sent().size(), 1u) << "a hint only: the socket goes on";
        EXPECT_EQ(next(s, data), Error::WouldBlock);
        EXPECT_FALSE(room->next_event());
    }
}

// Time exceeded while routes change: what is sent meanwhile must leave.
TEST_F(UdpErrors, a_soft_error_fails_no_call_and_hides_no_hard_one) {
    const UdpSocket s = open(connected_to({k_peer, 53}, 5000));
    arrive(about(11, 0));
    EXPECT_EQ(send_error(s, pattern(4)), Error::None);
    EXPECT_EQ(sent().size(), 1u);
    Bytes data;
    EXPECT_EQ(next(s, data), Error::WouldBlock);
    EXPECT_EQ(room->next_event()->error, Error::HostUnreachable) << "but it is told";
    arrive(about(3, 3));
    arrive(about(11, 0));
    EXPECT_EQ(room->next_event()->error, Error::Refused);
    EXPECT_EQ(send_error(s, pattern(4)), Error::Refused);
    EXPECT_EQ(send_error(s, pattern(4)), Error::None);
    sent();
}

TEST_F(UdpErrors, an_error_about_another_flow_changes_nothing) {
    covers({"RFC8085:2"});
    const UdpSocket s = open(connected_to({k_peer, 53}, 5000));
    const UdpSocket bound = open_on(6000);
    ASSERT_TRUE(layer->add_address(eth, *Cidr::parse("10.0.0.77/24"), false));
    EXPECT_TRUE(lost(DropReason::IcmpNoFlow, about(3, 3, 5001, 53)));
    EXPECT_TRUE(lost(DropReason::IcmpNoFlow, about(3, 3, 5000, 54)));
    EXPECT_TRUE(lost(DropReason::IcmpNoFlow, about(3, 3, 5000, 53, k_other)));
    EXPECT_TRUE(lost(DropReason::IcmpNoFlow, about(3, 3, 5000, 53, k_peer, {10, 0, 0, 77})));
    EXPECT_TRUE(lost(DropReason::IcmpNoFlow, about(3, 3, 6000, 53)));
    EXPECT_FALSE(room->next_event());
    EXPECT_EQ(send_error(s, pattern(4)), Error::None);
    EXPECT_EQ(send_error(bound, pattern(4), Endpoint{k_peer, 53}), Error::None);
}

TEST_F(UdpErrors, a_silent_neighbor_is_an_error_too) {
    const UdpSocket s = open(connected_to({k_other, 53}, 5000));
    EXPECT_TRUE(send(s, pattern(4)));
    wait(5s);
    const auto lost_one = layer->next_undelivered();
    ASSERT_TRUE(lost_one);
    room->undelivered(*lost_one);
    const auto event = room->next_event();
    ASSERT_TRUE(event);
    EXPECT_EQ(event->bits, UdpError);
    EXPECT_EQ(event->error, Error::HostUnreachable);
    sent();
    EXPECT_EQ(send_error(s, pattern(4)), Error::None) << "it may have come back: it is asked again";
    EXPECT_EQ(sent_arps().size(), 1u);
}

TEST_F(UdpErrors, an_error_for_a_closed_socket_finds_nobody) {
    covers({"VULN:close-race"});
    const UdpSocket s = open(connected_to({k_peer, 53}, 5000));
    arrive(about(3, 3));
    room->close(s);
    EXPECT_FALSE(room->next_event());
    EXPECT_TRUE(lost(DropReason::IcmpNoFlow, about(3, 3)));
}

}  // namespace
}  // namespace tern::test

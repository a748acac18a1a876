// UDP on the table of tests/inet: hand-made datagrams in, frames out.
#pragma once

#include "core/udp/udp_room.hh"
#include "inet/bench.hh"
#include "support/covers.hh"

namespace tern::test {

class UdpTest : public InetTest {
protected:
    UdpTest() {
        usual();
        peer_is_known();
        room = std::make_unique<UdpRoom>(context, *layer);
    }
    ~UdpTest() override { room.reset(); }

    UdpSocket open(const UdpOptions& options) {
        const auto s = room->open(options);
        EXPECT_TRUE(s) << message_of(s ? Error::None : s.error());
        return s ? *s : UdpSocket{};
    }
    UdpSocket open_on(u16 port, LocalAddress address = {}) { return open(bound_to(port, address)); }
    static UdpOptions bound_to(u16 port, LocalAddress address = {}) {
        UdpOptions options;
        options.local = {address, port};
        return options;
    }
    static UdpOptions connected_to(Endpoint remote, u16 local_port = 0) {
        UdpOptions options;
        options.remote = remote;
        options.local.port = local_port;
        return options;
    }
    Error refusal(const UdpOptions& options) {
        const auto s = room->open(options);
        if (!s) return s.error();
        room->close(*s);
        return Error::None;
    }

    // A frame in, all the way; ICMP errors too.
    void arrive(const Bytes& frame) {
        switch (inject(frame)) {
            case Arrived::Udp: room->arrives(std::move(packet), arrival); break;
            case Arrived::IcmpError: room->icmp_error(error); break;
            default: break;
        }
    }
    struct Way {
        Ipv4Address from = k_peer;
        Ipv4Address to = k_us;
        MacAddress mac = k_our_mac;
    };
    static Bytes datagram(const UdpFields& fields, const Bytes& data, const Way& way) {
        return ether({.to = way.mac}, ip({.from = way.from, .to = way.to, .ttl = 55, .tos = 0x28},
                                         udp(fields, data, way.from, way.to)));
    }
    static Bytes datagram(const UdpFields& fields, const Bytes& data) {
        return datagram(fields, data, Way{});
    }
    testing::AssertionResult lost(DropReason reason, const Bytes& frame) {
        const u64 all = all_drops(), these = drops(reason);
        arrive(frame);
        if (drops(reason) == these + 1 && all_drops() == all + 1)
            return testing::AssertionSuccess();
        return testing::AssertionFailure() << "not dropped as " << name_of(reason);
    }

    Result<void> send(UdpSocket s, const Bytes& data, std::optional<Endpoint> to = {},
                      std::optional<IpAddress> source = {}) {
        return room->send(s, std::as_bytes(std::span{data}), to, source);
    }
    Error send_error(UdpSocket s, const Bytes& data, std::optional<Endpoint> to = {},
                     std::optional<IpAddress> source = {}) {
        const auto sent_it = send(s, data, to, source);
        return sent_it ? Error::None : sent_it.error();
    }
    static Bytes bytes_of(const Slice& slice) {
        const auto* begin = reinterpret_cast<const u8*>(slice.bytes().data());
        return {begin, begin + slice.size()};
    }
    // What waits at the socket; the error when there is nothing.
    Error next(UdpSocket s, Bytes& data) {
        auto got = room->receive(s);
        if (!got) return got.error();
        data = bytes_of(got->data);
        return Error::None;
    }
    bool got(UdpSocket s, const Bytes& wanted) {
        Bytes data;
        return next(s, data) == Error::None && data == wanted;
    }
    bool got_nothing(UdpSocket s) {
        Bytes data;
        return next(s, data) == Error::WouldBlock;
    }
    // A UDP frame that left has the right checksum.
    static bool sum_good(const Sent& s) {
        const Bytes p = s.payload();
        return sum16(p, pseudo(s.ip_from(), s.ip_to(), 17, p.size())) == 0xffff;
    }
    static u16 port_from(const Sent& s) { return get16(s.frame, 34); }
    static u16 port_to(const Sent& s) { return get16(s.frame, 36); }

    std::unique_ptr<UdpRoom> room;
};

}  // namespace tern::test

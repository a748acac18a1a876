// UDP's user interface (RFC 768, RFC 1122 4.1). All calls return at once.
#pragma once

#include <optional>

#include "tern/address.hh"
#include "tern/export.hh"
#include "tern/result.hh"
#include "tern/slice.hh"

namespace tern TERN_API {

// A handle; false: none.
struct UdpSocket {
    Index index = 0;
    u32 generation = 0;
    explicit operator bool() const { return index != 0; }
    friend bool operator==(const UdpSocket&, const UdpSocket&) = default;
};

// What an Event says about a UDP socket; both may come in one event.
enum UdpEventBits : u16 { UdpReadable = 1, UdpError = 2 };

// For Udp::open().
struct UdpOptions {
    LocalEndpoint local{};             // port 0: choose one; without an address: every one
    std::optional<Endpoint> remote{};  // connected: only its datagrams arrive, ICMP errors are told
    bool broadcast = false;            // may send to broadcast addresses
    bool reuse_address = false;
    u32 receive_queue = 256 * 1024;  // bytes of memory that waiting datagrams may pin
    u8 ttl = 64;
    u8 dscp = 0;
    u64 user = 0;
};

// One that arrived.
struct Datagram {
    Slice data;  // may be empty: a datagram without data
    Endpoint from;
    IpAddress to;  // the destination address it was sent to (RFC 1122 4.1.3.5)
    u8 interface = 0;
    u8 ttl = 0;
    u8 tos = 0;
    // `to` is a broadcast or multicast address: nothing can be sent from it, so an answer leaves
    // from an address of ours that send() chooses.
    bool to_group = false;
};

class TERN_LOCAL UdpRoom;

// The calls; Stack::udp() gives it. A handle that is not in use gives NoSuchConnection.
class Udp {
public:
    // PortInUse, AddressNotAvailable, NoPortFree, NoRoute (connected), OutOfMemory; NotSupported:
    // every address of IPv6 alone, which tern does not speak yet.
    Result<UdpSocket> open(const UdpOptions& options);
    // `to` may be left out on a connected socket; `source` chooses among our addresses, and with it
    // the interface (RFC 1122 3.3.4.2); 0.0.0.0 is one for 255.255.255.255 alone, while the
    // interface has no address (DHCP). MessageTooLong, NoRoute, AddressNotAvailable, NotConnected,
    // InvalidAddress (broadcast not allowed, port 0), OutOfMemory; a hard ICMP error that came
    // (Refused, ...) is returned once instead of sending. A soft one (HostUnreachable,
    // NetworkUnreachable) is told by the event UdpError alone.
    Result<void> send(UdpSocket s, std::span<const std::byte> data, std::optional<Endpoint> to = {},
                      std::optional<IpAddress> source = {});
    // WouldBlock, or a hard ICMP error once.
    Result<Datagram> receive(UdpSocket s);
    // With the port that was chosen.
    Result<LocalEndpoint> local_endpoint(UdpSocket s) const;
    // Drops what was not received. A handle that is not in use is no error.
    void close(UdpSocket s);

private:
    friend class Stack;
    explicit Udp(UdpRoom& room) : room_(&room) {}
    UdpRoom* room_;
};

}  // namespace tern

// A frame taken apart for a reader: tolerant where the stack is strict, because a person wants to
// see above all the packets that are wrong.
#pragma once

#include <span>

#include "core/wire/packet_line.hh"
#include "core/wire/tcp.hh"
#include "core/wire/tcp_options.hh"
#include "tern/trace.hh"

namespace tern::trace {

struct FrameView {
    enum class Kind : u8 { Other, Arp, Icmp, Udp, Tcp };
    Kind kind = Kind::Other;
    std::span<const std::byte> network;  // from the network header to the end of the packet
    u32 transport = 0;                   // offset of the transport header in `network`
    std::span<const std::byte> payload;  // behind the transport header
    Endpoint source, destination;        // ports are 0 where there are none
    u8 protocol = 0;
    u8 ecn = 0;          // the IP-ECN field
    u16 ether_type = 0;  // wire::LinkHeader; below 1536 it is a length, 0: no packet
    wire::TcpHeader tcp;
    wire::TcpOptions options;
    DropReason options_error = DropReason::None;
    u8 icmp_type = 0, icmp_code = 0;
    u16 arp_operation = 0;

    u32 length() const { return static_cast<u32>(payload.size()); }
};

FrameView view_of(std::span<const std::byte> frame, Medium medium);
inline FrameView view_of(const FrameEvent& e) { return view_of(e.bytes, e.medium); }

// Whether IP header and transport checksums are right; true where there is none to check.
bool checksums_hold(const FrameView& view);

// One sentence for what is no TCP segment: "ARP request", "ICMP 3/1", "UDP 1000 > 53 (12 bytes)",
// "IPv6 (72 bytes)".
std::string describe(const FrameView& view);

}  // namespace tern::trace

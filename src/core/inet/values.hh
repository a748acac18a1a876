// What the parts of this layer, and the transports above it, tell each other about a packet.
#pragma once

#include "tern/address.hh"

namespace tern::inet {

// What the IP header said about a packet that a transport gets.
struct Arrival {
    IpAddress source;
    IpAddress destination;
    u8 interface = 0;
    u8 tos = 0;
    u8 ttl = 0;
    bool broadcast = false;  // to a broadcast or multicast address, on either layer
    u32 note = 0;            // Context::note at arrival
};

// An ICMP error, checked and taken apart as far as its quote allows.
struct IcmpError {
    u8 type = 0, code = 0;
    u8 protocol = 0;         // of the quoted packet
    u16 next_hop_mtu = 0;    // Destination Unreachable code 4
    Endpoint local, remote;  // we sent the quoted packet from local to remote
    u32 seq = 0;             // TCP: SEG.SEQ of the quoted segment
    IpAddress reporter;
};

struct Outgoing {
    IpAddress source;
    IpAddress destination;
    u8 protocol = 0;
    u8 ttl = 64;
    u8 tos = 0;
    bool dont_fragment = true;
};

}  // namespace tern::inet

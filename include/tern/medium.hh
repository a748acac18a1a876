// What stands in front of the network packet in the frames of a link.
#pragma once

#include "tern/export.hh"
#include "tern/int.hh"

namespace tern TERN_API {

// What the frames of a link begin with.
enum class Medium : u8 {
    // A header of 14 bytes (IEEE 802.3), or of 18 with one IEEE 802.1Q tag, whose EtherType tells
    // what follows (RFC 894). There are neighbours.
    Ethernet,
    // Nothing: a frame is an IP packet, whose first four bits tell the family. The far end needs no
    // address. A TUN device; LINKTYPE_RAW in captures.
    Ip,
};
// Whether a packet needs the hardware address of its next hop (RFC 826).
constexpr bool has_neighbors(Medium m) {
    switch (m) {
        case Medium::Ethernet: return true;
        case Medium::Ip: return false;
    }
    return false;
}

}  // namespace tern

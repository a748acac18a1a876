// What stands in front of the network packet in the frames of a link.
#pragma once

#include <string_view>

#include "tern/export.hh"
#include "tern/int.hh"

namespace tern TERN_API {

enum class Medium : u8 {
    // A header of 14 bytes, or of 18 with one IEEE 802.1Q tag, whose EtherType tells what follows.
    // There are neighbours, whose hardware addresses must be found out (RFC 826).
    Ethernet,
    // Nothing: a frame is an IP packet, whose first four bits tell the family. The far end needs no
    // address (a TUN device; LINKTYPE_RAW in captures).
    Ip,
};
// Whether a packet needs the hardware address of its next hop.
constexpr bool has_neighbors(Medium m) { return m == Medium::Ethernet; }
constexpr std::string_view name_of(Medium m) { return m == Medium::Ethernet ? "Ethernet" : "Ip"; }

}  // namespace tern

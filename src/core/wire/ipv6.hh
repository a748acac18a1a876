// RFC 8200: the fixed header, and the chain of extension headers behind it.
#pragma once

#include <expected>
#include <optional>
#include <span>

#include "tern/address.hh"
#include "tern/drop_reason.hh"

namespace tern::wire {

inline constexpr u32 k_ipv6_header = 40;
inline constexpr u32 k_ipv6_fragment_header = 8;
// A chain that is longer has no use, and to walk it costs (RFC 8883 lets a node refuse it).
inline constexpr u32 k_ipv6_extensions_most = 8;

// Next headers that stand between the fixed header and a transport. RFC 8200 4.1.
enum class Ipv6Extension : u8 { HopByHop = 0, Routing = 43, Fragment = 44, Destination = 60 };

struct Ipv6Header {
    u8 traffic_class = 0;    // DS field << 2 | ECN
    u32 flow_label = 0;      // 20 bits
    u16 payload_length = 0;  // bytes behind the fixed header, extension headers included
    u8 next_header = 0;
    u8 hop_limit = 64;
    IpAddress source;
    IpAddress destination;
};

// What the extension headers say, up to the first header that is none of Ipv6Extension.
struct Ipv6Chain {
    u32 length = 0;  // bytes of all of them
    u8 protocol =
        0;  // what stands behind; in a later fragment, what its first fragment begins with
    bool routed = false;        // a routing header names nodes that are still to be visited
    bool has_fragment = false;  // a fragment header stands among them; also in an atomic fragment
    bool more_fragments = false;
    u16 fragment_offset = 0;  // in bytes
    u32 fragment_id = 0;
};

// The fields of 40 bytes as they stand there; nothing is checked.
Ipv6Header read_ipv6_fields(const std::byte* from);
// Writes 40 bytes.
void emit_ipv6(const Ipv6Header& header, std::byte* to);

// `behind` begins behind the fixed header, whose next header is `next`. Behind a fragment header of
// a later fragment nothing is looked at, for a header does not begin there. Empty: a header is cut
// off, or there are more than k_ipv6_extensions_most.
std::optional<Ipv6Chain> walk_ipv6_extensions(u8 next, std::span<const std::byte> behind);
// Writes 8 bytes of a fragment header; `next`: what the payload of the whole packet begins with.
void emit_ipv6_fragment(const Ipv6Chain& chain, u8 next, std::byte* to);

}  // namespace tern::wire

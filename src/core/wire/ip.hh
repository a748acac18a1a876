// One view of an IP packet of either family, and the changes that are made to a header in place.
// RFC 791 3.1, RFC 8200 3 and 4. Outside this folder nobody knows at which byte of an IP header a
// field lies (scripts/check_layers.py).
#pragma once

#include <algorithm>
#include <expected>
#include <optional>
#include <span>

#include "core/base/checksum.hh"
#include "core/wire/ipv4.hh"
#include "core/wire/ipv6.hh"
#include "tern/address.hh"
#include "tern/drop_reason.hh"

namespace tern::wire {

enum class IpFamily : u8 { V4 = 4, V6 = 6 };  // as in the first four bits

struct IpView {
    IpFamily family = IpFamily::V4;
    u8 protocol = 0;       // of the payload; IPv6: behind the extension headers (Ipv6Extension)
    u8 hop_limit = 64;     // IPv4: time to live
    u8 traffic_class = 0;  // DS field << 2 | ECN; IPv4: type of service
    bool dont_fragment = false;  // IPv6: always, for no router cuts its packets
    bool more_fragments = false;
    bool source_routed = false;  // its destination is not the address in `destination`
    u16 fragment_offset = 0;     // in bytes
    u32 fragment_id = 0;         // IPv4: the identification of any packet, 16 bits
    u32 flow_label = 0;          // IPv6, 20 bits
    u32 header_length =
        k_ipv4_header;  // where the payload begins; options, extension headers included
    u32 total_length = k_ipv4_header;  // of header and payload, as the header says it
    IpAddress source;
    IpAddress destination;

    bool is_fragment() const { return more_fragments || fragment_offset != 0; }
    u8 dscp() const { return traffic_class >> 2; }  // RFC 2474 3
    u8 ecn() const { return traffic_class & 3; }    // RFC 3168 5
    u32 payload_length() const { return total_length - header_length; }
    bool carries(IpProtocol p) const { return protocol == static_cast<u8>(p); }
    // Neither options nor extension headers.
    bool is_plain() const {
        return header_length == (family == IpFamily::V4 ? k_ipv4_header : k_ipv6_header);
    }
    friend bool operator==(const IpView&, const IpView&) = default;
};
static_assert(sizeof(IpView) == 64);

namespace ip_detail {

std::optional<IpView> read_unusual_ip(std::span<const std::byte> bytes);

inline IpView view_of(const Ipv4Header& h) {
    IpView v;
    v.protocol = h.protocol;
    v.hop_limit = h.ttl;
    v.traffic_class = h.tos;
    v.dont_fragment = h.dont_fragment;
    v.more_fragments = h.more_fragments;
    v.source_routed = h.has_source_route;
    v.fragment_offset = h.fragment_offset;
    v.fragment_id = h.id;
    v.header_length = h.header_length;
    v.total_length = std::max<u32>(h.total_length, h.header_length);
    v.source = h.source;
    v.destination = h.destination;
    return v;
}

}  // namespace ip_detail

// A packet that is whole: version, lengths and IPv4's checksum are right, and the headers do not
// contradict each other. What the bytes have behind total_length is the link's padding. Ipv4..., as
// parse_ipv4(); Ipv6TooShort, Ipv6BadLength, Ipv6BadExtension.
std::expected<IpView, DropReason> parse_ip(std::span<const std::byte> packet);

// What the headers say of a packet whose payload may be cut off (the quote of an ICMP error), that
// was checked before, or that is only to be recognised. The headers are whole; no checksum is
// looked at. A total_length that is below header_length counts as equal to it: in quotes it is, by
// mistakes of old routers. Empty: these are no such headers.
inline std::optional<IpView> read_ip(std::span<const std::byte> bytes) {
    constexpr std::byte plain_ipv4{0x45};
    if (bytes.size() < k_ipv4_header || bytes[0] != plain_ipv4) [[unlikely]]
        return ip_detail::read_unusual_ip(bytes);
    return ip_detail::view_of(read_ipv4_fields(bytes.data()));
}

// Writes a header without options: 20 bytes with their checksum, or 40; or 48 for a fragment of
// IPv6. total_length is what it will say, whatever header_length is. Returns how many it wrote.
u32 emit_ip(const IpView& view, std::byte* to);

// The sum of the pseudo-header of a TCP or UDP packet with `length` bytes of them (RFC 9293 3.1,
// RFC 8200 8.1). It is not known where a source-routed packet goes: its sum would be wrong.
inline u32 pseudo_sum(const IpView& view, u32 length) {
    return checksum_pseudo(view.source, view.destination, view.protocol, length);
}

// --- changes in place. `ip` is the header that `view` was read from; what follows from the change
// (IPv4's checksum) is changed as well.

// From now on `payload` bytes come behind the header, and IPv4's identification is the one in
// `view` and `ordinal` more: of the packets that are cut out of one (RFC 6864 4.1), each has its
// own.
void set_payload_length(std::byte* ip, const IpView& view, u32 payload, u32 ordinal = 0);
// Congestion experienced (RFC 3168 5).
void set_ecn_ce(std::byte* ip);
// One hop less; it was not zero.
void decrement_hop_limit(std::byte* ip);

// Two headers of the same length, `view` the one at `a`: do they say the same but for lengths,
// identification and checksum?
bool same_but_length(const std::byte* a, const std::byte* b, const IpView& view);

}  // namespace tern::wire

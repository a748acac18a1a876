// Both families behind one view. RFC 791 3.1, RFC 8200 3 and 4, RFC 1624 for sums that follow a
// change.
#include "core/wire/ip.hh"

#include <algorithm>
#include <cstring>

#include "core/base/endian.hh"

namespace tern::wire {

namespace {

// Bytes of an IPv4 header, and of an IPv6 header.
constexpr u32 k_v4_length = 2, k_v4_id = 4, k_v4_fragment = 6, k_v4_ttl = 8, k_v4_checksum = 10,
              k_v4_addresses = 12;
constexpr u32 k_v6_length = 4, k_v6_next = 6, k_v6_hop_limit = 7;
constexpr u16 k_ecn_ce = 3;  // RFC 3168 5

bool is_v6(const std::byte* ip) { return static_cast<u8>(ip[0]) >> 4 == 6; }

// RFC 1624 3: the sum of a header after one of its words has changed.
void change_word(std::byte* ip, u32 at, u16 after) {
    const u16 before = load16(ip + at);
    const u16 sum = load16(ip + k_v4_checksum);
    const u32 changed = u32{static_cast<u16>(~sum)} + static_cast<u16>(~before) + after;
    store16(ip + at, after);
    store16(ip + k_v4_checksum, static_cast<u16>(~checksum_fold(changed)));
}

void sum_ipv4(std::byte* ip, u32 header_length) {
    store16(ip + k_v4_checksum, u16{0});
    const u16 sum = checksum_finish(checksum_add(0, {ip, header_length}));
    std::memcpy(ip + k_v4_checksum, &sum, sizeof sum);
}

IpView view_of(const Ipv6Header& h, const Ipv6Chain& chain) {
    IpView v;
    v.family = IpFamily::V6;
    v.protocol = chain.protocol;
    v.hop_limit = h.hop_limit;
    v.traffic_class = h.traffic_class;
    v.dont_fragment = true;
    v.more_fragments = chain.more_fragments;
    v.source_routed = chain.routed;
    v.fragment_offset = chain.fragment_offset;
    v.fragment_id = chain.fragment_id;
    v.flow_label = h.flow_label;
    v.header_length = k_ipv6_header + chain.length;
    v.total_length = k_ipv6_header + h.payload_length;
    v.source = h.source;
    v.destination = h.destination;
    return v;
}

// At least 40 bytes. The chain ends with the packet, and with the bytes.
std::optional<IpView> read_ipv6(std::span<const std::byte> bytes) {
    const Ipv6Header header = read_ipv6_fields(bytes.data());
    const auto behind = bytes.subspan(k_ipv6_header);
    const auto ours = behind.first(std::min<std::size_t>(behind.size(), header.payload_length));
    const auto chain = walk_ipv6_extensions(header.next_header, ours);
    if (!chain) return {};
    return view_of(header, *chain);
}

std::expected<IpView, DropReason> parse_ipv6(std::span<const std::byte> packet) {
    if (packet.size() < k_ipv6_header) return std::unexpected(DropReason::Ipv6TooShort);
    if (read_ipv6_fields(packet.data()).payload_length > packet.size() - k_ipv6_header)
        return std::unexpected(DropReason::Ipv6BadLength);
    const auto view = read_ipv6(packet);
    if (!view) return std::unexpected(DropReason::Ipv6BadExtension);
    return *view;
}

u32 emit_as_ipv6(const IpView& v, std::byte* to) {
    const u8 next = v.is_fragment() ? static_cast<u8>(Ipv6Extension::Fragment) : v.protocol;
    emit_ipv6({.traffic_class = v.traffic_class,
               .flow_label = v.flow_label,
               .payload_length = static_cast<u16>(v.total_length - k_ipv6_header),
               .next_header = next,
               .hop_limit = v.hop_limit,
               .source = v.source,
               .destination = v.destination},
              to);
    if (!v.is_fragment()) return k_ipv6_header;
    emit_ipv6_fragment({.more_fragments = v.more_fragments,
                        .fragment_offset = v.fragment_offset,
                        .fragment_id = v.fragment_id},
                       v.protocol, to + k_ipv6_header);
    return k_ipv6_header + k_ipv6_fragment_header;
}

}  // namespace

// IPv4 with options, IPv6, and what is no IP.
std::optional<IpView> ip_detail::read_unusual_ip(std::span<const std::byte> bytes) {
    if (bytes.size() < k_ipv4_header) return {};
    if (is_v6(bytes.data())) {
        if (bytes.size() < k_ipv6_header) return {};
        return read_ipv6(bytes);
    }
    if (static_cast<u8>(bytes[0]) >> 4 != 4) return {};
    Ipv4Header header = read_ipv4_fields(bytes.data());
    const u32 length = header.header_length;
    if (length < k_ipv4_header || length > bytes.size()) return {};
    header.has_source_route =
        options_hold_source_route(bytes.subspan(k_ipv4_header, length - k_ipv4_header));
    return view_of(header);
}

std::expected<IpView, DropReason> parse_ip(std::span<const std::byte> packet) {
    if (!packet.empty() && is_v6(packet.data())) return parse_ipv6(packet);
    const auto header = parse_ipv4(packet);
    if (!header) return std::unexpected(header.error());
    return ip_detail::view_of(*header);
}

u32 emit_ip(const IpView& v, std::byte* to) {
    if (v.family == IpFamily::V6) return emit_as_ipv6(v, to);
    emit_ipv4({.tos = v.traffic_class,
               .total_length = static_cast<u16>(v.total_length),
               .id = static_cast<u16>(v.fragment_id),
               .dont_fragment = v.dont_fragment,
               .more_fragments = v.more_fragments,
               .fragment_offset = v.fragment_offset,
               .ttl = v.hop_limit,
               .protocol = v.protocol,
               .source = v.source.v4(),
               .destination = v.destination.v4()},
              to);
    return k_ipv4_header;
}

void set_payload_length(std::byte* ip, const IpView& view, u32 payload, u32 ordinal) {
    const u32 total = view.header_length + payload;
    if (view.family == IpFamily::V6)
        return store16(ip + k_v6_length, static_cast<u16>(total - k_ipv6_header));
    store16(ip + k_v4_length, static_cast<u16>(total));
    store16(ip + k_v4_id, static_cast<u16>(view.fragment_id + ordinal));
    sum_ipv4(ip, view.header_length);
}

void set_ecn_ce(std::byte* ip) {
    // The traffic class of IPv6 lies across two bytes.
    const u16 first = load16(ip);
    if (is_v6(ip)) return store16(ip, static_cast<u16>(first | k_ecn_ce << 4));
    change_word(ip, 0, static_cast<u16>(first | k_ecn_ce));
}

void decrement_hop_limit(std::byte* ip) {
    if (is_v6(ip)) {
        ip[k_v6_hop_limit] = static_cast<std::byte>(static_cast<u8>(ip[k_v6_hop_limit]) - 1);
    } else {
        change_word(ip, k_v4_ttl, static_cast<u16>(load16(ip + k_v4_ttl) - 0x100));
    }
}

bool same_but_length(const std::byte* a, const std::byte* b, const IpView& view) {
    const auto same = [&](u32 from, u32 to) {
        return std::memcmp(a + from, b + from, to - from) == 0;
    };
    if (view.family == IpFamily::V6)
        return same(0, k_v6_length) && same(k_v6_next, view.header_length);
    return same(0, k_v4_length) && same(k_v4_fragment, k_v4_checksum) &&
           same(k_v4_addresses, view.header_length);
}

}  // namespace tern::wire

// RFC 8200 3 and 4.
#include "core/wire/ipv6.hh"

#include <cstring>

#include "core/base/endian.hh"

namespace tern::wire {

namespace {

constexpr u32 k_flow_label_mask = 0xf'ffff;
constexpr u16 k_more = 1, k_offset_mask = 0xfff8;

bool is_extension(u8 next) {
    switch (static_cast<Ipv6Extension>(next)) {
        case Ipv6Extension::HopByHop:
        case Ipv6Extension::Routing:
        case Ipv6Extension::Fragment:
        case Ipv6Extension::Destination: return true;
    }
    return false;
}

// RFC 8200 4.2, 4.4: the length counts units of eight bytes behind the first one; in a fragment
// header that byte is reserved, and the header has eight.
u32 length_of(u8 kind, const std::byte* header) {
    if (kind == static_cast<u8>(Ipv6Extension::Fragment)) return k_ipv6_fragment_header;
    return (static_cast<u32>(header[1]) + 1) * 8;
}

void take(u8 kind, const std::byte* header, Ipv6Chain& chain) {
    if (kind == static_cast<u8>(Ipv6Extension::Routing)) {
        chain.routed |= header[3] != std::byte{0};  // RFC 8200 4.4: segments left
    } else if (kind == static_cast<u8>(Ipv6Extension::Fragment)) {
        const u16 place = load16(header + 2);
        chain.has_fragment = true;
        chain.more_fragments = (place & k_more) != 0;
        chain.fragment_offset = place & k_offset_mask;  // in units of eight, three bits up
        chain.fragment_id = load32(header + 4);
    }
}

}  // namespace

Ipv6Header read_ipv6_fields(const std::byte* from) {
    const u32 first = load32(from);
    Ipv6Header header;
    header.traffic_class = static_cast<u8>(first >> 20);
    header.flow_label = first & k_flow_label_mask;
    header.payload_length = load16(from + 4);
    header.next_header = static_cast<u8>(from[6]);
    header.hop_limit = static_cast<u8>(from[7]);
    std::memcpy(header.source.bytes.data(), from + 8, 16);
    std::memcpy(header.destination.bytes.data(), from + 24, 16);
    return header;
}

void emit_ipv6(const Ipv6Header& header, std::byte* to) {
    store32(to, u32{6} << 28 | u32{header.traffic_class} << 20 |
                    (header.flow_label & k_flow_label_mask));
    store16(to + 4, header.payload_length);
    to[6] = std::byte{header.next_header};
    to[7] = std::byte{header.hop_limit};
    std::memcpy(to + 8, header.source.bytes.data(), 16);
    std::memcpy(to + 24, header.destination.bytes.data(), 16);
}

std::optional<Ipv6Chain> walk_ipv6_extensions(u8 next, std::span<const std::byte> behind) {
    Ipv6Chain chain;
    chain.protocol = next;
    for (u32 count = 0; is_extension(chain.protocol) && chain.fragment_offset == 0; ++count) {
        const auto rest = behind.subspan(chain.length);
        if (count == k_ipv6_extensions_most || rest.size() < 8) return {};
        const u32 length = length_of(chain.protocol, rest.data());
        if (rest.size() < length) return {};
        take(chain.protocol, rest.data(), chain);
        chain.protocol = static_cast<u8>(rest[0]);
        chain.length += length;
    }
    return chain;
}

void emit_ipv6_fragment(const Ipv6Chain& chain, u8 next, std::byte* to) {
    to[0] = std::byte{next};
    to[1] = std::byte{0};
    store16(to + 2, static_cast<u16>(chain.fragment_offset | (chain.more_fragments ? k_more : 0)));
    store32(to + 4, chain.fragment_id);
}

}  // namespace tern::wire

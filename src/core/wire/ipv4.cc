// RFC 791 3.1, with the tolerance of RFC 1122 3.2.1.
#include "core/wire/ipv4.hh"

#include "core/base/checksum.hh"
#include "core/base/endian.hh"

namespace tern::wire {

namespace {

constexpr u16 k_dont_fragment = 0x4000;
constexpr u16 k_more_fragments = 0x2000;
// The bytes of the ID in the first eight of a header, as they are loaded.
constexpr u64 k_id_of_first_word =
    std::endian::native == std::endian::little ? u64{0xffff} << 32 : u64{0xffff} << 16;

}  // namespace

bool options_hold_source_route(std::span<const std::byte> options) {
    constexpr std::byte end{0}, nop{1}, loose{131}, strict{137};
    for (std::size_t i = 0; i < options.size();) {
        const std::byte kind = options[i];
        if (kind == end) return false;
        if (kind == nop) {
            ++i;
            continue;
        }
        // Before its length is looked at: a broken source route is refused all the same.
        if (kind == loose || kind == strict) return true;
        // RFC 1122 3.2.1.8 [RFC1122:7]: an illegal length ends the walk, not the packet.
        if (options.size() - i < 2) return false;
        const std::size_t length = static_cast<std::size_t>(options[i + 1]);
        if (length < 2 || length > options.size() - i) return false;
        i += length;
    }
    return false;
}

std::expected<Ipv4Header, DropReason> parse_ipv4(std::span<const std::byte> packet) {
    if (packet.size() < k_ipv4_header) return std::unexpected(DropReason::Ipv4TooShort);
    const std::byte* p = packet.data();
    const u8 first = static_cast<u8>(p[0]);
    if (first >> 4 != 4) return std::unexpected(DropReason::Ipv4BadVersion);

    // RFC 791 3.1 [RFC791:1].
    Ipv4Header header;
    header.header_length = ipv4_header_length(p);
    if (header.header_length < k_ipv4_header || header.header_length > packet.size())
        return std::unexpected(DropReason::Ipv4BadHeaderLength);
    header.total_length = ipv4_total_length(p);
    if (header.total_length < header.header_length || header.total_length > packet.size())
        return std::unexpected(DropReason::Ipv4BadTotalLength);

    // RFC 1122 3.2.1.2 [RFC1122:2]. A plain header is summed with a length the compiler knows.
    const bool plain = header.header_length == k_ipv4_header;
    const u64 sum = plain ? checksum_add_wide(0, packet.first<k_ipv4_header>())
                          : checksum_add_wide(0, packet.first(header.header_length));
    if (checksum_finish_wide(sum) != 0) return std::unexpected(DropReason::Ipv4BadChecksum);

    ipv4_detail::read_fields(p, header);
    if (!plain)
        header.has_source_route = options_hold_source_route(
            packet.subspan(k_ipv4_header, header.header_length - k_ipv4_header));
    return header;
}

void emit_ipv4(const Ipv4Header& header, std::byte* to) {
    u16 fragment = static_cast<u16>(header.fragment_offset / 8);
    if (header.dont_fragment) fragment |= k_dont_fragment;
    if (header.more_fragments) fragment |= k_more_fragments;
    // In whole words, summed before they are stored: bytes read back at once in another width wait
    // until the processor has really written them. The sum is that of the words in host order.
    const u64 first = u64{0x45} << 56 | u64{header.tos} << 48 | u64{header.total_length} << 32 |
                      u64{header.id} << 16 | fragment;
    const u64 second = u64{header.ttl} << 56 | u64{header.protocol} << 48 | header.source.value;
    const u32 third = header.destination.value;
    using namespace checksum_detail;
    const u32 sum = fold_64(add_with_carry(add_with_carry(first, second), third));
    store_big<u64>(to, first);
    store_big<u64>(to + 8, second | u64{checksum_finish(sum)} << 32);
    store_big<u32>(to + 16, third);
}

bool same_ipv4(const std::byte* a, const std::byte* b) {
    using checksum_detail::load_native;
    const auto sum_of_differing = [](const std::byte* p) {
        return checksum_fold(u32{load_native<u16>(p + 4)} + load_native<u16>(p + 10));
    };
    return ((load_native<u64>(a) ^ load_native<u64>(b)) & ~k_id_of_first_word) == 0 &&
           load_native<u16>(a + 8) == load_native<u16>(b + 8) &&
           load_native<u64>(a + 12) == load_native<u64>(b + 12) &&
           sum_of_differing(a) == sum_of_differing(b);
}

}  // namespace tern::wire

// RFC 768.
#include "core/wire/udp.hh"

#include "core/base/checksum.hh"
#include "core/base/endian.hh"

namespace tern::wire {

// RFC 768 [RFC768:1]: what lies behind UDP's own length is no concern of the datagram.
std::expected<UdpHeader, DropReason> parse_udp(std::span<const std::byte> bytes) {
    if (bytes.size() < k_udp_header) return std::unexpected(DropReason::UdpTooShort);
    UdpHeader header;
    header.source_port = load16(bytes.data());
    header.destination_port = load16(bytes.data() + 2);
    header.length = load16(bytes.data() + 4);
    header.checksum = load16(bytes.data() + 6);
    if (header.length < k_udp_header || header.length > bytes.size())
        return std::unexpected(DropReason::UdpBadLength);
    return header;
}

void emit_udp(const UdpHeader& header, std::byte* to) {
    store16(to, header.source_port);
    store16(to + 2, header.destination_port);
    store16(to + 4, header.length);
    store16(to + 6, header.checksum);
}

void set_udp_length(std::byte* header, u32 length, u32 pseudo_sum) {
    store16(header + k_udp_length_at, static_cast<u16>(length));
    const u16 sum = static_cast<u16>(checksum_fold(pseudo_sum));
    std::memcpy(header + k_udp_checksum_at, &sum, sizeof sum);
}

}  // namespace tern::wire

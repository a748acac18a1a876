// RFC 9293 3.1, figure 1.
#include "core/wire/tcp.hh"

#include "core/base/endian.hh"

namespace tern::wire {

std::expected<TcpHeader, DropReason> parse_tcp(std::span<const std::byte> segment) {
    if (segment.size() < k_tcp_header) return std::unexpected(DropReason::TcpTooShort);
    const std::byte* p = segment.data();
    const u16 offset_and_flags = load16(p + 12);
    TcpHeader header;
    header.source_port = load16(p);
    header.destination_port = load16(p + 2);
    header.seq = Seq{load32(p + 4)};
    header.ack = Seq{load32(p + 8)};
    header.header_length = static_cast<u8>(offset_and_flags >> 12 << 2);
    header.flags = offset_and_flags & 0x01ff;  // the three reserved bits are ignored
    header.window = load16(p + 14);
    header.checksum = load16(p + 16);
    header.urgent = load16(p + 18);
    if (header.header_length < k_tcp_header || header.header_length > segment.size())
        return std::unexpected(DropReason::TcpBadOffset);
    return header;
}

void emit_tcp(const TcpHeader& header, std::byte* to) {
    // Words of 8, 8 and 4 bytes, as the checksum will read them: narrower stores would stall it.
    const u32 offset = u32{header.header_length} >> 2;
    store_big<u64>(
        to, u64{header.source_port} << 48 | u64{header.destination_port} << 32 | header.seq.value);
    store_big<u64>(to + 8, u64{header.ack.value} << 32 | offset << 28 |
                               u32{header.flags & 0x01ffu} << 16 | header.window);
    store_big<u32>(to + 16, u32{header.checksum} << 16 | header.urgent);
}

}  // namespace tern::wire

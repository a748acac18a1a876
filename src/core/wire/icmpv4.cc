// RFC 792.
#include "core/wire/icmpv4.hh"

#include "core/base/assert.hh"
#include "core/base/checksum.hh"
#include "core/base/endian.hh"

namespace tern::wire {

std::expected<IcmpMessage, DropReason> parse_icmp(std::span<const std::byte> bytes) {
    if (bytes.size() < k_icmp_header) return std::unexpected(DropReason::IcmpTooShort);
    if (checksum_finish(checksum_add(0, bytes)) != 0)
        return std::unexpected(DropReason::IcmpBadChecksum);
    IcmpMessage message;
    message.type = static_cast<u8>(bytes[0]);
    message.code = static_cast<u8>(bytes[1]);
    message.rest = load32(bytes.data() + 4);
    message.body = bytes.subspan(k_icmp_header);
    return message;
}

void emit_icmp(u8 type, u8 code, u32 rest, std::span<std::byte> message) {
    check(message.size() >= k_icmp_header);
    std::byte* to = message.data();
    to[0] = std::byte{type};
    to[1] = std::byte{code};
    store16(to + 2, 0);
    store32(to + 4, rest);
    const u16 checksum = checksum_finish(checksum_add(0, message));
    std::memcpy(to + 2, &checksum, sizeof checksum);
}

}  // namespace tern::wire

#include "raw.hh"

#include <array>
#include <cstring>

#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "options.hh"

namespace tern::bench {

Interface add_link(Stack& stack, Ipv4Address address) {
    InterfaceConfig c;
    c.name = "link";
    c.medium = Medium::Ip;
    const Interface i = stack.add_interface(c).value();
    require(stack.add_address(i, {address, 8}).has_value(), "cannot add an address");
    return i;
}

Packet raw_segment(PacketPool& pool, const RawSegment& s) {
    const u32 size = 40 + s.payload;
    Packet p = pool.allocate(size);
    require(static_cast<bool>(p), "no buffer for the flood");
    std::byte* at = p.append(size);
    std::memset(at, 0, size);
    store16(at, 0x4500);
    store16(at + 2, size);
    store16(at + 6, 0x4000);
    store16(at + 8, 64 << 8 | 6);
    store32(at + 12, s.from.value);
    store32(at + 16, s.to.value);
    const u16 field = checksum_finish(checksum_add(0, {at, 20}));
    std::memcpy(at + 10, &field, sizeof field);
    store16(at + 20, s.from_port);
    store16(at + 22, s.to_port);
    store32(at + 24, s.seq);
    store32(at + 28, s.ack);
    store16(at + 32, 5u << 12 | s.flags);
    store16(at + 34, 65535);
    p->checksum = ChecksumState::Verified;
    return p;
}

RawSegment read_segment(const Packet& packet) {
    const std::byte* at = packet.data();
    const u32 header = std::to_integer<u32>(at[32]) >> 4;
    return {.from = Ipv4Address{load32(at + 12)},
            .to = Ipv4Address{load32(at + 16)},
            .from_port = static_cast<u16>(load16(at + 20)),
            .to_port = static_cast<u16>(load16(at + 22)),
            .seq = load32(at + 24),
            .ack = load32(at + 28),
            .flags = std::to_integer<u8>(at[33]),
            .payload = packet.size() - 20 - header * 4};
}

RawSegment answer_to(const RawSegment& s) {
    constexpr u8 syn_and_fin = 3, ack = 16;
    return {.from = s.to,
            .to = s.from,
            .from_port = s.to_port,
            .to_port = s.from_port,
            .seq = s.ack,
            .ack = s.seq + s.payload + ((s.flags & syn_and_fin) != 0 ? 1 : 0),
            .flags = ack};
}

}  // namespace tern::bench

#include "raw.hh"

#include <array>

#include "options.hh"

namespace tern::bench {

namespace {

void put16(std::byte* at, u32 v) {
    at[0] = static_cast<std::byte>(v >> 8);
    at[1] = static_cast<std::byte>(v);
}
void put32(std::byte* at, u32 v) {
    put16(at, v >> 16);
    put16(at + 2, v & 0xffff);
}
u32 get16(const std::byte* at) {
    return std::to_integer<u32>(at[0]) << 8 | std::to_integer<u32>(at[1]);
}
u32 get32(const std::byte* at) { return get16(at) << 16 | get16(at + 2); }
u32 sum_of_header(const std::byte* at) {
    u32 sum = 0;
    for (u32 i = 0; i < 20; i += 2) sum += get16(at + i);
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

}  // namespace

Interface add_link(Stack& stack, Ipv4Address address) {
    InterfaceConfig c;
    c.name = "link";
    c.ethernet = false;
    const Interface i = stack.add_interface(c);
    require(stack.add_address(i, {address, 8}).has_value(), "cannot add an address");
    return i;
}

Packet raw_segment(PacketPool& pool, const RawSegment& s) {
    const u32 size = 40 + s.payload;
    Packet p = pool.allocate(size);
    require(static_cast<bool>(p), "no buffer for the flood");
    std::byte* at = p.append(size);
    std::memset(at, 0, size);
    put16(at, 0x4500);
    put16(at + 2, size);
    put16(at + 6, 0x4000);
    put16(at + 8, 64 << 8 | 6);
    put32(at + 12, s.from.value);
    put32(at + 16, s.to.value);
    put16(at + 10, ~sum_of_header(at) & 0xffff);
    put16(at + 20, s.from_port);
    put16(at + 22, s.to_port);
    put32(at + 24, s.seq);
    put32(at + 28, s.ack);
    put16(at + 32, 5u << 12 | s.flags);
    put16(at + 34, 65535);
    p->checksum = ChecksumState::Verified;
    return p;
}

RawSegment read_segment(const Packet& packet) {
    const std::byte* at = packet.data();
    const u32 header = std::to_integer<u32>(at[32]) >> 4;
    return {.from = Ipv4Address{get32(at + 12)},
            .to = Ipv4Address{get32(at + 16)},
            .from_port = static_cast<u16>(get16(at + 20)),
            .to_port = static_cast<u16>(get16(at + 22)),
            .seq = get32(at + 24),
            .ack = get32(at + 28),
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

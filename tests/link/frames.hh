// TCP/IPv4 frames for the tests of this room, made and read byte by byte, with a checksum of its
// own: what is tested must not be its own witness.
#pragma once

#include <cstring>
#include <vector>

#include "core/base/endian.hh"
#include "core/base/random.hh"
#include "tern/address.hh"
#include "tern/medium.hh"
#include "tern/packet_batch.hh"

namespace tern::test {

// The one's complement sum of 16-bit words, network order, not complemented.
inline u16 slow_sum(std::span<const std::byte> bytes, u64 sum = 0) {
    for (std::size_t i = 0; i < bytes.size(); ++i) {
        sum += u64{std::to_integer<u8>(bytes[i])} << (i % 2 == 0 ? 8 : 0);
    }
    while (sum >> 16 != 0) sum = (sum & 0xffff) + (sum >> 16);
    return static_cast<u16>(sum);
}

struct FrameSpec {
    Medium medium = Medium::Ethernet;
    u16 vlan = 0;
    u32 source = 0x0a080002, destination = 0x0a080001;
    u16 source_port = 4000, destination_port = 5000;
    u32 seq = 1000, ack = 2000;
    u8 flags = 0x10;
    u16 id = 77;
    u8 ip_options = 0;   // bytes, a multiple of 4
    u8 tcp_options = 0;  // bytes, a multiple of 4
    u32 payload = 0;
    u16 gso_size = 0;      // with gso_segments computed
    bool partial = false;  // leave the checksum to the link
    MacAddress to{{0x02, 0, 0, 0, 0, 0x0b}};
};

struct Layout {
    u32 ip, tcp, payload, end;
};

inline Layout layout_of(std::span<const std::byte> frame, Medium medium) {
    Layout at{};
    if (medium == Medium::Ethernet) at.ip = load16(&frame[12]) == 0x8100 ? 18 : 14;
    at.tcp = at.ip + (std::to_integer<u32>(frame[at.ip]) & 15) * 4;
    at.payload = at.tcp + (std::to_integer<u32>(frame[at.tcp + 12]) >> 4) * 4;
    at.end = at.ip + load16(&frame[at.ip + 2]);
    return at;
}

inline u64 pseudo_sum(std::span<const std::byte> frame, const Layout& at) {
    return u64{slow_sum(frame.subspan(at.ip + 12, 8))} + 6 + (at.end - at.tcp);
}

inline void put_link_header(const FrameSpec& spec, std::byte* f) {
    std::memcpy(f, spec.to.bytes.data(), 6);
    const u8 from[6] = {0x02, 0, 0, 0, 0, 0x0a};
    std::memcpy(f + 6, from, 6);
    if (spec.vlan != 0) {
        store16(f + 12, u16{0x8100});
        store16(f + 14, spec.vlan);
        f += 4;
    }
    store16(f + 12, u16{0x0800});
}

// The payload comes from a generator, so that bytes at the wrong place are seen.
inline Packet tcp_frame(PacketPool& pool, const FrameSpec& spec, u64 payload_seed = 1) {
    const u32 link = spec.medium == Medium::Ip ? 0 : spec.vlan != 0 ? 18 : 14;
    const u32 tcp = link + 20 + spec.ip_options;
    const u32 headers = tcp + 20 + spec.tcp_options;
    Packet p = pool.allocate(headers + spec.payload);
    if (!p) return p;
    std::byte* f = p.append(headers + spec.payload);
    std::memset(f, 0, headers);
    if (spec.medium == Medium::Ethernet) put_link_header(spec, f);
    std::byte* ip = f + link;
    ip[0] = std::byte{static_cast<u8>(0x45 + spec.ip_options / 4)};
    store16(ip + 2, static_cast<u16>(headers - link + spec.payload));
    store16(ip + 4, spec.id);
    ip[8] = std::byte{64};
    ip[9] = std::byte{6};
    store32(ip + 12, spec.source);
    store32(ip + 16, spec.destination);
    if (spec.ip_options != 0) std::memset(ip + 20, 1, spec.ip_options);  // no-operation
    store16(ip + 10, static_cast<u16>(~slow_sum({ip, 20u + spec.ip_options})));
    std::byte* t = f + tcp;
    store16(t, spec.source_port);
    store16(t + 2, spec.destination_port);
    store32(t + 4, spec.seq);
    store32(t + 8, spec.ack);
    t[12] = std::byte{static_cast<u8>((20 + spec.tcp_options) * 4)};
    t[13] = std::byte{spec.flags};
    store16(t + 14, u16{0xffff});
    if (spec.tcp_options != 0) std::memset(t + 20, 1, spec.tcp_options);
    Random random{payload_seed};
    for (u32 i = 0; i < spec.payload; ++i) f[headers + i] = static_cast<std::byte>(random.next32());

    const Layout at = layout_of(p.bytes(), spec.medium);
    const u64 pseudo = pseudo_sum(p.bytes(), at);
    store16(t + 16, spec.partial
                        ? slow_sum({}, pseudo)
                        : static_cast<u16>(~slow_sum({t, headers - tcp + spec.payload}, pseudo)));
    p->network = static_cast<u16>(p->begin + link);
    p->transport = static_cast<u16>(p->begin + tcp);
    if (spec.partial) p->checksum = ChecksumState::Partial;
    if (spec.gso_size != 0) {
        p->gso_size = spec.gso_size;
        p->gso_segments = static_cast<u16>((spec.payload + spec.gso_size - 1) / spec.gso_size);
    }
    return p;
}

struct TcpSeen {
    u32 seq = 0, ack = 0;
    u16 id = 0, source_port = 0, destination_port = 0;
    u8 flags = 0;
    bool ip_sum_good = false, tcp_sum_good = false;
    std::vector<std::byte> payload;
};

inline TcpSeen read_tcp(std::span<const std::byte> frame, Medium medium = Medium::Ethernet) {
    const Layout at = layout_of(frame, medium);
    TcpSeen seen;
    seen.id = load16(&frame[at.ip + 4]);
    seen.source_port = load16(&frame[at.tcp]);
    seen.destination_port = load16(&frame[at.tcp + 2]);
    seen.seq = load32(&frame[at.tcp + 4]);
    seen.ack = load32(&frame[at.tcp + 8]);
    seen.flags = std::to_integer<u8>(frame[at.tcp + 13]);
    seen.ip_sum_good = slow_sum(frame.subspan(at.ip, at.tcp - at.ip)) == 0xffff;
    seen.tcp_sum_good =
        slow_sum(frame.subspan(at.tcp, at.end - at.tcp), pseudo_sum(frame, at)) == 0xffff;
    seen.payload.assign(frame.begin() + at.payload, frame.begin() + at.end);
    return seen;
}

inline u32 seq_of(const PacketDescriptor& d, Medium medium = Medium::Ethernet) {
    const std::span<const std::byte> frame{d.slot + d.begin, d.end - d.begin};
    return load32(&frame[layout_of(frame, medium).tcp + 4]);
}

}  // namespace tern::test

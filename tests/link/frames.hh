// TCP and UDP in frames of both families, made and read byte by byte, with a checksum of its own:
// what is tested must not be its own witness.
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
    bool v6 = false;
    u32 source = 0x0a080002, destination = 0x0a080001;  // IPv6: the last bytes of the addresses
    u16 source_port = 4000, destination_port = 5000;
    u32 seq = 1000, ack = 2000;
    u8 flags = 0x10;
    u16 id = 77;  // IPv4
    u8 traffic_class = 0;
    u8 ip_options = 0;   // bytes, a multiple of 4; IPv6: of 8, a destination options header
    u8 tcp_options = 0;  // bytes, a multiple of 4
    u32 payload = 0;
    u16 gso_size = 0;      // with gso_segments computed
    bool partial = false;  // leave the checksum to the link
    MacAddress to{{0x02, 0, 0, 0, 0, 0x0b}};
};

struct Layout {
    u32 ip, tcp, payload, end;  // tcp: the transport header, TCP's or UDP's
    bool v6;
    u8 protocol;
};

inline Layout layout_of(std::span<const std::byte> frame, Medium medium) {
    const auto byte = [&](u32 at) { return std::to_integer<u32>(frame[at]); };
    Layout at{};
    if (medium == Medium::Ethernet) at.ip = load16(&frame[12]) == 0x8100 ? 18 : 14;
    at.v6 = byte(at.ip) >> 4 == 6;
    if (at.v6) {
        const bool options = byte(at.ip + 6) == 60;
        at.tcp = at.ip + 40 + (options ? (byte(at.ip + 41) + 1) * 8 : 0);
        at.protocol = static_cast<u8>(byte(at.ip + (options ? 40 : 6)));
        at.end = at.ip + 40 + load16(&frame[at.ip + 4]);
    } else {
        at.tcp = at.ip + (byte(at.ip) & 15) * 4;
        at.protocol = static_cast<u8>(byte(at.ip + 9));
        at.end = at.ip + load16(&frame[at.ip + 2]);
    }
    at.payload = at.tcp + (at.protocol == 17 ? 8 : (byte(at.tcp + 12) >> 4) * 4);
    return at;
}

inline u64 pseudo_sum(std::span<const std::byte> frame, const Layout& at) {
    const auto addresses = frame.subspan(at.ip + (at.v6 ? 8 : 12), at.v6 ? 32 : 8);
    return u64{slow_sum(addresses)} + at.protocol + (at.end - at.tcp);
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
    store16(f + 12, u16{spec.v6 ? u16{0x86dd} : u16{0x0800}});
}

// `length`: of the transport header and what is behind it.
inline void put_ipv4(const FrameSpec& spec, u8 protocol, u32 length, std::byte* ip) {
    ip[0] = std::byte{static_cast<u8>(0x45 + spec.ip_options / 4)};
    ip[1] = std::byte{spec.traffic_class};
    store16(ip + 2, static_cast<u16>(20 + spec.ip_options + length));
    store16(ip + 4, spec.id);
    ip[8] = std::byte{64};
    ip[9] = std::byte{protocol};
    store32(ip + 12, spec.source);
    store32(ip + 16, spec.destination);
    if (spec.ip_options != 0) std::memset(ip + 20, 1, spec.ip_options);  // no-operation
    store16(ip + 10, static_cast<u16>(~slow_sum({ip, 20u + spec.ip_options})));
}

inline void put_ipv6(const FrameSpec& spec, u8 protocol, u32 length, std::byte* ip) {
    store32(ip, u32{6} << 28 | u32{spec.traffic_class} << 20 | 0x54321);
    store16(ip + 4, static_cast<u16>(spec.ip_options + length));
    ip[6] = std::byte{protocol};
    ip[7] = std::byte{64};
    for (const u32 at : {8u, 24u}) store32(ip + at, 0x20010db8);
    store32(ip + 20, spec.source);
    store32(ip + 36, spec.destination);
    if (spec.ip_options == 0) return;
    ip[6] = std::byte{60};
    ip[40] = std::byte{protocol};
    ip[41] = std::byte{static_cast<u8>(spec.ip_options / 8 - 1)};  // of Pad1, which is zero
}

// Everything but what is TCP's or UDP's own. The payload comes from a generator, so that bytes at
// the wrong place are seen.
inline Packet begin_frame(PacketPool& pool, const FrameSpec& spec, u8 protocol, u32 header,
                          u64 payload_seed) {
    const u32 link = spec.medium == Medium::Ip ? 0 : spec.vlan != 0 ? 18 : 14;
    const u32 transport = link + (spec.v6 ? 40 : 20) + spec.ip_options;
    const u32 headers = transport + header;
    Packet p = pool.allocate(headers + spec.payload);
    if (!p) return p;
    std::byte* f = p.append(headers + spec.payload);
    std::memset(f, 0, headers);
    if (spec.medium == Medium::Ethernet) put_link_header(spec, f);
    (spec.v6 ? put_ipv6 : put_ipv4)(spec, protocol, header + spec.payload, f + link);
    store16(f + transport, spec.source_port);
    store16(f + transport + 2, spec.destination_port);
    Random random{payload_seed};
    for (u32 i = 0; i < spec.payload; ++i) f[headers + i] = static_cast<std::byte>(random.next32());
    p->network = static_cast<u16>(p->begin + link);
    p->transport = static_cast<u16>(p->begin + transport);
    return p;
}

// The checksum, and what is left to the link. `field`: where it lies in the transport header.
inline void end_frame(const FrameSpec& spec, Packet& p, u32 field) {
    const Layout at = layout_of(p.bytes(), spec.medium);
    const u64 pseudo = pseudo_sum(p.bytes(), at);
    const std::span<const std::byte> summed{p.data() + at.tcp, at.end - at.tcp};
    store16(p.data() + at.tcp + field,
            spec.partial ? slow_sum({}, pseudo) : static_cast<u16>(~slow_sum(summed, pseudo)));
    if (spec.partial) p->checksum = ChecksumState::Partial;
    if (spec.gso_size == 0) return;
    p->gso_size = spec.gso_size;
    p->gso_segments = static_cast<u16>((spec.payload + spec.gso_size - 1) / spec.gso_size);
}

inline Packet tcp_frame(PacketPool& pool, const FrameSpec& spec, u64 payload_seed = 1) {
    Packet p = begin_frame(pool, spec, 6, 20u + spec.tcp_options, payload_seed);
    if (!p) return p;
    std::byte* t = p.transport_header();
    store32(t + 4, spec.seq);
    store32(t + 8, spec.ack);
    t[12] = std::byte{static_cast<u8>((20 + spec.tcp_options) * 4)};
    t[13] = std::byte{spec.flags};
    store16(t + 14, u16{0xffff});
    if (spec.tcp_options != 0) std::memset(t + 20, 1, spec.tcp_options);
    end_frame(spec, p, 16);
    return p;
}

inline Packet udp_frame(PacketPool& pool, const FrameSpec& spec, u64 payload_seed = 1) {
    Packet p = begin_frame(pool, spec, 17, 8, payload_seed);
    if (!p) return p;
    store16(p.transport_header() + 4, static_cast<u16>(8 + spec.payload));
    end_frame(spec, p, 6);
    return p;
}

struct UdpSeen {
    u16 id = 0, source_port = 0, destination_port = 0, length = 0;
    bool ip_sum_good = false, udp_sum_good = false;  // IPv6 has no sum of its own
    std::vector<std::byte> payload;
};

inline bool ip_sum_good(std::span<const std::byte> frame, const Layout& at) {
    return at.v6 || slow_sum(frame.subspan(at.ip, at.tcp - at.ip)) == 0xffff;
}
inline bool transport_sum_good(std::span<const std::byte> frame, const Layout& at) {
    return slow_sum(frame.subspan(at.tcp, at.end - at.tcp), pseudo_sum(frame, at)) == 0xffff;
}

inline UdpSeen read_udp(std::span<const std::byte> frame, Medium medium = Medium::Ethernet) {
    const Layout at = layout_of(frame, medium);
    UdpSeen seen;
    if (!at.v6) seen.id = load16(&frame[at.ip + 4]);
    seen.source_port = load16(&frame[at.tcp]);
    seen.destination_port = load16(&frame[at.tcp + 2]);
    seen.length = load16(&frame[at.tcp + 4]);
    seen.ip_sum_good = ip_sum_good(frame, at);
    seen.udp_sum_good = transport_sum_good(frame, at);
    seen.payload.assign(frame.begin() + at.payload, frame.begin() + at.end);
    return seen;
}

struct TcpSeen {
    u32 seq = 0, ack = 0;
    u16 id = 0, source_port = 0, destination_port = 0;  // id: 0 with IPv6
    u8 flags = 0;
    bool ip_sum_good = false, tcp_sum_good = false;
    std::vector<std::byte> payload;
};

inline TcpSeen read_tcp(std::span<const std::byte> frame, Medium medium = Medium::Ethernet) {
    const Layout at = layout_of(frame, medium);
    TcpSeen seen;
    if (!at.v6) seen.id = load16(&frame[at.ip + 4]);
    seen.source_port = load16(&frame[at.tcp]);
    seen.destination_port = load16(&frame[at.tcp + 2]);
    seen.seq = load32(&frame[at.tcp + 4]);
    seen.ack = load32(&frame[at.tcp + 8]);
    seen.flags = std::to_integer<u8>(frame[at.tcp + 13]);
    seen.ip_sum_good = ip_sum_good(frame, at);
    seen.tcp_sum_good = transport_sum_good(frame, at);
    seen.payload.assign(frame.begin() + at.payload, frame.begin() + at.end);
    return seen;
}

inline u32 seq_of(const PacketDescriptor& d, Medium medium = Medium::Ethernet) {
    const std::span<const std::byte> frame{d.slot + d.begin, d.end - d.begin};
    return load32(&frame[layout_of(frame, medium).tcp + 4]);
}

}  // namespace tern::test

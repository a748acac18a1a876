#include "os/link/datagrams.hh"

#include <algorithm>

#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "core/packet/gso.hh"
#include "core/wire/ethernet.hh"
#include "core/wire/ipv4.hh"
#include "core/wire/udp.hh"

namespace tern {

namespace {

constexpr u32 k_total_length = 2, k_id = 4, k_fragment = 6, k_protocol = 9, k_header_sum = 10;
constexpr u32 k_addresses = 12;
constexpr u32 k_v6_header = 40, k_v6_length = 4, k_v6_addresses = 8;
constexpr u32 k_udp_length = 4, k_udp_sum = 6;
constexpr u32 k_ip_most = 65535;
constexpr u8 k_udp = static_cast<u8>(wire::IpProtocol::Udp);

// A datagram that may be one of several: IPv4 without options, the sum left to the link.
struct View {
    const std::byte* frame = nullptr;
    u32 ip = 0, udp = 0, payload = 0;  // offsets; `payload` is where it begins
    u32 size = 0;                      // of the payload
};

bool read(const PacketDescriptor& d, Medium medium, View& v) {
    v.frame = d.slot + d.begin;
    if (d.checksum != ChecksumState::Partial || d.gso_segments > 1) return false;
    v.ip = ip_offset(v.frame, medium);
    v.udp = v.ip + wire::k_ipv4_header;
    v.payload = v.udp + wire::k_udp_header;
    const u32 end = d.end - d.begin;
    if (end <= v.payload || d.transport != d.begin + v.udp) return false;
    v.size = end - v.payload;
    const std::byte* ip = v.frame + v.ip;
    return ip[0] == std::byte{0x45} && ip[k_protocol] == std::byte{k_udp} &&
           load16(ip + k_total_length) == end - v.ip && (load16(ip + k_fragment) & 0x3fff) == 0;
}

bool same_flow(const View& a, const View& b) {
    const auto same = [&](u32 at, u32 size) {
        return std::memcmp(a.frame + at, b.frame + at, size) == 0;
    };
    // All but the lengths, the identification and the sums.
    return a.ip == b.ip && same(0, a.ip + k_total_length) && same(a.ip + k_fragment, 4) &&
           same(a.ip + k_addresses, 8) && same(a.udp, k_udp_length);
}

bool is_v6(const std::byte* ip) { return std::to_integer<u8>(ip[0]) >> 4 == 6; }

// Settles the length and the sum of `header` bytes of IP headers, behind which `length` bytes come.
// Returns the sum of the pseudo-header.
u32 settle_ip(std::byte* ip, u32 header, u32 length) {
    if (is_v6(ip)) {
        store16(ip + k_v6_length, static_cast<u16>(header - k_v6_header + length));
        IpAddress source, destination;
        std::memcpy(source.bytes.data(), ip + k_v6_addresses, 16);
        std::memcpy(destination.bytes.data(), ip + k_v6_addresses + 16, 16);
        return checksum_pseudo(source, destination, k_udp, length);
    }
    store16(ip + k_total_length, static_cast<u16>(header + length));
    store16(ip + k_header_sum, u16{0});
    const u16 sum = checksum_finish(checksum_add(0, {ip, header}));
    std::memcpy(ip + k_header_sum, &sum, sizeof sum);
    const Ipv4Address source{load32(ip + k_addresses)}, destination{load32(ip + k_addresses + 4)};
    return checksum_pseudo(source, destination, k_udp, length);
}

// Lengths and sums for `payload` bytes behind the headers at `frame`.
void settle(std::byte* frame, u32 ip, u32 udp, u32 payload) {
    const u32 length = wire::k_udp_header + payload;
    const u16 sum = static_cast<u16>(checksum_fold(settle_ip(frame + ip, udp - ip, length)));
    store16(frame + udp + k_udp_length, static_cast<u16>(length));
    std::memcpy(frame + udp + k_udp_sum, &sum, sizeof sum);
}

Packet cut(const Packet& super, u32 ip, u32 udp, u32 from, u32 n) {
    const u32 headers = udp + wire::k_udp_header;
    Packet p = super->pool->allocate(headers + n);
    if (!p) return p;
    std::byte* frame = p.append(headers + n);
    std::memcpy(frame, super.data(), headers);
    std::memcpy(frame + headers, super.data() + headers + from, n);
    if (!is_v6(frame + ip)) {
        const u16 id = load16(frame + ip + k_id);
        store16(frame + ip + k_id, static_cast<u16>(id + from / super->gso_size));
    }
    settle(frame, ip, udp, n);
    p->transport = static_cast<u16>(p->begin + udp);
    p->checksum = ChecksumState::Partial;
    p->link_broadcast = super->link_broadcast;
    return p;
}

}  // namespace

bool is_super_datagram(const Packet& p, Medium medium) {
    if (p->gso_segments <= 1 || p->checksum != ChecksumState::Partial) return false;
    const auto place = checksum_place(p.bytes(), medium);
    return place && place->field == k_udp_sum && p.size() > place->transport + wire::k_udp_header;
}

u32 cut_datagrams(const Packet& super, Medium medium, Chain& to) {
    const u32 ip = ip_offset(super.data(), medium);
    const u32 udp = super->transport - super->begin;
    const u32 size = super.size() - udp - wire::k_udp_header;
    u32 lost = 0;
    for (u32 from = 0; from < size; from += super->gso_size) {
        Packet p = cut(super, ip, udp, from, std::min<u32>(super->gso_size, size - from));
        if (p)
            to.push_back(std::move(p));
        else
            ++lost;
    }
    return lost;
}

u32 datagrams_together(const PacketBatch& batch, u32 first, Medium medium) {
    View head, next;
    if (batch.peek(first) == nullptr || !read(*batch.peek(first), medium, head)) return 1;
    const u32 most = std::min(batch.size(), first + k_datagrams_most);
    u32 all = head.payload - head.ip + head.size;
    u32 n = first + 1;
    for (; n < most && batch.peek(n) != nullptr; ++n) {
        if (!read(*batch.peek(n), medium, next) || !same_flow(head, next)) break;
        all += next.size;
        if (next.size > head.size || all > k_ip_most) break;
        if (next.size < head.size) return n + 1 - first;  // a short one is the last
    }
    return n - first;
}

u32 join_headers(const PacketDescriptor& first, u32 payload_of_all, Medium medium, std::byte* to) {
    const std::byte* frame = first.slot + first.begin;
    const u32 ip = ip_offset(frame, medium);
    const u32 udp = ip + wire::k_ipv4_header;
    std::memcpy(to, frame, udp + wire::k_udp_header);
    settle(to, ip, udp, payload_of_all);
    return udp + wire::k_udp_header;
}

}  // namespace tern

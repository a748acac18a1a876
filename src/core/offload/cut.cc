// Cutting. See RFC 9293 3.1 and RFC 768 for the fields, and Linux Documentation/networking/
// segmentation-offloads.rst for what a cut must keep.
#include "core/offload/cut.hh"

#include <algorithm>

#include "core/base/assert.hh"
#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "core/offload/checksum.hh"
#include "core/wire/frame.hh"
#include "core/wire/tcp.hh"
#include "core/wire/udp.hh"

namespace tern::offload {

namespace {

// The parts of a super-packet, as offsets from the first byte of its frame.
struct Parts {
    u32 ip, transport, payload, end;
    wire::IpView view;
};

struct TcpParts : Parts {
    u16 flags;
    Seq seq;
};

std::optional<TcpParts> tcp_parts_of(const Packet& p, Medium medium) {
    const auto frame = p.bytes();
    const auto found = wire::find_whole_ip(medium, frame);
    if (!found || !found->ip.carries(wire::IpProtocol::Tcp)) return {};
    if (found->ip.is_fragment() || found->ip.source_routed) return {};
    const auto tcp = wire::parse_tcp(frame.subspan(found->payload(), found->ip.payload_length()));
    if (!tcp) return {};
    return TcpParts{{found->at, found->payload(), found->payload() + tcp->header_length,
                     found->end(), found->ip},
                    tcp->flags,
                    tcp->seq};
}

void store_checksum(std::byte* field, u32 sum) {
    const u16 value = checksum_finish(sum);
    std::memcpy(field, &value, sizeof value);
}

// RFC 3168 6.1.2: CWR is said once, on the first segment. FIN and PSH follow the last byte.
u8 flags_of(u16 flags, bool first, bool last) {
    if (!first) flags = static_cast<u16>(flags & ~wire::Cwr);
    if (!last) flags = static_cast<u16>(flags & ~(wire::Fin | wire::Psh));
    return static_cast<u8>(flags);
}

// A packet with the headers of `super`, their lengths made right for `n` bytes of payload, which
// are still to be filled in. `from`: where these bytes stand in the payload of `super`. Empty:
// refused.
Packet begin_cut(const Packet& super, const Parts& at, u32 from, u32 n) {
    Packet p = super->pool->allocate(at.payload + n);
    if (!p) return p;
    std::byte* frame = p.append(at.payload + n);
    std::memcpy(frame, super.data(), at.payload);
    wire::set_payload_length(frame + at.ip, at.view, at.payload - at.transport + n,
                             from / super->gso_size);
    p->network = static_cast<u16>(p->begin + at.ip);
    p->transport = static_cast<u16>(p->begin + at.transport);
    p->tag = super->tag;
    p->note = super->note;
    p->link_broadcast = super->link_broadcast;
    return p;
}

std::span<const std::byte> payload_of(const Packet& super, const Parts& at, u32 from, u32 n) {
    return std::span<const std::byte>(super.bytes()).subspan(at.payload + from, n);
}

Packet cut_segment(const Packet& super, const TcpParts& at, u32 from, u32 n) {
    Packet p = begin_cut(super, at, from, n);
    if (!p) return p;
    std::byte* tcp = p.transport_header();
    const u32 header = at.payload - at.transport;
    u32 sum = checksum_copy(tcp + header, payload_of(super, at, from, n));
    const bool last = at.payload + from + n == at.end;
    store32(tcp + wire::k_tcp_seq_at, (at.seq + from).value);
    tcp[wire::k_tcp_flags_at] = std::byte{flags_of(at.flags, from == 0, last)};
    store16(tcp + wire::k_tcp_checksum_at, u16{0});
    sum += wire::pseudo_sum(at.view, header + n);
    store_checksum(tcp + wire::k_tcp_checksum_at, checksum_add(sum, {tcp, header}));
    return p;
}

Packet cut_datagram(const Packet& super, const Parts& at, u32 from, u32 n) {
    Packet p = begin_cut(super, at, from, n);
    if (!p) return p;
    std::byte* udp = p.transport_header();
    const auto payload = payload_of(super, at, from, n);
    std::memcpy(udp + wire::k_udp_header, payload.data(), payload.size());
    const u32 length = wire::k_udp_header + n;
    wire::set_udp_length(udp, length, wire::pseudo_sum(at.view, length));
    p->checksum = ChecksumState::Partial;
    return p;
}

// cut(from, n) makes the packet with payload bytes [from, from + n). Returns how many it could not.
template <class Cut>
u32 cut_all(const Packet& super, const Parts& at, Chain& to, Cut&& cut) {
    const u32 size = at.end - at.payload;
    u32 lost = 0, from = 0;
    do {  // a packet without payload is one segment
        const u32 n = std::min<u32>(super->gso_size, size - from);
        if (Packet p = cut(from, n))
            to.push_back(std::move(p));
        else
            ++lost;
        from += n;
    } while (from < size);
    return lost;
}

}  // namespace

u32 cut_segments(Packet super, Medium medium, Chain& to) {
    check(super->gso_size != 0);
    const auto at = tcp_parts_of(super, medium);
    if (!at) return std::max<u32>(super->gso_segments, 1);
    return cut_all(super, *at, to,
                   [&](u32 from, u32 n) { return cut_segment(super, *at, from, n); });
}

bool is_super_datagram(const Packet& p, Medium medium) {
    if (p->gso_segments <= 1 || p->checksum != ChecksumState::Partial) return false;
    const auto place = checksum_place(p.bytes(), medium);
    return place && place->field == wire::k_udp_checksum_at &&
           p.size() > place->transport + wire::k_udp_header;
}

u32 cut_datagrams(const Packet& super, Medium medium, Chain& to) {
    const auto found = wire::find_ip(medium, super.bytes());
    if (!found || found->ip.source_routed) return super->gso_segments;
    const Parts at{found->at, found->payload(), found->payload() + wire::k_udp_header, super.size(),
                   found->ip};
    return cut_all(super, at, to,
                   [&](u32 from, u32 n) { return cut_datagram(super, at, from, n); });
}

}  // namespace tern::offload

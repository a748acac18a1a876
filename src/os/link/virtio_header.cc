// Offload facts to virtio-net header and back.
#include "os/link/virtio_header.hh"

#include <algorithm>

#include "core/base/assert.hh"
#include "core/base/checksum.hh"
#include "core/offload/checksum.hh"
#include "core/wire/tcp.hh"
#include "core/wire/udp.hh"

namespace tern {

namespace {

// <linux/virtio_net.h> names a field `class`, so C++ cannot read it. The names are its names.
struct VirtioHeader {
    u8 flags = 0;
    u8 gso_type = 0;
    u16 hdr_len = 0;  // all headers of a super-segment
    u16 gso_size = 0;
    u16 csum_start = 0;   // from here to the end is summed
    u16 csum_offset = 0;  // from csum_start: where the sum goes
};
static_assert(sizeof(VirtioHeader) == 10);

constexpr u8 k_needs_csum = 1;
constexpr u8 k_data_valid = 2;
constexpr u8 k_gso_tcpv4 = 1;
constexpr u8 k_gso_tcpv6 = 4;
constexpr u8 k_gso_udp = 5;
constexpr u8 k_gso_ecn = 0x80;

u8 byte_at(const std::byte* p, u32 at) { return std::to_integer<u8>(p[at]); }

// Believes the header only as far as the packet's own headers agree: a checksum may wait for
// another link where they say that TCP's or UDP's lies there. Any other sum is finished here, at
// the place that the header names, so that nobody later has to know that place.
void read_partial_checksum(const VirtioHeader& h, Packet& p, Medium medium) {
    p->checksum = ChecksumState::Unknown;
    if (u32{h.csum_start} + h.csum_offset + 2 > p.size()) return;
    const auto place = offload::checksum_place(p.bytes(), medium);
    if (place && place->transport == h.csum_start && place->field == h.csum_offset) {
        p->transport = static_cast<u16>(p->begin + h.csum_start);
        p->checksum = ChecksumState::Partial;
        return;
    }
    const u16 sum = checksum_finish(checksum_add(0, p.bytes().subspan(h.csum_start)));
    std::memcpy(p.data() + h.csum_start + h.csum_offset, &sum, sizeof sum);
}

void set_segments(Packet& p, u16 size, u32 payload) {
    p->gso_size = size;
    p->gso_segments = static_cast<u16>(std::min((payload + size - 1) / size, 65'535u));
}

void read_segmentation(const VirtioHeader& h, Packet& p) {
    if (h.gso_size == 0 || p->checksum != ChecksumState::Partial) return;
    if (h.csum_offset != wire::k_tcp_checksum_at) return;
    const u32 transport = p->transport - p->begin;
    if (p.size() < transport + wire::k_tcp_header) return;
    const u32 headers = transport + u32{byte_at(p.data(), transport + 12)} / 16 * 4;
    if (p.size() <= headers) return;
    set_segments(p, h.gso_size, p.size() - headers);
}

void read_datagrams(const VirtioHeader& h, Packet& p) {
    if (h.gso_size == 0 || p->checksum != ChecksumState::Partial) return;
    const u32 headers = p->transport - p->begin + wire::k_udp_header;
    if (h.csum_offset != wire::k_udp_checksum_at || p.size() <= headers) return;
    set_segments(p, h.gso_size, p.size() - headers);
}

}  // namespace

void write_datagrams_header(std::byte* header, u32 transport, u32 size) {
    VirtioHeader h;
    h.flags = k_needs_csum;
    h.gso_type = k_gso_udp;
    h.hdr_len = static_cast<u16>(transport + wire::k_udp_header);
    h.gso_size = static_cast<u16>(size);
    h.csum_start = static_cast<u16>(transport);
    h.csum_offset = wire::k_udp_checksum_at;
    std::memcpy(header, &h, sizeof h);
}

void write_virtio_header(std::byte* header, const PacketDescriptor& d, Medium medium) {
    VirtioHeader h;
    const std::byte* frame = d.slot + d.begin;
    const bool super = d.gso_segments > 1;
    if (d.checksum == ChecksumState::Partial) {
        const auto place = offload::checksum_place({frame, d.end - d.begin}, medium);
        check(place && d.begin + place->transport == d.transport);
        h.flags = k_needs_csum;
        h.csum_start = static_cast<u16>(place->transport);
        h.csum_offset = static_cast<u16>(place->field);
        if (super) {
            const bool v6 = place->family == wire::IpFamily::V6;
            const u8 flags = byte_at(d.slot, d.transport + 13u);
            h.gso_type = v6 ? k_gso_tcpv6 : k_gso_tcpv4;
            // CWR belongs on the first segment only (RFC 3168 6.1.2); this asks the kernel for it.
            if ((flags & wire::Cwr) != 0) h.gso_type |= k_gso_ecn;
            h.gso_size = d.gso_size;
            const u32 tcp_header = byte_at(d.slot, d.transport + 12u) / 16 * 4u;
            h.hdr_len = static_cast<u16>(h.csum_start + tcp_header);
        }
    } else {
        check(!super);  // a super-segment's sums are always left to the link
    }
    std::memcpy(header, &h, sizeof h);
}

void read_virtio_header(const std::byte* header, Packet& p, Medium medium) {
    VirtioHeader h;
    std::memcpy(&h, header, sizeof h);
    if ((h.flags & k_data_valid) != 0) p->checksum = ChecksumState::Verified;
    if ((h.flags & k_needs_csum) != 0) read_partial_checksum(h, p, medium);
    const u8 type = static_cast<u8>(h.gso_type & ~k_gso_ecn);
    if (type == k_gso_tcpv4 || type == k_gso_tcpv6) {
        read_segmentation(h, p);
    } else if (type == k_gso_udp) {
        read_datagrams(h, p);
    }
}

}  // namespace tern

#include "os/link/segment_join.hh"

#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "core/wire/ipv4.hh"
#include "core/wire/tcp.hh"
#include "os/link/ecn_mark.hh"

namespace tern {

namespace {

constexpr u32 k_total_length = 2, k_id = 4, k_header_sum = 10, k_addresses = 12;
constexpr u32 k_seq = 4, k_ack = 8, k_flags = 13, k_window = 14, k_tcp_sum = 16;
constexpr u32 k_ip_most = 65535;

u8 byte_at(const Packet& p, u32 at) { return std::to_integer<u8>(p.data()[at]); }

bool same(const Packet& a, const Packet& b, u32 at, u32 size) {
    return std::memcmp(a.data() + at, b.data() + at, size) == 0;
}

u32 pseudo_sum(const std::byte* ip, u32 length) {
    const Ipv4Address source{load32(ip + k_addresses)}, destination{load32(ip + k_addresses + 4)};
    return checksum_pseudo(source, destination, static_cast<u8>(wire::IpProtocol::Tcp), length);
}

}  // namespace

// False for all that is no whole TCP segment with payload, plain headers and good sums.
bool SegmentJoin::read(const Packet& p, Segment& s) const {
    if (p->gso_segments > 1 || p->checksum == ChecksumState::Partial) return false;
    const auto ip = find_ip(p, medium_);
    if (!ip || byte_at(p, *ip) != 0x45) return false;
    const auto header = wire::parse_ipv4(p.bytes().subspan(*ip));
    if (!header || header->protocol != static_cast<u8>(wire::IpProtocol::Tcp)) return false;
    if (header->is_fragment() || *ip + header->total_length != p.size()) return false;
    s.ip = *ip;
    s.tcp = *ip + wire::k_ipv4_header;
    s.end = p.size();
    if (s.end < s.tcp + wire::k_tcp_header) return false;
    s.payload = s.tcp + byte_at(p, s.tcp + 12) / 16 * 4u;
    if (s.payload < s.tcp + wire::k_tcp_header || s.payload >= s.end) return false;
    s.seq = load32(p.data() + s.tcp + k_seq);
    s.flags = byte_at(p, s.tcp + k_flags);
    if ((s.flags & ~(wire::Psh | wire::Cwr | wire::Ece)) != wire::Ack) return false;
    const u32 sum = pseudo_sum(p.data() + s.ip, s.end - s.tcp);
    return checksum_finish(checksum_add(sum, p.bytes().subspan(s.tcp))) == 0;
}

// The next bytes of the same flow, with nothing else to say.
bool SegmentJoin::continues(const Packet& p, const Segment& s) const {
    const u32 size = s.end - s.payload, held = first_.size() - at_.payload;
    const u32 options = at_.payload - at_.tcp - wire::k_tcp_header;
    return !closed_ && s.ip == at_.ip && s.payload == at_.payload && s.seq == at_.seq + held &&
           size <= size_ && first_.size() - at_.ip + size <= k_ip_most &&
           (s.flags & ~wire::Psh) == at_.flags && same(p, first_, 0, s.ip + 2) &&
           load16(p.data() + s.ip + k_id) ==
               static_cast<u16>(load16(first_.data() + s.ip + k_id) + segments_) &&
           same(p, first_, s.ip + 6, 4) && same(p, first_, s.ip + k_addresses, 8) &&
           same(p, first_, s.tcp, 4) && same(p, first_, s.tcp + k_ack, 5) &&
           same(p, first_, s.tcp + k_window, 2) && same(p, first_, s.tcp + 18, 2 + options);
}

// The first segment moves to where there is room for more; false when the pool refuses.
bool SegmentJoin::begin_super() {
    Packet super = first_->pool->allocate(PacketPool::k_payload_super);
    if (!super) return false;
    std::memcpy(super.append(first_.size()), first_.data(), first_.size());
    super->network = static_cast<u16>(super->begin + at_.ip);
    super->transport = static_cast<u16>(super->begin + at_.tcp);
    first_ = std::move(super);
    return true;
}

bool SegmentJoin::append(const Packet& p, const Segment& s) {
    if (segments_ == 1 && !begin_super()) return false;
    const u32 size = s.end - s.payload;
    std::memcpy(first_.append(size), p.data() + s.payload, size);
    first_.data()[at_.tcp + k_flags] |= std::byte{static_cast<u8>(s.flags & wire::Psh)};
    ++segments_;
    closed_ = size < size_ || (s.flags & wire::Psh) != 0;
    return true;
}

void SegmentJoin::add(Packet p) {
    Segment s;
    const bool plain = read(p, s);
    if (plain && segments_ > 0 && continues(p, s) && append(p, s)) return;
    finish();
    first_ = std::move(p);
    if (!plain) return;
    at_ = s;
    size_ = s.end - s.payload;
    segments_ = 1;
    closed_ = (s.flags & wire::Psh) != 0;
}

void SegmentJoin::finish() {
    if (!first_) return;
    if (segments_ > 1) {
        std::byte* ip = first_.data() + at_.ip;
        const u32 length = first_.size() - at_.ip;
        store16(ip + k_total_length, static_cast<u16>(length));
        store16(ip + k_header_sum, u16{0});
        const u16 sum = checksum_finish(checksum_add(0, {ip, wire::k_ipv4_header}));
        std::memcpy(ip + k_header_sum, &sum, sizeof sum);
        const u32 tcp_length = length - wire::k_ipv4_header;
        const u16 pseudo = static_cast<u16>(checksum_fold(pseudo_sum(ip, tcp_length)));
        std::memcpy(first_.data() + at_.tcp + k_tcp_sum, &pseudo, sizeof pseudo);
        first_->checksum = ChecksumState::Partial;
        first_->gso_size = static_cast<u16>(size_);
        first_->gso_segments = static_cast<u16>(segments_);
    }
    segments_ = 0;
    to_->push(std::move(first_));
}

}  // namespace tern

// Joining, TCP and UDP of both families.
#include "core/offload/join.hh"

#include <algorithm>

#include "core/base/assert.hh"
#include "core/base/checksum.hh"
#include "core/wire/tcp.hh"

namespace tern::offload {

namespace {

constexpr u32 k_ip_most = 65535;

bool same(const std::byte* a, const std::byte* b, u32 size) { return std::memcmp(a, b, size) == 0; }

// All but the sequence number, the flags of the eight old bits and the checksum.
bool same_tcp_header(const std::byte* a, const std::byte* b, u32 length) {
    using namespace wire;
    return same(a, b, k_tcp_seq_at) &&
           same(a + k_tcp_ack_at, b + k_tcp_ack_at, k_tcp_flags_at - k_tcp_ack_at) &&
           same(a + k_tcp_window_at, b + k_tcp_window_at, k_tcp_checksum_at - k_tcp_window_at) &&
           same(a + k_tcp_urgent_at, b + k_tcp_urgent_at, length - k_tcp_urgent_at);
}

}  // namespace

// False for all that is no whole TCP segment with payload, plain headers and good sums.
bool Gro::read(const Packet& p, Segment& s) const {
    if (p->gso_segments > 1 || p->checksum == ChecksumState::Partial) return false;
    const auto found = wire::find_whole_ip(medium_, p.bytes());
    if (!found || !found->ip.is_plain() || !found->ip.carries(wire::IpProtocol::Tcp)) return false;
    if (found->ip.is_fragment() || found->end() != p.size()) return false;
    const auto segment = std::span<const std::byte>(p.bytes()).subspan(found->payload());
    const auto tcp = wire::parse_tcp(segment);
    if (!tcp || tcp->header_length >= segment.size()) return false;
    const u16 any = wire::Psh | wire::Cwr | wire::Ece | wire::Ae;
    if ((tcp->flags & ~any) != wire::Ack) return false;
    s = {.ip = found->at,
         .tcp = found->payload(),
         .payload = found->payload() + tcp->header_length,
         .end = p.size(),
         .seq = tcp->seq.value,
         .flags = tcp->flags,
         .view = found->ip};
    const u32 sum = wire::pseudo_sum(s.view, found->ip.payload_length());
    return checksum_finish(checksum_add(sum, segment)) == 0;
}

// IPv4 numbers its packets, and the packets that are cut out of one are numbered through.
bool Gro::same_headers(const Packet& p, const Segment& s) const {
    const bool v4 = s.view.family == wire::IpFamily::V4;
    const u16 next_id = static_cast<u16>(at_.view.fragment_id + segments_);
    return s.ip == at_.ip && s.payload == at_.payload && same(p.data(), first_.data(), s.ip) &&
           s.view.family == at_.view.family && (!v4 || s.view.fragment_id == next_id) &&
           wire::same_but_length(first_.data() + at_.ip, p.data() + s.ip, at_.view) &&
           same_tcp_header(p.data() + s.tcp, first_.data() + at_.tcp, s.payload - s.tcp);
}

// The next bytes of the same flow, with nothing else to say.
bool Gro::continues(const Packet& p, const Segment& s) const {
    const u32 size = s.end - s.payload, held = first_.size() - at_.payload;
    return !closed_ && s.seq == at_.seq + held && size <= size_ &&
           first_.size() - at_.ip + size <= k_ip_most && (s.flags & ~wire::Psh) == at_.flags &&
           same_headers(p, s);
}

// The first segment moves to where there is room for more; false when the pool refuses.
bool Gro::begin_super() {
    Packet super = first_->pool->allocate(PacketPool::k_payload_super);
    if (!super) return false;
    std::memcpy(super.append(first_.size()), first_.data(), first_.size());
    super->network = static_cast<u16>(super->begin + at_.ip);
    super->transport = static_cast<u16>(super->begin + at_.tcp);
    first_ = std::move(super);
    return true;
}

bool Gro::append(const Packet& p, const Segment& s) {
    if (segments_ == 1 && !begin_super()) return false;
    const u32 size = s.end - s.payload;
    std::memcpy(first_.append(size), p.data() + s.payload, size);
    first_.data()[at_.tcp + wire::k_tcp_flags_at] |=
        std::byte{static_cast<u8>(s.flags & wire::Psh)};
    ++segments_;
    closed_ = size < size_ || (s.flags & wire::Psh) != 0;
    return true;
}

void Gro::add(Packet p) {
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

void Gro::finish() {
    if (!first_) return;
    if (segments_ > 1) {
        const u32 length = first_.size() - at_.tcp;
        wire::set_payload_length(first_.data() + at_.ip, at_.view, length);
        const u16 pseudo = static_cast<u16>(checksum_fold(wire::pseudo_sum(at_.view, length)));
        std::memcpy(first_.data() + at_.tcp + wire::k_tcp_checksum_at, &pseudo, sizeof pseudo);
        first_->checksum = ChecksumState::Partial;
        first_->gso_size = static_cast<u16>(size_);
        first_->gso_segments = static_cast<u16>(segments_);
    }
    segments_ = 0;
    to_->push(std::move(first_));
}

// ---- datagrams

namespace {

// A datagram that may be one of several: plain headers, the sum left to the link.
struct Datagram {
    const std::byte* frame = nullptr;
    wire::FramedIp found;

    u32 udp() const { return found.payload(); }
    u32 size() const { return found.ip.payload_length() - wire::k_udp_header; }  // of the payload
};

std::optional<Datagram> read_datagram(const PacketDescriptor& d, Medium medium) {
    if (d.checksum != ChecksumState::Partial || d.gso_segments > 1) return {};
    const std::span<const std::byte> frame{d.slot + d.begin, d.end - d.begin};
    const auto found = wire::find_ip(medium, frame);
    if (!found || !found->ip.is_plain() || !found->ip.carries(wire::IpProtocol::Udp)) return {};
    if (found->ip.is_fragment() || found->end() != frame.size()) return {};
    if (found->ip.payload_length() <= wire::k_udp_header) return {};
    if (d.transport != d.begin + found->payload()) return {};
    return Datagram{frame.data(), *found};
}

// All but the lengths, the identification and the sums.
bool same_flow(const Datagram& a, const Datagram& b) {
    const u32 ip = a.found.at;
    return ip == b.found.at && a.found.ip.family == b.found.ip.family &&
           same(a.frame, b.frame, ip) &&
           wire::same_but_length(a.frame + ip, b.frame + ip, a.found.ip) &&
           same(a.frame + a.udp(), b.frame + b.udp(), wire::k_udp_length_at);
}

}  // namespace

u32 datagrams_together(const PacketBatch& batch, u32 first, Medium medium) {
    if (batch.peek(first) == nullptr) return 1;
    const auto head = read_datagram(*batch.peek(first), medium);
    if (!head) return 1;
    const u32 most = std::min(batch.size(), first + k_datagrams_most);
    u32 all = head->found.ip.total_length;
    u32 n = first + 1;
    for (; n < most && batch.peek(n) != nullptr; ++n) {
        const auto next = read_datagram(*batch.peek(n), medium);
        if (!next || !same_flow(*head, *next)) break;
        all += next->size();
        if (next->size() > head->size() || all > k_ip_most) break;
        if (next->size() < head->size()) return n + 1 - first;  // a short one is the last
    }
    return n - first;
}

u32 join_headers(const PacketDescriptor& first, u32 payload_of_all, Medium medium, std::byte* to) {
    const auto head = read_datagram(first, medium);
    check(head.has_value());
    const u32 length = wire::k_udp_header + payload_of_all;
    std::memcpy(to, head->frame, head->udp() + wire::k_udp_header);
    wire::set_payload_length(to + head->found.at, head->found.ip, length);
    wire::set_udp_length(to + head->udp(), length, wire::pseudo_sum(head->found.ip, length));
    return head->udp() + wire::k_udp_header;
}

}  // namespace tern::offload

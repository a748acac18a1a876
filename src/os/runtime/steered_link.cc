#include "os/runtime/steered_link.hh"

#include "core/base/endian.hh"
#include "core/packet/gso.hh"
#include "core/wire/arp.hh"
#include "core/wire/ethernet.hh"
#include "core/wire/icmpv4.hh"
#include "core/wire/ipv4.hh"

namespace tern {

namespace {

constexpr u32 k_protocol = 9, k_fragment = 6, k_source = 12, k_destination = 16;
constexpr u32 k_arp_operation = 6, k_arp_sender = 14, k_arp_target = 24;

u8 byte_at(std::span<const std::byte> bytes, u32 i) { return std::to_integer<u8>(bytes[i]); }

u32 ip_header_length(std::span<const std::byte> ip) { return byte_at(ip, 0) % 16 * 4u; }

bool has_ports(std::span<const std::byte> ip) {
    const u8 protocol = byte_at(ip, k_protocol);
    const bool first = (load16(ip.data() + k_fragment) & 0x3fff) == 0;
    return first && (protocol == static_cast<u8>(wire::IpProtocol::Tcp) ||
                     protocol == static_cast<u8>(wire::IpProtocol::Udp));
}

// Of a packet that came, or of one of ours that a router quotes.
u32 home_of_flow(const Steering& s, std::span<const std::byte> ip, bool ours) {
    const std::byte* ports = ip.data() + ip_header_length(ip);
    Endpoint from{Ipv4Address{load32(ip.data() + k_source)}, load16(ports)};
    Endpoint to{Ipv4Address{load32(ip.data() + k_destination)}, load16(ports + 2)};
    if (ours) std::swap(from, to);
    const bool tcp = byte_at(ip, k_protocol) == static_cast<u8>(wire::IpProtocol::Tcp);
    return tcp ? s.home_of_tcp(to, from) : s.home_of_udp(to, from);
}

bool whole_ipv4(std::span<const std::byte> ip, u32 behind) {
    return ip.size() >= wire::k_ipv4_header && byte_at(ip, 0) >> 4 == 4 &&
           ip_header_length(ip) >= wire::k_ipv4_header &&
           ip.size() >= ip_header_length(ip) + behind;
}

// A reply, or an announcement (RFC 5227 3): nobody answers these, and each shard has its own
// neighbours.
bool tells_all(std::span<const std::byte> arp) {
    if (arp.size() < k_arp_target + 4) return false;
    return load16(arp.data() + k_arp_operation) ==
               static_cast<u16>(wire::ArpPacket::Operation::Reply) ||
           std::memcmp(arp.data() + k_arp_sender, arp.data() + k_arp_target, 4) == 0;
}

// An error goes to who sent what it quotes (RFC 792: header and eight bytes); echo to the first.
u32 home_of_icmp(const Steering& s, std::span<const std::byte> message) {
    const auto type = static_cast<wire::IcmpType>(byte_at(message, 0));
    if (type == wire::IcmpType::EchoReply || type == wire::IcmpType::EchoRequest) return 0;
    const auto quoted = message.subspan(wire::k_icmp_header);
    return whole_ipv4(quoted, 4) && has_ports(quoted) ? home_of_flow(s, quoted, true) : 0;
}

}  // namespace

// What has no flow is the first shard's; but each shard asks for its neighbours itself.
u32 home_of(const Steering& s, std::span<const std::byte> frame, Medium medium) {
    u32 at = 0;
    if (medium == Medium::Ethernet) {
        const auto header = wire::parse_ethernet(frame);
        if (!header) return 0;
        at = header->header_length;
        if (header->ether_type == static_cast<u16>(wire::EtherType::Arp)) {
            return tells_all(frame.subspan(at)) ? k_everywhere : 0;
        }
        if (header->ether_type != static_cast<u16>(wire::EtherType::Ipv4)) return 0;
    }
    const auto ip = frame.subspan(at);
    if (!whole_ipv4(ip, wire::k_icmp_header)) return 0;
    if (has_ports(ip)) return home_of_flow(s, ip, false);
    if (byte_at(ip, k_protocol) != static_cast<u8>(wire::IpProtocol::Icmp)) return 0;
    return home_of_icmp(s, ip.subspan(ip_header_length(ip)));
}

Exchange::Exchange(u32 shards) : shards_(shards), boxes_(shards) {
    for (u32 i = 0; i < shards * shards; ++i) {
        const bool own = i / shards == i % shards;
        rings_.push_back(own ? nullptr : std::make_unique<MailRing>());
    }
}

void Exchange::notify(u32 shard) {
    Box& box = boxes_[shard];
    if (!box.notified.exchange(true)) box.wake();
}

u64 Exchange::bytes_of(u32) const { return u64{shards_ - 1} * MailRing::k_bytes; }

void SteeredLink::take_mail(PacketPool& pool, PacketBatch& into) {
    // Half of a batch, so that neither the queue nor the mail can keep the other waiting.
    constexpr u32 k_most = PacketBatch::k_capacity / 2;
    exchange_->looking(steering_.shard);
    for (u32 from = 0; from < steering_.shards; ++from) {
        if (from == steering_.shard) continue;
        MailRing& ring = exchange_->ring(from, steering_.shard);
        while (into.size() < k_most && !ring.empty())
            if (Packet p = ring.pop(pool, lost_)) into.push(std::move(p));
    }
}

void SteeredLink::give_away(u32 to, const PacketDescriptor& d) {
    if (!exchange_->ring(steering_.shard, to).push(d)) {
        ++lost_;
        return;
    }
    ++handed_over_;
    exchange_->notify(to);
}

bool SteeredLink::keeps(const PacketDescriptor& d) {
    const u32 home =
        home_of(steering_, {d.slot + d.begin, d.end - d.begin}, queue_->facts().medium);
    if (home == steering_.shard) return true;
    if (home != k_everywhere) {
        give_away(home, d);
        return false;
    }
    for (u32 to = 0; to < steering_.shards; ++to)
        if (to != steering_.shard) give_away(to, d);
    return true;
}

void SteeredLink::receive(Instant now, PacketPool& pool, PacketBatch& into) {
    take_mail(pool, into);
    const u32 first = into.size();
    queue_->receive(now, pool, into);
    PacketBatch all = std::move(into);
    for (u32 i = 0; i < all.size(); ++i)
        if (i < first || keeps(*all.peek(i))) into.push(all.take(i));
}

Instant SteeredLink::next_deadline() const {
    for (u32 from = 0; from < steering_.shards; ++from)
        if (from != steering_.shard && !exchange_->ring(from, steering_.shard).empty())
            return Instant{};
    return queue_->next_deadline();
}

LinkCounters SteeredLink::counters() const {
    LinkCounters all = queue_->counters();
    all.handed_over = handed_over_;
    all.handover_lost = lost_;
    return all;
}

}  // namespace tern

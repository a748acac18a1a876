#include "os/runtime/steered_link.hh"

#include <utility>

#include "core/base/endian.hh"
#include "core/wire/arp.hh"
#include "core/wire/frame.hh"
#include "core/wire/icmpv4.hh"

namespace tern {

namespace {

constexpr u32 k_arp_operation = 6, k_arp_sender = 14, k_arp_target = 24;
constexpr u32 k_ports = 4;  // bytes of both

using Bytes = std::span<const std::byte>;

// A whole packet of TCP or UDP.
bool has_ports(const wire::IpView& ip) {
    return !ip.is_fragment() &&
           (ip.carries(wire::IpProtocol::Tcp) || ip.carries(wire::IpProtocol::Udp));
}

// `ports` begins at the transport header. Of a packet that came, or of one of ours that a router
// quotes.
u32 home_of_flow(const Steering& s, const wire::IpView& ip, Bytes ports, bool ours) {
    Endpoint from{ip.source, load16(ports.data())};
    Endpoint to{ip.destination, load16(ports.data() + sizeof(u16))};
    if (ours) std::swap(from, to);
    return ip.carries(wire::IpProtocol::Tcp) ? s.home_of_tcp(to, from) : s.home_of_udp(to, from);
}

// A reply, or an announcement (RFC 5227 3): nobody answers these, and each shard has its own
// neighbours.
bool tells_all(std::span<const std::byte> arp) {
    if (arp.size() < k_arp_target + 4) return false;
    return load16(arp.data() + k_arp_operation) ==
               static_cast<u16>(wire::ArpPacket::Operation::Reply) ||
           std::memcmp(arp.data() + k_arp_sender, arp.data() + k_arp_target, 4) == 0;
}

// An error goes to the shard that sent what it quotes (RFC 792: header and eight bytes), echo to
// the first.
u32 home_of_icmp(const Steering& s, Bytes message) {
    const auto type = static_cast<wire::IcmpType>(message[0]);
    if (type == wire::IcmpType::EchoReply || type == wire::IcmpType::EchoRequest) return 0;
    const Bytes quoted = message.subspan(wire::k_icmp_header);
    const auto ip = wire::read_ip(quoted);
    if (!ip || !has_ports(*ip) || quoted.size() < ip->header_length + k_ports) return 0;
    return home_of_flow(s, *ip, quoted.subspan(ip->header_length), true);
}

}  // namespace

// What has no flow is the first shard's; but each shard asks for its neighbours itself.
u32 home_of(const Steering& s, std::span<const std::byte> frame, Medium medium) {
    const auto link = wire::parse_link(medium, frame);
    if (!link) return 0;
    if (link->ether_type == static_cast<u16>(wire::EtherType::Arp))
        return tells_all(frame.subspan(link->length)) ? k_everywhere : 0;
    const auto found = wire::find_ip(medium, frame);
    if (!found || frame.size() < found->payload() + wire::k_icmp_header) return 0;
    const auto payload = frame.subspan(found->payload());
    if (has_ports(found->ip)) return home_of_flow(s, found->ip, payload, false);
    return found->ip.carries(wire::IpProtocol::Icmp) ? home_of_icmp(s, payload) : 0;
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
    PacketBatch all = std::exchange(into, PacketBatch{});
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

#include "core/inet/v4/echo.hh"

#include <algorithm>

#include "core/base/endian.hh"
#include "core/packet/copy.hh"
#include "core/wire/ipv4.hh"

namespace tern::inet::v4 {

namespace {

constexpr u32 k_replies_max = 64;  // that nobody has fetched yet
constexpr u8 k_icmp = static_cast<u8>(wire::IpProtocol::Icmp);

}  // namespace

// RFC 1122 3.2.2.6 [RFC1122:12]: the same data, from the address that was asked. The request
// itself becomes the reply: only its first word changes.
Answer Echo::answer(Packet packet, const Arrival& arrival) {
    if (!make_exclusive(packet)) {
        context_->drop(DropReason::MemoryCeiling, arrival.interface);
        return {};
    }
    const bool may_cut = !wire::read_ipv4_fields(packet.network_header()).dont_fragment;
    wire::emit_icmp(static_cast<u8>(wire::IcmpType::EchoReply), 0,
                    load32(packet.transport_header() + 4), packet.bytes());
    packet->checksum = ChecksumState::Unknown;
    packet->link_broadcast = false;
    packet->gso_size = packet->gso_segments = 0;
    context_->sent(packet, SendReason::EchoReply);
    ++context_->counters.icmp_out;
    constexpr u8 dscp = 0xfc;  // RFC 3168: ECN is for transports that react
    return {.packet = std::move(packet),
            .outgoing = {.source = arrival.destination,
                         .destination = arrival.source,
                         .protocol = k_icmp,
                         .tos = static_cast<u8>(arrival.tos & dscp),
                         .dont_fragment = !may_cut}};
}

Result<Answer> Echo::ask(const Question& q) {
    const u32 length = wire::k_icmp_header + static_cast<u32>(q.data.size());
    Packet packet = context_->pool->allocate(length);
    if (!packet) return std::unexpected(Error::OutOfMemory);
    std::byte* message = packet.append(length);
    if (!q.data.empty()) std::memcpy(message + wire::k_icmp_header, q.data.data(), q.data.size());
    wire::emit_icmp(static_cast<u8>(wire::IcmpType::EchoRequest), 0,
                    u32{q.identifier} << 16 | q.sequence, packet.bytes());
    context_->sent(packet, SendReason::EchoRequest);
    ++context_->counters.icmp_out;
    pending_[next_++ % pending_.size()] = {q.to, q.identifier, q.sequence, true, q.to_group};
    return Answer{.packet = std::move(packet),
                  .outgoing = {.source = q.source, .destination = q.to, .protocol = k_icmp}};
}

// A reply is for us only if it answers a question; many may answer one that went to a group.
DropReason Echo::take_reply(Packet& packet, const wire::IcmpMessage& message,
                            const Arrival& arrival) {
    const auto answers = [&](const Pending& p) {
        return p.open && p.identifier == message.identifier() && p.sequence == message.sequence() &&
               (p.to == arrival.source || p.to_group);
    };
    const auto found = std::find_if(pending_.begin(), pending_.end(), answers);
    if (found == pending_.end() || replies_.count() >= k_replies_max)
        return DropReason::IcmpUnexpectedReply;
    found->open = found->to_group;
    packet.pull(wire::k_icmp_header);
    untold_ = true;
    replies_.push_back(std::move(packet));
    return DropReason::None;
}

// The headers are still there, in front of the view.
std::optional<EchoReply> Echo::next_reply() {
    if (replies_.empty()) return {};
    Packet packet = replies_.pop_front();
    const wire::Ipv4Header ip = wire::read_ipv4_fields(packet.network_header());
    const std::byte* message = packet.transport_header();
    return EchoReply{.from = ip.source,
                     .identifier = load16(message + 4),
                     .sequence = load16(message + 6),
                     .ttl = ip.ttl,
                     .data = Slice{std::move(packet)}};
}

}  // namespace tern::inet::v4

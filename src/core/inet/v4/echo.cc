// Echo requests of the application, and the replies to them (RFC 792, RFC 1122 3.2.2.6).
#include "core/base/endian.hh"
#include "core/inet/inside.hh"

namespace tern::inet {

namespace {

constexpr u32 k_replies_max = 64;  // that nobody has fetched yet

}  // namespace

Result<void> Inet::send_echo(const IpAddress& to, u16 identifier, u16 sequence,
                             std::span<const std::byte> data) {
    Inside& in = *inside_;
    Way way;
    TERN_TRY(const IpAddress source, source_for(to));
    if (const auto found = find_way(to, source, way); !found) return found;
    const std::size_t overhead = wire::k_icmp_header + wire::k_ipv4_header;
    if (data.size() + overhead > mtu(way)) return std::unexpected(Error::MessageTooLong);
    const u32 length = wire::k_icmp_header + static_cast<u32>(data.size());
    Packet packet = in.context.pool->allocate(length);
    if (!packet) return std::unexpected(Error::OutOfMemory);
    std::byte* message = packet.append(length);
    if (!data.empty()) std::memcpy(message + wire::k_icmp_header, data.data(), data.size());
    wire::emit_icmp(static_cast<u8>(wire::IcmpType::EchoRequest), 0,
                    u32{identifier} << 16 | sequence, packet.bytes());
    in.context.sent(packet, SendReason::EchoRequest);
    ++in.context.counters.icmp_out;
    in.echoes[in.next_echo++ % in.echoes.size()] = {to.v4(), identifier, sequence, true,
                                                    in.is_group(to.v4())};
    const Outgoing outgoing{
        .source = source, .destination = to, .protocol = static_cast<u8>(wire::IpProtocol::Icmp)};
    send(std::move(packet), outgoing, way);
    return {};
}

// A reply is for us only if it answers a question; many may answer one that went to a group.
DropReason Inet::Inside::take_echo_reply(Packet& packet, const wire::IcmpMessage& message,
                                         const Arrival& arrival) {
    const auto answers = [&](const PendingEcho& e) {
        return e.open && e.identifier == message.identifier() && e.sequence == message.sequence() &&
               (e.to == arrival.source.v4() || e.to_group);
    };
    const auto found = std::find_if(echoes.begin(), echoes.end(), answers);
    if (found == echoes.end() || echo_replies.count() >= k_replies_max)
        return DropReason::IcmpUnexpectedReply;
    found->open = found->to_group;
    packet.pull(wire::k_icmp_header);
    if (!std::exchange(echo_event_waits, true)) {
        events.push({.kind = Event::Kind::Echo,
                     .index = 0,
                     .generation = 0,
                     .bits = 0,
                     .error = Error::None,
                     .user = 0});
    }
    echo_replies.push_back(std::move(packet));
    return DropReason::None;
}

// The headers are still there, in front of the view.
std::optional<EchoReply> Inet::next_echo_reply() {
    Chain& replies = inside_->echo_replies;
    if (replies.empty()) return {};
    Packet packet = replies.pop_front();
    const wire::Ipv4Header ip = wire::read_ipv4_fields(packet.network_header());
    const std::byte* message = packet.transport_header();
    return EchoReply{.from = ip.source,
                     .identifier = load16(message + 4),
                     .sequence = load16(message + 6),
                     .ttl = ip.ttl,
                     .data = Slice{std::move(packet)}};
}

}  // namespace tern::inet

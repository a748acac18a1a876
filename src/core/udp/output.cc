// A datagram leaves: RFC 768, RFC 1122 4.1.
#include "core/base/checksum.hh"
#include "core/udp/inside.hh"
#include "core/wire/ipv4.hh"
#include "core/wire/udp.hh"

namespace tern {

namespace {

constexpr u8 k_udp = static_cast<u8>(wire::IpProtocol::Udp);
constexpr u32 k_headers = wire::k_ipv4_header + wire::k_udp_header;

struct Draft {
    Endpoint from;
    Endpoint to;
    std::span<const std::byte> data;
    bool partial;  // the link completes the checksum
};

// Header, data and checksum; empty when the pool refuses.
Packet build(PacketPool& pool, const Draft& draft) {
    const u32 length = wire::k_udp_header + static_cast<u32>(draft.data.size());
    Packet packet = pool.allocate(length);
    if (!packet) return packet;
    std::byte* to = packet.append(length);
    wire::emit_udp({.source_port = draft.from.port,
                    .destination_port = draft.to.port,
                    .length = static_cast<u16>(length),
                    .checksum = 0},
                   to);
    u32 sum = checksum_pseudo(draft.from.address, draft.to.address, k_udp, length);
    u16 value;
    if (draft.partial) {
        if (!draft.data.empty())
            std::memcpy(to + wire::k_udp_header, draft.data.data(), draft.data.size());
        value = static_cast<u16>(checksum_fold(sum));
        packet->checksum = ChecksumState::Partial;
    } else {
        sum += checksum_copy(to + wire::k_udp_header, draft.data);
        value = checksum_finish(checksum_add(checksum_fold(sum), {to, wire::k_udp_header}));
        // RFC 768 [RFC768:2], RFC 1122 4.1.3.4 [RFC1122:16]: zero would say that there is none.
        if (value == 0) value = 0xffff;
    }
    std::memcpy(to + wire::k_udp_checksum_at, &value, sizeof value);
    return packet;
}

}  // namespace

Result<void> UdpRoom::send(UdpSocket handle, std::span<const std::byte> data,
                           std::optional<Endpoint> to, std::optional<IpAddress> source) {
    Inside& in = *inside_;
    udp::Socket* s = in.find(handle);
    if (s == nullptr) return std::unexpected(Error::NoSuchConnection);
    if (s->pending != Error::None) return std::unexpected(std::exchange(s->pending, Error::None));
    if (!to && !s->connected) return std::unexpected(Error::NotConnected);
    Endpoint remote = to ? *to : s->remote;
    if (remote.port == 0 || remote.address.is_unspecified() ||
        (in.inet.is_broadcast_address(remote.address) && !s->may_broadcast))
        return std::unexpected(Error::InvalidAddress);

    // RFC 1122 4.1.4, 4.1.3.6 [RFC1122:18]: the application's choice, or the address it is bound
    // to, or the best one for the way; never one that is not ours there.
    Endpoint local{s->local.address.or_unspecified(), s->local.port};
    const bool usual = s->connected && remote == s->remote && (!source || *source == local.address);
    if (source) {
        local.address = *source;
    } else if (s->local.address.is_every()) {
        if (!s->local.address.covers(remote.address)) return std::unexpected(Error::InvalidAddress);
        TERN_TRY(local.address, in.inet.source_for(remote.address));
    }
    inet::Way once;
    inet::Way& way = usual ? s->way : once;
    if (auto found = in.inet.find_way(remote.address, local.address, way); !found)
        return std::unexpected(found.error());
    if (!in.inet.may_leave(way, local.address, remote.address))
        return std::unexpected(Error::AddressNotAvailable);
    if (data.size() + k_headers > in.inet.mtu(way)) return std::unexpected(Error::MessageTooLong);

    const bool partial = in.inet.interface(way.interface).transmit_checksum;
    Packet packet = build(*in.context.pool, {local, remote, data, partial});
    if (!packet) return std::unexpected(Error::OutOfMemory);
    in.context.sent(packet, SendReason::Datagram);
    ++in.context.counters.udp_out;
    in.inet.send(std::move(packet),
                 {.source = local.address,
                  .destination = remote.address,
                  .protocol = k_udp,
                  .ttl = s->ttl,
                  .tos = s->tos},
                 way);
    return {};
}

}  // namespace tern

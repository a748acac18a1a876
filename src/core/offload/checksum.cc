// RFC 1071 over what RFC 9293 3.1, RFC 768 and RFC 8200 8.1 say is summed.
#include "core/offload/checksum.hh"

#include "core/base/assert.hh"
#include "core/base/checksum.hh"
#include "core/packet/copy.hh"
#include "core/wire/frame.hh"
#include "core/wire/tcp.hh"
#include "core/wire/udp.hh"

namespace tern::offload {

namespace {

std::span<const std::byte> frame_of(const PacketDescriptor& d) {
    return {d.slot + d.begin, d.end - d.begin};
}

std::optional<ChecksumPlace> place_in(const wire::FramedIp& found, u32 frame_size) {
    if (found.ip.is_fragment()) return {};
    const bool tcp = found.ip.carries(wire::IpProtocol::Tcp);
    if (!tcp && !found.ip.carries(wire::IpProtocol::Udp)) return {};
    const ChecksumPlace place{
        found.payload(), tcp ? wire::k_tcp_checksum_at : wire::k_udp_checksum_at, found.ip.family};
    if (place.transport + place.field + 2 > frame_size) return {};
    return place;
}

}  // namespace

std::optional<ChecksumPlace> checksum_place(std::span<const std::byte> frame, Medium medium) {
    const auto found = wire::find_ip(medium, frame);
    if (!found) return {};
    return place_in(*found, static_cast<u32>(frame.size()));
}

bool complete_checksum(Packet& packet, Medium medium) {
    if (packet->checksum != ChecksumState::Partial) return true;
    check(packet->gso_segments <= 1);
    const auto place = checksum_place(packet.bytes(), medium);
    check(place && packet->begin + place->transport == packet->transport);
    if (!make_exclusive(packet)) return false;
    std::byte* transport = packet.transport_header();
    const u32 length = packet->end - packet->transport;
    // The field holds the pseudo-header's sum, so that summing over it adds that in.
    u16 value = checksum_finish(checksum_add(0, {transport, length}));
    // RFC 768: a sum of zero goes as its other form, for zero says that there is none.
    if (value == 0 && place->field == wire::k_udp_checksum_at) value = 0xffff;
    std::memcpy(transport + place->field, &value, sizeof value);
    packet->checksum = ChecksumState::Unknown;
    return true;
}

void recognise_unfinished_sum(PacketDescriptor& d, Medium medium) {
    const auto frame = frame_of(d);
    const auto found = wire::find_ip(medium, frame);
    if (!found || found->end() != frame.size() || found->ip.source_routed) return;
    const auto place = place_in(*found, static_cast<u32>(frame.size()));
    if (!place) return;
    u16 held;
    std::memcpy(&held, frame.data() + place->transport + place->field, sizeof held);
    if (held != wire::pseudo_sum(found->ip, found->ip.payload_length())) return;
    d.checksum = ChecksumState::Partial;
    d.network = static_cast<u16>(d.begin + found->at);
    d.transport = static_cast<u16>(d.begin + place->transport);
}

}  // namespace tern::offload

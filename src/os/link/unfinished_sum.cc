#include "os/link/unfinished_sum.hh"

#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "core/packet/gso.hh"
#include "core/wire/ethernet.hh"
#include "core/wire/ipv4.hh"

namespace tern {

namespace {

constexpr u32 k_total_length = 2, k_protocol = 9, k_addresses = 12;

u32 pseudo_sum(const std::byte* ip, u8 protocol, u32 length) {
    const Ipv4Address source{load32(ip + k_addresses)}, destination{load32(ip + k_addresses + 4)};
    return checksum_pseudo(source, destination, protocol, length);
}

}  // namespace

void recognise_unfinished_sum(PacketDescriptor& d) {
    const std::span<const std::byte> frame{d.slot + d.begin, d.end - d.begin};
    const auto link = wire::parse_ethernet(frame);
    if (!link || link->ether_type != static_cast<u16>(wire::EtherType::Ipv4)) return;
    const u32 size = static_cast<u32>(frame.size()) - link->header_length;
    const std::byte* ip = frame.data() + link->header_length;
    if (size < wire::k_ipv4_header || std::to_integer<u8>(ip[0]) >> 4 != 4) return;
    const u8 protocol = std::to_integer<u8>(ip[k_protocol]);
    const auto place = checksum_place(frame, Medium::Ethernet);
    if (!place || load16(ip + k_total_length) != size) return;
    u16 held;
    std::memcpy(&held, frame.data() + place->transport + place->field, sizeof held);
    const u32 header = place->transport - link->header_length;
    if (held != pseudo_sum(ip, protocol, size - header)) return;
    d.checksum = ChecksumState::Partial;
    d.network = static_cast<u16>(d.begin + link->header_length);
    d.transport = static_cast<u16>(d.begin + place->transport);
}

}  // namespace tern

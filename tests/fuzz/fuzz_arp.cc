#include <cstring>

#include "core/wire/arp.hh"
#include "fuzz/fuzz.hh"

using namespace tern;
using namespace tern::wire;

int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    const auto packet = parse_arp(fuzz::bytes_of(data, size));
    if (!packet) return 0;
    fuzz::require(!packet->sender_mac.is_group() && !packet->sender_mac.is_zero());
    fuzz::require(!packet->sender_ip.is_multicast() && !packet->sender_ip.is_loopback());
    std::byte again[k_arp_length];
    emit_arp(*packet, again);
    fuzz::require(std::memcmp(again, data, k_arp_length) == 0);
    return 0;
}

#include "core/wire/ethernet.hh"
#include "fuzz/fuzz.hh"

using namespace tern;
using namespace tern::wire;

int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    const auto header = parse_ethernet(fuzz::bytes_of(data, size));
    if (!header) return 0;
    fuzz::require(header->header_length <= size);
    fuzz::require(header->vlan < 4096);
    // A tag without a VLAN id, and a second tag, are read but never written.
    if (header->header_length == 18 && header->vlan == 0) return 0;
    if (header->vlan == 0 && header->ether_type == static_cast<u16>(EtherType::Vlan)) return 0;
    std::byte again[18];
    const u32 n = emit_ethernet(*header, again);
    fuzz::require(n == header->header_length);
    const auto same = parse_ethernet({again, n});
    fuzz::require(same && same->destination == header->destination &&
                  same->source == header->source && same->ether_type == header->ether_type &&
                  same->vlan == header->vlan);
    return 0;
}

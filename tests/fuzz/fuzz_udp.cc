#include <cstring>

#include "core/wire/udp.hh"
#include "fuzz/fuzz.hh"

using namespace tern;
using namespace tern::wire;

int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    const auto header = parse_udp(fuzz::bytes_of(data, size));
    if (!header) return 0;
    fuzz::require(header->length >= k_udp_header && header->length <= size);
    std::byte again[k_udp_header];
    emit_udp(*header, again);
    fuzz::require(std::memcmp(again, data, k_udp_header) == 0);
    return 0;
}

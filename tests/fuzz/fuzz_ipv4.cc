#include <vector>

#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "core/wire/ipv4.hh"
#include "fuzz/fuzz.hh"

using namespace tern;
using namespace tern::wire;

namespace {

void check_one(std::span<const std::byte> packet) {
    const auto header = parse_ipv4(packet);
    if (!header) return;
    fuzz::require(header->header_length >= k_ipv4_header);
    fuzz::require(header->header_length <= header->total_length);
    fuzz::require(header->total_length <= packet.size());
    fuzz::require(header->fragment_offset % 8 == 0);
    std::vector<std::byte> again(packet.begin(), packet.end());
    emit_ipv4(*header, again.data());
    const auto same = parse_ipv4(again);
    fuzz::require(same && same->total_length == header->total_length && same->id == header->id &&
                  same->is_fragment() == header->is_fragment() &&
                  same->fragment_offset == header->fragment_offset &&
                  same->source == header->source && same->destination == header->destination &&
                  same->ttl == header->ttl && same->protocol == header->protocol);
}

}  // namespace

int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    check_one(fuzz::bytes_of(data, size));
    // Once more with a right checksum, which chance would not find.
    if (size < k_ipv4_header) return 0;
    std::vector<std::byte> packet(fuzz::bytes_of(data, size).begin(),
                                  fuzz::bytes_of(data, size).end());
    const std::size_t length = (data[0] & 15u) * 4;
    if (length < k_ipv4_header || length > size) return 0;
    store16(&packet[10], 0);
    const u16 sum = checksum_finish(checksum_add(0, std::span{packet}.first(length)));
    std::memcpy(&packet[10], &sum, sizeof sum);
    check_one(packet);
    return 0;
}

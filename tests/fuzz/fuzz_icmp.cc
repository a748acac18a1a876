#include <vector>

#include "core/base/checksum.hh"
#include "core/base/endian.hh"
#include "core/wire/icmpv4.hh"
#include "fuzz/fuzz.hh"

using namespace tern;
using namespace tern::wire;

int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    const auto bytes = fuzz::bytes_of(data, size);
    (void)parse_icmp(bytes);
    if (size < k_icmp_header) return 0;
    // With a right checksum, which chance would not find.
    std::vector<std::byte> message(bytes.begin(), bytes.end());
    emit_icmp(data[0], data[1], load32(data + 4), message);
    const auto parsed = parse_icmp(message);
    fuzz::require(parsed && parsed->type == data[0] && parsed->code == data[1] &&
                  parsed->rest == load32(data + 4) && parsed->body.size() == size - k_icmp_header);
    return 0;
}

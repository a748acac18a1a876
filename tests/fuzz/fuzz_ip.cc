// Any bytes as an IP packet of either family: lengths lie inside, what is read leniently is what is
// parsed strictly, and what is written is read again.
#include "core/wire/ip.hh"

#include <vector>

#include "fuzz/fuzz.hh"

using namespace tern;
using namespace tern::wire;

int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    const auto bytes = fuzz::bytes_of(data, size);
    const auto parsed = parse_ip(bytes);
    const auto read = read_ip(bytes);
    fuzz::require(!parsed || (read && *read == *parsed));
    if (parsed) fuzz::require(parsed->total_length <= size);
    if (!read) return 0;
    fuzz::require(read->header_length <= size && read->header_length <= read->total_length);
    fuzz::require(read->fragment_offset % 8 == 0);
    std::vector<std::byte> header(k_ipv6_header + k_ipv6_fragment_header);
    IpView written = *read;
    written.header_length = emit_ip(written, header.data());
    header.resize(written.header_length);
    // What options and extension headers said is gone with them.
    written.source_routed = false;
    if (written.family == IpFamily::V6 && !written.is_fragment()) written.fragment_id = 0;
    const auto again = read_ip(header);
    fuzz::require(again && *again == written);
    return 0;
}

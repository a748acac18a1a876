// A segment: header, then options, then the line that describes it.
#include "core/wire/packet_line.hh"
#include "core/wire/tcp.hh"
#include "core/wire/tcp_options.hh"
#include "fuzz/fuzz.hh"

using namespace tern;
using namespace tern::wire;

int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    const auto segment = fuzz::bytes_of(data, size);
    const auto header = parse_tcp(segment);
    if (!header) return 0;
    fuzz::require(header->header_length >= k_tcp_header && header->header_length <= size);
    std::byte again[k_tcp_header];
    emit_tcp(*header, again);
    for (std::size_t i = 0; i < k_tcp_header; ++i)
        fuzz::require(again[i] == (i == 12 ? segment[i] & std::byte{0xf1} : segment[i]));

    TcpOptions options;
    (void)parse_tcp_options(segment.subspan(k_tcp_header, header->header_length - k_tcp_header),
                            options);
    const u32 payload = static_cast<u32>(size) - header->header_length;
    const PacketLine line = line_of(*header, options, payload, header->ack, header->seq);
    const auto back = try_parse_line(print_line(line));
    // Values without their option (has_mss false, ...) are not printed; they must be zero.
    fuzz::require(back && *back == line);
    return 0;
}

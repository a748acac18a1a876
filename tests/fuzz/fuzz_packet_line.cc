#include "core/wire/packet_line.hh"
#include "fuzz/fuzz.hh"

using namespace tern;
using namespace tern::wire;

int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    const auto line = try_parse_line(fuzz::text_of(data, size));
    if (!line) {
        fuzz::require(line.error().starts_with("column "));
        return 0;
    }
    const auto again = try_parse_line(print_line(*line));
    fuzz::require(again && *again == *line);
    return 0;
}

#include "core/wire/tcp_options.hh"
#include "fuzz/fuzz.hh"

using namespace tern;
using namespace tern::wire;

namespace {

// What we can write ourselves survives being written and read again.
void check_round_trip(const TcpOptions& options) {
    TcpOptionsToSend send;
    send.mss = options.mss;
    send.window_scale = options.has_window_scale ? options.window_scale : u8{0xff};
    send.sack_permitted = options.sack_permitted;
    send.timestamps = options.has_timestamps;
    send.ts_val = options.ts_val;
    send.ts_ecr = options.ts_ecr;
    send.sack = std::span{options.sack}.first(options.sack_count);
    std::byte bytes[40];
    const u32 n = emit_tcp_options(send, bytes);
    fuzz::require(n <= 40 && n % 4 == 0);
    TcpOptions back;
    fuzz::require(parse_tcp_options({bytes, n}, back) == DropReason::None);
    fuzz::require(back.mss == options.mss && back.sack_permitted == options.sack_permitted &&
                  back.has_timestamps == options.has_timestamps && back.ts_val == options.ts_val &&
                  back.ts_ecr == options.ts_ecr && back.sack_count <= options.sack_count);
    for (std::size_t i = 0; i < back.sack_count; ++i)
        fuzz::require(back.sack[i] == options.sack[i]);
}

}  // namespace

int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    const auto bytes = fuzz::bytes_of(data, size);
    TcpOptions options;
    const DropReason reason = parse_tcp_options(bytes, options);
    fuzz::require(reason == DropReason::None || reason == DropReason::TcpBadOption);
    fuzz::require(options.sack_count <= 4 && options.acc_ecn_count <= 3);
    fuzz::require(options.fast_open_length <= 16 && options.fast_open_length % 2 == 0);
    u32 val = 0, ecr = 0;
    if (parse_timestamps_only(bytes, val, ecr))  // the fast twin
        fuzz::require(reason == DropReason::None && options.has_timestamps &&
                      options.ts_val == val && options.ts_ecr == ecr);
    check_round_trip(options);
    return 0;
}

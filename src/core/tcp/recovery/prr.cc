#include "core/tcp/recovery/prr.hh"

#include <algorithm>

namespace tern::tcp {

std::optional<u32> Prr::acknowledged(const Ack& ack) {
    const auto above_zero = [](u64 x, u64 y) { return x > y ? x - y : 0; };
    // An ACK that delivers nothing changes nothing; but recovery has to begin with something.
    if (ack.delivered == 0 && out_ != 0) return {};
    delivered_ += ack.delivered;
    u64 more;
    if (ack.pipe > ack.ssthresh) {
        const u64 share =
            (u64{delivered_} * ack.ssthresh + recover_fs_ - 1) / std::max<u32>(recover_fs_, 1);
        more = above_zero(share, out_);
    } else {
        more = std::max<u64>(above_zero(delivered_, out_), ack.delivered);
        if (ack.safe) more += ack.mss;
        more = std::min<u64>(more, ack.ssthresh - ack.pipe);
    }
    // The retransmission that recovery begins with waits for nothing: a whole segment, where the
    // RFC asks for it only if there would be none at all.
    if (out_ == 0) more = std::max<u64>(more, ack.mss);
    return std::max<u32>(ack.pipe + static_cast<u32>(more), ack.mss);
}

}  // namespace tern::tcp

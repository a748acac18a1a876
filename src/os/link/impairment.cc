#include "os/link/impairment.hh"

#include "tern/runtime.hh"

namespace tern {

ImpairDirection direction_of(const Impairment& from, Duration round_trip, u32 overhead) {
    u64 queue_bytes = from.queue_bytes;
    if (from.queue_bdp > 0) {
        if (round_trip == Duration{}) {
            throw RuntimeError(Error::InvalidArgument,
                               "queue=1bdp: it needs a delay: add delay=20ms, or write queue=64KB");
        }
        const u64 rate = from.bucket.rate > 0 ? from.bucket.rate : from.rate;
        const double seconds = std::chrono::duration<double>(round_trip).count();
        queue_bytes = static_cast<u64>(from.queue_bdp * static_cast<double>(rate) / 8 * seconds);
    }
    return {.loss = from.loss,
            .duplicate = from.duplicate,
            .corrupt = from.corrupt,
            .reorder = from.reorder,
            .reorder_by = from.reorder_by,
            .delay = from.delay,
            .jitter = from.jitter,
            .rate = from.rate,
            .overhead = overhead,
            .queue_packets = from.queue_packets,
            .queue_bytes = queue_bytes,
            .bursts = from.bursts,
            .bucket = from.bucket,
            .codel = from.codel,
            .ecn = from.ecn,
            .mark = from.mark,
            .drop_nth = from.drop_nth};
}

}  // namespace tern

#include "os/link/impairment.hh"

namespace tern {

ImpairDirection direction_of(const Impairment& from, u32 overhead) {
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
            .drop_nth = from.drop_nth};
}

}  // namespace tern

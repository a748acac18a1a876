// The way of a frame through `tern wire`: a virtio header, the faults of a lane, segments that are
// joined, and the far end, which may take offloads or not. Nothing crashes and nothing leaks.
#include "core/offload/checksum.hh"
#include "core/offload/cut.hh"
#include "core/offload/join.hh"
#include "fuzz/fuzz.hh"
#include "os/link/impair_lane.hh"
#include "os/link/virtio_header.hh"

using namespace tern;

namespace {

ImpairDirection faults_of(u8 bits) {
    ImpairDirection d;
    d.duplicate = (bits & 1) != 0 ? 0.5 : 0;
    d.corrupt = (bits & 2) != 0 ? 0.5 : 0;
    d.reorder = (bits & 4) != 0 ? 0.5 : 0;
    d.corrupt_where = (bits & 8) != 0 ? CorruptWhere::Transport : CorruptWhere::Frame;
    if ((bits & 16) != 0) d.mark.packets = 1;
    return d;
}

void leave(Packet p, Medium medium, bool offloads) {
    if (!offloads && p->gso_segments > 1) {
        Chain segments;
        offload::cut_segments(std::move(p), medium, segments);
        while (!segments.empty()) leave(segments.pop_front(), medium, offloads);
        return;
    }
    if (!offloads) fuzz::require(offload::complete_checksum(p, medium));
    std::byte header[k_virtio_header_max] = {};
    write_virtio_header(header, *p, medium);
}

}  // namespace

int LLVMFuzzerTestOneInput(const u8* data, std::size_t size) {
    constexpr std::size_t k_header = 10;
    if (size < 2 || size > 60'000) return 0;
    MemoryBudget budget(u64{16} << 20);
    PacketPool pool(budget);
    const Medium medium = (data[0] & 1) == 0 ? Medium::Ethernet : Medium::Ip;
    const bool offloads = (data[0] & 2) == 0;
    {
        ImpairLane lane(faults_of(data[1]), 1, 64, medium);
        Instant now{};
        auto rest = fuzz::bytes_of(data, size).subspan(2);
        while (rest.size() > k_header + 2) {
            const std::size_t wanted =
                std::to_integer<u32>(rest[0]) * 256u + std::to_integer<u32>(rest[1]);
            const auto frame = rest.subspan(k_header + 2);
            const auto part = frame.first(std::min(frame.size(), wanted + 1));
            Packet p = pool.copy_of(part);
            fuzz::require(static_cast<bool>(p));
            read_virtio_header(rest.data() + 2, p, medium);
            lane.put(now, std::move(p));
            rest = frame.subspan(part.size());
        }
        now += std::chrono::seconds(10);
        lane.advance(now);
        PacketBatch batch;
        offload::Gro joining{batch, medium};
        while (lane.due(now) && batch.size() + 1 < PacketBatch::k_capacity)
            joining.add(lane.take());
        joining.finish();
        for (u32 i = 0; i < batch.size(); ++i) leave(batch.take(i), medium, offloads);
    }
    fuzz::require(pool.packets_in_use() == 0);
    return 0;
}

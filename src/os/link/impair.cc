// The lanes of both directions around a link, and a cable between two links.
#include "os/link/impair.hh"

#include "core/offload/checksum.hh"
#include "core/offload/cut.hh"
#include "os/link/impair_lane.hh"

namespace tern {

Impair::Impair(Link& inner, ImpairOptions options) : inner_(&inner) {
    // Far apart, so that the two directions share no random numbers.
    constexpr u64 other = 0x9e3779b97f4a7c15;
    const Medium medium = inner.facts().medium;
    const u32 bound = options.in_flight_packets;
    const u64 seed = options.seed;
    outbound_ = std::make_unique<ImpairLane>(std::move(options.outbound), seed, bound, medium);
    inbound_ =
        std::make_unique<ImpairLane>(std::move(options.inbound), seed + other, bound, medium);
}

Impair::~Impair() = default;

const ImpairCounters& Impair::outbound() const { return outbound_->counters(); }
const ImpairCounters& Impair::inbound() const { return inbound_->counters(); }

void Impair::change(ImpairDirection outbound, ImpairDirection inbound) {
    outbound_->change(std::move(outbound));
    inbound_->change(std::move(inbound));
}

void Impair::flush(Instant now) {
    outbound_->advance(now);
    while (outbound_->due(now)) {
        PacketBatch batch;
        while (outbound_->due(now) && !batch.full()) batch.push(outbound_->take());
        inner_->transmit(now, std::move(batch));
    }
}

void Impair::transmit(Instant now, PacketBatch&& batch) {
    for (u32 i = 0; i < batch.size(); ++i) {
        if (Packet p = batch.take(i)) outbound_->put(now, std::move(p));
    }
    batch.clear();
    flush(now);
}

void Impair::receive(Instant now, PacketPool& pool, PacketBatch& into) {
    flush(now);  // a caller that only receives must not hold up what it sent before
    PacketBatch arrived;
    inner_->receive(now, pool, arrived);
    for (u32 i = 0; i < arrived.size(); ++i) inbound_->put(now, arrived.take(i));
    inbound_->advance(now);
    while (inbound_->due(now) && !into.full()) into.push(inbound_->take());
}

Instant Impair::next_deadline() const {
    const Instant lanes = std::min(outbound_->next_deadline(), inbound_->next_deadline());
    return std::min(lanes, inner_->next_deadline());
}

u32 forward(Instant now, Link& from, Link& to, PacketPool& pool) {
    PacketBatch arrived, batch;
    from.receive(now, pool, arrived);
    const u32 count = arrived.size();
    const LinkFacts& able = to.facts();
    auto send = [&](Packet p) {
        if (!able.transmit_checksum && !offload::complete_checksum(p, able.medium)) return;
        batch.push(std::move(p));
        if (batch.full()) to.transmit(now, std::exchange(batch, PacketBatch{}));
    };
    for (u32 i = 0; i < count; ++i) {
        Packet p = arrived.take(i);
        if (p->gso_segments <= 1 || able.segmentation) {
            send(std::move(p));
            continue;
        }
        Chain segments;
        offload::cut_segments(std::move(p), able.medium, segments);
        while (!segments.empty()) send(segments.pop_front());
    }
    if (!batch.empty()) to.transmit(now, std::move(batch));
    return count;
}

}  // namespace tern

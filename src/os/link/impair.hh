// A bad network around any link: loss, delay, jitter, reordering, duplication, corruption, a rate
// with its queue and what manages that, all repeatable from a seed, and exact faults for tests that
// need one packet gone. No system call and no clock, so it serves simulations as well as real
// interfaces.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "tern/impairment.hh"
#include "tern/link.hh"

namespace tern {

// What becomes of one packet; the answer of ImpairDirection::decide.
enum class Fate : u8 { AsOptionsSay, Pass, Drop, Duplicate, Corrupt };

// Where a bit may flip. Ip and Transport leave frames alone that carry no IP: nothing in ARP
// would detect it, and on a real wire the Ethernet check sequence does.
enum class CorruptWhere : u8 { Frame, Ip, Transport };

// A packet is what one would see on the wire: where a fault needs it, super-segments are cut
// and checksums completed before.
struct ImpairDirection {
    double loss = 0;  // probabilities from 0 to 1, per packet
    double duplicate = 0;
    double corrupt = 0;  // one random bit
    double reorder = 0;
    Duration reorder_by{};  // a reordered packet is late by this much, and others overtake it
    Duration delay{};
    Duration jitter{};  // evenly between 0 and this, on top of `delay`; keeps the order
    u64 rate = 0;       // bits per second; 0: no limit
    u32 overhead = 0;   // bytes that each packet costs on the wire beside its own (Ethernet: 24)
    // The queue in front of the rate, the packet on its way out included; then tail drop.
    u32 queue_packets = 1000;
    u64 queue_bytes = ~u64{0};
    GilbertElliott bursts{};  // beside `loss`
    TokenBucket bucket{};     // `rate` is its peak; a packet leaves when line and bucket allow it
    std::optional<CodelOptions> codel{};  // at the head of the queue
    bool ecn = false;                     // CoDel marks ECN-capable packets, drops the others
    MarkThreshold mark{};
    CorruptWhere corrupt_where = CorruptWhere::Ip;
    std::vector<u64> drop_nth{};  // exact: drop these packets of the direction, counted from 1
    // Asked for each packet, its number and its bytes; goes before chance, not before drop_nth.
    std::function<Fate(u64 nth, std::span<const std::byte> frame)> decide{};
};

struct ImpairOptions {
    ImpairDirection outbound{};  // transmit(): towards the inner link
    ImpairDirection inbound{};   // receive(): from it
    u64 seed = 1;
    u32 in_flight_packets = 65536;  // bound of each direction's delay line; above it, queue_dropped
};

class ImpairLane;

// Belongs to the thread of the inner link, and dies before it and before the packets' pools.
class Impair final : public Link {
public:
    explicit Impair(Link& inner, ImpairOptions options = {});
    ~Impair() override;

    const LinkFacts& facts() const override { return inner_->facts(); }
    void receive(Instant now, PacketPool& pool, PacketBatch& into) override;
    // Hands on what is due; an empty batch does only that.
    void transmit(Instant now, PacketBatch&& batch) override;
    Instant next_deadline() const override;
    int fd() const override { return inner_->fd(); }
    bool gone() override { return inner_->gone(); }
    LinkCounters counters() const override { return inner_->counters(); }

    const ImpairCounters& outbound() const;
    const ImpairCounters& inbound() const;
    // From the last call on that told the time; what is under way, dice and counters stay, and so
    // do seed and bound.
    void change(ImpairDirection outbound, ImpairDirection inbound);

private:
    void flush(Instant now);

    Link* inner_;
    std::unique_ptr<ImpairLane> outbound_, inbound_;
};

// Moves one batch of what has arrived at `from` to `to`, as a cable between two links, and does
// in software what `to` cannot. Returns how many packets it took.
u32 forward(Instant now, Link& from, Link& to, PacketPool& pool);

}  // namespace tern

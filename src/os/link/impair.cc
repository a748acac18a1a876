// One Lane per direction: faults first, then the queue and the rate, then the delay line.
#include "os/link/impair.hh"

#include <algorithm>
#include <deque>

#include "core/base/endian.hh"
#include "core/base/random.hh"
#include "core/packet/copy.hh"
#include "core/packet/gso.hh"
#include "core/wire/ethernet.hh"
#include "core/wire/ipv4.hh"

namespace tern {

namespace {

constexpr u64 k_nanoseconds = 1'000'000'000;

// Each fault has its own dice: switching one on does not change where the others strike.
struct Dice {
    Random loss, duplicate, corrupt, corrupt_bit, reorder, jitter;

    explicit Dice(u64 seed)
        : loss(seed), duplicate(seed + 1), corrupt(seed + 2), corrupt_bit(seed + 3),
          reorder(seed + 4), jitter(seed + 5) {}
};

bool strikes(Random& dice, double probability) {
    return probability > 0 && dice.unit() < probability;
}

bool cuts_needed(const ImpairDirection& o) {
    return o.loss > 0 || o.duplicate > 0 || o.corrupt > 0 || o.reorder > 0 || o.rate > 0 ||
           !o.drop_nth.empty() || o.decide;
}

// First byte that may be damaged; the end of the frame: none.
u32 damage_begins(const Packet& p, bool ethernet, CorruptWhere where) {
    if (where == CorruptWhere::Frame) return 0;
    if (ethernet && p.size() < wire::k_ethernet_header + wire::k_vlan_tag) return p.size();
    const u32 ip = ip_offset(p.data(), ethernet);
    if (p.size() < ip + wire::k_ipv4_header) return p.size();
    const u32 version = std::to_integer<u32>(p.data()[ip]) >> 4;
    const u32 words = std::to_integer<u32>(p.data()[ip]) & 15;
    if (ethernet) {
        const u16 type = load_big<u16>(p.data() + ip - 2);
        if (type != static_cast<u16>(wire::EtherType::Ipv4) &&
            type != static_cast<u16>(wire::EtherType::Ipv6)) {
            return p.size();
        }
    }
    if (where == CorruptWhere::Ip) return ip;
    return std::min(p.size(), ip + (version == 6 ? 40 : words * 4));
}

}  // namespace

class Impair::Lane {
public:
    Lane(ImpairDirection options, u64 seed, u32 bound, bool ethernet)
        : dice_(seed), bound_(bound), ethernet_(ethernet) {
        change(std::move(options));
    }
    ~Lane() {
        for (const Entry& e : heap_) Packet{e.packet}.reset();
    }
    Lane(const Lane&) = delete;
    Lane& operator=(const Lane&) = delete;

    void change(ImpairDirection options) {
        options_ = std::move(options);
        std::sort(options_.drop_nth.begin(), options_.drop_nth.end());
        cuts_ = cuts_needed(options_);
    }
    void put(Instant now, Packet p);
    bool due(Instant now) const { return !heap_.empty() && heap_.front().due <= now; }
    Packet take();
    Instant next_due() const { return heap_.empty() ? Instant::max() : heap_.front().due; }
    const ImpairCounters& counters() const { return counters_; }

private:
    struct Entry {
        Instant due;
        u64 serial;  // equal deadlines leave in the order in which they came
        PacketDescriptor* packet;
        // A heap has its greatest on top, and ours the earliest.
        bool operator<(const Entry& o) const {
            return due != o.due ? due > o.due : serial > o.serial;
        }
    };
    struct Queued {
        Instant leaves;
        u32 bytes;
    };

    void put_segment(Instant now, Packet p);
    Fate fate_of(const Packet& p, u64 nth);
    bool damage(Packet& p);
    void enqueue(Instant now, Packet p);
    bool queue_has_room(Instant now, u32 bytes);
    Instant sent(Instant now, u32 bytes);

    ImpairDirection options_;
    ImpairCounters counters_;
    Dice dice_;
    u32 bound_;
    bool ethernet_;
    bool cuts_ = false;

    std::deque<Queued> queue_;  // what has not left the sender yet; only with a rate
    u64 queued_bytes_ = 0;
    Instant busy_until_{};
    u64 carry_ = 0;            // of the division by the rate, so that no time is lost
    std::vector<Entry> heap_;  // the delay line
    u64 serial_ = 0;
    Instant last_due_{};  // of packets in order: jitter may not make them overtake
};

void Impair::Lane::put(Instant now, Packet p) {
    if (!cuts_ || p->gso_segments <= 1) return put_segment(now, std::move(p));
    Chain segments;
    counters_.memory_dropped += segment_in_software(std::move(p), ethernet_, segments);
    while (!segments.empty()) put_segment(now, segments.pop_front());
}

Fate Impair::Lane::fate_of(const Packet& p, u64 nth) {
    // Every die is thrown for every packet, whatever the others say: see Dice.
    const bool lost = strikes(dice_.loss, options_.loss);
    const bool doubled = strikes(dice_.duplicate, options_.duplicate);
    const bool damaged = strikes(dice_.corrupt, options_.corrupt);
    const auto& exact = options_.drop_nth;
    if (std::binary_search(exact.begin(), exact.end(), nth)) return Fate::Drop;
    if (options_.decide) {
        const Fate fate = options_.decide(nth, p.bytes());
        if (fate != Fate::AsOptionsSay) return fate;
    }
    if (lost) return Fate::Drop;
    if (damaged) return Fate::Corrupt;
    return doubled ? Fate::Duplicate : Fate::Pass;
}

void Impair::Lane::put_segment(Instant now, Packet p) {
    const Fate fate = fate_of(p, ++counters_.seen);
    if (fate == Fate::Drop) {
        ++counters_.lost;
        return;
    }
    if (fate == Fate::Corrupt && !damage(p)) {
        ++counters_.memory_dropped;
        return;
    }
    if (fate == Fate::Duplicate) {
        if (Packet twin = copy_with_facts(*p->pool, *p)) {
            ++counters_.duplicated;
            enqueue(now, std::move(twin));
        } else {
            ++counters_.memory_dropped;
        }
    }
    enqueue(now, std::move(p));
}

// Flips one bit, in bytes that nobody else views. False: no memory for that.
bool Impair::Lane::damage(Packet& p) {
    const u32 begin = damage_begins(p, ethernet_, options_.corrupt_where);
    if (begin >= p.size()) return true;
    // A receiver would trust a checksum that is still to be computed, and one that was vouched for.
    if (!complete_checksum(p, ethernet_) || !make_exclusive(p)) return false;
    p->checksum = ChecksumState::Unknown;
    p->payload_sum_known = false;
    const u32 bit = dice_.corrupt_bit.below((p.size() - begin) * 8);
    p.data()[begin + bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    ++counters_.corrupted;
    return true;
}

bool Impair::Lane::queue_has_room(Instant now, u32 bytes) {
    while (!queue_.empty() && queue_.front().leaves <= now) {
        queued_bytes_ -= queue_.front().bytes;
        queue_.pop_front();
    }
    if (queue_.empty()) return true;  // an idle line takes any packet
    return queue_.size() < options_.queue_packets && queued_bytes_ + bytes <= options_.queue_bytes;
}

// When the last bit of a packet has left the sender, one packet behind the other.
Instant Impair::Lane::sent(Instant now, u32 bytes) {
    if (options_.rate == 0) return now;
    if (busy_until_ <= now) {
        busy_until_ = now;
        carry_ = 0;
    }
    const u64 work = (u64{bytes} + options_.overhead) * 8 * k_nanoseconds + carry_;
    carry_ = work % options_.rate;
    busy_until_ += Duration{static_cast<i64>(work / options_.rate)};
    queue_.push_back({busy_until_, bytes});
    queued_bytes_ += bytes;
    return busy_until_;
}

void Impair::Lane::enqueue(Instant now, Packet p) {
    const bool late = strikes(dice_.reorder, options_.reorder);
    const double share = options_.jitter > Duration{} ? dice_.jitter.unit() : 0;
    const u32 bytes = p.size();
    if (heap_.size() >= bound_ || !queue_has_room(now, bytes)) {
        ++counters_.queue_dropped;
        return;
    }
    const auto extra = static_cast<i64>(share * static_cast<double>(options_.jitter.count()));
    Instant due = sent(now, bytes) + options_.delay + Duration{extra};
    if (late) {
        due += options_.reorder_by;
        ++counters_.reordered;
    } else {
        due = last_due_ = std::max(due, last_due_);
    }
    if (due > now) ++counters_.delayed;
    heap_.push_back({due, ++serial_, p.release()});
    std::push_heap(heap_.begin(), heap_.end());
}

Packet Impair::Lane::take() {
    std::pop_heap(heap_.begin(), heap_.end());
    Packet p{heap_.back().packet};
    heap_.pop_back();
    return p;
}

Impair::Impair(Link& inner, ImpairOptions options) : inner_(&inner) {
    // Far apart, so that the two directions share no die.
    constexpr u64 other = 0x9e3779b97f4a7c15;
    const bool ethernet = inner.facts().ethernet;
    const u32 bound = options.in_flight_packets;
    const u64 seed = options.seed;
    outbound_ = std::make_unique<Lane>(std::move(options.outbound), seed, bound, ethernet);
    inbound_ = std::make_unique<Lane>(std::move(options.inbound), seed + other, bound, ethernet);
}

Impair::~Impair() = default;

const ImpairCounters& Impair::outbound() const { return outbound_->counters(); }
const ImpairCounters& Impair::inbound() const { return inbound_->counters(); }

void Impair::change(ImpairDirection outbound, ImpairDirection inbound) {
    outbound_->change(std::move(outbound));
    inbound_->change(std::move(inbound));
}

void Impair::flush(Instant now) {
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
    while (inbound_->due(now) && !into.full()) into.push(inbound_->take());
}

Instant Impair::next_deadline() const {
    const Instant lanes = std::min(outbound_->next_due(), inbound_->next_due());
    return std::min(lanes, inner_->next_deadline());
}

u32 forward(Instant now, Link& from, Link& to, PacketPool& pool) {
    PacketBatch arrived, batch;
    from.receive(now, pool, arrived);
    const u32 count = arrived.size();
    const LinkFacts& able = to.facts();
    auto send = [&](Packet p) {
        if (!able.transmit_checksum && !complete_checksum(p, able.ethernet)) return;
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
        segment_in_software(std::move(p), able.ethernet, segments);
        while (!segments.empty()) send(segments.pop_front());
    }
    if (!batch.empty()) to.transmit(now, std::move(batch));
    return count;
}

}  // namespace tern

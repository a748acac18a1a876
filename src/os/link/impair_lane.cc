#include "os/link/impair_lane.hh"

#include <algorithm>

#include "core/offload/checksum.hh"
#include "core/offload/cut.hh"
#include "core/packet/copy.hh"
#include "core/wire/frame.hh"

namespace tern {

namespace {

constexpr u64 k_nanoseconds = 1'000'000'000;

bool strikes(Random& dice, double probability) {
    return probability > 0 && dice.unit() < probability;
}

u32 segments_of(const PacketDescriptor& d) { return std::max<u32>(d.gso_segments, 1); }

// First byte that may be damaged; the end of the frame: none.
u32 damage_begins(const Packet& p, Medium medium, CorruptWhere where) {
    if (where == CorruptWhere::Frame) return 0;
    if (where == CorruptWhere::Ip) return wire::ip_offset(medium, p.bytes()).value_or(p.size());
    const auto found = wire::find_ip(medium, p.bytes());
    return found ? found->payload() : p.size();
}

}  // namespace

ImpairLane::Dice::Dice(u64 seed)
    : loss(seed), duplicate(seed + 1), corrupt(seed + 2), corrupt_bit(seed + 3), reorder(seed + 4),
      jitter(seed + 5), bursts(seed + 6, seed + 7) {}

ImpairLane::ImpairLane(ImpairDirection options, u64 seed, u32 bound, Medium medium)
    : dice_(seed), bound_(bound), medium_(medium) {
    change(std::move(options));
}

ImpairLane::~ImpairLane() {
    for (const Entry& e : heap_) Packet{e.packet}.reset();
}

void ImpairLane::change(ImpairDirection options) {
    options_ = std::move(options);
    std::sort(options_.drop_nth.begin(), options_.drop_nth.end());
    bucket_.change(options_.bucket);
    cuts_always_ = limited() || options_.decide;
}

// Every die is thrown for every packet, whatever the others say: see Dice.
ImpairLane::Verdict ImpairLane::throw_dice() {
    const u64 nth = ++counters_.seen;
    const bool lost = strikes(dice_.loss, options_.loss);
    const bool lost_in_burst = dice_.bursts.strikes(options_.bursts);
    const bool doubled = strikes(dice_.duplicate, options_.duplicate);
    const bool damaged = strikes(dice_.corrupt, options_.corrupt);
    const bool late = strikes(dice_.reorder, options_.reorder);
    if (dice_.bursts.bad()) ++counters_.in_bursts;
    const auto& exact = options_.drop_nth;
    const bool certain = std::binary_search(exact.begin(), exact.end(), nth);
    Fate fate = doubled ? Fate::Duplicate : Fate::Pass;
    if (damaged) fate = Fate::Corrupt;
    if (lost || lost_in_burst || certain) fate = Fate::Drop;
    return {nth, fate, certain, late};
}

Fate ImpairLane::fate_of(const Packet& p, const Verdict& verdict) const {
    if (!options_.decide || verdict.certain) return verdict.fate;
    const Fate fate = options_.decide(verdict.nth, p.bytes());
    return fate == Fate::AsOptionsSay ? verdict.fate : fate;
}

void ImpairLane::put(Instant now, Packet p) {
    advance(now);
    counters_.bytes += p.size();
    if (p->gso_segments > 1) {
        put_super(now, std::move(p));
    } else {
        put_segment(now, std::move(p), throw_dice());
    }
}

// Whether no fault strikes any of the segments that a super-segment stands for.
bool ImpairLane::may_pass_whole(u32 segments) {
    verdicts_.clear();
    bool whole = !cuts_always_;
    for (u32 i = 0; i < segments; ++i) {
        verdicts_.push_back(throw_dice());
        whole = whole && verdicts_.back().fate == Fate::Pass && !verdicts_.back().late;
    }
    return whole;
}

void ImpairLane::put_super(Instant now, Packet p) {
    const u32 count = segments_of(*p);
    if (may_pass_whole(count)) return enqueue(now, std::move(p), false);
    Chain segments;
    counters_.memory_dropped += offload::cut_segments(std::move(p), medium_, segments);
    for (u32 i = 0; !segments.empty() && i < count; ++i) {
        put_segment(now, segments.pop_front(), verdicts_[i]);
    }
}

void ImpairLane::put_segment(Instant now, Packet p, const Verdict& verdict) {
    const Fate fate = fate_of(p, verdict);
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
            enqueue(now, std::move(twin), false);
        } else {
            ++counters_.memory_dropped;
        }
    }
    enqueue(now, std::move(p), verdict.late);
}

// Flips one bit, in bytes that nobody else views. False: no memory for that.
bool ImpairLane::damage(Packet& p) {
    const u32 begin = damage_begins(p, medium_, options_.corrupt_where);
    if (begin >= p.size()) return true;
    // A receiver would trust a checksum that is still to be computed, and one that was vouched for.
    if (!offload::complete_checksum(p, medium_) || !make_exclusive(p)) return false;
    p->checksum = ChecksumState::Unknown;
    p->payload_sum_known = false;
    const u32 bit = dice_.corrupt_bit.below((p.size() - begin) * 8);
    p.data()[begin + bit / 8] ^= static_cast<std::byte>(1u << bit % 8);
    ++counters_.corrupted;
    return true;
}

bool ImpairLane::queue_has_room(Instant now, u32 bytes) const {
    const bool serving = busy_until_ > now;
    if (waiting_.empty() && !serving) return true;  // an idle line takes any packet
    const u64 held = waiting_bytes_ + (serving ? serving_bytes_ : 0);
    return waiting_.size() + serving < options_.queue_packets &&
           held + bytes <= options_.queue_bytes;
}

offload::EcnMark ImpairLane::mark(Packet& p, u64& counter) {
    const offload::EcnMark done = offload::mark_congestion(p, medium_);
    if (done == offload::EcnMark::Marked) ++counter;
    if (done == offload::EcnMark::NoMemory) ++counters_.memory_dropped;
    return done;
}

// RFC 8257 3.1: the queue that a packet finds decides, not an average.
offload::EcnMark ImpairLane::mark_on_arrival(Instant now, Packet& p) {
    const MarkThreshold& above = options_.mark;
    const bool serving = busy_until_ > now;
    const u64 held = waiting_bytes_ + (serving ? serving_bytes_ : 0);
    const bool many = above.packets > 0 && waiting_.size() + serving > above.packets;
    const bool much = above.bytes > 0 && held > above.bytes;
    return many || much ? mark(p, counters_.threshold_marked) : offload::EcnMark::NotCapable;
}

void ImpairLane::enqueue(Instant now, Packet p, bool late) {
    const double share = options_.jitter > Duration{} ? dice_.jitter.unit() : 0;
    const u32 bytes = p.size();
    const bool crowded = heap_.size() + waiting_.size() >= bound_;
    if (crowded || !queue_has_room(now, bytes)) {
        counters_.queue_dropped += segments_of(*p);
        return;
    }
    if (mark_on_arrival(now, p) == offload::EcnMark::NoMemory) return;
    if (late) ++counters_.reordered;
    const auto jitter = static_cast<i64>(share * static_cast<double>(options_.jitter.count()));
    const Duration extra = options_.delay + Duration{jitter};
    codel_.saw(bytes);
    waiting_bytes_ += bytes;
    waiting_.push_back({std::move(p), now, late ? extra + options_.reorder_by : extra, late});
    if (start_of(waiting_.back()) > now || waiting_.size() > 1) ++counters_.waited;
    advance(now);
}

// When the packet at the head begins to leave.
Instant ImpairLane::start_of(const Waiting& w) const {
    const Instant free = std::max(w.arrived, busy_until_);
    return bucket_.on() ? bucket_.ready(free, w.packet.size() + options_.overhead) : free;
}

ImpairLane::Sent ImpairLane::sent(Instant start, u32 bytes) const {
    if (options_.rate == 0) return {start, 0};
    const u64 carry = start > busy_until_ ? 0 : carry_;
    const u64 work = (u64{bytes} + options_.overhead) * 8 * k_nanoseconds + carry;
    return {start + Duration{static_cast<i64>(work / options_.rate)}, work % options_.rate};
}

void ImpairLane::advance(Instant now) {
    while (!waiting_.empty()) {
        const Instant start = start_of(waiting_.front());
        if (start > now) return;
        serve(start);
    }
}

// False: CoDel has dropped the packet, or the pool had no memory for it.
bool ImpairLane::leaves(Packet& p, Duration sojourn, Instant now) {
    const Duration most = options_.mark.delay;
    if (most > Duration{} && sojourn > most &&
        mark(p, counters_.threshold_marked) == offload::EcnMark::NoMemory) {
        return false;
    }
    if (!options_.codel) return true;
    if (!codel_.strikes(*options_.codel, now, sojourn, waiting_bytes_)) return true;
    const offload::EcnMark done =
        options_.ecn ? mark(p, counters_.codel_marked) : offload::EcnMark::NotCapable;
    if (done == offload::EcnMark::NoMemory) return false;
    if (done == offload::EcnMark::Marked) {
        codel_.marked(*options_.codel);
        return true;
    }
    ++counters_.codel_dropped;
    return false;
}

void ImpairLane::serve(Instant start) {
    Waiting w = std::move(waiting_.front());
    waiting_.pop_front();
    const u32 bytes = w.packet.size();
    waiting_bytes_ -= bytes;
    const Duration sojourn = start - w.arrived;
    counters_.longest_wait = std::max(counters_.longest_wait, sojourn);
    if (!leaves(w.packet, sojourn, start)) return;
    if (bucket_.on()) bucket_.take(start, bytes + options_.overhead);
    const Sent done = sent(start, bytes);
    busy_until_ = done.at;
    carry_ = done.carry;
    serving_bytes_ = bytes;
    delay(w, std::move(w.packet), done.at);
}

void ImpairLane::delay(const Waiting& w, Packet p, Instant from) {
    Instant due = from + w.extra;
    if (!w.late) due = last_due_ = std::max(due, last_due_);
    if (due > w.arrived) counters_.delayed += segments_of(*p);
    heap_.push_back({due, ++serial_, p.release()});
    std::push_heap(heap_.begin(), heap_.end());
}

Packet ImpairLane::take() {
    std::pop_heap(heap_.begin(), heap_.end());
    Packet p{heap_.back().packet};
    heap_.pop_back();
    return p;
}

Instant ImpairLane::next_deadline() const {
    const Instant first = heap_.empty() ? Instant::max() : heap_.front().due;
    if (waiting_.empty()) return first;
    const Waiting& head = waiting_.front();
    const Instant start = start_of(head);
    // CoDel may drop the head, and a reordered head may be overtaken: then another one is first.
    if (options_.codel || head.late) return std::min(first, start);
    const Instant due = sent(start, head.packet.size()).at + head.extra;
    return std::min(first, std::max(due, last_due_));
}

}  // namespace tern

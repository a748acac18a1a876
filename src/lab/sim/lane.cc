#include "lab/sim/lane.hh"

#include <charconv>

#include "core/packet/crossing.hh"
#include "lab/sim/inside.hh"
#include "os/link/impairment.hh"

namespace tern::sim {

namespace {

// Fits the 32 bits that a packet has for its owner: 71 minutes before it wraps.
u32 microseconds(Instant t) {
    return static_cast<u32>(static_cast<u64>(t.time_since_epoch().count()) / 1000);
}

std::string percent(double share) {
    char text[32];
    const auto end = std::to_chars(text, text + sizeof text, share * 100).ptr;
    return std::string(text, end) + " %";
}

}  // namespace

Lane::Lane(WorldInside& world, u32 number, std::string name, const LinkFacts& facts, u64 seed)
    : world_(world), number_(number), name_(std::move(name)), facts_(facts), mtu_now_(facts.mtu),
      impair_(static_cast<Link&>(*this), ImpairOptions{.seed = seed}) {}

Lane::~Lane() = default;

void Lane::join(Node& from, Node& to) {
    from_ = &from;
    to_ = &to;
    from_port_ = from.attach(*this);
}

void Lane::change(const Impairment& impairment) {
    settle_watches();
    impairment_ = impairment;
    impair_.change(direction_of(impairment, 2 * impairment.delay, 0), {});
    watch();
}

void Lane::watch() {
    const ImpairCounters& c = impair_.outbound();
    const auto add = [&](const char* name, double share, u64 ImpairCounters::*counter) {
        if (share <= 0) return;
        watches_.push_back({std::string(name) + " of " + percent(share) + " on " + name_, counter,
                            c.*counter + 1, entered_});
    };
    add("loss", impairment_.loss, &ImpairCounters::lost);
    add("duplication", impairment_.duplicate, &ImpairCounters::duplicated);
    add("corruption", impairment_.corrupt, &ImpairCounters::corrupted);
    add("reordering", impairment_.reorder, &ImpairCounters::reordered);
    for (const u64 nth : impairment_.drop_nth)
        watches_.push_back({"the loss of packet " + std::to_string(nth) + " on " + name_,
                            &ImpairCounters::seen, nth, entered_});
}

void Lane::settle_watches() {
    never_struck(missed_);
    watches_.clear();
}

void Lane::never_struck(std::vector<std::string>& into) const {
    if (&into != &missed_) into.insert(into.end(), missed_.begin(), missed_.end());
    const ImpairCounters& c = impair_.outbound();
    for (const Watch& w : watches_) {
        if (c.*w.counter < w.enough)
            into.push_back(w.what + " (" + std::to_string(entered_ - w.entered_before) +
                           " packets entered while it was on)");
    }
}

bool Lane::lost_to_cut() {
    if (cuts_.empty()) return false;
    for (Fault* fault : cuts_) fault->struck = true;
    ++cut_;
    return true;
}

void Lane::shrink_mtu(u32 mtu, Fault& fault) {
    mtu_now_ = std::min(mtu, facts_.mtu);
    shrunk_by_ = &fault;
}

void Lane::restore_mtu() {
    mtu_now_ = facts_.mtu;
    shrunk_by_ = nullptr;
}

bool Lane::fits(const Packet& packet) {
    if (packet.size() <= mtu_now_) return true;
    if (shrunk_by_ != nullptr) shrunk_by_->struck = true;
    return false;
}

void Lane::enter(PacketBatch&& batch) {
    const u32 entry = microseconds(world_.now);
    PacketBatch passing;
    for (u32 i = 0; i < batch.size(); ++i) {
        Packet packet = batch.take(i);
        ++entered_;
        if (lost_to_cut()) continue;
        if (shrunk_by_ != nullptr && !fits(packet)) {
            ++too_big_;
            continue;
        }
        packet->tag = entry;
        passing.push(std::move(packet));
    }
    batch.clear();
    impair_.transmit(world_.now, std::move(passing));
    world_.schedule.set(*this, impair_.next_deadline());
}

void Lane::wake() {
    impair_.transmit(world_.now, {});
    world_.schedule.set(*this, impair_.next_deadline());
}

// What comes out of the impairments. A packet that was under way for long has left the cache, and
// all of it will be read.
void Lane::transmit(Instant, PacketBatch&& batch) {
    for (u32 i = 0; i < batch.size(); ++i) {
        const PacketDescriptor& d = *batch.peek(i);
        for (u32 at = d.begin & ~63u; at < d.end; at += 64) __builtin_prefetch(d.slot + at);
    }
    for (u32 i = 0; i < batch.size(); ++i) emerge(batch.take(i));
    batch.clear();
    if (arrived_.empty() || announced_) return;
    announced_ = true;
    world_.arrivals.push_back(this);
}

void Lane::emerge(Packet packet) {
    if (lost_to_cut()) return;
    ++delivered_;
    delivered_bytes_ += packet.size();
    last_delay_ = std::chrono::microseconds(microseconds(world_.now) - packet->tag);
    worst_delay_ = std::max(worst_delay_, last_delay_);
    forget_sender_facts(*packet);
    world_.digest.add(static_cast<u64>(world_.now.time_since_epoch().count()));
    world_.digest.add(u64{number_});
    world_.digest.add(std::span<const std::byte>{packet.bytes()});
    arrived_.push_back(std::move(packet));
}

void Lane::deliver() {
    PacketBatch batch;
    while (!arrived_.empty() && !batch.full()) batch.push(arrived_.pop_front());
    announced_ = !arrived_.empty();
    if (announced_) world_.arrivals.push_back(this);
    to_->arrive(to_port_, std::move(batch));
}

LaneCounters Lane::count() const {
    const ImpairCounters& c = impair_.outbound();
    return {.entered = entered_,
            .delivered = delivered_,
            .delivered_bytes = delivered_bytes_,
            .cut = cut_,
            .lost = c.lost,
            .queue_dropped = c.queue_dropped + c.codel_dropped,
            .memory_dropped = c.memory_dropped,
            .too_big = too_big_,
            .duplicated = c.duplicated,
            .corrupted = c.corrupted,
            .reordered = c.reordered};
}

}  // namespace tern::sim

// The pool: descriptors, data slots, slabs. See include/tern/packet_batch.hh for the rules.
#include <algorithm>
#include <cstdlib>
#include <new>

#include "tern/packet_batch.hh"

namespace tern {

// Lies in the first bytes of a data slot.
struct PacketPool::Slot {
    u32 views;  // descriptors that view this slot
    Slot* next_free;
};

PacketPool::PacketPool(MemoryBudget& budget) : budget_(&budget) {
    static_assert(sizeof(Slot) <= Packet::k_slot_header);
}

PacketPool::~PacketPool() {
    assert(descriptors_in_use_ == 0);
    while (slabs_ != nullptr) {
        Slab* gone = std::exchange(slabs_, slabs_->next);
        budget_->give_back(gone->bytes);
        std::free(gone);
    }
}

bool PacketPool::may_grow(u64 bytes) const {
    const u64 limit = budget_->limit();
    return budget_->used() + bytes + sizeof(Slab) <= limit - limit / k_others_share;
}

void* PacketPool::slab(u64 bytes) {
    const u64 total = bytes + 64;
    if (!may_grow(bytes) || !budget_->take(total)) {
        ++refusals_;
        return nullptr;
    }
    auto* s = static_cast<Slab*>(std::aligned_alloc(64, total));
    if (s == nullptr) {
        budget_->give_back(total);
        ++refusals_;
        return nullptr;
    }
    s->bytes = total;
    s->next = slabs_;
    slabs_ = s;
    return reinterpret_cast<std::byte*>(s) + 64;
}

bool PacketPool::grow_descriptors() {
    constexpr u32 count = k_descriptors_per_slab;
    auto* memory = static_cast<std::byte*>(slab(count * sizeof(PacketDescriptor)));
    if (memory == nullptr) return false;
    for (u32 i = count; i-- > 0;) {
        auto* d = new (memory + i * sizeof(PacketDescriptor)) PacketDescriptor;
        d->next = std::exchange(free_descriptors_, d);
    }
    free_descriptor_count_ += count;
    return true;
}

bool PacketPool::grow_slots(unsigned size_class) {
    const u32 size = k_slot_bytes[size_class], count = k_slots_per_slab[size_class];
    auto* memory = static_cast<std::byte*>(slab(u64{count} * size));
    if (memory == nullptr) return false;
    for (u32 i = count; i-- > 0;) {
        auto* s = new (memory + u64{i} * size) Slot{0, nullptr};
        s->next_free = std::exchange(free_slots_[size_class], s);
    }
    free_slot_count_[size_class] += count;
    return true;
}

PacketDescriptor* PacketPool::take_descriptor() {
    if (free_descriptors_ == nullptr && !grow_descriptors()) return nullptr;
    ++descriptors_in_use_;
    --free_descriptor_count_;
    return std::exchange(free_descriptors_, free_descriptors_->next);
}

PacketPool::Slot* PacketPool::take_slot(unsigned size_class) {
    Slot*& head = free_slots_[size_class];
    if (head == nullptr && !grow_slots(size_class)) return nullptr;
    --free_slot_count_[size_class];
    return std::exchange(head, head->next_free);
}

Packet PacketPool::allocate(u32 payload) {
    if (payload > k_payload_super) return {};
    const unsigned size_class = payload <= k_payload_small ? 0 : payload <= k_payload_jumbo ? 1 : 2;
    Slot* slot = take_slot(size_class);
    if (slot == nullptr) return {};
    PacketDescriptor* d = take_descriptor();
    if (d == nullptr) {
        slot->next_free = std::exchange(free_slots_[size_class], slot);
        ++free_slot_count_[size_class];
        return {};
    }
    slot->views = 1;
    *d = PacketDescriptor{};
    d->slot = reinterpret_cast<std::byte*>(slot);
    d->pool = this;
    d->begin = d->end = Packet::k_slot_header + k_headroom;
    d->capacity = k_slot_bytes[size_class];
    d->size_class = static_cast<u8>(size_class);
    return Packet{d};
}

u64 PacketPool::free_bytes() const {
    u64 bytes = free_descriptor_count_ * sizeof(PacketDescriptor);
    for (unsigned c = 0; c < free_slots_.size(); ++c)
        bytes += u64{free_slot_count_[c]} * k_slot_bytes[c];
    return bytes;
}

// Free buffers of ours are as good as memory that was never taken.
bool PacketPool::leaves_enough(u64 bytes, Queue queue) const {
    const u64 limit = budget_->limit();
    const u64 most = limit - (limit >> k_free_share_log2[static_cast<u8>(queue)]);
    return budget_->used() - std::min(budget_->used(), free_bytes()) + bytes <= most;
}

// Takes care that enough stays free beside what is about to be taken for a queue.
bool PacketPool::may_keep(unsigned size_class, Queue queue) {
    const u32 reserve = k_reserve[static_cast<u8>(queue)];
    const auto slots = [&](unsigned c, u32 least) {
        return free_slot_count_[c] > least || grow_slots(c);
    };
    return leaves_enough(k_slot_bytes[size_class], queue) &&
           (free_descriptor_count_ > reserve || grow_descriptors()) && slots(0, reserve) &&
           (size_class == 0 || slots(size_class, 0));
}

Packet PacketPool::allocate_to_keep(u32 payload, Queue queue) {
    const unsigned size_class = payload <= k_payload_small ? 0 : payload <= k_payload_jumbo ? 1 : 2;
    if (size_class != 0) queue = Queue::Waiting;
    if (payload > k_payload_super || !may_keep(size_class, queue)) {
        ++refusals_;
        return {};
    }
    return allocate(payload);
}

bool PacketPool::scarce(Queue queue) const {
    if (!leaves_enough(k_slot_bytes[0], queue)) return true;
    const u32 least = k_reserve[static_cast<u8>(queue)];
    if (free_slot_count_[0] > least && free_descriptor_count_ > least) return false;
    return !may_grow(u64{k_slots_per_slab[0]} * k_slot_bytes[0]);
}

u64 PacketPool::keepable() const {
    const u64 most = budget_->limit() - budget_->limit() / 4;
    const u64 taken = budget_->used() - std::min(budget_->used(), free_bytes());
    return taken < most ? most - taken : 0;
}

Packet PacketPool::copy_of(std::span<const std::byte> bytes) {
    Packet p = bytes.size() > k_payload_super ? Packet{} : allocate(static_cast<u32>(bytes.size()));
    if (p && !bytes.empty())
        std::memcpy(p.append(static_cast<u32>(bytes.size())), bytes.data(), bytes.size());
    return p;
}

void PacketPool::release(PacketDescriptor* d) {
    auto* slot = reinterpret_cast<Slot*>(d->slot);
    if (--slot->views == 0) {
        slot->next_free = std::exchange(free_slots_[d->size_class], slot);
        ++free_slot_count_[d->size_class];
    }
    ++free_descriptor_count_;
    d->next = std::exchange(free_descriptors_, d);
    --descriptors_in_use_;
}

void Packet::reset() {
    if (d_ != nullptr) d_->pool->release(std::exchange(d_, nullptr));
}

bool Packet::exclusive() const {
    return reinterpret_cast<const PacketPool::Slot*>(d_->slot)->views == 1;
}

Packet Packet::share() const {
    PacketDescriptor* d = d_->pool->take_descriptor();
    if (d == nullptr) return {};
    *d = *d_;
    d->next = nullptr;
    ++reinterpret_cast<PacketPool::Slot*>(d_->slot)->views;
    return Packet{d};
}

}  // namespace tern

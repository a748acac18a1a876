// The pool: descriptors, data slots, slabs. See include/tern/packet_batch.hh for the rules.
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

void* PacketPool::slab(u64 bytes) {
    const u64 total = bytes + 64;
    if (!budget_->take(total)) {
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

// A quarter of the memory is for what does not wait: records, packets on their way.
bool PacketPool::keeps_below_ceiling(u64 bytes) const {
    const u64 limit = budget_->limit();
    return budget_->used() + bytes <= limit - limit / 4;
}

// Takes care that enough stays free beside what is about to be taken for a queue.
bool PacketPool::may_keep(unsigned size_class, u32 reserve) {
    const auto grow_if = [&](u64 bytes, auto grow) { return keeps_below_ceiling(bytes) && grow(); };
    const auto slots = [&](unsigned c, u32 least) {
        return free_slot_count_[c] > least ||
               grow_if(u64{k_slots_per_slab[c]} * k_slot_bytes[c], [&] { return grow_slots(c); });
    };
    return (free_descriptor_count_ > reserve ||
            grow_if(k_descriptors_per_slab * sizeof(PacketDescriptor),
                    [&] { return grow_descriptors(); })) &&
           slots(0, reserve) && (size_class == 0 || slots(size_class, 0));
}

Packet PacketPool::allocate_to_keep(u32 payload, bool first) {
    const unsigned size_class = payload <= k_payload_small ? 0 : payload <= k_payload_jumbo ? 1 : 2;
    const u32 reserve = first && size_class == 0 ? k_reserve / 2 : k_reserve;
    if (payload > k_payload_super || !may_keep(size_class, reserve)) {
        ++refusals_;
        return {};
    }
    return allocate(payload);
}

bool PacketPool::scarce(bool severe) const {
    const u32 least = severe ? k_reserve / 2 : k_reserve;
    if (free_slot_count_[0] > least && free_descriptor_count_ > least) return false;
    return !keeps_below_ceiling(u64{k_slots_per_slab[0]} * k_slot_bytes[0]);
}

u64 PacketPool::keepable() const {
    u64 bytes = 0;
    for (unsigned c = 0; c < free_slots_.size(); ++c)
        bytes += u64{free_slot_count_[c]} * k_slot_bytes[c];
    const u64 most = budget_->limit() - budget_->limit() / 4;
    return budget_->used() < most ? bytes + most - budget_->used() : bytes;
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

// Packets: who owns bytes. A Packet is a move-only 8-byte handle on a 64-byte descriptor; the
// descriptor views a data slot that several descriptors may share (a segment in flight and the
// send queue that may have to send it again). Counts are plain integers: a pool and everything
// out of it belong to one thread.
#pragma once

#include <array>
#include <cassert>
#include <cstring>
#include <span>
#include <utility>

#include "tern/export.hh"
#include "tern/int.hh"
#include "tern/time.hh"

namespace tern TERN_API {

class PacketPool;

// What is known of the transport checksum of a packet (RFC 1071).
enum class ChecksumState : u8 {
    Unknown,   // nothing: a receiver must verify, a sender's checksum field holds the real sum
    Verified,  // receive: the link or the sender in the same memory vouches for it
    Partial,   // the field holds the pseudo-header sum only; the link, or gso, completes it
};

// Cold part of a packet: 64 bytes, one cache line.
struct alignas(64) PacketDescriptor {
    std::byte* slot = nullptr;         // first byte of the data slot
    PacketDescriptor* next = nullptr;  // chain link; belongs to the owner of the packet
    PacketPool* pool = nullptr;
    u32 begin = 0;  // the view, as offsets from `slot`
    u32 end = 0;
    u32 capacity = 0;      // size of the slot
    u32 payload_sum = 0;   // folded one's complement sum of the payload, if known
    Index tag = 0;         // free for the owner: next-hop, flow
    u16 network = 0;       // offset of the network header from `slot`
    u16 transport = 0;     // offset of the transport header from `slot`
    u16 gso_size = 0;      // bytes of payload per segment; 0: one plain packet
    u16 gso_segments = 0;  // number of wire segments, 0 or 1: plain
    ChecksumState checksum = ChecksumState::Unknown;
    bool payload_sum_known = false;
    bool link_broadcast = false;  // received in a link-layer broadcast or multicast frame
    u8 size_class = 0;
    u32 note = 0;  // index of the reason a sender gave, for captures
};
static_assert(sizeof(PacketDescriptor) == 64);

// Bytes in front of the first payload byte of a fresh packet: link, network and transport headers.
inline constexpr u32 k_headroom = 128;

// A handle that owns one view, or none. Its calls below ask for one.
class Packet {
public:
    Packet() = default;
    // Takes what release() gave away.
    explicit Packet(PacketDescriptor* d) : d_(d) {}
    Packet(Packet&& o) noexcept : d_(std::exchange(o.d_, nullptr)) {}
    Packet& operator=(Packet&& o) noexcept {
        if (this != &o) {
            reset();
            d_ = std::exchange(o.d_, nullptr);
        }
        return *this;
    }
    ~Packet() {
        if (d_ != nullptr) reset();
    }

    explicit operator bool() const { return d_ != nullptr; }
    // Gives view and, if it was the last one, slot back to the pool.
    void reset();
    // Gives the descriptor away; the caller must wrap it in a Packet again.
    PacketDescriptor* release() { return std::exchange(d_, nullptr); }
    PacketDescriptor* operator->() const { return d_; }
    PacketDescriptor& operator*() const { return *d_; }

    u32 size() const { return d_->end - d_->begin; }          // bytes of the view
    std::byte* data() const { return d_->slot + d_->begin; }  // its first byte
    std::span<std::byte> bytes() const {
        return {data(), size()};
    }  // only an exclusive() one may be changed
    u32 headroom() const { return d_->begin - k_slot_header; }  // bytes that push() may take
    u32 tailroom() const { return d_->capacity - d_->end; }     // bytes that append() may take

    // Grows the view to the front (going down the stack); n <= headroom(). Its new first byte.
    std::byte* push(u32 n) {
        assert(n <= headroom());
        d_->begin -= n;
        return data();
    }
    // Grows the view to the back; n <= tailroom(). The first of the new bytes.
    std::byte* append(u32 n) {
        assert(n <= tailroom());
        std::byte* at = d_->slot + d_->end;
        d_->end += n;
        return at;
    }
    // Shrinks the view from the front (going up the stack).
    void pull(u32 n) {
        assert(n <= size());
        d_->begin += n;
    }
    // Shrinks the view from the back; n <= size().
    void trim(u32 n) {
        assert(n <= size());
        d_->end -= n;
    }
    // Where a stack or a link has noted that it begins.
    std::byte* network_header() const { return d_->slot + d_->network; }
    // Likewise.
    std::byte* transport_header() const { return d_->slot + d_->transport; }

    // True when no other descriptor views the same slot, so that its bytes may be changed.
    bool exclusive() const;
    // A second view of the same bytes; empty when the memory ceiling refuses a descriptor.
    Packet share() const;

    static constexpr u32 k_slot_header = 64;  // slot bytes that belong to the pool

private:
    PacketDescriptor* d_ = nullptr;
};
static_assert(sizeof(Packet) == 8);

// Counts bytes against a ceiling. Everything a stack owns asks here before it grows.
class MemoryBudget {
public:
    explicit MemoryBudget(u64 limit_bytes) : limit_(limit_bytes) {}  // nothing taken yet
    // False, and nothing is taken: it would go beyond the limit.
    bool take(u64 n) {
        if (n > limit_ - used_) return false;
        used_ += n;
        return true;
    }
    void give_back(u64 n) { used_ -= n; }  // at most what was taken
    u64 used() const { return used_; }     // bytes
    u64 limit() const { return limit_; }   // bytes

private:
    u64 limit_;
    u64 used_ = 0;
};

// Pools of descriptors and of data slots in three sizes. Grows in slabs under a budget and never
// gives slabs back before it dies; after warm-up an allocation is a pop from a free list. All
// packets must be gone when the pool is destroyed.
class PacketPool {
public:
    // Payload bytes (behind k_headroom) that fit a slot of each size class.
    static constexpr std::array<u32, 3> k_slot_bytes = {2048, 10240, 68096};
    static constexpr u32 k_payload_small = 2048 - Packet::k_slot_header - k_headroom;
    static constexpr u32 k_payload_jumbo = 10240 - Packet::k_slot_header - k_headroom;
    static constexpr u32 k_payload_super = 68096 - Packet::k_slot_header - k_headroom;

    // The budget must outlive the pool. Takes nothing of it yet.
    explicit PacketPool(MemoryBudget& budget);
    ~PacketPool();
    PacketPool(const PacketPool&) = delete;
    PacketPool& operator=(const PacketPool&) = delete;

    // An empty packet (size 0) with k_headroom in front and at least `payload` bytes behind;
    // empty handle when the ceiling refuses or `payload` is above k_payload_super.
    Packet allocate(u32 payload);
    // The same, filled with a copy of `bytes`.
    Packet copy_of(std::span<const std::byte> bytes);
    // What a queue holds that wants to keep more: the less, the longer it is given memory.
    enum class Queue : u8 {
        Waiting,  // something waits in it
        Empty,    // nothing does
        Little,   // little does, and what was in it before has gone its way
        Moving,   // nothing does, and what was in it before has gone its way
    };
    // For bytes that will wait in a queue. Refuses earlier than allocate(): what waits must not
    // take the memory that the acknowledgements need which end the waiting
    // (docs/decisions/0005-memory-for-what-waits.md).
    Packet allocate_to_keep(u32 payload, Queue queue = Queue::Waiting);
    // Nothing more should wait there.
    bool scarce(Queue queue = Queue::Waiting) const;
    // Bytes that could still be kept: free slots, and what may be grown below the ceiling.
    u64 keepable() const;

    u64 packets_in_use() const { return descriptors_in_use_; }  // views, those of shared slots too
    u64 refusals() const { return refusals_; }   // allocations that the ceiling refused
    MemoryBudget& budget() { return *budget_; }  // the one given to it
    // Bytes the holder of a packet pins: descriptor and slot.
    static u32 true_size(const PacketDescriptor& d) { return d.capacity + u32{sizeof(d)}; }

private:
    friend class Packet;
    struct TERN_LOCAL Slot;
    struct Slab {
        Slab* next;
        u64 bytes;
    };
    static constexpr std::array<u32, 3> k_slots_per_slab = {64, 16, 4};
    static constexpr u32 k_descriptors_per_slab = 256;
    // By Queue: slots of the smallest size, and descriptors, that it may not take; and the share of
    // the ceiling that it must leave free, a power of two.
    static constexpr std::array<u32, 4> k_reserve = {64, 32, 32, 16};
    static constexpr std::array<u8, 4> k_free_share_log2 = {2, 3, 4, 5};
    // The share that the pool leaves to all that is no packet.
    static constexpr u64 k_others_share = 16;

    PacketDescriptor* take_descriptor();
    Slot* take_slot(unsigned size_class);
    void release(PacketDescriptor* d);
    bool grow_descriptors();
    bool grow_slots(unsigned size_class);
    bool may_keep(unsigned size_class, Queue queue);
    bool leaves_enough(u64 bytes, Queue queue) const;
    bool may_grow(u64 bytes) const;
    u64 free_bytes() const;
    void* slab(u64 bytes);

    MemoryBudget* budget_;
    PacketDescriptor* free_descriptors_ = nullptr;
    std::array<Slot*, 3> free_slots_{};
    std::array<u32, 3> free_slot_count_{};
    u32 free_descriptor_count_ = 0;
    Slab* slabs_ = nullptr;
    u64 descriptors_in_use_ = 0;
    u64 refusals_ = 0;
};

// Up to 64 packets that travel together.
class PacketBatch {
public:
    static constexpr u32 k_capacity = 64;

    PacketBatch() = default;
    PacketBatch(PacketBatch&& o) noexcept { *this = std::move(o); }
    PacketBatch& operator=(PacketBatch&& o) noexcept {
        if (this == &o) return *this;
        clear();
        std::memcpy(slots_, o.slots_, o.size_ * sizeof(slots_[0]));
        size_ = std::exchange(o.size_, 0);
        return *this;
    }
    ~PacketBatch() { clear(); }

    u32 size() const { return size_; }
    bool empty() const { return size_ == 0; }
    bool full() const { return size_ == k_capacity; }
    // There must be room: not full().
    void push(Packet p) {
        assert(!full());
        slots_[size_++] = p.release();
    }
    // Takes packet `i` out; its place is empty afterwards.
    Packet take(u32 i) { return Packet{std::exchange(slots_[i], nullptr)}; }
    // Null where take() was called. The batch keeps the packet.
    PacketDescriptor* peek(u32 i) const { return slots_[i]; }
    void clear() {
        for (u32 i = 0; i < size_; ++i) Packet{slots_[i]}.reset();
        size_ = 0;
    }

private:
    PacketDescriptor* slots_[k_capacity];
    u32 size_ = 0;
};

// First in, first out, linked through the descriptors: send queue, receive queue, link queue.
class Chain {
public:
    Chain() = default;
    Chain(Chain&& o) noexcept
        : head_(std::exchange(o.head_, nullptr)), tail_(std::exchange(o.tail_, nullptr)),
          count_(std::exchange(o.count_, 0)), bytes_(std::exchange(o.bytes_, 0)) {}
    Chain& operator=(Chain&& o) noexcept {
        if (this != &o) {
            clear();
            head_ = std::exchange(o.head_, nullptr);
            tail_ = std::exchange(o.tail_, nullptr);
            count_ = std::exchange(o.count_, 0);
            bytes_ = std::exchange(o.bytes_, 0);
        }
        return *this;
    }
    ~Chain() { clear(); }

    bool empty() const { return head_ == nullptr; }
    u32 count() const { return count_; }               // packets
    u64 bytes() const { return bytes_; }               // payload bytes, the sum of the views
    PacketDescriptor* front() const { return head_; }  // null when empty
    PacketDescriptor* back() const { return tail_; }   // null when empty

    // Not an empty handle.
    void push_back(Packet p) {
        PacketDescriptor* d = p.release();
        d->next = nullptr;
        (tail_ ? tail_->next : head_) = d;
        tail_ = d;
        ++count_;
        bytes_ += d->end - d->begin;
    }
    // Not from an empty chain.
    Packet pop_front() {
        PacketDescriptor* d = head_;
        head_ = d->next;
        if (head_ == nullptr) tail_ = nullptr;
        --count_;
        bytes_ -= d->end - d->begin;
        return Packet{d};
    }
    // Takes over everything in `other`.
    void splice_back(Chain&& other) {
        if (other.empty()) return;
        (tail_ ? tail_->next : head_) = other.head_;
        tail_ = other.tail_;
        count_ += std::exchange(other.count_, 0);
        bytes_ += std::exchange(other.bytes_, 0);
        other.head_ = other.tail_ = nullptr;
    }
    // The last packet grew in place by n bytes.
    void grew(u32 n) { bytes_ += n; }
    // Drops n bytes from the front; releases packets that become empty. n <= bytes().
    void trim_front(u64 n) {
        while (n > 0) {
            u32 size = head_->end - head_->begin;
            if (n < size) {
                head_->begin += static_cast<u32>(n);
                head_->payload_sum_known = false;
                bytes_ -= n;
                return;
            }
            n -= size;
            pop_front().reset();
        }
    }
    void clear() {
        while (!empty()) pop_front().reset();
    }

private:
    PacketDescriptor* head_ = nullptr;
    PacketDescriptor* tail_ = nullptr;
    u32 count_ = 0;
    u64 bytes_ = 0;
};

}  // namespace tern

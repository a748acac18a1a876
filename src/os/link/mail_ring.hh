// Frames on their way from one thread to another: a ring of bytes with one writer and one reader,
// so that no pool is shared. What each side writes lies on a cache line of its own.
#pragma once

#include <atomic>
#include <memory>

#include "tern/packet_batch.hh"

namespace tern {

class MailRing {
public:
    static constexpr u32 k_bytes = 256 * 1024;

    // The writer's. False: full, and nothing has changed.
    bool push(const PacketDescriptor& d);
    // The reader's: the oldest frame, in a packet of `pool`. Empty: nothing waits, or the pool
    // refused, and then the frame is lost and `lost` counted.
    Packet pop(PacketPool& pool, u64& lost);
    bool empty() const {
        return head_.load(std::memory_order_relaxed) == tail_.load(std::memory_order_acquire);
    }

private:
    // In front of each frame; offsets count from its first byte, 0: unknown.
    struct Record {
        u32 size = 0;  // of the frame; k_skip: go on at the start of the ring
        u16 network = 0, transport = 0;
        u16 gso_size = 0, gso_segments = 0;
        ChecksumState checksum = ChecksumState::Unknown;
        bool link_broadcast = false;
    };
    static_assert(sizeof(Record) == 16);
    static constexpr u32 k_skip = ~u32{0};

    static u32 room_for(u32 size) { return u32{sizeof(Record)} + (size + 15) / 16 * 16; }
    std::byte* at(u32 position) const { return bytes_.get() + position % k_bytes; }

    std::unique_ptr<std::byte[]> bytes_ = std::make_unique<std::byte[]>(k_bytes);
    alignas(64) std::atomic<u32> tail_{0};  // the writer's
    u32 head_seen_ = 0;
    alignas(64) std::atomic<u32> head_{0};  // the reader's
};

}  // namespace tern

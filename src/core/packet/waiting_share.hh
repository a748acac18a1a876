// A share of a stack's memory for packets that wait for what may never come: the answer of a
// neighbour, the rest of a datagram. Whoever can make packets wait can make many wait, so all of
// their queues together keep below the share, and when it is full the largest queue loses its
// oldest packet: one that takes much for itself loses to those that take little, and of equal ones
// that which has waited for longest loses.
#pragma once

#include <algorithm>
#include <array>
#include <bit>

#include "tern/packet_batch.hh"

namespace tern {

class WaitingShare {
public:
    // What waits for one thing. It does not move while anything waits in it.
    class Queue {
    public:
        bool empty() const { return packets_.empty(); }
        u32 count() const { return packets_.count(); }
        u32 tag = 0;  // free for the owner, who sees it again when a packet is lost

    private:
        friend class WaitingShare;
        Chain packets_;  // oldest first
        u64 pinned_ = 0;
        Queue* older_ = nullptr;  // in the line of its size
        Queue* newer_ = nullptr;
    };

    explicit WaitingShare(u64 bytes) : limit_(bytes) {}
    WaitingShare(const WaitingShare&) = delete;
    WaitingShare& operator=(const WaitingShare&) = delete;

    // Puts `packet` behind the others of `queue`. lost(Packet, const Queue&) gets those that make
    // room for it; a packet that is larger than the whole share waits only where nothing else does,
    // and is lost itself otherwise.
    template <class Lost>
    void put(Queue& queue, Packet packet, Lost&& lost);
    // The oldest of a queue that is not empty.
    Packet take(Queue& queue);

    u64 limit() const { return limit_; }
    // Bytes of descriptors and slots that what waits here holds.
    u64 pinned() const { return pinned_; }

private:
    struct Line {
        Queue* oldest = nullptr;
        Queue* newest = nullptr;
    };
    // Sizes within a factor of two are as good as equal.
    static constexpr u32 k_lines = 16;
    static constexpr u32 k_least_log2 = 11;
    static u32 line_of(u64 pinned) {
        const auto size = static_cast<u32>(std::bit_width(pinned >> k_least_log2));
        return std::min(size, k_lines - 1);
    }

    void link(Queue& queue);
    void unlink(Queue& queue);
    Queue* largest() const;

    std::array<Line, k_lines> lines_{};
    u64 limit_;
    u64 pinned_ = 0;
};

template <class Lost>
void WaitingShare::put(Queue& queue, Packet packet, Lost&& lost) {
    const u64 size = PacketPool::true_size(*packet);
    if (size > limit_ && pinned_ != 0) return lost(std::move(packet), queue);
    while (pinned_ != 0 && pinned_ + size > limit_) {
        Queue& loser = *largest();
        lost(take(loser), loser);
    }
    const bool stays = !queue.empty() && line_of(queue.pinned_) == line_of(queue.pinned_ + size);
    if (!queue.empty() && !stays) unlink(queue);
    const bool enters = queue.empty() || !stays;
    queue.packets_.push_back(std::move(packet));
    queue.pinned_ += size;
    pinned_ += size;
    if (enters) link(queue);
}

inline Packet WaitingShare::take(Queue& queue) {
    const u32 before = line_of(queue.pinned_);
    const u64 size = PacketPool::true_size(*queue.packets_.front());
    const bool leaves = queue.count() == 1 || line_of(queue.pinned_ - size) != before;
    if (leaves) unlink(queue);
    Packet packet = queue.packets_.pop_front();
    queue.pinned_ -= size;
    pinned_ -= size;
    if (leaves && !queue.empty()) link(queue);
    return packet;
}

inline void WaitingShare::link(Queue& queue) {
    Line& line = lines_[line_of(queue.pinned_)];
    queue.older_ = line.newest;
    queue.newer_ = nullptr;
    (line.newest != nullptr ? line.newest->newer_ : line.oldest) = &queue;
    line.newest = &queue;
}

inline void WaitingShare::unlink(Queue& queue) {
    Line& line = lines_[line_of(queue.pinned_)];
    (queue.newer_ != nullptr ? queue.newer_->older_ : line.newest) = queue.older_;
    (queue.older_ != nullptr ? queue.older_->newer_ : line.oldest) = queue.newer_;
}

inline WaitingShare::Queue* WaitingShare::largest() const {
    const auto line = std::find_if(lines_.rbegin(), lines_.rend(),
                                   [](const Line& l) { return l.oldest != nullptr; });
    return line->oldest;
}

}  // namespace tern

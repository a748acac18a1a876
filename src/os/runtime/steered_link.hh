// One queue of a device that several shards share. What arrives on the wrong queue is copied to
// where its flow is at home; the kernel then learns the right queue from the answers.
#pragma once

#include <functional>
#include <memory>
#include <vector>

#include "os/link/mail_ring.hh"
#include "tern/link.hh"
#include "tern/steering.hh"

namespace tern {

// The rings between the shards, and how each is woken. Filled before the threads start.
class Exchange {
public:
    explicit Exchange(u32 shards);

    u32 shards() const { return shards_; }
    MailRing& ring(u32 from, u32 to) { return *rings_[from * shards_ + to]; }
    void set_waker(u32 shard, std::function<void()> wake) { boxes_[shard].wake = std::move(wake); }
    // By a writer, after it pushed.
    void notify(u32 shard);
    // By the reader, before it looks.
    void looking(u32 shard) {
        std::atomic<bool>& notified = boxes_[shard].notified;
        // An exchange, so that a thread that reads `true` also sees what was pushed before it.
        if (notified.load(std::memory_order_relaxed)) notified.exchange(false);
    }
    u64 bytes_of(u32 shard) const;  // what `shard` reads from

private:
    struct alignas(64) Box {
        std::atomic<bool> notified = false;
        std::function<void()> wake;
    };
    u32 shards_;
    std::vector<std::unique_ptr<MailRing>> rings_;
    std::vector<Box> boxes_;
};

class alignas(64) SteeredLink final : public Link {
public:
    SteeredLink(std::unique_ptr<Link> queue, std::shared_ptr<Exchange> exchange, Steering steering)
        : queue_(std::move(queue)), exchange_(std::move(exchange)), steering_(steering) {}

    const LinkFacts& facts() const override { return queue_->facts(); }
    int fd() const override { return queue_->fd(); }
    bool gone() override { return queue_->gone(); }
    void receive(Instant now, PacketPool& pool, PacketBatch& into) override;
    void transmit(Instant now, PacketBatch&& batch) override {
        queue_->transmit(now, std::move(batch));
    }
    Instant next_deadline() const override;
    LinkCounters counters() const override;

private:
    void take_mail(PacketPool& pool, PacketBatch& into);
    void give_away(u32 to, const PacketDescriptor& d);
    bool keeps(const PacketDescriptor& d);

    std::unique_ptr<Link> queue_;
    std::shared_ptr<Exchange> exchange_;
    Steering steering_;
    u64 handed_over_ = 0, lost_ = 0;
};

// Where a frame belongs: a shard, or k_everywhere.
inline constexpr u32 k_everywhere = ~u32{0};
u32 home_of(const Steering& steering, std::span<const std::byte> frame, Medium medium);

}  // namespace tern

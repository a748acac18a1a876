// A ring of handles per direction. The ring lies at the receiving end.
#include "os/link/virtual_wire.hh"

#include <algorithm>
#include <bit>

#include "core/base/assert.hh"
#include "core/packet/copy.hh"
#include "core/packet/crossing.hh"
#include "core/wire/frame.hh"

namespace tern {

class VirtualWire::End final : public Link {
public:
    End(LinkFacts facts, u32 queue_packets)
        : facts_(std::move(facts)), mask_(std::bit_ceil(std::max(queue_packets, 1u)) - 1),
          size_max_(facts_.mtu + wire::link_header_most(facts_.medium)),
          ring_(std::make_unique<PacketDescriptor*[]>(mask_ + 1)) {}
    ~End() override { clear(); }

    void join(End& peer) { peer_ = &peer; }
    void clear() {
        while (head_ != tail_) Packet{ring_[head_++ & mask_]}.reset();
    }

    const LinkFacts& facts() const override { return facts_; }
    LinkCounters counters() const override { return counters_; }
    // There is no descriptor to wait for: waiting frames are work that is due at once.
    Instant next_deadline() const override { return head_ == tail_ ? Instant::max() : Instant{}; }

    void receive(Instant, PacketPool& pool, PacketBatch& into) override {
        const u32 room = PacketBatch::k_capacity - into.size();
        const u32 stop = head_ + std::min(room, tail_ - head_);
        while (head_ != stop) {
            Packet p{ring_[head_++ & mask_]};
            if (p->pool != &pool) [[unlikely]] {
                p = copy_with_facts(pool, *p);
                if (!p) {
                    ++counters_.receive_refused;
                    continue;
                }
            }
            forget_sender_facts(*p);
            ++counters_.received_packets;
            counters_.received_bytes += p.size();
            into.push(std::move(p));
        }
    }

    void transmit(Instant, PacketBatch&& batch) override {
        for (u32 i = 0; i < batch.size(); ++i) {
            Packet p = batch.take(i);
            if (!p) continue;
            const bool super = p->gso_segments > 1;
            check(facts_.segmentation || !super);
            check(facts_.transmit_checksum || p->checksum != ChecksumState::Partial);
            const u32 size = p.size();
            if ((size > size_max_ && !super) || !peer_->put(p)) [[unlikely]] {
                ++counters_.send_refused;
                continue;
            }
            ++counters_.sent_packets;
            counters_.sent_bytes += size;
        }
        batch.clear();
    }

private:
    bool put(Packet& p) {
        if (tail_ - head_ > mask_) return false;
        ring_[tail_++ & mask_] = p.release();
        return true;
    }

    LinkFacts facts_;
    LinkCounters counters_;
    End* peer_ = nullptr;
    u32 head_ = 0;  // head_ and tail_ run freely; their difference is what waits
    u32 tail_ = 0;
    u32 mask_;
    u32 size_max_;
    std::unique_ptr<PacketDescriptor*[]> ring_;
};

VirtualWire::VirtualWire(const VirtualWireOptions& options) {
    LinkFacts facts{.name = options.name_a,
                    .medium = options.medium,
                    .mac = options.mac_a,
                    .mtu = options.mtu,
                    .transmit_checksum = options.transmit_checksum,
                    .segmentation = options.segmentation,
                    .vlan = options.vlan};
    a_ = std::make_unique<End>(facts, options.queue_packets);
    facts.name = options.name_b;
    facts.mac = options.mac_b;
    b_ = std::make_unique<End>(std::move(facts), options.queue_packets);
    a_->join(*b_);
    b_->join(*a_);
}

VirtualWire::~VirtualWire() = default;
VirtualWire::VirtualWire(VirtualWire&&) noexcept = default;
VirtualWire& VirtualWire::operator=(VirtualWire&&) noexcept = default;

Link& VirtualWire::a() { return *a_; }
Link& VirtualWire::b() { return *b_; }

void VirtualWire::clear() {
    a_->clear();
    b_->clear();
}

}  // namespace tern

// One direction of a wire: the models of os/link/impair.hh, with partitions around them. What comes
// out waits in a chain until the world lets the node have it, so that no node runs within another.
#pragma once

#include "lab/sim/fault.hh"
#include "lab/sim/schedule.hh"
#include "os/link/impair.hh"
#include "tern/sim.hh"

namespace tern::sim {

class Lane final : public Actor, private Link {
public:
    Lane(WorldInside& world, u32 number, std::string name, const LinkFacts& facts, u64 seed);
    ~Lane() override;

    // Its two ends, and the port at each.
    void join(Node& from, Node& to);
    void arrives_at(u32 port) { to_port_ = port; }
    Node& from() const { return *from_; }
    Node& to() const { return *to_; }
    u32 from_port() const { return from_port_; }
    u32 mtu() const { return mtu_now_; }
    u32 full_mtu() const { return facts_.mtu; }  // which no fault has made smaller
    void shrink_mtu(u32 mtu, Fault& fault);
    void restore_mtu();
    // Within the MTU; when not, a fault that made it smaller has struck.
    bool fits(const Packet& packet);
    const std::string& name() const { return name_; }

    void enter(PacketBatch&& batch);
    void wake() override;
    void deliver();  // one batch of what came out

    void cut(Fault& fault) { cuts_.push_back(&fault); }
    void heal(const Fault& fault) { std::erase(cuts_, &fault); }
    void heal() { cuts_.clear(); }
    void change(const Impairment& impairment);
    const Impairment& impairment() const { return impairment_; }

    LaneCounters count() const;
    void never_struck(std::vector<std::string>& into) const;
    Duration last_delay() const { return last_delay_; }
    Duration worst_delay() { return std::exchange(worst_delay_, Duration{}); }

private:
    // A fault of the impairment in force: it has struck when its counter has grown.
    struct Watch {
        std::string what;
        u64 ImpairCounters::*counter;
        u64 enough;
        u64 entered_before;
    };

    const LinkFacts& facts() const override { return facts_; }
    void receive(Instant, PacketPool&, PacketBatch&) override {}
    void transmit(Instant now, PacketBatch&& batch) override;

    bool lost_to_cut();
    void watch();
    void settle_watches();
    void emerge(Packet packet);

    WorldInside& world_;
    u32 number_;
    std::string name_;
    LinkFacts facts_;
    u32 mtu_now_;
    Fault* shrunk_by_ = nullptr;
    Impairment impairment_;
    Impair impair_;  // in front of this as its inner link
    Node* from_ = nullptr;
    Node* to_ = nullptr;
    u32 from_port_ = 0, to_port_ = 0;
    std::vector<Fault*> cuts_;
    std::vector<Watch> watches_;
    std::vector<std::string> missed_;  // of impairments that were in force before
    Chain arrived_;
    bool announced_ = false;
    u64 entered_ = 0, delivered_ = 0, delivered_bytes_ = 0, cut_ = 0, too_big_ = 0;
    Duration last_delay_{}, worst_delay_{};
};

}  // namespace tern::sim

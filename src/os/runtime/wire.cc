// The wire within a process, for runtimes that sleep: each end has an eventfd that polls readable
// while frames wait at it.
#include <cerrno>

#include <sys/eventfd.h>
#include <unistd.h>

#include "core/base/assert.hh"
#include "os/link/device_setup.hh"
#include "os/link/virtual_wire.hh"
#include "tern/runtime.hh"

namespace tern {

namespace {

class Bell {
public:
    Bell() : fd_(::eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC)) {
        if (fd_) return;
        const OpenError error = open_failed("event descriptor of a wire", errno,
                                            "allow the process more descriptors with `ulimit -n`")
                                    .error();
        throw RuntimeError(error.code, error.message);
    }

    int fd() const { return fd_.get(); }
    void ring() {
        if (rings_) return;
        const u64 one = 1;
        check(::write(fd_.get(), &one, sizeof one) == sizeof one);
        rings_ = true;
    }
    void silence() {
        if (!rings_) return;
        u64 count = 0;
        check(::read(fd_.get(), &count, sizeof count) == sizeof count);
        rings_ = false;
    }

private:
    Descriptor fd_;
    bool rings_ = false;
};

struct Cable {
    explicit Cable(const VirtualWireOptions& options) : wire(options) {}
    VirtualWire wire;
    Bell bell_a, bell_b;
};

class WireEnd final : public Link {
public:
    WireEnd(std::shared_ptr<Cable> cable, Link& end, Bell& mine, Bell& peers)
        : cable_(std::move(cable)), end_(&end), mine_(&mine), peers_(&peers) {}
    // Frames on the wire belong to the pools of the two stacks; this one is about to go.
    ~WireEnd() override { cable_->wire.clear(); }

    const LinkFacts& facts() const override { return end_->facts(); }
    LinkCounters counters() const override { return end_->counters(); }
    int fd() const override { return mine_->fd(); }
    void receive(Instant now, PacketPool& pool, PacketBatch& into) override {
        end_->receive(now, pool, into);
        if (end_->next_deadline() == Instant::max()) mine_->silence();
    }
    void transmit(Instant now, PacketBatch&& batch) override {
        if (batch.empty()) return;
        end_->transmit(now, std::move(batch));
        peers_->ring();
    }

private:
    std::shared_ptr<Cable> cable_;
    Link* end_;
    Bell* mine_;
    Bell* peers_;
};

}  // namespace

std::pair<std::unique_ptr<Link>, std::unique_ptr<Link>> make_wire(const WireOptions& options) {
    auto cable =
        std::make_shared<Cable>(VirtualWireOptions{.mtu = options.mtu,
                                                   .transmit_checksum = options.offloads,
                                                   .segmentation = options.offloads,
                                                   .queue_packets = options.queue_packets});
    auto a = std::make_unique<WireEnd>(cable, cable->wire.a(), cable->bell_a, cable->bell_b);
    auto b = std::make_unique<WireEnd>(cable, cable->wire.b(), cable->bell_b, cable->bell_a);
    return {std::move(a), std::move(b)};
}

}  // namespace tern

// Links whose device is gone, as an io_context hears of them.
#include <gtest/gtest.h>

#include <vector>

#include <unistd.h>

#include "support/patience.hh"
#include "tern/asio.hh"

namespace tern {
namespace {

// A device that is removed when the test says so: the end of a pipe that nobody reads any more.
class Removable final : public Link {
public:
    Removable() { EXPECT_EQ(::pipe(ends_), 0); }
    ~Removable() override {
        remove();
        ::close(ends_[1]);
    }
    void remove() {
        if (ends_[0] >= 0) ::close(std::exchange(ends_[0], -1));
    }
    const LinkFacts& facts() const override { return facts_; }
    int fd() const override { return ends_[1]; }
    void receive(Instant, PacketPool&, PacketBatch&) override {}
    void transmit(Instant, PacketBatch&& batch) override { batch.clear(); }

private:
    LinkFacts facts_{.name = "tap:gone"};
    int ends_[2] = {-1, -1};
};

TEST(LostLinks, EachIsToldOnceByItsNumber) {
    boost::asio::io_context io;
    RuntimeConfig config;
    std::vector<Removable*> devices;
    for (const char* address : {"10.0.0.1/24", "10.1.0.1/24", "10.2.0.1/24"}) {
        auto device = std::make_unique<Removable>();
        devices.push_back(device.get());
        config.links.emplace_back();
        config.links.back().device = std::move(device);
        config.links.back().addresses = {address};
    }
    asio::context context{io, std::move(config)};
    std::vector<std::size_t> told;
    context.on_link_lost([&](std::size_t link) { told.push_back(link); });
    const auto run_until_told = [&](std::size_t count) {
        const Instant end = monotonic_now() + test::k_patience;
        // Waiting for the runtime does not count as work for an io_context.
        while (told.size() < count && monotonic_now() < end) {
            const auto work = boost::asio::make_work_guard(io);
            io.restart();
            io.run_one_for(std::chrono::milliseconds(10));
        }
    };
    devices[1]->remove();
    run_until_told(1);
    EXPECT_EQ(told, (std::vector<std::size_t>{1}));
    EXPECT_FALSE(context.runtime().all_links_lost());
    devices[2]->remove();
    run_until_told(2);
    devices[0]->remove();
    run_until_told(3);
    EXPECT_EQ(told, (std::vector<std::size_t>{1, 2, 0}));
    EXPECT_TRUE(context.runtime().all_links_lost());
}

}  // namespace
}  // namespace tern

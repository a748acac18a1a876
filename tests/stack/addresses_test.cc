// Addresses of a stack on an Ethernet: asked for first (RFC 5227), or ours at once.
#include <gtest/gtest.h>

#include "support/covers.hh"
#include "tern/stack.hh"

namespace tern {
namespace {

struct Host {
    Stack stack{StackConfig{.seed = 1}};
    Interface link;
    Instant now = Instant{} + std::chrono::seconds(1);

    explicit Host(Stack::Probe probe) {
        InterfaceConfig config;
        config.name = "e0";
        config.mac = MacAddress{{2, 0, 0, 0, 0, 1}};
        link = *stack.add_interface(config);
        stack.advance(now);
        EXPECT_TRUE(stack.add_address(link, *Cidr::parse("10.0.0.1/24"), probe).has_value());
    }
    // ARP probes (sender 0.0.0.0) that leave while `d` passes.
    u32 probes_within(Duration d) {
        u32 probes = 0;
        for (const Instant end = now + d; now <= end; now += std::chrono::milliseconds(10)) {
            stack.advance(now);
            PacketBatch batch = stack.transmit(now, link);
            for (u32 i = 0; i < batch.size(); ++i) {
                const Packet packet = batch.take(i);
                const auto frame = packet.bytes();
                const auto at = [&](std::size_t n) { return std::to_integer<u32>(frame[n]); };
                const bool arp = at(12) == 8 && at(13) == 6;
                probes += arp && at(28) == 0 && at(31) == 0 && at(38) == 10 ? 1 : 0;
            }
        }
        return probes;
    }
    bool connects() {
        return stack.tcp().connect({IpAddress{Ipv4Address{10, 0, 0, 2}}, 80}).has_value();
    }
};

TEST(Addresses, AreOursAtOnceUnlessTheyAreToBeAskedFor) {
    test::covers({"RFC5227:1"});
    Host told{Stack::Probe::No}, asking{Stack::Probe::Yes};
    EXPECT_TRUE(told.connects());
    EXPECT_FALSE(asking.connects()) << "it is not ours yet";
    EXPECT_EQ(told.probes_within(std::chrono::seconds(10)), 0u);
    EXPECT_EQ(asking.probes_within(std::chrono::seconds(10)), 3u);
    EXPECT_TRUE(asking.connects());
}

}  // namespace
}  // namespace tern

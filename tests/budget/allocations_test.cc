// After warm-up nothing is allocated: not per packet, not per connection. AddressSanitizer reports
// every call of the allocator; without it the test cannot see them and says so.
#include <atomic>
#include <vector>

#include "support/pair.hh"

#if defined(__SANITIZE_ADDRESS__)
// GCC 12 ships the function without the header.
extern "C" int __sanitizer_install_malloc_and_free_hooks(void (*on_malloc)(const volatile void*,
                                                                           std::size_t),
                                                         void (*on_free)(const volatile void*));
#endif

namespace tern {
namespace {

std::atomic<u64> allocations{0};

void watch_allocations() {
#if defined(__SANITIZE_ADDRESS__)
    static const int installed = __sanitizer_install_malloc_and_free_hooks(
        [](const volatile void*, std::size_t) { ++allocations; }, [](const volatile void*) {});
    ASSERT_GT(installed, 0);
    const u64 before = allocations;
    delete new int;
    ASSERT_GT(allocations, before) << "the hook does not fire";
#else
    GTEST_SKIP() << "needs AddressSanitizer's allocation hooks: run the debug preset";
#endif
}

struct Transfer {
    Pair pair;
    TcpConnection client = pair.connect({.send_buffer = 1 << 20});  // or tuning would go on
    TcpConnection server;
    std::vector<std::byte> out = std::vector<std::byte>(65'536, std::byte{7});
    std::vector<std::byte> in = std::vector<std::byte>(65'536);

    Transfer() {
        pair.exchange();
        server = *pair.b.tcp().accept(pair.listener);
    }
    void move(u64 bytes) {
        u64 sent = 0, got = 0;
        while (got < bytes) {
            while (sent < bytes) {
                const auto n = pair.a.tcp().send(
                    client, std::span(out).first(std::min<u64>(out.size(), bytes - sent)));
                if (!n) break;
                sent += *n;
            }
            pair.pass(std::chrono::microseconds(50));
            pair.forget_events();
            while (const auto n = pair.b.tcp().receive(server, in)) got += *n;
        }
    }
};

TEST(Allocations, NonePerPacket) {
    watch_allocations();
    Transfer t;
    t.move(64 << 20);
    t.move(8 << 20);  // begins with a full window: the flight's ring has its size now
    const u64 before = allocations;
    const u64 packets = t.pair.a.counters().packets_out;
    t.move(16 << 20);
    EXPECT_EQ(allocations - before, 0u);
    EXPECT_GT(t.pair.a.counters().packets_out - packets, 10'000u);
}

TEST(Allocations, NonePerConnection) {
    watch_allocations();
    Pair p;
    auto one = [&] {
        const TcpConnection c = p.connect();
        p.exchange();
        const TcpConnection s = *p.b.tcp().accept(p.listener);
        p.a.tcp().release(c);
        p.exchange();
        p.b.tcp().release(s);
        p.exchange();
        p.forget_events();
        p.pass(std::chrono::seconds(1));  // TIME-WAIT ends after a minute
    };
    for (int i = 0; i < 200; ++i) one();
    const u64 before = allocations;
    for (int i = 0; i < 200; ++i) one();
    EXPECT_EQ(allocations - before, 0u);
    EXPECT_LE(p.a.tcp().count().time_waits, 62u);
}

}  // namespace
}  // namespace tern

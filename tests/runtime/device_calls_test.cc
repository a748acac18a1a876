// What a bulk transfer over a TAP costs in system calls: counts, for times depend on the machine.
// bench/device measures the times.
#include <gtest/gtest.h>

#include <thread>
#include <vector>

#include "support/kernel_side.hh"
#include "tern/runtime.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;

constexpr u32 k_kernel = 0x0a080001;
constexpr u16 k_port = 7;
constexpr u64 k_much = 32'000'000;

struct DeviceCallsTest : testing::Test {
    void SetUp() override {
        test::enter_own_namespace();
        if (IsSkipped() || HasFatalFailure()) return;
        RuntimeConfig c;
        c.link = "tap:calls0";
        c.addresses = {"10.8.0.2/24"};
        runtime.emplace(std::move(c));
        u8 mac[6];
        test::give_address("calls0", k_kernel, mac);
        listener = ::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
        const sockaddr_in here = test::endpoint(0, k_port);
        ASSERT_EQ(::bind(listener, reinterpret_cast<const sockaddr*>(&here), sizeof here), 0);
        ASSERT_EQ(::listen(listener, 1), 0);
        const auto c2 = runtime->stack().tcp().connect({Ipv4Address{k_kernel}, k_port});
        ASSERT_TRUE(c2);
        connection = *c2;
    }
    void TearDown() override {
        if (listener >= 0) ::close(listener);
    }
    // Carries the stack until `over`; `on_event` works on the connection.
    template <class Over, class F>
    void carry(Over over, F on_event) {
        const Instant patience = monotonic_now() + 60s;
        while (!over() && monotonic_now() < patience) runtime->run_once(1s, on_event);
        EXPECT_TRUE(over());
    }
    double calls_per_mb() const {
        return static_cast<double>(runtime->link_counters().system_calls) / (k_much / 1e6);
    }

    std::optional<Runtime> runtime;
    int listener = -1;
    TcpConnection connection{};
    std::vector<std::byte> block = std::vector<std::byte>(256 * 1024);
};

// 16 super-segments make a MB; each is one write, and its acknowledgement one read.
TEST_F(DeviceCallsTest, SendingTakesFewCalls) {
    u64 received = 0;
    std::thread kernel{[&] {
        const int fd = ::accept(listener, nullptr, nullptr);
        std::vector<std::byte> into(256 * 1024);
        for (ssize_t n; (n = ::recv(fd, into.data(), into.size(), 0)) > 0;)
            received += static_cast<u64>(n);
        ::close(fd);
    }};
    u64 sent = 0;
    bool closed = false;
    carry([&] { return closed; },
          [&](const Event& e) {
              Tcp& tcp = runtime->stack().tcp();
              closed |= (e.bits & PeerClosed) != 0;
              if ((e.bits & Writable) == 0) return;
              while (sent < k_much) {
                  const auto n =
                      tcp.send(connection,
                               std::span{block}.first(std::min<u64>(block.size(), k_much - sent)));
                  if (!n) return;
                  sent += *n;
              }
              EXPECT_TRUE(tcp.close(connection));
          });
    kernel.join();
    EXPECT_EQ(received, k_much);
    EXPECT_GT(calls_per_mb(), 15);
    EXPECT_LT(calls_per_mb(), 45);
}

TEST_F(DeviceCallsTest, ReceivingTakesFewCalls) {
    std::thread kernel{[&] {
        const int fd = ::accept(listener, nullptr, nullptr);
        std::vector<std::byte> from(256 * 1024);
        for (u64 sent = 0; sent < k_much;) {
            const ssize_t n =
                ::send(fd, from.data(), std::min<u64>(from.size(), k_much - sent), MSG_NOSIGNAL);
            if (n <= 0) break;
            sent += static_cast<u64>(n);
        }
        ::close(fd);
    }};
    u64 received = 0;
    carry([&] { return received == k_much; },
          [&](const Event& e) {
              if ((e.bits & Readable) == 0) return;
              while (const auto n = runtime->stack().tcp().receive(connection, block))
                  received += *n;
          });
    kernel.join();
    EXPECT_GT(calls_per_mb(), 15);
    EXPECT_LT(calls_per_mb(), 45);
}

}  // namespace
}  // namespace tern

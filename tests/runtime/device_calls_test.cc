// What a bulk transfer over a TAP costs in system calls: counts, for times depend on the machine.
// bench/device measures the times.
#include <gtest/gtest.h>

#include <algorithm>
#include <optional>
#include <thread>
#include <vector>

#include <netinet/udp.h>
#include <sys/utsname.h>

#include "support/kernel_side.hh"
#include "tern/runtime.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;

constexpr u32 k_kernel = 0x0a080001;
constexpr u16 k_port = 7;
constexpr u64 k_much = 32'000'000;

bool kernel_is_at_least(int major, int minor) {
    utsname name{};
    int ours = 0, minor_of_ours = 0;
    if (::uname(&name) != 0) return false;
    std::sscanf(name.release, "%d.%d", &ours, &minor_of_ours);
    return std::pair{ours, minor_of_ours} >= std::pair{major, minor};
}
const bool k_super_datagrams = kernel_is_at_least(6, 2);

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
    static int kernel_udp() {
        const int fd = ::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        const sockaddr_in here = test::endpoint(0, k_port);
        EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&here), sizeof here), 0);
        return fd;
    }
    // Carries the stack until the kernel's socket has something, and takes it.
    void await(int fd) {
        std::byte one;
        carry([&] { return ::recv(fd, &one, 1, MSG_DONTWAIT | MSG_PEEK) >= 0; },
              [](const Event&) {});
        EXPECT_EQ(::recv(fd, &one, 1, MSG_DONTWAIT), 1);
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

// Datagrams of one flow leave together where the kernel knows super-datagrams (Linux 6.2), and it
// gives them to the socket one by one.
TEST_F(DeviceCallsTest, DatagramsShareACall) {
    constexpr u32 count = 40, size = 1000, last = 300;
    const int fd = kernel_udp();
    UdpOptions o;
    o.remote = Endpoint{Ipv4Address{k_kernel}, k_port};
    const auto socket = runtime->stack().udp().open(o);
    ASSERT_TRUE(socket);
    // The first one waits for ARP; then the neighbour is known. It is as short as one can be that
    // has its sum left to the kernel.
    ASSERT_TRUE(runtime->stack().udp().send(*socket, std::span{block}.first(1)));
    await(fd);
    const u64 before = runtime->link_counters().system_calls;
    for (u32 n = 0; n <= count; ++n) {
        std::fill(block.begin(), block.begin() + size, static_cast<std::byte>(n));
        const u32 length = n < count ? size : last;
        ASSERT_TRUE(runtime->stack().udp().send(*socket, std::span{block}.first(length)));
    }
    runtime->run_once({}, [](const Event&) {});
    if (k_super_datagrams) {
        EXPECT_LE(runtime->link_counters().system_calls - before, 4u);
    }
    for (u32 n = 0; n <= count; ++n) {
        const ssize_t got = ::recv(fd, block.data(), block.size(), MSG_DONTWAIT);
        ASSERT_EQ(got, n < count ? size : last) << n;
        EXPECT_EQ(block[0], static_cast<std::byte>(n));
        EXPECT_EQ(block[static_cast<std::size_t>(got) - 1], static_cast<std::byte>(n));
    }
    EXPECT_LT(::recv(fd, block.data(), block.size(), MSG_DONTWAIT), 0);
    ::close(fd);
}

// And the other way: one call of the kernel's application (UDP_SEGMENT), one of ours.
TEST_F(DeviceCallsTest, ASuperDatagramArrivesAsItsDatagrams) {
    constexpr u32 count = 45;
    constexpr int size = 1400, last = 77;
    UdpOptions o;
    o.local.port = k_port;
    const auto socket = runtime->stack().udp().open(o);
    ASSERT_TRUE(socket);
    const int fd = kernel_udp();
    const sockaddr_in to = test::endpoint(0x0a080002, k_port);
    ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    ASSERT_EQ(::setsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, sizeof size), 0);
    for (u32 n = 0; n < count; ++n)
        std::fill_n(block.begin() + n * size, size, static_cast<std::byte>(n));
    const u32 all = (count - 1) * size + last;
    ASSERT_EQ(::send(fd, block.data(), all, 0), static_cast<ssize_t>(all));
    u32 got = 0;
    carry([&] { return got == count; },
          [&](const Event&) {
              while (const auto d = runtime->stack().udp().receive(*socket)) {
                  const auto bytes = d->data.bytes();
                  EXPECT_EQ(bytes.size(), got + 1 < count ? size : last);
                  EXPECT_EQ(bytes.front(), static_cast<std::byte>(got));
                  EXPECT_EQ(bytes.back(), static_cast<std::byte>(got));
                  ++got;
              }
          });
    if (k_super_datagrams) {
        EXPECT_LT(runtime->link_counters().system_calls, 30u);
    }
    ::close(fd);
}

// More datagrams than a batch has room for: the rest comes with the next.
TEST_F(DeviceCallsTest, AnySuperDatagramIsTakenWhole) {
    constexpr u32 count = 60;
    constexpr int size = 100;
    UdpOptions o;
    o.local.port = k_port;
    ASSERT_TRUE(runtime->stack().udp().open(o));
    const int fd = kernel_udp();
    const sockaddr_in to = test::endpoint(0x0a080002, k_port);
    ASSERT_EQ(::connect(fd, reinterpret_cast<const sockaddr*>(&to), sizeof to), 0);
    ASSERT_EQ(::setsockopt(fd, SOL_UDP, UDP_SEGMENT, &size, sizeof size), 0);
    constexpr u32 supers = 5;
    for (u32 i = 0; i < supers; ++i)
        ASSERT_EQ(::send(fd, block.data(), count * size, 0), ssize_t{count * size});
    const auto arrived = [&] { return runtime->stack().counters().udp_in; };
    carry([&] { return arrived() == u64{supers} * count; }, [](const Event&) {});
    EXPECT_EQ(runtime->link_counters().receive_refused, 0u);
    ::close(fd);
}

}  // namespace
}  // namespace tern

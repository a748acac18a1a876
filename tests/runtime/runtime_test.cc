// A Runtime: its waiting, its waking, and that runtimes of different threads share nothing.
#include <array>
#include <atomic>
#include <thread>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/resource.h>
#include <unistd.h>

#include "support/patience.hh"
#include "tern/runtime.hh"

namespace tern {
namespace {

using namespace std::chrono_literals;

constexpr u16 k_port = 7;
constexpr std::size_t k_much = 3'000'000;

RuntimeConfig config(std::string address, std::unique_ptr<Link> end, Wait wait) {
    RuntimeConfig c;
    c.device = std::move(end);
    c.addresses = {std::move(address)};
    c.seed = 7;
    c.wait = wait;
    return c;
}

// Two hosts on a cable, carried by whoever calls.
struct Hosts {
    explicit Hosts(Wait wait = Wait::Sleep) : Hosts(make_wire(), wait) {}
    Hosts(std::pair<std::unique_ptr<Link>, std::unique_ptr<Link>> wire, Wait wait)
        : a(config("10.0.0.1/24", std::move(wire.first), wait)),
          b(config("10.0.0.2/24", std::move(wire.second), wait)) {}

    void close(TcpConnection c) { EXPECT_TRUE(a.stack().tcp().close(c).has_value()); }

    Runtime a, b;
};

std::byte byte_at(std::size_t i) { return static_cast<std::byte>(i * 7 + i / 251); }

// `much` bytes from a to b and the two closes; returns how many arrived as they were sent.
std::size_t transfer(Hosts& hosts, std::size_t much) {
    ListenOptions listening;
    listening.local.port = k_port;
    EXPECT_TRUE(hosts.b.stack().tcp().listen(listening).has_value());
    const auto client = hosts.a.stack().tcp().connect({Ipv4Address{10, 0, 0, 2}, k_port});
    EXPECT_TRUE(client.has_value());
    std::size_t sent = 0, got = 0;
    bool over = false;
    std::array<std::byte, 5000> buffer;
    const auto write = [&](const Event& e) {
        if ((e.bits & Writable) == 0) return;
        while (sent < much) {
            const std::size_t n = std::min(buffer.size(), much - sent);
            for (std::size_t i = 0; i < n; ++i) buffer[i] = byte_at(sent + i);
            const auto taken = hosts.a.stack().tcp().send(*client, {buffer.data(), n});
            if (!taken) return;
            sent += *taken;
        }
        hosts.close(*client);
    };
    const auto read = [&](const Event& e) {
        Tcp& tcp = hosts.b.stack().tcp();
        if (e.kind == Event::Kind::Listener) {
            while (tcp.accept(e.listener())) {}
            return;
        }
        for (;;) {
            const auto n = tcp.receive(e.connection(), buffer);
            if (!n) {
                over |= n.error() == Error::EndOfStream;
                return;
            }
            for (std::size_t i = 0; i < *n; ++i) {
                if (buffer[i] != byte_at(got + i)) return;
            }
            got += *n;
        }
    };
    for (const Instant end = monotonic_now() + test::k_patience; !over && monotonic_now() < end;) {
        hosts.a.run_once(1ms, write);
        hosts.b.run_once(1ms, read);
    }
    EXPECT_TRUE(over) << "the end of the stream did not arrive";
    return got;
}

TEST(Runtime, CarriesAStreamHoweverItWaits) {
    for (const Wait wait : {Wait::Sleep, Wait::Spin, Wait::Adaptive}) {
        Hosts hosts{wait};
        EXPECT_EQ(transfer(hosts, k_much), k_much);
    }
}

TEST(Runtime, SleepsUntilItsTimeIsUp) {
    Hosts hosts;
    hosts.a.run_once(0ms, [](const Event&) {});
    const Instant before = monotonic_now();
    EXPECT_FALSE(hosts.a.run_once(50ms, [](const Event&) {}));
    EXPECT_GE(monotonic_now() - before, 50ms);
}

TEST(Runtime, WakesForTheOthersPacketAndNotOtherwise) {
    Hosts hosts;
    const auto readable = [&] {
        pollfd p{.fd = hosts.b.fd(), .events = POLLIN, .revents = 0};
        return ::poll(&p, 1, 0) == 1;
    };
    while (hosts.b.run_once(0ms, [](const Event&) {}) || hosts.a.run_once(0ms, [](const Event&) {}))
        ;
    EXPECT_FALSE(readable());
    const auto c = hosts.a.stack().tcp().connect({Ipv4Address{10, 0, 0, 2}, k_port});
    ASSERT_TRUE(c.has_value());
    hosts.a.run_once(0ms, [](const Event&) {});
    EXPECT_TRUE(readable());
}

// A device whose descriptor is in error for ever, as a TAP's that was removed: the end of a pipe
// that nobody reads.
class GoneDevice final : public Link {
public:
    GoneDevice() {
        int ends[2];
        EXPECT_EQ(::pipe(ends), 0);
        ::close(ends[0]);
        fd_ = ends[1];
    }
    ~GoneDevice() override { ::close(fd_); }
    const LinkFacts& facts() const override { return facts_; }
    int fd() const override { return fd_; }
    void receive(Instant, PacketPool&, PacketBatch&) override {}
    void transmit(Instant, PacketBatch&&) override {}

private:
    LinkFacts facts_{.name = "gone"};
    int fd_;
};

TEST(Runtime, ADeviceThatIsGoneDoesNotKeepItAwake) {
    Runtime runtime(config("10.0.0.1/24", std::make_unique<GoneDevice>(), Wait::Sleep));
    const auto nothing = [](const Event&) {};
    for (int i = 0; i < 3; ++i) runtime.run_once(0s, nothing);
    pollfd p{runtime.fd(), POLLIN, 0};
    EXPECT_EQ(::poll(&p, 1, 50), 0) << "other event loops would spin";
    const Instant before = runtime.now();
    runtime.run_once(50ms, nothing);
    EXPECT_GE(runtime.now() - before, 45ms);
}

TEST(Runtime, ADeviceThatIsGoneIsTold) {
    for (const Wait wait : {Wait::Sleep, Wait::Adaptive, Wait::Spin}) {
        Runtime runtime(config("10.0.0.1/24", std::make_unique<GoneDevice>(), wait));
        EXPECT_FALSE(runtime.link_lost());
        // A loop that spins looks from time to time; one that sleeps is woken by the descriptor.
        while (!runtime.link_lost()) runtime.run_once(1ms, [](const Event&) {});
        EXPECT_EQ(runtime.link_lost_text(),
                  "gone: the device is gone: was it removed, or its network namespace?");
    }
    auto wire = make_wire();
    Runtime sound(config("10.0.0.1/24", std::move(wire.first), Wait::Sleep));
    for (int i = 0; i < 10; ++i) sound.run_once(0s, [](const Event&) {});
    EXPECT_FALSE(sound.link_lost());
}

TEST(Runtime, AnotherThreadEndsItsSleep) {
    Hosts hosts;
    hosts.a.run_once(0ms, [](const Event&) {});
    for (int i = 0; i < 20; ++i) {
        std::atomic<bool> woken = false;
        std::thread other{[&] {
            std::this_thread::sleep_for(2ms);
            woken = true;
            hosts.a.wake();
        }};
        const Instant before = monotonic_now();
        while (!woken) hosts.a.run_once(test::k_patience, [](const Event&) {});
        EXPECT_LT(monotonic_now() - before, test::k_patience) << "it slept on";
        other.join();
    }
}

TEST(Runtime, ThreadsShareNothingButTheWakingCall) {
    std::array<std::size_t, 2> got{};
    std::atomic<bool> over = false;
    std::array<Hosts, 2> hosts;
    std::array<std::thread, 2> carriers;
    for (std::size_t i = 0; i < 2; ++i)
        carriers[i] = std::thread{[&, i] { got[i] = transfer(hosts[i], k_much); }};
    std::thread nagger{[&] {
        while (!over) {
            for (Hosts& h : hosts) {
                h.a.wake();
                h.b.wake();
            }
            std::this_thread::sleep_for(100us);
        }
    }};
    for (std::thread& t : carriers) t.join();
    over = true;
    nagger.join();
    for (const std::size_t n : got) EXPECT_EQ(n, k_much);
}

// Each of the descriptors that a runtime takes may be the one too many: an error, and no abort.
TEST(Runtime, ADescriptorTooManyIsAnErrorWithItsRemedy) {
#ifdef __SANITIZE_ADDRESS__
    GTEST_SKIP() << "the sanitizers' check of dynamic types needs descriptors of its own";
#endif
    rlimit usual{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &usual), 0);
    u32 refused = 0;
    bool opened = false;
    for (rlim_t most = 0; most < usual.rlim_cur && !opened; ++most) {
        const rlimit tight{.rlim_cur = most, .rlim_max = usual.rlim_max};
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &tight), 0);
        try {
            const Hosts hosts;
            opened = true;
        } catch (const RuntimeError& error) {
            ++refused;
            EXPECT_NE(std::string_view{error.what()}.find("ulimit -n"), std::string_view::npos)
                << error.what();
        }
        ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &usual), 0);
    }
    EXPECT_TRUE(opened);
    EXPECT_GE(refused, 8u) << "two bells and three descriptors for each of the two runtimes";
}

// What epoll cannot wait for is a mistake of whoever wrote the link.
TEST(Runtime, ALinkThatCannotBeWaitedForIsRefused) {
    class File final : public Link {
    public:
        ~File() override { ::close(fd_); }
        const LinkFacts& facts() const override { return facts_; }
        int fd() const override { return fd_; }
        void receive(Instant, PacketPool&, PacketBatch&) override {}
        void transmit(Instant, PacketBatch&& batch) override { batch.clear(); }

    private:
        LinkFacts facts_{.name = "a file"};
        int fd_ = ::open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    };
    EXPECT_THROW(Runtime(config("10.0.0.1/24", std::make_unique<File>(), Wait::Sleep)),
                 RuntimeError);
}

}  // namespace
}  // namespace tern

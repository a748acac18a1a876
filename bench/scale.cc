// M1 to M3: what ten million idle connections cost, and whether each still answers; and whether one
// of a million listeners is reached like one alone. Two stacks in one process; the client owns a
// prefix of four million addresses (Stack::add_prefix), so nearly every packet comes from an
// address that was not seen lately.
//
//   scale [--connections N] [--quick] [--sample N] [--all] [--idle] [--json]
//
// --quick: 1,000,000. --all: a byte there and back over every connection, not over a sample alone.
// --idle: the idle connections and nothing else.
// Bytes are the stacks' own count, and the kernel's of the whole process (resident). A step is a
// batch of at most 64 packets one way with the receiver's events, or one advance(). Times and rates
// are the processor's time of the one thread.
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <string_view>
#include <vector>

#include "options.hh"
#include "raw.hh"
#include "tern/stack.hh"

namespace tern::bench {

namespace {

constexpr u64 k_memory = u64{4400}
                         << 20;  // the ceiling of each stack, of which records may take 5/8
constexpr u32 k_prefix_addresses = u32{1} << 22;
constexpr u64 k_at_once = 512;
constexpr u16 k_port = 80;
const Ipv4Address k_server{10, 0, 0, 1}, k_client{10, 0, 0, 2}, k_clients{10, 64, 0, 0};

struct Flags {
    u64 connections = 10'000'000;
    u64 sample = 200'000;
    bool all = false, idle = false, json = false;
};

u64 resident_bytes() {
    std::FILE* f = std::fopen("/proc/self/statm", "r");
    unsigned long size = 0, resident = 0;
    require(f != nullptr && std::fscanf(f, "%lu %lu", &size, &resident) == 2, "no /proc");
    std::fclose(f);
    return u64{resident} * static_cast<u64>(sysconf(_SC_PAGESIZE));
}

class Longest {
public:
    template <class F>
    auto operator()(F&& f) {
        const CpuWatch watch;
        auto result = f();
        seconds_ = std::max(seconds_, watch.seconds());
        return result;
    }
    double milliseconds() const { return seconds_ * 1e3; }

private:
    double seconds_ = 0;
};

class Hosts {
    MemoryBudget budget_{k_memory};
    PacketPool pool_{budget_};

public:
    Hosts()
        : client(config(1)), server(config(2)), on_client_(add_link(client, k_client)),
          on_server_(add_link(server, k_server)) {
        const Cidr clients{k_clients, 10};
        require(client.add_prefix(on_client_, clients).has_value(), "cannot add the prefix");
        ListenOptions o;
        o.local = {k_server, k_port};
        o.backlog = o.syn_backlog = 4096;
        listener_ = *server.tcp().listen(o);
        advance();
    }

    Stack client, server;
    Longest longest;

    // Connection n has an address and a port that no other has.
    Result<TcpConnection> connect(u64 n, const TcpOptions& options = {}) {
        ConnectOptions o;
        o.local_address = Ipv4Address{k_clients.value + static_cast<u32>(n % k_prefix_addresses)};
        o.local_port = static_cast<u16>(2000 + n / k_prefix_addresses);
        o.options = options;
        o.user = n;
        return client.tcp().connect({k_server, k_port}, o);
    }
    // False: nothing moved.
    template <class OnServer, class OnClient>
    bool step(OnServer&& on_server, OnClient&& on_client) {
        now_ += step_;
        if (now_ - advanced_ >= std::chrono::microseconds(500)) advance();
        const bool forward =
            longest([&] { return carry(client, on_client_, server, on_server_, on_server); });
        const bool backward =
            longest([&] { return carry(server, on_server_, client, on_client_, on_client); });
        return forward || backward;
    }
    // How long a step takes on the clock of the stacks. Ten microseconds is about what it does;
    // with a millisecond the delayed acknowledgements of some hundred connections are due, not of
    // all.
    void set_step(Duration d) { step_ = d; }
    void pass(Duration d) {
        now_ += d;
        advance();
    }
    template <class F>
    void accept_all(F&& f) {
        while (const auto c = server.tcp().accept(listener_)) f(*c);
    }
    u64 segments() const {
        return client.counters().tcp_segments_in + server.counters().tcp_segments_in;
    }
    u64 used() const { return client.memory_used() + server.memory_used(); }
    u64 packets() const { return budget_.used(); }
    void require_clean() const {
        for (const Stack* s : {&client, &server}) {
            require(s->counters().tcp_retransmissions == 0, "a segment was sent twice");
            for (u32 r = 0; r < k_drop_reason_count; ++r)
                require(s->counters().drops[r] == 0, text_of(static_cast<DropReason>(r)).data());
        }
    }

private:
    StackConfig config(u64 seed) {
        StackConfig c;
        c.seed = seed;
        c.memory_limit = k_memory;
        c.pool = &pool_;
        return c;
    }
    void advance() {
        advanced_ = now_;
        for (Stack* s : {&client, &server}) {
            do longest([&] { return s->advance(now_), true; });
            while (s->next_deadline() <= now_);
        }
    }
    template <class OnEvent>
    bool carry(Stack& from, Interface out, Stack& to, Interface in, OnEvent&& on_event) {
        PacketBatch batch = from.transmit(now_, out);
        const bool any = !batch.empty();
        if (any) to.receive(now_, in, std::move(batch));
        while (const auto e = to.next_event()) on_event(*e);
        return any;
    }

    Interface on_client_, on_server_;
    TcpListener listener_;
    Instant now_{std::chrono::hours(1)};
    Duration step_ = std::chrono::microseconds(10);
    Instant advanced_ = now_;
};

// Opens connections and asks over them: a byte that depends on the connection, there and back.
class Idle {
public:
    explicit Idle(u64 n) : connections_(n) {}

    void open() {
        while (established_ < connections_.size()) {
            while (opened_ < connections_.size() && opened_ - established_ < k_at_once) {
                const auto c = hosts.connect(opened_);
                require(c.has_value(), "cannot connect");
                connections_[opened_++] = *c;
            }
            step();
        }
        while (step()) {}
        require(accepted_ == connections_.size(), "not every connection was accepted");
    }
    void ask(u64 n) {
        const std::byte byte = byte_of(n);
        require(hosts.client.tcp().send(connections_[n], {&byte, 1}).has_value(), "cannot ask");
        ++asked_;
    }
    bool step() {
        return hosts.step([this](const Event& e) { on_server(e); },
                          [this](const Event& e) { on_client(e); });
    }
    // One byte over each connection that pick(i) names, 64 under way; the time for it. Who serves
    // so many knows whose turn is next, and says so (Tcp::prefetch).
    template <class Pick>
    double ask_many(u64 count, Pick&& pick) {
        const CpuWatch watch;
        for (u64 i = 0; i < count;) {
            const u64 end = std::min(i + 64, count);
            for (u64 k = i; k < end; ++k) hosts.client.tcp().prefetch(connections_[pick(k)]);
            while (i < end) ask(pick(i++));
            while (step()) {}
            require(answered_ == asked_, "a connection did not answer");
        }
        return watch.seconds();
    }

    Hosts hosts;

private:
    static std::byte byte_of(u64 n) { return static_cast<std::byte>(n * 0x9e3779b97f4a7c15 >> 56); }

    void on_client(const Event& e) {
        if (e.bits & Connected) ++established_;
        if (e.bits & Closed) require(false, "a connection broke");
        if (!(e.bits & Readable)) return;
        std::array<std::byte, 16> in;
        while (const auto n = hosts.client.tcp().receive(e.connection(), in)) {
            for (std::size_t i = 0; i < *n; ++i)  // it may have been chosen twice in a batch
                require(in[i] == byte_of(e.user), "a wrong answer");
            answered_ += *n;
        }
    }
    void on_server(const Event& e) {
        if (e.kind == Event::Kind::Listener) {
            hosts.accept_all([this](TcpConnection) { ++accepted_; });
            return;
        }
        if (!(e.bits & Readable)) return;
        std::array<std::byte, 16> in;
        while (const auto n = hosts.server.tcp().receive(e.connection(), in))
            require(hosts.server.tcp().send(e.connection(), {in.data(), *n}).has_value(),
                    "cannot answer");
    }

    std::vector<TcpConnection> connections_;
    u64 opened_ = 0, established_ = 0, accepted_ = 0, asked_ = 0, answered_ = 0;
};

struct IdleFigures {
    double open_seconds = 0, longest_ms = 0;
    u64 counted = 0, resident = 0, packets = 0;
    double hot_ns = 0, random_ns = 0;  // per segment
    u64 answered = 0;
};

// A fixed pseudo-random sequence of places below n.
class Places {
public:
    explicit Places(u64 n) : n_(n) {}
    u64 next() {
        state_ = state_ * 6364136223846793005 + 1442695040888963407;
        return (state_ >> 32) * n_ >> 32;
    }

private:
    u64 n_, state_ = 1;
};

IdleFigures measure_idle(const Flags& flags) {
    IdleFigures f;
    const u64 n = flags.connections;
    const auto idle = std::make_unique<Idle>(n);
    const u64 before = resident_bytes();
    const CpuWatch watch;
    idle->open();
    f.open_seconds = watch.seconds();
    f.longest_ms = idle->hosts.longest.milliseconds();
    f.counted = idle->hosts.used();
    f.packets = idle->hosts.packets();
    f.resident = resident_bytes() - before;
    idle->hosts.set_step(std::chrono::milliseconds(1));
    Places places(n);
    std::vector<u64> random(flags.sample);
    for (u64& r : random) r = places.next();
    const auto per_segment = [&](auto&& pick) {
        const u64 segments = idle->hosts.segments();
        const double seconds = idle->ask_many(flags.sample, pick);
        return seconds / static_cast<double>(idle->hosts.segments() - segments) * 1e9;
    };
    (void)per_segment([](u64 i) { return i % 64; });
    f.hot_ns = per_segment([](u64 i) { return i % 64; });
    f.random_ns = per_segment([&](u64 i) { return random[i]; });
    f.answered = flags.sample;
    if (flags.all) {
        idle->ask_many(n, [](u64 i) { return i; });
        f.answered = n;
    }
    idle->hosts.require_clean();
    return f;
}

struct WaitFigures {
    double bytes_each = 0, per_second = 0, standing_per_second = 0, end_seconds = 0, longest_ms = 0;
};

// Opens and closes; the client's side stays in TIME-WAIT.
class Short {
public:
    void run(u64 n) {
        const u64 end = closed_ + n;
        while (closed_ < end) {
            while (opened_ < end && opened_ - closed_ < k_at_once)
                require(hosts.connect(opened_++).has_value(), "cannot connect");
            step();
        }
        while (step()) {}
    }
    u32 time_waits() { return hosts.client.tcp().count().time_waits; }

    Hosts hosts;

private:
    bool step() {
        return hosts.step([this](const Event& e) { on_server(e); },
                          [this](const Event& e) { on_client(e); });
    }
    void on_client(const Event& e) {
        if (e.bits & Connected)
            require(hosts.client.tcp().close(e.connection()).has_value(), "cannot close");
        if (!(e.bits & Closed)) return;
        require(e.error == Error::None, "a connection did not close in order");
        hosts.client.tcp().release(e.connection());
        ++closed_;
    }
    void on_server(const Event& e) {
        if (e.kind == Event::Kind::Listener) {
            hosts.accept_all([](TcpConnection) {});
            return;
        }
        if (e.bits & PeerClosed) hosts.server.tcp().release(e.connection());
    }
    u64 opened_ = 0, closed_ = 0;
};

WaitFigures measure_time_waits(const Flags& flags) {
    WaitFigures f;
    const auto standing = std::make_unique<Short>();
    const u64 n = flags.connections, turn = 100'000;
    standing->run(turn);
    const u64 before = standing->hosts.client.memory_used();
    const u64 first = standing->time_waits();
    const CpuWatch watch;
    standing->run(n - turn);
    f.per_second = static_cast<double>(n - turn) / watch.seconds();
    require(standing->time_waits() == n, "a TIME-WAIT is missing");
    f.bytes_each = static_cast<double>(standing->hosts.client.memory_used() - before) /
                   static_cast<double>(n - first);
    const CpuWatch more;
    standing->run(turn);
    f.standing_per_second = static_cast<double>(turn) / more.seconds();
    standing->hosts.require_clean();
    standing->hosts.longest = {};
    const CpuWatch end;
    standing->hosts.pass(std::chrono::minutes(2));
    f.end_seconds = end.seconds();
    f.longest_ms = standing->hosts.longest.milliseconds();
    require(standing->time_waits() == 0, "a TIME-WAIT stays");
    return f;
}

// A server whose clients are made by hand.
struct Alone {
    MemoryBudget budget{k_memory};
    PacketPool pool{budget};
    Stack server{config(pool)};
    const Interface i = add_link(server, k_server);

private:
    static StackConfig config(PacketPool& pool) {
        StackConfig c;
        c.memory_limit = k_memory;
        c.pool = &pool;
        return c;
    }
};

// Handshakes whose third step never comes: bytes of one at the server.
double measure_embryos(u64 n) {
    Alone alone;
    Stack& server = alone.server;
    ListenOptions o;
    o.local = {k_server, k_port};
    o.syn_backlog = static_cast<u32>(n);
    require(server.tcp().listen(o).has_value(), "cannot listen");
    const Instant now{std::chrono::hours(1)};
    u64 before = 0;
    for (u64 k = 0; k < n;) {
        if (k == 0) before = server.memory_used();
        PacketBatch batch;
        for (u32 j = 0; j < PacketBatch::k_capacity && k < n; ++j, ++k) {
            batch.push(
                raw_segment(alone.pool, {.from = Ipv4Address{k_clients.value + static_cast<u32>(k)},
                                         .to = k_server,
                                         .from_port = 4096,
                                         .to_port = k_port,
                                         .seq = 1,
                                         .flags = 2}));
        }
        server.receive(now, alone.i, std::move(batch));
        while (!server.transmit(now, alone.i).empty()) {}
    }
    require(server.tcp().count().embryos == n, "an embryo is missing");
    return static_cast<double>(server.memory_used() - before) / static_cast<double>(n);
}

struct ListenFigures {
    u64 count = 0;
    double bytes_each = 0, listen_ns = 0;
    double one_ns = 0, random_ns = 0;  // per SYN, with the answer
};

// Nanoseconds for a SYN to the listener of place(pick(k)), and the answer.
template <class Pick>
double knock(Alone& alone, Pick&& pick) {
    constexpr u64 count = 100'000;
    static u32 stranger = 0;  // never twice
    const Instant now{std::chrono::hours(1)};
    double seconds = 0;
    for (u64 k = 0; k < count; k += PacketBatch::k_capacity) {
        PacketBatch batch;
        for (u32 j = 0; j < PacketBatch::k_capacity; ++j) {
            const Endpoint to = pick();
            batch.push(raw_segment(alone.pool, {.from = Ipv4Address{k_clients.value + stranger++},
                                                .to = to.address.v4(),
                                                .from_port = 4096,
                                                .to_port = to.port,
                                                .seq = 1,
                                                .flags = 2}));
        }
        const CpuWatch watch;
        alone.server.receive(now, alone.i, std::move(batch));
        while (!alone.server.transmit(now, alone.i).empty()) {}
        seconds += watch.seconds();
    }
    return seconds / static_cast<double>(count) * 1e9;
}

// 1,000 ports on each of as many addresses of a prefix as it takes.
ListenFigures measure_listeners(u64 n) {
    Alone alone;
    Stack& server = alone.server;
    require(server.add_prefix(alone.i, {Ipv4Address{10, 32, 0, 0}, 12}).has_value(), "no prefix");
    const auto place = [](u64 k) {
        const u32 address = (u32{10} << 24 | 32u << 16) + 1 + static_cast<u32>(k / 1000);
        return Endpoint{Ipv4Address{address}, static_cast<u16>(1000 + k % 1000)};
    };
    const u64 before = server.memory_used();
    const CpuWatch watch;
    for (u64 k = 0; k < n; ++k) {
        ListenOptions o;
        o.local = {place(k).address, place(k).port};
        o.syn_backlog = 1'000'000;
        require(server.tcp().listen(o).has_value(), "cannot listen");
    }
    ListenFigures f;
    f.count = n;
    f.listen_ns = watch.seconds() / static_cast<double>(n) * 1e9;
    f.bytes_each = static_cast<double>(server.memory_used() - before) / static_cast<double>(n);
    (void)knock(alone, [&] { return place(n / 2); });
    f.one_ns = knock(alone, [&] { return place(n / 2); });
    Places places(n);
    f.random_ns = knock(alone, [&] { return place(places.next()); });
    require(server.counters().tcp_cookies_sent == 0, "a SYN queue was full");
    return f;
}

double peak_gib() {
    rusage usage{};
    getrusage(RUSAGE_SELF, &usage);
    return static_cast<double>(usage.ru_maxrss) / (1024 * 1024);
}

void print(const Flags& flags, const IdleFigures& i) {
    const double n = static_cast<double>(flags.connections);
    const char* json =
        "{\"peer\":\"tern\",\"bench\":\"scale\",\"connections\":%ju,\"bytes_each\":%.1f,"
        "\"resident_each\":%.1f,\"packet_bytes\":%ju,\"peak_gib\":%.2f,\"opened_per_s\":%.0f,"
        "\"open_longest_ms\":%.2f,\"hot_ns\":%.0f,\"random_ns\":%.0f,\"answered\":%ju}\n";
    const char* text =
        "%ju idle connections, both ends: %.1f bytes an endpoint, %.1f resident (packets: %ju)\n"
        "peak of the process %.2f GiB; %.0f opened a second, the longest step %.2f ms\n"
        "a segment costs %.0f ns on 64 connections, %.0f ns on random ones; %ju answered\n";
    std::printf(flags.json ? json : text, std::uintmax_t{flags.connections},
                static_cast<double>(i.counted) / n / 2, static_cast<double>(i.resident) / n / 2,
                std::uintmax_t{i.packets}, peak_gib(), n / i.open_seconds, i.longest_ms, i.hot_ns,
                i.random_ns, std::uintmax_t{i.answered});
    std::fflush(stdout);
}

void print(const Flags& flags, const WaitFigures& w, double embryo, const ListenFigures& l) {
    const char* json =
        "{\"peer\":\"tern\",\"bench\":\"scale-others\",\"time_wait_bytes\":%.2f,"
        "\"time_waits_per_s\":%.0f,\"standing_per_s\":%.0f,\"end_s\":%.2f,"
        "\"end_longest_ms\":%.2f,\"embryo_bytes\":%.2f,\"listeners\":%ju,"
        "\"listener_bytes\":%.1f,\"listen_ns\":%.0f,\"syn_one_ns\":%.0f,"
        "\"syn_random_ns\":%.0f}\n";
    const char* text =
        "TIME-WAIT %.2f bytes; %.0f a second, %.0f with all standing; all ended in %.2f s, the "
        "longest step %.2f ms\nembryo %.2f bytes\n"
        "%ju listeners, %.1f bytes and %.0f ns each; a SYN and its answer: %.0f ns to one of them, "
        "%.0f ns to random ones\n";
    std::printf(flags.json ? json : text, w.bytes_each, w.per_second, w.standing_per_second,
                w.end_seconds, w.longest_ms, embryo, std::uintmax_t{l.count}, l.bytes_each,
                l.listen_ns, l.one_ns, l.random_ns);
}

Flags flags_of(int argc, char** argv) {
    Flags f;
    for (int i = 1; i < argc; ++i) {
        const std::string_view flag = argv[i];
        if (flag == "--quick")
            f.connections = 1'000'000;
        else if (flag == "--all")
            f.all = true;
        else if (flag == "--idle")
            f.idle = true;
        else if (flag == "--json")
            f.json = true;
        else if (flag == "--sample" && i + 1 < argc)
            f.sample = std::strtoull(argv[++i], nullptr, 10);
        else if (flag == "--connections" && i + 1 < argc)
            f.connections = std::strtoull(argv[++i], nullptr, 10);
        else
            require(false,
                    "usage: scale [--connections N] [--quick] [--sample N] [--all] [--idle] "
                    "[--json]");
    }
    require(f.connections >= 200'000 && f.connections <= 16'000'000, "200,000 to 16,000,000");
    return f;
}

}  // namespace

}  // namespace tern::bench

int main(int argc, char** argv) {
    using namespace tern::bench;
    const Flags flags = flags_of(argc, argv);
    print(flags, measure_idle(flags));
    if (flags.idle) return 0;
    const WaitFigures waits = measure_time_waits(flags);
    const double embryo = measure_embryos(std::min<tern::u64>(flags.connections, 4'000'000));
    print(flags, waits, embryo, measure_listeners(1'000'000));
    return 0;
}

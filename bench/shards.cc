// S11: what two shards do beside one. Each thread carries a shard of one host and, by a pipe in
// memory, a client of its own, whose ports are chosen so that its flows are at home there. Both
// ends are whole Runtimes with their clocks. Round trips of 64 bytes (S8), then connections with
// one byte each way (S7).
#include <array>
#include <barrier>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <string_view>
#include <vector>

#include <time.h>

#include "options.hh"
#include "tern/shards.hh"

namespace tern::bench {

namespace {

constexpr std::size_t k_message = 64;
constexpr u16 k_first_port = 80, k_ports = 64;
const IpAddress k_server = Ipv4Address(10, 0, 0, 1);

IpAddress client_address(u32 shard) { return Ipv4Address(10, 0, 1, static_cast<u8>(1 + shard)); }

// One direction of a cable whose ends belong to one thread, in cache lines of its own.
struct alignas(64) Queue : std::deque<Packet> {};

// Bytes go from pool to pool, so that the receiver knows nothing that was not on the wire.
class PipeEnd final : public Link {
public:
    PipeEnd(std::shared_ptr<Queue> in, std::shared_ptr<Queue> out)
        : in_(std::move(in)), out_(std::move(out)) {}
    ~PipeEnd() override {
        in_->clear();
        out_->clear();
    }
    const LinkFacts& facts() const override { return facts_; }
    void receive(Instant, PacketPool& pool, PacketBatch& into) override {
        for (; !in_->empty() && !into.full(); in_->pop_front()) {
            Packet p = pool.copy_of(in_->front().bytes());
            require(bool(p), "no memory for a frame");
            into.push(std::move(p));
        }
    }
    void transmit(Instant, PacketBatch&& batch) override {
        for (u32 i = 0; i < batch.size(); ++i) out_->push_back(batch.take(i));
    }

private:
    LinkFacts facts_{.name = "pipe", .medium = Medium::Ip};
    std::shared_ptr<Queue> in_, out_;
};

// Answers every message with one of the same length, and closes when the client has.
class Server final : public EventSink {
public:
    explicit Server(Tcp& tcp) : tcp_(tcp) {
        for (u16 i = 0; i < k_ports; ++i) {
            ListenOptions o;
            o.local = {k_server, static_cast<u16>(k_first_port + i)};
            o.options.no_delay = true;
            require(tcp_.listen(o).has_value(), "cannot listen");
        }
    }
    void on_event(const Event& e) override {
        if (e.kind == Event::Kind::Listener) {
            while (tcp_.accept(e.listener())) {}
            return;
        }
        std::array<std::byte, k_message> message;
        const TcpConnection c = e.connection();
        while (const auto n = tcp_.receive(c, message))
            require(tcp_.send(c, std::span{message}.first(*n)).has_value(), "cannot answer");
        if ((e.bits & PeerClosed) == 0) return;
        require(tcp_.close(c).has_value(), "cannot close");
        tcp_.release(c);
    }

private:
    Tcp& tcp_;
};

class Client final : public EventSink {
public:
    Client(Tcp& tcp, u32 shard, const Steering& steering)
        : tcp_(tcp), shard_(shard), steering_(steering) {}

    TcpConnection connect() {
        ConnectOptions o;
        o.options.no_delay = true;
        Endpoint from{client_address(shard_), 0}, to{k_server, 0};
        do {
            from.port = static_cast<u16>(1024 + next_ / k_ports);
            to.port = static_cast<u16>(k_first_port + next_++ % k_ports);
            require(next_ / k_ports < 64'000, "no port is left: a shorter run, please");
        } while (steering_.home_of_tcp(to, from) != shard_);
        o.local_port = from.port;
        const auto c = tcp_.connect(to, o);
        require(c.has_value(), "cannot connect");
        return *c;
    }
    void say(TcpConnection c, std::size_t n) {
        require(tcp_.send(c, std::span{message_}.first(n)).has_value(), "cannot send");
        expected_ = n;
    }
    void close(TcpConnection c) { require(tcp_.close(c).has_value(), "cannot close"); }
    // Of the last step.
    bool connected = false, answered = false, closed = false;

    void on_event(const Event& e) override {
        connected |= (e.bits & Connected) != 0;
        std::array<std::byte, k_message> in;
        if ((e.bits & Readable) != 0) {
            while (const auto n = tcp_.receive(e.connection(), in)) {
                require(*n == expected_, "an answer is too long or cut short");
                answered = true;
            }
        }
        if ((e.bits & Closed) == 0) return;
        require(e.error == Error::None, "a connection did not close in order");
        tcp_.release(e.connection());
        closed = true;
    }

private:
    Tcp& tcp_;
    u32 shard_;
    Steering steering_;
    u64 next_ = 0;
    std::size_t expected_ = 0;
    std::array<std::byte, k_message> message_{};
};

class Pairing {
public:
    Pairing(Runtime& server, RuntimeConfig client, u32 shard, const Steering& steering)
        : server_(server), client_(std::move(client)), serves_(server_.stack().tcp()),
          asks_(client_.stack().tcp(), shard, steering) {}

    void open(u64 connections) {
        while (opened_.size() < connections) {
            opened_.push_back(connect());
            round_trip(opened_.size() - 1);
        }
    }
    void round_trip(std::size_t i) {
        asks_.say(opened_[i], k_message);
        until(asks_.answered);
    }
    void dialogue() {
        const TcpConnection c = connect();
        asks_.say(c, 1);
        until(asks_.answered);
        asks_.close(c);
        until(asks_.closed);
    }

private:
    TcpConnection connect() {
        const TcpConnection c = asks_.connect();
        until(asks_.connected);
        return c;
    }
    void until(bool& done) {
        for (done = false; !done;) {
            client_.run_once({}, static_cast<EventSink&>(asks_));
            server_.run_once({}, static_cast<EventSink&>(serves_));
        }
    }

    Runtime& server_;
    Runtime client_;
    Server serves_;
    Client asks_;
    std::vector<TcpConnection> opened_;
};

double thread_seconds() {
    timespec t{};
    ::clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return static_cast<double>(t.tv_sec) + static_cast<double>(t.tv_nsec) / 1e9;
}

struct alignas(64) Done {
    double round_trips = 0, dialogues = 0;                  // a second
    double round_trips_per_cpu = 0, dialogues_per_cpu = 0;  // a second of processor time
};

struct Rate {
    double wall, processor;
};
template <class F>
Rate rate_of(double seconds, F&& once) {
    const Stopwatch watch;
    const double before = thread_seconds();
    u64 n = 0;
    while (watch.seconds() < seconds)
        for (int i = 0; i < 64; ++i, ++n) once(n);
    const double done = static_cast<double>(n);
    return {done / watch.seconds(), done / (thread_seconds() - before)};
}

void run(u32 count, double seconds, bool json) {
    std::vector<std::shared_ptr<Queue>> up, down;
    for (u32 i = 0; i < count; ++i) {
        up.push_back(std::make_shared<Queue>());
        down.push_back(std::make_shared<Queue>());
    }
    const auto config = [&](u32 i, bool server) {
        RuntimeConfig c;
        c.device = server ? std::make_unique<PipeEnd>(up[i], down[i])
                          : std::make_unique<PipeEnd>(down[i], up[i]);
        c.addresses = {(server ? k_server : client_address(i)).to_string() + "/16"};
        c.memory_limit = u64{2} << 30;
        return c;
    };
    Shards shards{count, [&](u32 i) { return config(i, true); }};
    std::vector<Done> done(count);
    std::barrier together{static_cast<std::ptrdiff_t>(count)};
    shards.run([&](u32 i, Runtime& server) {
        constexpr u64 k_connections = 1000;
        Pairing pair(server, config(i, false), i, shards.steering());
        pair.open(k_connections);
        together.arrive_and_wait();
        const Rate trips =
            rate_of(seconds, [&](u64 n) { pair.round_trip(n * 7919 % k_connections); });
        together.arrive_and_wait();
        const Rate dialogues = rate_of(seconds, [&](u64) { pair.dialogue(); });
        done[i] = {trips.wall, dialogues.wall, trips.processor, dialogues.processor};
        together.arrive_and_wait();
    });
    Done all;
    for (const Done& d : done) {
        all.round_trips += d.round_trips;
        all.dialogues += d.dialogues;
        all.round_trips_per_cpu += d.round_trips_per_cpu;
        all.dialogues_per_cpu += d.dialogues_per_cpu;
    }
    std::printf(json ? "{\"peer\":\"tern\",\"bench\":\"shards\",\"shards\":%u,"
                       "\"round_trips_per_s\":%.0f,\"connections_per_s\":%.0f,"
                       "\"round_trips_per_cpu_s\":%.0f,\"connections_per_cpu_s\":%.0f}\n"
                     : "%u shards: %.0f round trips/s, %.0f connections/s; with a core for each: "
                       "%.0f and %.0f\n",
                count, all.round_trips, all.dialogues, all.round_trips_per_cpu,
                all.dialogues_per_cpu);
}

}  // namespace

}  // namespace tern::bench

int main(int argc, char** argv) {
    unsigned long count = 2;
    double seconds = 3;
    bool json = false;
    for (int i = 1; i < argc; ++i) {
        const std::string_view flag = argv[i];
        if (flag == "--json")
            json = true;
        else if (flag == "--shards" && i + 1 < argc)
            count = std::strtoul(argv[++i], nullptr, 10);
        else if (flag == "--seconds" && i + 1 < argc)
            seconds = std::atof(argv[++i]);
        else
            count = 0;
    }
    if (count == 0 || count > 64 || seconds <= 0) {
        std::fprintf(stderr, "usage: shards [--shards N] [--seconds S] [--json]\n");
        return 2;
    }
    tern::bench::run(static_cast<tern::u32>(count), seconds, json);
    return 0;
}

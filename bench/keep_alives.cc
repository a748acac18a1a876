// Keep-alives over very many idle connections: those of the peers, which we answer, and our own.
//
//   keep_alives [--connections N] [--quick] [--json]
//
// One stack; its peers are made by hand. Ten million connections, --quick: a million. First probes
// come for 64 of them by turns, then for random ones; each is answered by one ACK. Then two hours
// have passed, all our timers are due, and each of our probes is answered. Times are the
// processor's of the stack alone.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <string_view>
#include <vector>

#include "options.hh"
#include "raw.hh"
#include "tern/stack.hh"

namespace tern::bench {

namespace {

constexpr u64 k_memory = u64{12} << 30;
constexpr u32 k_addresses = u32{1} << 22;
constexpr u16 k_port = 80, k_first_port = 2000;
constexpr u8 k_syn = 2, k_ack = 16;
constexpr u64 k_sample = 100'000;
const Ipv4Address k_server{10, 0, 0, 1}, k_peers{10, 64, 0, 0};

class Server {
    MemoryBudget packets_{u64{1} << 30};
    PacketPool pool_{packets_};

public:
    Server() : stack_(config()), on_(add_link(stack_, k_server)) {
        ListenOptions o;
        o.local = {k_server, k_port};
        o.backlog = o.syn_backlog = 4096;
        o.options.keep_alive = true;
        listener_ = *stack_.tcp().listen(o);
    }
    // One batch of `count` frames of which make(k) is the kth; answered(RawSegment) for each
    // answer.
    template <class Make, class Answered>
    void exchange(u32 count, Make&& make, Answered&& answered) {
        PacketBatch in;
        for (u32 k = 0; k < count; ++k) in.push(raw_segment(pool_, make(k)));
        const CpuWatch watch;
        stack_.receive(now_, on_, std::move(in));
        while (stack_.next_event()) continue;
        busy_ += watch.seconds();
        send_all(answered);
    }
    template <class Answered>
    void send_all(Answered&& answered) {
        for (;;) {
            const CpuWatch watch;
            PacketBatch out = stack_.transmit(now_, on_);
            busy_ += watch.seconds();
            if (out.empty()) return;
            for (u32 k = 0; k < out.size(); ++k) answered(read_segment(out.take(k)));
        }
    }
    void accept_all() {
        while (stack_.tcp().accept(listener_)) continue;
    }
    // One call of advance().
    void fire() {
        const CpuWatch watch;
        stack_.advance(now_);
        const double seconds = watch.seconds();
        busy_ += seconds;
        longest_ = std::max(longest_, seconds);
    }
    bool due() const { return stack_.next_deadline() <= now_; }
    void pass(Duration d) { now_ += d; }
    double take_busy() { return std::exchange(busy_, 0); }
    double longest() const { return longest_; }
    u64 memory() const { return stack_.memory_used(); }
    u32 connections() { return stack_.tcp().count().connections; }

private:
    StackConfig config() {
        StackConfig c;
        c.memory_limit = k_memory;
        c.pool = &pool_;
        return c;
    }
    Stack stack_;
    Interface on_;
    TcpListener listener_;
    Instant now_{std::chrono::hours(1)};
    double busy_ = 0, longest_ = 0;
};

// What each peer sends next, and expects.
struct Peer {
    u32 seq = 1, ack = 0;
};

class Peers {
public:
    explicit Peers(u64 n) : peers_(n) {}

    void open() {
        for (u64 first = 0; first < peers_.size(); first += PacketBatch::k_capacity) {
            const u32 count =
                static_cast<u32>(std::min<u64>(PacketBatch::k_capacity, peers_.size() - first));
            const auto connected = [&](const RawSegment& a) {
                require(a.flags == (k_syn | k_ack), "no SYN-ACK");
                peers_[number_of(a)] = {a.ack, a.seq + 1};
            };
            const auto surprised = [](const RawSegment&) { require(false, "an answer to an ACK"); };
            server.exchange(
                count, [&](u32 k) { return segment(first + k, k_syn, 1, 0); }, connected);
            server.exchange(
                count, [&](u32 k) { return now(first + k); }, surprised);
            server.accept_all();
            server.pass(std::chrono::microseconds(20));
        }
        require(server.connections() == peers_.size(), "not every connection stands");
    }
    // Nanoseconds for a probe (RFC 9293 3.8.4: SEG.SEQ = SND.NXT-1) and its answer.
    template <class Pick>
    double probe(Pick&& pick) {
        u64 answers = 0;
        (void)server.take_busy();
        for (u64 i = 0; i < k_sample; i += PacketBatch::k_capacity) {
            server.pass(std::chrono::seconds(1));  // answers are rationed by the second
            server.exchange(
                PacketBatch::k_capacity,
                [&](u32 k) {
                    RawSegment s = now(pick(i + k));
                    --s.seq;
                    return s;
                },
                [&](const RawSegment&) { ++answers; });
        }
        const u64 asked = (k_sample + PacketBatch::k_capacity - 1) / PacketBatch::k_capacity *
                          PacketBatch::k_capacity;
        // Chance may have named one thrice within a second.
        require(answers <= asked && answers >= asked - asked / 100, "a probe had no answer");
        return server.take_busy() / static_cast<double>(asked) * 1e9;
    }
    // All timers of ours, and the answers of those that stand.
    struct Own {
        double probe_ns, answer_ns;
    };
    Own wait() {
        server.pass(std::chrono::hours(2));
        std::vector<u64> asked;
        double firing = 0, hearing = 0;
        u64 probes = 0;
        (void)server.take_busy();
        while (server.due()) {
            server.fire();
            asked.clear();
            server.send_all([&](const RawSegment& s) { asked.push_back(number_of(s)); });
            firing += server.take_busy();
            probes += asked.size();
            for (u64 i = 0; i < asked.size(); i += PacketBatch::k_capacity) {
                const u64 count = std::min<u64>(PacketBatch::k_capacity, asked.size() - i);
                server.exchange(
                    static_cast<u32>(count), [&](u32 k) { return now(asked[i + k]); },
                    [](const RawSegment&) { require(false, "an answer to an answer"); });
            }
            hearing += server.take_busy();
        }
        require(probes == peers_.size(), "not one probe for each connection");
        require(server.connections() == peers_.size(), "a connection has gone");
        const double n = static_cast<double>(probes) / 1e9;
        return {firing / n, hearing / n};
    }
    u64 size() const { return peers_.size(); }

    Server server;

private:
    static RawSegment segment(u64 n, u8 flags, u32 seq, u32 ack) {
        return {.from = Ipv4Address{k_peers.value + static_cast<u32>(n % k_addresses)},
                .to = k_server,
                .from_port = static_cast<u16>(k_first_port + n / k_addresses),
                .to_port = k_port,
                .seq = seq,
                .ack = ack,
                .flags = flags};
    }
    static u64 number_of(const RawSegment& to_peer) {
        const u64 turn = static_cast<u64>(to_peer.to_port - k_first_port);
        return turn * k_addresses + to_peer.to.value - k_peers.value;
    }
    RawSegment now(u64 n) const { return segment(n, k_ack, peers_[n].seq, peers_[n].ack); }

    std::vector<Peer> peers_;
};

void run(u64 n, bool json) {
    Peers peers{n};
    const u64 before = peers.server.memory();
    peers.open();
    const u64 standing = peers.server.memory();
    (void)peers.probe([](u64 i) { return i % 64; });
    const double hot = peers.probe([](u64 i) { return i % 64; });
    u64 state = 1;
    const double random = peers.probe([&](u64) {
        state = state * 6364136223846793005 + 1442695040888963407;
        return (state >> 32) * n >> 32;
    });
    const Peers::Own own = peers.wait();
    const char* text =
        "%ju connections with keep-alive: %.1f bytes each\n"
        "a probe of a peer and its answer: %.0f ns on 64 connections, %.0f ns on random ones\n"
        "a timer and a probe of ours: %.0f ns; the peer's answer: %.0f ns; the longest advance() "
        "%.2f ms; memory grew by %jd bytes\n";
    const char* line =
        "{\"peer\":\"tern\",\"bench\":\"keep_alives\",\"connections\":%ju,\"bytes_each\":%.1f,"
        "\"hot_ns\":%.0f,\"random_ns\":%.0f,\"own_ns\":%.0f,\"answer_ns\":%.0f,"
        "\"longest_ms\":%.2f,\"memory_grown\":%jd}\n";
    std::printf(
        json ? line : text, std::uintmax_t{n},
        static_cast<double>(standing - before) / static_cast<double>(n), hot, random, own.probe_ns,
        own.answer_ns, peers.server.longest() * 1e3,
        static_cast<std::intmax_t>(peers.server.memory()) - static_cast<std::intmax_t>(standing));
}

}  // namespace

}  // namespace tern::bench

int main(int argc, char** argv) {
    tern::u64 connections = 10'000'000;
    bool json = false;
    for (int i = 1; i < argc; ++i) {
        const std::string_view flag = argv[i];
        if (flag == "--quick")
            connections = 1'000'000;
        else if (flag == "--json")
            json = true;
        else if (flag == "--connections" && i + 1 < argc)
            connections = std::strtoull(argv[++i], nullptr, 10);
        else
            tern::bench::require(false, "usage: keep_alives [--connections N] [--quick] [--json]");
    }
    tern::bench::require(connections >= 64 && connections <= 16'000'000, "64 to 16,000,000");
    tern::bench::run(connections, json);
    return 0;
}

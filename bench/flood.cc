// C7: what a flood costs a server that has an established transfer, and what the transfer keeps.
// Two honest stacks in one thread, and frames that nobody's stack has made between theirs.
//
//   flood [--seconds S] [--json]
//
// For each kind: nanoseconds of the server for one frame of the flood, its answer included, and how
// many a second of them leave the transfer 80 % of a core. `kept` is the transfer's rate with 32
// frames of the flood in each round (a batch each way), over its rate alone. Making them costs too,
// so it is a lower bound. Times are the processor's. After each flood a new client connects.
#include <array>
#include <cstdint>
#include <cstdio>
#include <functional>
#include <memory>
#include <vector>

#include "options.hh"
#include "raw.hh"
#include "tern/stack.hh"

namespace tern::bench {

namespace {

const Ipv4Address k_server{10, 0, 0, 1}, k_client{10, 0, 0, 2};
constexpr u16 k_port = 80;
constexpr u8 k_syn = 2, k_rst = 4, k_ack = 16;

class Attacked {
    MemoryBudget budget_{u64{1} << 30};
    PacketPool pool_{budget_};

public:
    Attacked()
        : server_(config(1)), client_(config(2)), on_server_(add_link(server_, k_server)),
          on_client_(add_link(client_, k_client)) {
        ListenOptions o;
        o.local = {k_server, k_port};
        require(server_.tcp().listen(o).has_value(), "cannot listen");
        transfer_ = *client_.tcp().connect({k_server, k_port});
        for (int i = 0; i < 100; ++i) step(0);
        require(received_ > 0, "the transfer did not begin");
    }

    // A batch each way; before the client's frames `flood` of make_frame's.
    std::function<RawSegment(u64)> make_frame;
    void step(u32 flood) {
        now_ += std::chrono::microseconds(20);
        client_.advance(now_);
        server_.advance(now_);
        (void)client_.tcp().send(transfer_, data_);
        server_.receive(now_, on_server_, frames(flood));
        server_.receive(now_, on_server_, client_.transmit(now_, on_client_));
        serve();
        for (;;) {
            PacketBatch answers = server_.transmit(now_, on_server_);
            if (answers.empty()) break;
            client_.receive(now_, on_client_, ours(std::move(answers)));
        }
        while (client_.next_event()) {}
    }
    // Gbit/s of the transfer.
    double rate(double seconds, u32 flood) {
        const u64 before = received_;
        const CpuWatch watch;
        while (watch.seconds() < seconds)
            for (int i = 0; i < 100; ++i) step(flood);
        return static_cast<double>(received_ - before) * 8e-9 / watch.seconds();
    }
    // The server alone, without the transfer; what it answers goes nowhere.
    double nanoseconds_each(double seconds) {
        double busy = 0;
        u64 done = 0;
        while (busy < seconds) {
            std::vector<PacketBatch> batches(100);
            for (PacketBatch& b : batches) b = frames(PacketBatch::k_capacity);
            const CpuWatch watch;
            for (PacketBatch& b : batches) {
                now_ += std::chrono::microseconds(20);
                server_.receive(now_, on_server_, std::move(b));
                while (!server_.transmit(now_, on_server_).empty()) {}
            }
            server_.advance(now_);
            busy += watch.seconds();
            done += 100 * PacketBatch::k_capacity;
        }
        return busy / static_cast<double>(done) * 1e9;
    }
    bool newcomer() {
        const auto c = client_.tcp().connect({k_server, k_port});
        for (int i = 0; i < 100; ++i) step(8);
        const bool served = client_.tcp().status(*c)->state == State::Established;
        (void)client_.tcp().abort(*c);
        client_.tcp().release(*c);
        for (int i = 0; i < 10; ++i) step(0);
        return served;
    }
    FlowId flow() { return client_.tcp().status(transfer_)->flow; }
    u64 memory() const { return server_.memory_used(); }
    TcpStatus status() { return *client_.tcp().status(transfer_); }

private:
    StackConfig config(u64 seed) {
        StackConfig c;
        c.seed = seed;
        c.pool = &pool_;
        return c;
    }
    PacketBatch frames(u32 count) {
        PacketBatch batch;
        for (u32 i = 0; i < count; ++i) batch.push(raw_segment(pool_, make_frame(next_frame_++)));
        return batch;
    }
    // Answers to the flood go to nobody.
    static PacketBatch ours(PacketBatch&& all) {
        PacketBatch kept;
        for (u32 i = 0; i < all.size(); ++i) {
            Packet p = all.take(i);
            std::array<u8, 4> to;
            std::memcpy(to.data(), p.data() + 16, 4);
            if (to == std::array<u8, 4>{10, 0, 0, 2}) kept.push(std::move(p));
        }
        return kept;
    }
    void serve() {
        Tcp& tcp = server_.tcp();
        while (const auto e = server_.next_event()) {
            if (e->kind == Event::Kind::Listener) {
                while (tcp.accept(e->listener())) {}
            } else if (e->bits & Closed) {
                tcp.release(e->connection());
            } else if (e->bits & Readable) {
                while (const auto n = tcp.receive(e->connection(), in_)) received_ += *n;
            }
        }
    }

    Stack server_, client_;
    Interface on_server_, on_client_;
    Instant now_{std::chrono::hours(1)};
    TcpConnection transfer_;
    std::vector<std::byte> data_ = std::vector<std::byte>(128 * 1024);
    std::vector<std::byte> in_ = std::vector<std::byte>(128 * 1024);
    u64 received_ = 0, next_frame_ = 0;
};

// A fixed pseudo-random sequence.
u32 mixed(u64 n) { return static_cast<u32>((n + 1) * 0x9e3779b97f4a7c15 >> 32); }

RawSegment stranger(u64 n, u8 flags) {
    return {.from = Ipv4Address{(u32{10} << 24 | 128u << 16) + (mixed(n) & 0x3f'ffff)},
            .to = k_server,
            .from_port = static_cast<u16>(1024 + n % 60'000),
            .to_port = k_port,
            .seq = mixed(n * 3),
            .ack = mixed(n * 5),
            .flags = flags};
}

void measure(const Options& o, const char* kind, double alone, Attacked& a) {
    const u64 memory = a.memory();
    const double kept = a.rate(o.seconds, 32) / alone;
    const double ns = a.nanoseconds_each(o.seconds / 2);
    require(a.newcomer(), "a new client was not served");
    const char* json =
        "{\"peer\":\"tern\",\"bench\":\"flood\",\"kind\":\"%s\",\"ns_each\":%.0f,"
        "\"per_s_at_80\":%.0f,\"kept\":%.2f,\"memory_grown\":%jd}\n";
    const char* text =
        "%s: %.0f ns each, %.0f a second leave the transfer 80 %%; with 32 in each "
        "round it keeps %.2f; memory grew by %jd bytes\n";
    std::printf(o.json ? json : text, kind, ns, 0.2e9 / ns, kept,
                static_cast<std::intmax_t>(a.memory()) - static_cast<std::intmax_t>(memory));
}

void run(const Options& o) {
    const auto a = std::make_unique<Attacked>();
    a->make_frame = [](u64 n) { return stranger(n, k_syn); };
    (void)a->rate(o.seconds / 2, 0);
    const double alone = a->rate(o.seconds, 0);
    std::printf(o.json
                    ? "{\"peer\":\"tern\",\"bench\":\"flood\",\"kind\":\"none\",\"gbit_s\":%.2f}\n"
                    : "the transfer alone: %.2f Gbit/s\n",
                alone);
    measure(o, "syn", alone, *a);
    a->make_frame = [](u64 n) { return stranger(n, k_ack); };
    measure(o, "ack", alone, *a);
    a->make_frame = [](u64 n) { return stranger(n, k_rst); };
    measure(o, "rst", alone, *a);
    const FlowId flow = a->flow();
    const auto forged = [&flow](u64 n, u8 flags, u32 payload) {
        RawSegment s = stranger(n, flags);
        s.from = flow.local.address.v4();
        s.from_port = flow.local.port;
        s.payload = payload;
        return s;
    };
    a->make_frame = [&](u64 n) { return forged(n, k_rst, 0); };
    measure(o, "forged rst", alone, *a);
    a->make_frame = [&](u64 n) { return forged(n, k_ack, 1); };
    measure(o, "forged byte", alone, *a);
}

}  // namespace

}  // namespace tern::bench

int main(int argc, char** argv) {
    tern::bench::run(tern::bench::options_of(argc, argv, "flood"));
    return 0;
}

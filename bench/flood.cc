// C7: what a flood costs a server that has established transfers, and what the transfers keep.
// Two honest stacks in one thread, and frames that nobody's stack has made between theirs.
//
//   flood [--seconds S] [--json]
//
// For each kind: nanoseconds of the server for one frame of the flood, with its answer and what its
// application does about it; and how many a second of them leave the transfers 80 % of a core.
// `kept` is the rate of the two transfers with 32 frames of the flood in each round (a batch each
// way), over their rate alone; `share` is the part of the slower one, 0.5 at best. Making the
// frames costs too, so `kept` is a lower bound. Times are the processor's. After each flood a new
// client connects.
#include <array>
#include <cstdint>
#include <cstdio>
#include <deque>
#include <functional>
#include <memory>
#include <vector>

#include "options.hh"
#include "raw.hh"
#include "tern/stack.hh"

namespace tern::bench {

namespace {

const Ipv4Address k_server{10, 0, 0, 1}, k_client{10, 0, 0, 2}, k_enemy{10, 128, 0, 1};
constexpr u16 k_port = 80;
constexpr u8 k_syn = 2, k_rst = 4, k_psh = 8, k_ack = 16;

// What somebody sends who means no good; they may look at the answers.
class Flood {
public:
    virtual ~Flood() = default;
    virtual RawSegment next() = 0;
    virtual void answered(const RawSegment&) {}
};

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
        for (TcpConnection& t : transfers_) t = *client_.tcp().connect({k_server, k_port});
        for (int i = 0; i < 200; ++i) step(0);
        require(received_[0] > 0 && received_[1] > 0, "a transfer did not begin");
    }

    Flood* enemy = nullptr;
    // A batch each way; before the client's frames `flood` of the enemy's.
    void step(u32 flood) {
        pass();
        for (const TcpConnection t : transfers_) (void)client_.tcp().send(t, data_);
        server_.receive(now_, on_server_, frames(flood));
        server_.receive(now_, on_server_, client_.transmit(now_, on_client_));
        serve();
        while (deliver()) continue;
        while (client_.next_event()) continue;
    }
    // What the two transfers have brought, by seconds of the processor.
    struct Rate {
        double gbit_per_s, share;
    };
    Rate rate(double seconds, u32 flood) {
        const std::array<u64, 2> before = received_;
        const CpuWatch watch;
        while (watch.seconds() < seconds)
            for (int i = 0; i < 100; ++i) step(flood);
        const double a = static_cast<double>(received_[0] - before[0]);
        const double b = static_cast<double>(received_[1] - before[1]);
        return {(a + b) * 8e-9 / watch.seconds(), std::min(a, b) / (a + b)};
    }
    // The server alone, without the transfers.
    double nanoseconds_each(double seconds) {
        constexpr u32 batches = 8;  // of answers in one go, fewer than the SYN queue holds
        double busy = 0;
        u64 done = 0;
        while (busy < seconds) {
            std::array<PacketBatch, batches> in;
            std::vector<PacketBatch> out;
            out.reserve(4 * batches);
            for (PacketBatch& b : in) b = frames(PacketBatch::k_capacity);
            pass();
            const CpuWatch watch;
            for (PacketBatch& b : in) {
                server_.receive(now_, on_server_, std::move(b));
                serve();
                while (out.emplace_back(server_.transmit(now_, on_server_)).size() != 0) continue;
            }
            busy += watch.seconds();
            done += batches * PacketBatch::k_capacity;
            for (PacketBatch& b : out) client_.receive(now_, on_client_, for_client(std::move(b)));
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
    FlowId flow() { return client_.tcp().status(transfers_[0])->flow; }
    u64 memory() const { return server_.memory_used(); }

private:
    StackConfig config(u64 seed) {
        StackConfig c;
        c.seed = seed;
        c.pool = &pool_;
        return c;
    }
    void pass() {
        now_ += std::chrono::microseconds(20);
        client_.advance(now_);
        server_.advance(now_);
    }
    bool deliver() {
        PacketBatch answers = server_.transmit(now_, on_server_);
        if (answers.empty()) return false;
        client_.receive(now_, on_client_, for_client(std::move(answers)));
        return true;
    }
    PacketBatch frames(u32 count) {
        PacketBatch batch;
        for (u32 i = 0; i < count; ++i) batch.push(raw_segment(pool_, enemy->next()));
        return batch;
    }
    // The rest is for the enemy.
    PacketBatch for_client(PacketBatch&& all) {
        PacketBatch kept;
        for (u32 i = 0; i < all.size(); ++i) {
            Packet p = all.take(i);
            if (const RawSegment s = read_segment(p); s.to != k_client)
                enemy->answered(s);
            else
                kept.push(std::move(p));
        }
        return kept;
    }
    void serve() {
        Tcp& tcp = server_.tcp();
        while (const auto e = server_.next_event()) {
            if (e->kind == Event::Kind::Listener) {
                while (const auto c = tcp.accept(e->listener())) note_transfer(*c);
            } else if (e->bits & Closed) {
                tcp.release(e->connection());
            } else if (e->bits & Readable) {
                while (const auto n = tcp.receive(e->connection(), in_))
                    if (e->user != 0) received_[e->user - 1] += *n;
            }
        }
    }
    // The first two to come; nobody else is counted.
    void note_transfer(TcpConnection c) {
        if (accepted_ < 2) (void)server_.tcp().set_user(c, ++accepted_);
    }

    Stack server_, client_;
    Interface on_server_, on_client_;
    Instant now_{std::chrono::hours(1)};
    std::array<TcpConnection, 2> transfers_;
    std::vector<std::byte> data_ = std::vector<std::byte>(64 * 1024);
    std::vector<std::byte> in_ = std::vector<std::byte>(128 * 1024);
    std::array<u64, 2> received_{};
    u64 accepted_ = 0;
};

// A fixed pseudo-random sequence.
u32 mixed(u64 n) { return static_cast<u32>((n + 1) * 0x9e3779b97f4a7c15 >> 32); }

// Each frame from an address of its own; nobody looks at the answers.
class Strangers : public Flood {
public:
    explicit Strangers(u8 flags) : flags_(flags) {}
    RawSegment next() override {
        const u64 n = n_++;
        return {.from = Ipv4Address{k_enemy.value + (mixed(n) & 0x3f'ffff)},
                .to = k_server,
                .from_port = static_cast<u16>(1024 + n % 60'000),
                .to_port = k_port,
                .seq = mixed(n * 3),
                .ack = mixed(n * 5),
                .flags = flags_};
    }

private:
    u8 flags_;
    u64 n_ = 0;
};

// In the name of an honest client whose addresses and ports are known.
class Forged : public Strangers {
public:
    Forged(const FlowId& flow, u8 flags, u32 payload)
        : Strangers(flags), flow_(flow), payload_(payload) {}
    RawSegment next() override {
        RawSegment s = Strangers::next();
        s.from = flow_.local.address.v4();
        s.from_port = flow_.local.port;
        s.payload = payload_;
        return s;
    }

private:
    FlowId flow_;
    u32 payload_;
};

// Connects and resets, as fast as the server answers.
class ConnectsAndResets : public Strangers {
public:
    ConnectsAndResets() : Strangers(k_syn) {}
    RawSegment next() override {
        if (ready_.empty()) return Strangers::next();
        const RawSegment s = ready_.front();
        ready_.pop_front();
        return s;
    }
    void answered(const RawSegment& a) override {
        if (a.flags != (k_syn | k_ack)) return;
        RawSegment s = answer_to(a);
        ready_.push_back(s);
        s.flags = k_rst | k_ack;
        ready_.push_back(s);
    }

private:
    std::deque<RawSegment> ready_;
};

// Has a connection of its own, and misuses it: bytes() is asked what comes next.
class Connected : public Flood {
public:
    RawSegment next() override {
        if (own_.flags != k_ack) return syn();
        RawSegment s = own_;
        bytes(n_++, s);
        return s;
    }
    void answered(const RawSegment& a) override {
        if (a.flags == (k_syn | k_ack) && own_.flags != k_ack) own_ = answer_to(a);
    }

protected:
    virtual void bytes(u64 n, RawSegment& s) = 0;

private:
    RawSegment syn() const {
        return {.from = k_enemy,
                .to = k_server,
                .from_port = port_,
                .to_port = k_port,
                .seq = 7,
                .flags = k_syn};
    }
    static inline u16 last_port_ = 50'000;
    const u16 port_ = ++last_port_;
    RawSegment own_;
    u64 n_ = 0;
};

// One byte after the other, in order; the application reads them.
class TinySegments : public Connected {
    void bytes(u64 n, RawSegment& s) override {
        s.seq += static_cast<u32>(n);
        s.payload = 1;
        s.flags |= k_psh;
    }
};

// Single bytes, all over the window and never the first one: each is a hole, and nothing can be
// read.
class OutOfOrder : public Connected {
    void bytes(u64 n, RawSegment& s) override {
        s.seq += 1 + mixed(n) % 16'000 * 2;
        s.payload = 1;
    }
};

void measure(const Options& o, const char* kind, double alone, Attacked& a, Flood& enemy) {
    const u64 memory = a.memory();
    a.enemy = &enemy;
    const Attacked::Rate kept = a.rate(o.seconds, 32);
    const double ns = a.nanoseconds_each(o.seconds / 2);
    require(a.newcomer(), "a new client was not served");
    const char* json =
        "{\"peer\":\"tern\",\"bench\":\"flood\",\"kind\":\"%s\",\"ns_each\":%.0f,"
        "\"per_s_at_80\":%.0f,\"kept\":%.2f,\"share\":%.3f,\"memory_grown\":%jd}\n";
    const char* text =
        "%s: %.0f ns each, %.0f a second leave the transfers 80 %%; with 32 in each round they "
        "keep %.2f, the slower one %.3f of that; memory grew by %jd bytes\n";
    std::printf(o.json ? json : text, kind, ns, 0.2e9 / ns, kept.gbit_per_s / alone, kept.share,
                static_cast<std::intmax_t>(a.memory()) - static_cast<std::intmax_t>(memory));
}

void run(const Options& o) {
    const auto a = std::make_unique<Attacked>();
    (void)a->rate(o.seconds / 2, 0);
    const Attacked::Rate alone = a->rate(o.seconds, 0);
    std::printf(o.json ? "{\"peer\":\"tern\",\"bench\":\"flood\",\"kind\":\"none\",\"gbit_s\":%.2f,"
                         "\"share\":%.3f}\n"
                       : "the transfers alone: %.2f Gbit/s, the slower one %.3f of it\n",
                alone.gbit_per_s, alone.share);
    const FlowId flow = a->flow();
    Strangers syns{k_syn}, acks{k_ack}, rsts{k_rst};
    Forged forged_rsts{flow, k_rst, 0}, forged_bytes{flow, k_ack, 1};
    TinySegments tiny;
    OutOfOrder holes;
    ConnectsAndResets resets;
    struct Kind {
        const char* name;
        Flood& flood;
    };
    for (const Kind& k :
         {Kind{"syn", syns}, Kind{"ack", acks}, Kind{"rst", rsts}, Kind{"forged rst", forged_rsts},
          Kind{"forged byte", forged_bytes}, Kind{"tiny", tiny}, Kind{"out of order", holes},
          Kind{"connect and reset", resets}})
        measure(o, k.name, alone.gbit_per_s, *a, k.flood);
}

}  // namespace

}  // namespace tern::bench

int main(int argc, char** argv) {
    tern::bench::run(tern::bench::options_of(argc, argv, "flood"));
    return 0;
}

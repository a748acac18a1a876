// S8: a 64-byte request and a 64-byte response, one at a time, each on a connection chosen by a
// fixed pseudo-random sequence. Opening and the first round trip of each are not counted.
#include <array>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <vector>

#include "pair.hh"

namespace tern::bench {

namespace {

constexpr std::size_t k_message = 64;
using Message = std::array<std::byte, k_message>;

class Requests {
public:
    explicit Requests(Pair& pair) : pair_(pair) {
        ListenOptions o;
        o.backlog = 4096;
        o.options.no_delay = true;
        pair_.listen(o);
    }

    void open() {
        ConnectOptions o;
        o.options.no_delay = true;
        const auto c = pair_.connect(clients_.size(), o);
        require(c.has_value(), "cannot connect");
        clients_.push_back(*c);
        connected_ = false;
        while (!connected_) step();
        round_trip(clients_.size() - 1);
    }

    u64 opened() const { return clients_.size(); }

    void round_trip(u64 index) {
        ++number_;
        answered_ = false;
        std::memcpy(out_.data(), &number_, sizeof number_);
        out_.back() = static_cast<std::byte>(number_);
        const auto n = pair_.client.tcp().send(clients_[index], out_);
        require(n && *n == k_message, "cannot write");
        while (!answered_) step();
    }

private:
    void step() {
        pair_.step([this](const Event& e) { on_server(e); },
                   [this](const Event& e) { on_client(e); });
    }

    // Reads until nothing is left, as the next event asks for.
    static bool take(Stack& stack, TcpConnection c, Message& in) {
        const auto n = stack.tcp().receive(c, in);
        if (!n) return false;
        require(*n == k_message, "a message is too long or cut short");
        Message more;
        require(!stack.tcp().receive(c, more).has_value(), "more than one message");
        return true;
    }

    void on_server(const Event& e) {
        if (e.kind == Event::Kind::Listener) {
            while (pair_.server.tcp().accept(e.listener())) {}
            return;
        }
        require((e.bits & Closed) == 0, "a connection broke");
        Message m;
        if ((e.bits & Readable) == 0 || !take(pair_.server, e.connection(), m)) return;
        m.back() = static_cast<std::byte>(static_cast<u8>(m.back()) + 1);
        const auto n = pair_.server.tcp().send(e.connection(), m);
        require(n && *n == k_message, "cannot answer");
    }

    void on_client(const Event& e) {
        require((e.bits & Closed) == 0, "a connection broke");
        if (e.bits & Connected) connected_ = true;
        Message m;
        if ((e.bits & Readable) == 0 || !take(pair_.client, e.connection(), m)) return;
        u64 number = 0;
        std::memcpy(&number, m.data(), sizeof number);
        require(number == number_ && m.back() == static_cast<std::byte>(number + 1),
                "a response is wrong");
        answered_ = true;
    }

    Pair& pair_;
    std::vector<TcpConnection> clients_;
    Message out_{};
    u64 number_ = 0;
    bool answered_ = false, connected_ = false;
};

// Marsaglia's xorshift64: the same order of connections in every run, and in the peers'.
class Order {
public:
    u64 next(u64 below) {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_ % below;
    }

private:
    u64 state_ = 88'172'645'463'325'252U;
};

void run(const Options& options) {
    const u64 asked = options.connections != 0 ? options.connections : 1;
    Pair pair(options, asked);
    Requests requests(pair);
    const Stopwatch opening;
    while (requests.opened() < asked && opening.seconds() < options.opening_seconds)
        requests.open();
    const double opening_elapsed = opening.seconds();

    Order order;
    if (options.units != 0) {
        for (u64 i = 0; i < options.units; ++i) requests.round_trip(order.next(requests.opened()));
        return pair.require_clean();
    }
    for (const Stopwatch warm_up; warm_up.seconds() < options.seconds / 10;)
        requests.round_trip(order.next(requests.opened()));
    const Stopwatch watch;
    u64 done = 0;
    double elapsed = 0;
    while (elapsed < options.seconds) {
        for (int i = 0; i < 16; ++i) requests.round_trip(order.next(requests.opened()));
        done += 16;
        elapsed = watch.seconds();
    }
    pair.require_clean();
    const double us = elapsed * 1e6 / static_cast<double>(done);
    std::printf(options.json
                    ? "{\"peer\":\"tern\",\"bench\":\"requests\",\"us_per_round_trip\":%.3f,"
                      "\"connections\":%ju,\"connections_asked\":%ju,\"round_trips\":%ju,"
                      "\"opening_seconds\":%.2f,\"client_bytes\":%ju,\"server_bytes\":%ju}\n"
                    : "tern requests: %.3f us per round trip over %ju of %ju connections (%ju "
                      "round trips, opened in %.2f s; %ju and %ju bytes)\n",
                us, std::uintmax_t{requests.opened()}, std::uintmax_t{asked}, std::uintmax_t{done},
                opening_elapsed, std::uintmax_t{pair.client.memory_used()},
                std::uintmax_t{pair.server.memory_used()});
}

}  // namespace

}  // namespace tern::bench

int main(int argc, char** argv) {
    tern::bench::run(tern::bench::options_of(argc, argv, "requests"));
    return 0;
}

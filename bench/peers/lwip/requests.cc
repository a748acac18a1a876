// S8: a 64-byte request and a 64-byte response, one at a time, each on a connection chosen at
// random.
#include <array>
#include <cstdio>
#include <cstring>
#include <deque>

#include "bench.hh"
#include "pair.hh"

namespace lwip_peer {

namespace {

constexpr std::size_t k_message = 64;
using Message = std::array<std::uint8_t, k_message>;

class Requests {
public:
    explicit Requests(Pair& pair) : pair_(pair) { pair_.listen(on_accept, this); }

    // Opens one more connection and makes its first round trip, as every peer does before it is
    // measured.
    void open() {
        End& end = clients_.emplace_back(this, nullptr);
        end.pcb = pair_.connect(clients_.size() - 1, &end, on_connected);
        pair_.pump();
        require(end.ready, "a connection did not open");
        round_trip(clients_.size() - 1);
    }

    std::uint64_t opened() const { return clients_.size(); }

    void round_trip(std::uint64_t index) {
        End& end = clients_[index];
        ++number_;
        answered_ = false;
        std::memcpy(out_.data(), &number_, sizeof number_);
        out_.back() = static_cast<std::uint8_t>(number_);
        send(pair_.client, end.pcb, out_);
        pair_.client.tcp_output(end.pcb);
        while (!answered_) pair_.step();
    }

private:
    // One end of a connection and the message it has received so far.
    struct End {
        Requests* owner = nullptr;
        tcp_pcb* pcb = nullptr;
        std::size_t filled = 0;
        bool ready = false;
        Message message{};
    };

    static void send(Instance& in, tcp_pcb* pcb, const Message& m) {
        require(in.tcp_write(pcb, m.data(), k_message, TCP_WRITE_FLAG_COPY) == ERR_OK,
                "cannot write");
    }

    // Copies the bytes out; true when a whole message is there.
    static bool take(Instance& in, End& end, pbuf* data) {
        require(data != nullptr && end.filled + data->tot_len <= k_message,
                "a message is too long or cut short");
        in.pbuf_copy_partial(data, &end.message[end.filled], data->tot_len, 0);
        end.filled += data->tot_len;
        in.tcp_recved(end.pcb, data->tot_len);
        in.pbuf_free(data);
        if (end.filled < k_message) return false;
        end.filled = 0;
        return true;
    }

    static void on_error(void*, err_t) { require(false, "a connection broke"); }

    static err_t on_connected(void* arg, tcp_pcb* pcb, err_t) {
        End& end = *static_cast<End*>(arg);
        end.ready = true;
        tcp_nagle_disable(pcb);
        end.owner->pair_.client.tcp_recv(pcb, on_response);
        end.owner->pair_.client.tcp_err(pcb, on_error);
        return ERR_OK;
    }

    static err_t on_accept(void* arg, tcp_pcb* pcb, err_t) {
        auto& owner = *static_cast<Requests*>(arg);
        End& end = owner.servers_.emplace_back(&owner, pcb);
        tcp_nagle_disable(pcb);
        owner.pair_.server.tcp_arg(pcb, &end);
        owner.pair_.server.tcp_recv(pcb, on_request);
        owner.pair_.server.tcp_err(pcb, on_error);
        return ERR_OK;
    }

    // The server answers with the request's bytes and a changed last byte.
    static err_t on_request(void* arg, tcp_pcb* pcb, pbuf* data, err_t) {
        End& end = *static_cast<End*>(arg);
        Instance& in = end.owner->pair_.server;
        if (!take(in, end, data)) return ERR_OK;
        ++end.message.back();
        send(in, pcb, end.message);
        return ERR_OK;
    }

    static err_t on_response(void* arg, tcp_pcb*, pbuf* data, err_t) {
        End& end = *static_cast<End*>(arg);
        Requests& owner = *end.owner;
        if (!take(owner.pair_.client, end, data)) return ERR_OK;
        std::uint64_t number = 0;
        std::memcpy(&number, end.message.data(), sizeof number);
        const bool intact =
            number == owner.number_ && end.message.back() == static_cast<std::uint8_t>(number + 1);
        require(intact, "a response is wrong");
        owner.answered_ = true;
        return ERR_OK;
    }

    Pair& pair_;
    std::deque<End> clients_;
    std::deque<End> servers_;
    Message out_{};
    std::uint64_t number_ = 0;
    bool answered_ = false;
};

// Marsaglia's xorshift64: the same order of connections in every run.
class Order {
public:
    std::uint64_t next(std::uint64_t below) {
        state_ ^= state_ << 13;
        state_ ^= state_ >> 7;
        state_ ^= state_ << 17;
        return state_ % below;
    }

private:
    std::uint64_t state_ = 88'172'645'463'325'252U;
};

}  // namespace

void bench_requests(const Options& options) {
    Pair pair;
    Requests requests(pair);
    const std::uint64_t asked = options.connections != 0 ? options.connections : 1;
    require(asked <= Pair::k_most_connections, "too many connections");
    // lwIP opens ever more slowly, so opening is cut short and the number reached is reported.
    const Stopwatch opening;
    while (requests.opened() < asked && opening.seconds() < options.opening_seconds)
        requests.open();
    const double opening_elapsed = opening.seconds();

    Order order;
    for (const Stopwatch warm_up; warm_up.seconds() < options.seconds / 10;) {
        requests.round_trip(order.next(requests.opened()));
    }
    const Stopwatch watch;
    std::uint64_t done = 0;
    double elapsed = 0;
    while (elapsed < options.seconds) {
        for (int i = 0; i < 16; ++i) requests.round_trip(order.next(requests.opened()));
        done += 16;
        elapsed = watch.seconds();
    }
    const double us = elapsed * 1e6 / static_cast<double>(done);
    std::printf(options.json
                    ? "{\"peer\":\"lwip\",\"bench\":\"requests\",\"us_per_round_trip\":%.3f,"
                      "\"connections\":%ju,\"connections_asked\":%ju,\"round_trips\":%ju,"
                      "\"opening_seconds\":%.2f}\n"
                    : "lwip requests: %.3f us per round trip over %ju of %ju connections "
                      "(%ju round trips, opened in %.2f s)\n",
                us, std::uintmax_t{requests.opened()}, std::uintmax_t{asked}, std::uintmax_t{done},
                opening_elapsed);
}

}  // namespace lwip_peer

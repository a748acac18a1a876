// S7: handshake, one byte each way, close from the client and then from the server, one connection
// at a time. The client's side stays in TIME-WAIT for lwIP's 120 s, so the list of them only grows
// during a run.
#include <algorithm>
#include <cstdio>

#include "bench.hh"
#include "pair.hh"

namespace lwip_peer {

namespace {

constexpr std::uint8_t k_request = 'q';
constexpr std::uint8_t k_reply = 'r';
// The rate is also given for this many first connections, while few TIME-WAITs stand.
constexpr std::uint64_t k_first = 1'000;

class Dialogue {
public:
    explicit Dialogue(Pair& pair) : pair_(pair) { pair_.listen(on_accept, this); }

    void run(std::uint64_t n) {
        phase_ = Phase::connecting;
        tcp_pcb* pcb = pair_.connect(n, this, on_connected);
        pair_.pump();
        require(phase_ == Phase::server_closed, "a connection did not close in order");
        const tcp_pcb* newest = *pair_.client.time_wait_pcbs;
        require(newest == pcb && newest->state == TIME_WAIT &&
                    newest->local_port == Pair::client_port(n),
                "the client keeps no TIME-WAIT");
        require(*pair_.server.active_pcbs == nullptr && *pair_.server.time_wait_pcbs == nullptr,
                "the server kept a closed connection");
    }

private:
    enum class Phase { connecting, accepted, asked, replied, client_closed, server_closed };

    static Dialogue& self(void* arg) { return *static_cast<Dialogue*>(arg); }

    void advance(Phase from, Phase to) {
        require(phase_ == from, "a connection took an unexpected step");
        phase_ = to;
    }

    static err_t on_connected(void* arg, tcp_pcb* pcb, err_t) {
        Dialogue& d = self(arg);
        d.advance(Phase::connecting, Phase::asked);
        d.pair_.client.tcp_recv(pcb, on_client_receive);
        return d.pair_.client.tcp_write(pcb, &k_request, 1, TCP_WRITE_FLAG_COPY);
    }

    static err_t on_accept(void* arg, tcp_pcb* pcb, err_t) {
        self(arg).pair_.server.tcp_recv(pcb, on_server_receive);
        return ERR_OK;
    }

    // Copies the one byte out and returns it.
    static std::uint8_t take(Instance& in, tcp_pcb* pcb, pbuf* data) {
        std::uint8_t byte = 0;
        require(data->tot_len == 1 && in.pbuf_copy_partial(data, &byte, 1, 0) == 1, "not one byte");
        in.pbuf_free(data);
        in.tcp_recved(pcb, 1);
        return byte;
    }

    static err_t on_server_receive(void* arg, tcp_pcb* pcb, pbuf* data, err_t) {
        Dialogue& d = self(arg);
        Instance& in = d.pair_.server;
        if (data == nullptr) {
            d.advance(Phase::client_closed, Phase::server_closed);
            return in.tcp_close(pcb);
        }
        require(take(in, pcb, data) == k_request, "wrong request");
        d.advance(Phase::asked, Phase::replied);
        return in.tcp_write(pcb, &k_reply, 1, TCP_WRITE_FLAG_COPY);
    }

    static err_t on_client_receive(void* arg, tcp_pcb* pcb, pbuf* data, err_t) {
        Dialogue& d = self(arg);
        Instance& in = d.pair_.client;
        if (data == nullptr) return ERR_OK;
        require(take(in, pcb, data) == k_reply, "wrong reply");
        d.advance(Phase::replied, Phase::client_closed);
        return in.tcp_close(pcb);
    }

    Pair& pair_;
    Phase phase_ = Phase::connecting;
};

}  // namespace

void bench_connections(const Options& options) {
    Pair pair;
    Dialogue dialogue(pair);
    const std::uint64_t most = options.connections != 0
                                   ? std::min(options.connections, Pair::k_most_connections)
                                   : Pair::k_most_connections;
    const Stopwatch watch;
    std::uint64_t done = 0;
    double first_elapsed = 0;
    double elapsed = 0;
    while (done < most && elapsed < options.seconds) {
        dialogue.run(done++);
        elapsed = watch.seconds();
        if (done <= k_first) first_elapsed = elapsed;
    }
    const double rate = static_cast<double>(done) / elapsed;
    const double first_rate = static_cast<double>(std::min(done, k_first)) / first_elapsed;
    std::printf(options.json
                    ? "{\"peer\":\"lwip\",\"bench\":\"connections\",\"connections_per_s\":%.0f,"
                      "\"first_1000_per_s\":%.0f,\"connections\":%ju,\"time_waits\":%ju}\n"
                    : "lwip connections: %.0f/s; the first 1,000: %.0f/s (%ju connections, %ju in "
                      "TIME-WAIT)\n",
                rate, first_rate, std::uintmax_t{done}, std::uintmax_t{done});
}

}  // namespace lwip_peer

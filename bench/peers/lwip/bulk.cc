// S1: one connection, the client writes as fast as the window allows, the server copies everything
// out.
#include <array>
#include <cstdio>

#include "bench.hh"
#include "pair.hh"

namespace lwip_peer {

namespace {

// The stream repeats a pattern of a prime length, so a lost, doubled or shifted byte range is
// noticed.
constexpr std::size_t k_period = 16'381;
constexpr std::size_t k_chunk = 16'384;

class Bulk {
public:
    explicit Bulk(Pair& pair) : pair_(pair) {
        std::uint32_t x = 1;
        for (std::size_t i = 0; i < k_period; ++i) {
            x = x * 1'664'525U + 1'013'904'223U;
            pattern_[i] = static_cast<std::uint8_t>(x >> 24);
        }
        for (std::size_t i = 0; i < k_chunk; ++i) pattern_[k_period + i] = pattern_[i];
        pair_.listen(on_accept, this);
        pair_.connect(0, this, on_connected);
    }

    std::uint64_t received() const { return received_; }

private:
    static Bulk& self(void* arg) { return *static_cast<Bulk*>(arg); }

    static err_t on_connected(void* arg, tcp_pcb* pcb, err_t) {
        Instance& in = self(arg).pair_.client;
        in.tcp_sent(pcb, on_sent);
        in.tcp_err(pcb, on_error);
        self(arg).write(pcb);
        return ERR_OK;
    }

    static err_t on_accept(void* arg, tcp_pcb* pcb, err_t) {
        Instance& in = self(arg).pair_.server;
        in.tcp_recv(pcb, on_receive);
        in.tcp_err(pcb, on_error);
        return ERR_OK;
    }

    static void on_error(void*, err_t) { require(false, "the connection broke"); }

    static err_t on_sent(void* arg, tcp_pcb* pcb, u16_t) {
        self(arg).write(pcb);
        return ERR_OK;
    }

    static err_t on_receive(void* arg, tcp_pcb* pcb, pbuf* data, err_t) {
        self(arg).read(pcb, data);
        return ERR_OK;
    }

    // Fills the send buffer. lwIP sends by itself after the callback returns.
    void write(tcp_pcb* pcb) {
        while (tcp_sndbuf(pcb) >= TCP_MSS) {
            const auto n =
                static_cast<u16_t>(tcp_sndbuf(pcb) < k_chunk ? tcp_sndbuf(pcb) : k_chunk);
            if (pair_.client.tcp_write(pcb, &pattern_[sent_ % k_period], n, TCP_WRITE_FLAG_COPY) !=
                ERR_OK)
                return;
            sent_ += n;
        }
    }

    void read(tcp_pcb* pcb, pbuf* data) {
        require(data != nullptr, "the stream ended early");
        const u16_t n = data->tot_len;
        Instance& in = pair_.server;
        require(in.pbuf_copy_partial(data, sink_.data(), n, 0) == n, "short read");
        in.pbuf_free(data);
        in.tcp_recved(pcb, n);
        const bool intact = sink_[0] == pattern_[received_ % k_period] &&
                            sink_[n - 1U] == pattern_[(received_ + n - 1U) % k_period];
        require(intact, "the stream is damaged");
        received_ += n;
    }

    Pair& pair_;
    std::uint64_t sent_ = 0;
    std::uint64_t received_ = 0;
    std::array<std::uint8_t, k_period + k_chunk> pattern_;
    std::array<std::uint8_t, 65'536> sink_;
};

}  // namespace

void bench_bulk(const Options& options) {
    Pair pair;
    Bulk bulk(pair);
    for (const Stopwatch warm_up; warm_up.seconds() < options.seconds / 10;) pair.step();

    const std::uint64_t first_byte = bulk.received();
    const std::uint64_t first_frame = pair.client_data_frames();
    const Stopwatch watch;
    while (watch.seconds() < options.seconds) pair.step();
    const double elapsed = watch.seconds();
    const std::uint64_t bytes = bulk.received() - first_byte;
    const std::uint64_t frames = pair.client_data_frames() - first_frame;
    require(frames > 0, "nothing was sent");

    const double gbit = static_cast<double>(bytes) * 8 / elapsed / 1e9;
    const double ns = elapsed * 1e9 / static_cast<double>(frames);
    std::printf(
        options.json
            ? "{\"peer\":\"lwip\",\"bench\":\"bulk\",\"gbit_per_s\":%.3f,\"ns_per_frame\":%.1f,"
              "\"frames\":%ju,\"bytes\":%ju}\n"
            : "lwip bulk: %.3f Gbit/s, %.1f ns per data frame (%ju frames, %ju bytes)\n",
        gbit, ns, std::uintmax_t{frames}, std::uintmax_t{bytes});
}

}  // namespace lwip_peer
